"""Every choice of one fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..probes.errors import BadTrainingData
from ..probes.heads import KINDS, HeadConfig, Kind

Method = Literal["tokens", "pooled", "gradient"]
"""``tokens``: logistic regression on single tokens, then read by the head. ``pooled``: on one vector a text.
``gradient``: Adam on the head's own logits, the only one that learns queries and several directions."""

FITS: dict[Method, tuple[Kind, ...]] = {
    "tokens": ("mean", "ema", "multimax", "rolling"),
    "pooled": ("last", "mean", "shift"),
    "gradient": KINDS,
}


@dataclass(frozen=True, slots=True)
class Descent:
    """How a head is fitted by gradient. ``epochs`` is the most; training stops ``patience`` epochs after the best."""

    learning_rate: float = 2e-3
    batch: int = 64
    epochs: int = 20
    patience: int = 5

    def __post_init__(self) -> None:
        if self.learning_rate <= 0 or min(self.batch, self.epochs, self.patience) < 1:
            raise BadTrainingData(f"expected a positive learning rate, batch, epochs and patience: {self}")


@dataclass(frozen=True, slots=True)
class Setting:
    """Hook point, head, method, strength. Raises :class:`BadTrainingData` for a combination that cannot be fitted.

    ``strength`` is the inverse of the L2 penalty (C): the loss is the class-balanced mean of the cross-entropies plus
    |w|^2 / (2 C N) on standardised activations, whatever the method. ``hard`` > 0 fits twice: in the second fit that
    share of the benign texts, those that the first scored highest, weighs ``hard_weight`` times as much.
    """

    hook_point: str
    kind: Kind = "rolling"
    method: Method = "tokens"
    strength: float = 0.03
    window: int = 16
    alpha: float = 0.1
    burn_in: int = 8
    n_heads: int = 1
    hidden: int = 0
    hard: float = 0.0
    hard_weight: float = 3.0
    descent: Descent = Descent()

    def __post_init__(self) -> None:
        if self.kind not in FITS.get(self.method, ()):
            raise BadTrainingData(
                f"a {self.kind!r} head is not fitted by {self.method!r}, which fits: {', '.join(FITS[self.method])}"
                if self.method in FITS
                else f"expected a method of {', '.join(FITS)}, found {self.method!r}"
            )
        if self.method != "gradient" and (self.n_heads, self.hidden) != (1, 0):
            raise BadTrainingData("several directions and hidden layers are fitted by 'gradient' only")
        if self.strength <= 0 or not 0 <= self.hard < 1 or self.hard_weight <= 0:
            raise BadTrainingData(
                f"expected a strength and a weight above 0, a share in [0, 1): found {self.strength}, "
                f"{self.hard_weight}, {self.hard}"
            )

    def head(self, d_in: int) -> HeadConfig:
        """The head's configuration, with what its kind uses."""
        used: dict[str, int | float] = {}
        if self.kind == "ema":
            used = {"alpha": self.alpha, "burn_in": self.burn_in}
        elif self.kind in ("multimax", "rolling", "attention"):
            used = {"n_heads": self.n_heads, "hidden": self.hidden}
            if self.kind == "rolling":
                used["window"] = self.window
        return HeadConfig.model_validate({"kind": self.kind, "d_in": d_in, **used})

    def __str__(self) -> str:
        """For people: ``resid_post.3 rolling window 16 by tokens, C 0.03``."""
        head = self.head(1).model_dump(exclude_defaults=True, exclude={"kind", "d_in"})
        words = [self.hook_point, self.kind, *(f"{name} {value}" for name, value in head.items())]
        text = f"{' '.join(words)} by {self.method}, C {self.strength:g}"
        if self.method == "gradient" and self.descent != Descent():
            text += (
                f", lr {self.descent.learning_rate:g}, {self.descent.epochs} epochs of {self.descent.batch}"
            )
        return text + (f", hard {self.hard:g} x {self.hard_weight:g}" if self.hard else "")
