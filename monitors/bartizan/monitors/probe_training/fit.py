"""Any setting, one call; and what a head says of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..probes.errors import BadTrainingData
from ..probes.heads import Head
from .convex import direction, read_with
from .examples import Example, width
from .features import Array
from .gradient import descend
from .hard_negatives import weights_of
from .packed import Packed
from .setting import Setting


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training texts. ``watched``: the AUROC on each watched source after it."""

    loss: float
    watched: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head that reads raw activations. ``epochs`` is how many passes it had; 0 for a convex fit."""

    head: Head
    epochs: int = 0
    curve: tuple[Epoch, ...] = ()


def fit(
    examples: Sequence[Example],
    setting: Setting,
    seed: int = 0,
    *,
    watched: Sequence[Example] = (),
    epochs: int | None = None,
) -> Fitted:
    """Fit a setting to these examples, all of them.

    A gradient fit needs to know when to stop: after ``epochs``, or where the AUROC on ``watched`` is highest. These
    are texts of sources that are *not* learned from (a random split would call a shortcut of the sources a success).
    Raises :class:`BadTrainingData` for examples of one class, or watched ones of a family that is learned from.
    """
    width(examples)
    if shared := {e.family for e in watched} & {e.family for e in examples if e.label}:
        raise BadTrainingData(
            f"the watched texts must be of sources that are not learned from, and {sorted(shared)} are: "
            "a fit that stops by its own sources' texts stops too late"
        )
    if setting.method == "gradient" and ((epochs is None and not watched) or epochs == 0):
        raise BadTrainingData(
            f"{setting}: give watched texts of a source that is left out, or a number of epochs"
        )
    return _once(examples, setting, seed, hard_weights(examples, setting, seed), watched, epochs)


def hard_weights(examples: Sequence[Example], setting: Setting, seed: int) -> Array | None:
    """Weights [N] by what a first fit says of the examples; None where the setting asks for none.

    A first fit by gradient has half of the epochs: it only has to say which benign texts look like attacks.
    """
    if not setting.hard:
        return None
    first = _once(examples, setting, seed, None, (), max(1, setting.descent.epochs // 2)).head
    return weights_of(examples, scores(first, examples), setting.hard, setting.hard_weight)


def _once(
    examples: Sequence[Example],
    setting: Setting,
    seed: int,
    weights: Array | None,
    watched: Sequence[Example],
    epochs: int | None,
) -> Fitted:
    if setting.method != "gradient":
        return Fitted(read_with(direction(examples, setting, seed, weights), setting))
    curve: list[Epoch] = []
    best = (-1.0, 0)
    kept: Head | None = None
    packed = None if epochs is not None else Packed(watched, setting.kind)
    for head, loss in descend(examples, setting, seed, weights):
        if packed is None:
            curve.append(Epoch(loss))
            if len(curve) == epochs:
                return Fitted(head, len(curve), tuple(curve))
            continue
        found = packed.auroc(head)
        curve.append(Epoch(loss, {"watched": found}))
        if found > best[0]:
            best, kept = (found, len(curve)), head
        if len(curve) in (setting.descent.epochs, best[1] + setting.descent.patience):
            break
    assert kept is not None  # a first epoch is above -1
    return Fitted(kept, best[1], tuple(curve))


def scores(head: Head, examples: Sequence[Example]) -> NDArray[np.float64]:
    """The head's logit of each text, [N]."""
    return Packed(examples, head.config.kind).scores(head)
