"""Evidence that is gathered over a stream and may be looked at at any time.

Each p-value is turned into an e-value (a bet against "benign": its expectation is at most 1 while that is true) and
the bets are multiplied. Ville's inequality: the chance that the product *ever* reaches 1/alpha is at most alpha. So one
may watch all the time and stop whenever the line is crossed, which no fixed threshold on a running p-value allows.

That holds for p-values which are superuniform *given those before them*: across episodes, or ranks taken against
everything seen so far (:class:`.drift.Ranks`), where they are exactly independent. p-values against one fixed set of n
episodes share the luck of that set; treat the line as approximate there unless the stream is short against n. The
measurements *within* one episode depend on each other: for those the episode's maximum is calibrated instead.

Sources: Vovk and Wang, "E-values: calibration, combination and applications" (Annals of Statistics, 2021).
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from .errors import BadCalibrationData

_LEAST = -700.0  # exp(700) is the largest bet; below, a float overflows


def evidence(p: float) -> float:
    """The e-value of a p-value: the mixture over k in (0, 1) of k p^(k-1), (1 - p + p ln p) / (p ln^2 p).

    It needs no guess at how small p gets under attack.
    """
    if not 0 < p <= 1:
        raise BadCalibrationData(f"expected a p-value in (0, 1], found {p}")
    log = max(math.log(p), _LEAST)
    if log > -1e-3:  # the closed form cancels near p = 1: its series
        return 0.5 - log / 6 + log * log / 24
    return (math.expm1(-log) + log) / (log * log)


class EProcess(BaseModel):
    """The running product. ``alpha`` is the chance of a false alarm over the whole stream."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: Annotated[float, Field(gt=0, lt=1)]
    seen: Annotated[int, Field(ge=0)] = 0
    log_product: FiniteFloat = 0.0
    log_highest: FiniteFloat = 0.0

    def update(self, p_value: float) -> EProcess:
        """After one more p-value. Raises :class:`BadCalibrationData` for a number that is none."""
        log = self.log_product + math.log(evidence(p_value))
        return EProcess(
            alpha=self.alpha, seen=self.seen + 1, log_product=log, log_highest=max(log, self.log_highest)
        )

    @property
    def alarm(self) -> bool:
        """Whether the line was ever crossed: an alarm does not go away."""
        return self.log_highest >= -math.log(self.alpha)

    @property
    def p_value(self) -> float:
        """The anytime-valid p-value of the stream so far: one over the highest product, at most 1."""
        return math.exp(-self.log_highest)
