"""Named features of an autoencoder, as evidence beside a probe's verdict."""

from __future__ import annotations

from dataclasses import dataclass

from ..capture import HookPoint
from ..errors import EngineError
from ..sae import SlicedEncoder

MAX_NAME = 100


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """``names`` are those of ``encoder.features``, in their order; they decide nothing."""

    hook_point: HookPoint
    encoder: SlicedEncoder
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.encoder.features):
            raise EngineError(
                f"expected a name for each of {len(self.encoder.features)} features, found {len(self.names)}"
            )
        if len(set(self.names)) != len(self.names) or not all(
            0 < len(name) <= MAX_NAME for name in self.names
        ):
            raise EngineError(
                f"expected distinct names of 1 to {MAX_NAME} characters, found {self.names!s:.200}"
            )
