"""What there is to choose when a sparse autoencoder is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bartizan.guard.errors import BartizanError

Architecture = Literal["topk", "batchtopk", "jumprelu"]


class TrainingError(BartizanError):
    """A training run that cannot start, go on or be saved; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SAETrainingConfig:
    """Every choice of a run; together with the activations it determines the result.

    architecture     ``topk`` keeps the k largest latents of a token; ``batchtopk`` the k x batch largest of a batch (at
                     inference a threshold, so that no token depends on another); ``jumprelu`` what passes a learned
                     threshold a latent
    k                latents a token (on average, for ``batchtopk``); ``jumprelu`` starts with 2 k
    tokens           rows seen in all; epochs repeat, reshuffled
    lr               peak; None: 1e-3 / sqrt(d_sae / 2^12), for runs of some thousand steps; lower it for long ones
    warmup, decay    fractions of the steps in which the learning rate rises linearly from 0, and falls to 0
    decoder_norm     ``constrain`` keeps every decoder row at norm 1 while training; ``rescale`` lets it move, measures
                     latents in units of it, and folds it into the encoder when saved: the result has rows of norm 1 too
    b_dec_init       what the decoder's bias starts at
    aux_coefficient  weight of the loss that revives dead latents: they reconstruct what the others leave over
                     (``topk``, ``batchtopk``; 0 switches it off). ``aux_k`` None: half of d_in
    dead_after       tokens without firing after which a latent counts as dead; None: a twentieth of the run,
                     at most 10M
    threshold_rate   ``batchtopk``: how fast the threshold follows the smallest latent kept in a batch;
                     at least 10 / steps
    surrogate        ``jumprelu``: how the number of active latents gets a gradient. ``step`` through a window of
                     ``bandwidth`` around the threshold; ``tanh`` of the latents times ``tanh_scale``
    l0_coefficient   ``jumprelu``: weight of the active latents, in units of squared error of inputs of norm sqrt(d_in)
    target_l0        ``jumprelu``, ``step``: instead, the penalty l0_coefficient x (L0 / target - 1)^2
    pre_act          ``jumprelu``: weight of the distance of silent latents to their threshold, against dead ones
    threshold_lr     ``jumprelu``: learning rate of the log-thresholds, in units of ``lr``; they have a long way to go

    Sources: Gao et al. 2024 (TopK, auxiliary loss), Bussmann et al. 2024 (BatchTopK), Rajamanoharan et al. 2024
    (JumpReLU, step), Anthropic's January 2025 update (tanh, pre-activation loss).
    """

    architecture: Architecture
    d_sae: int
    tokens: int
    k: int = 32
    batch_size: int = 1024
    lr: float | None = None
    warmup: float = 0.05
    decay: float = 0.2
    seed: int = 0
    decoder_norm: Literal["constrain", "rescale"] = "constrain"
    b_dec_init: Literal["geometric_median", "mean", "zero"] = "geometric_median"
    aux_coefficient: float = 1 / 32
    aux_k: int | None = None
    dead_after: int | None = None
    threshold_rate: float = 0.01
    surrogate: Literal["step", "tanh"] = "step"
    bandwidth: float = 0.05
    tanh_scale: float = 4.0
    l0_coefficient: float = 1.0
    target_l0: float | None = None
    pre_act: float = 3e-6
    threshold_lr: float = 10.0
    clip: float = 1.0
    eval_rows: int = 8192

    def __post_init__(self) -> None:
        self._one_of("architecture", ("topk", "batchtopk", "jumprelu"))
        self._one_of("decoder_norm", ("constrain", "rescale"))
        self._one_of("b_dec_init", ("geometric_median", "mean", "zero"))
        self._one_of("surrogate", ("step", "tanh"))
        for name in ("d_sae", "tokens", "k", "batch_size", "eval_rows"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise TrainingError(
                    f"{name}: expected a whole number of at least 1, found {getattr(self, name)!r}"
                )
        for name in ("bandwidth", "tanh_scale", "threshold_lr", "clip"):
            self._number(name, above=0.0)
        for name in ("aux_coefficient", "l0_coefficient", "pre_act"):
            self._number(name, above=-math.ulp(0.0))
        for name in ("lr", "target_l0", "aux_k", "dead_after"):
            if getattr(self, name) is not None:
                self._number(name, above=0.0)
        if not 0 < self.threshold_rate <= 1:
            raise TrainingError(f"threshold_rate: expected a number in (0, 1], found {self.threshold_rate!r}")
        if not (self.warmup >= 0 and self.decay >= 0 and self.warmup + self.decay <= 1):
            raise TrainingError(
                f"warmup and decay are fractions that sum to at most 1, not {self.warmup} and {self.decay}"
            )
        if self.k > self.d_sae:
            raise TrainingError(f"k: {self.k} active latents of {self.d_sae}; lower k or raise d_sae")
        if self.tokens < self.batch_size:
            raise TrainingError(f"tokens: {self.tokens} do not fill a batch of {self.batch_size}")
        if self.target_l0 is not None and self.surrogate != "step":
            raise TrainingError("target_l0 needs surrogate: step")

    @property
    def steps(self) -> int:
        return self.tokens // self.batch_size

    @property
    def peak_lr(self) -> float:
        return self.lr if self.lr is not None else 1e-3 / math.sqrt(self.d_sae / 2**12)

    @property
    def dead_after_tokens(self) -> int:
        if self.dead_after is not None:
            return self.dead_after
        return min(10_000_000, max(self.tokens // 20, 20 * self.batch_size))

    def lr_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        warmup, decay = int(self.warmup * self.steps), int(self.decay * self.steps)
        rise = min(1.0, (step + 1) / (warmup + 1))
        fall = min(1.0, (self.steps - step) / (decay + 1))
        return self.peak_lr * rise * fall

    def _one_of(self, name: str, names: tuple[str, ...]) -> None:
        if getattr(self, name) not in names:
            raise TrainingError(f"{name}: expected one of {', '.join(names)}, found {getattr(self, name)!r}")

    def _number(self, name: str, *, above: float) -> None:
        value = getattr(self, name)
        if not isinstance(value, (int, float)) or not math.isfinite(value) or value <= above:
            raise TrainingError(f"{name}: expected a finite number above {above:g}, found {value!r}")
