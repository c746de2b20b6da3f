"""What a fit sees of a text, and the benign statistics that it is standardised by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..probes.errors import BadTrainingData
from ..probes.heads import Kind
from .examples import Example

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Standard:
    """Mean and deviation [D] of benign activations. ``head.fold`` takes them back out of the weights."""

    mean_D: Array
    std_D: Array

    @classmethod
    def of(cls, benign_ND: Array) -> Standard:
        return cls(benign_ND.mean(axis=0), benign_ND.std(axis=0) + np.float32(1e-6))

    def __call__(self, x_ND: Array) -> Array:
        return (x_ND - self.mean_D) / self.std_D

    @property
    def tensors(self) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.mean_D), torch.from_numpy(self.std_D)


def sequence(example: Example, kind: Kind) -> Array:
    """The tokens [T, D] that a head of this kind reads: the scored ones; for ``shift`` the one before, and the last."""
    if kind != "shift":
        x_TD = example.x_TD if example.mask_T is None else example.x_TD[example.mask_T]
        return np.asarray(x_TD, dtype=np.float32)
    if example.before_D is None:
        raise BadTrainingData(
            f"a text of source {example.source!r} has no activation from before it was read: a shift head needs one"
        )
    return np.stack([example.before_D, example.x_TD[example.scored[-1]]]).astype(np.float32)


def pooled(examples: Sequence[Example], kind: Kind) -> Array:
    """x[N, D]: the last token, the mean, or the shift of each text. A linear head of that kind is linear in it."""
    rows = []
    for example in examples:
        x_TD = sequence(example, kind)
        rows.append(
            x_TD.mean(axis=0) if kind == "mean" else x_TD[1] - x_TD[0] if kind == "shift" else x_TD[-1]
        )
    return np.asarray(rows, dtype=np.float32)


def tokens(
    examples: Sequence[Example], seed: int, most_a_text: int = 48, most_a_part: int = 15_000
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """x[N, D] and y[N], tokens that carry their text's label; and which example each is of.

    At most so many of a text, and of a part (the attacks, or the benign texts, of one source): a source with many
    or long texts does not drown the others.
    """
    rng = np.random.default_rng(seed)
    xs, ys, of = [], [], []
    for part in sorted({(example.source, example.label) for example in examples}):
        rows, numbers = [], []
        for number, example in enumerate(examples):
            if (example.source, example.label) != part or not len(taught := example.taught):
                continue
            if len(taught) > most_a_text:
                taught = np.sort(rng.choice(taught, most_a_text, replace=False))
            rows.append(np.asarray(example.x_TD[taught], dtype=np.float32))
            numbers.append(np.full(len(taught), number))
        if not rows:
            continue
        x_ND, of_N = np.concatenate(rows), np.concatenate(numbers)
        if len(x_ND) > most_a_part:
            kept = rng.choice(len(x_ND), most_a_part, replace=False)
            x_ND, of_N = x_ND[kept], of_N[kept]
        xs.append(x_ND)
        ys.append(np.full(len(x_ND), part[1]))
        of.append(of_N)
    if len({int(y_N[0]) for y_N in ys}) < 2:
        raise BadTrainingData(
            "no tokens of both classes: learning token by token needs attacks whose injected tokens are known"
        )
    return np.concatenate(xs), np.concatenate(ys), np.concatenate(of)
