"""What there is to choose when a corrector is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..sae_training.config import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectorTrainingConfig:
    """Every choice of a run; together with the examples it determines the result.

    steps        updates in all
    tokens       of a batch, padding included
    lr           peak, of AdamW; it rises in the first ``warmup`` of the steps and falls as a cosine to ``floor`` of it
    identity     share of the steps that learn to leave alone: compliant inputs only, and the inputs themselves, so that
                 copying is learned before editing (the Aligner's warm-up, for scripts)
    expert       share of the steps at the end that also learn from the model's own best proposals
    unchanged    weight of the bytes of ``=``, so that leaving alone does not drown the edits
    ema          decay of the average of the weights, which is what is saved
    precision    ``bf16`` computes in bfloat16 with float32 weights: twice as fast, on CPUs that have it, too
    """

    size: str = "1m"
    steps: int
    tokens: int = 4096
    lr: float = 3e-3
    warmup: float = 0.04
    floor: float = 0.03
    decay: float = 0.05
    identity: float = 0.1
    expert: float = 0.1
    unchanged: float = 0.5
    ema: float = 0.998
    clip: float = 1.0
    precision: Literal["bf16", "fp32"] = "bf16"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "tokens"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise TrainingError(
                    f"{name}: expected a whole number of at least 1, found {getattr(self, name)!r}"
                )
        for name in ("warmup", "floor", "identity", "expert", "unchanged", "ema", "decay"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0 <= value <= 1):
                raise TrainingError(f"{name}: expected a number from 0 to 1, found {value!r}")
        for name in ("lr", "clip"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                raise TrainingError(f"{name}: expected a finite number above 0, found {value!r}")
        if self.identity + self.expert >= 1:
            raise TrainingError("identity and expert are shares of the steps: together less than 1")
        if self.precision not in ("bf16", "fp32"):
            raise TrainingError(f"precision: expected bf16 or fp32, found {self.precision!r}")

    @property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """The stages with the step at which each ends."""
        first = round(self.identity * self.steps)
        second = self.steps - round(self.expert * self.steps)
        return ("identity", first), ("residual", second), ("expert", self.steps)

    def lr_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rise = min(1.0, (step + 1) / (self.warmup * self.steps + 1))
        fall = self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.lr * rise * fall
