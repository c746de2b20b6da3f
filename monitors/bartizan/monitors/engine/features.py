"""Named features of an autoencoder, as evidence beside a probe's verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..capture import Fingerprint, HookPoint
from ..errors import EngineError
from ..sae import SlicedEncoder

MAX_NAME = 100


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """``names`` are those of ``encoder.features``, in their order; they decide nothing.

    A feature is named where it is above its level in ``levels`` (default: where it fires at all); a level is chosen
    such that benign texts rarely reach it. ``fingerprint`` is that of the model that the autoencoder was trained
    on: an engine over another one refuses these features. Without one (None), only widths are compared.
    """

    hook_point: HookPoint
    encoder: SlicedEncoder
    names: tuple[str, ...]
    levels: tuple[float, ...] = ()
    fingerprint: Fingerprint | None = None

    def __post_init__(self) -> None:
        count = len(self.encoder.features)
        if len(self.names) != count:
            raise EngineError(f"expected a name for each of {count} features, found {len(self.names)}")
        if len(set(self.names)) != count or not all(map(is_name, self.names)):
            raise EngineError(
                f"expected distinct names of 1 to {MAX_NAME} printable characters, found {self.names!r:.200}"
            )
        if not self.levels:
            object.__setattr__(self, "levels", (0.0,) * count)
        if len(self.levels) != count or not all(0 <= level < math.inf for level in self.levels):
            raise EngineError(
                f"expected a finite level from 0 for each of {count} features, found {self.levels!r:.200}"
            )
        if not all(
            tensor.isfinite().all() for tensor in (self.encoder.columns.W, self.encoder.columns.shift)
        ):
            raise EngineError("expected finite weights, found others: load the features again")


def is_name(name: str) -> bool:
    """Names go into logs, spans and approvals: short, and nothing that moves a terminal's cursor."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()
