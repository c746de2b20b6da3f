"""False positive contracts: "at most 1% of benign episodes raise an alarm, with 95% confidence".

A p-value promises a rate on average over calibration sets. A contract promises it for the set at hand, with a
confidence: the alarm's threshold is an order statistic of n benign episodes, and the chance that its true rate
exceeds ``fpr`` is the chance of at most r exceedances among n trials of probability ``fpr`` (binomial tail; Wilks
1941). Even with r = 0 that needs ln(1 - confidence) / ln(1 - fpr) episodes: 59 for 5%, 299 for 1%, 2,995 for 0.1%
at 95%. Below that no threshold can be promised, and the contract refuses to arm.

The promise is about episodes exchangeable with those of the calibration, and about nobody who knows the probe.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .binomial import binomial_cdf, lower_bound, upper_bound
from .conformal import Calibration, Measured
from .errors import BadCalibrationData, NotArmed

Rate = Annotated[float, Field(gt=0, lt=1)]


class Contract(BaseModel):
    """Alarm when ``p_value(...) <= p_value``: at most ``fpr`` of benign episodes, with ``confidence``.

    ``episodes`` is n and ``exceedances`` r, the benign episodes of the arming set that would have raised an alarm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fpr: Rate
    confidence: Rate
    episodes: Annotated[int, Field(ge=1)]
    exceedances: Annotated[int, Field(ge=0)]
    p_value: Rate

    def alarms(self, p_value: float) -> bool:
        return p_value <= self.p_value


class Verification(BaseModel):
    """A contract against fresh benign episodes. ``upper`` bounds the true rate from above with its confidence.

    ``verdict``: "verified" if ``upper`` is within the contract, "violated" if the lower bound exceeds it, and else
    "undecided": so many fresh episodes cannot tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    episodes: Annotated[int, Field(ge=1)]
    alarms: Annotated[int, Field(ge=0)]
    rate: float
    lower: float
    upper: float
    verdict: Literal["verified", "undecided", "violated"]


def episodes_needed(fpr: float, confidence: float = 0.95) -> int:
    """The fewest benign episodes on which a contract can be armed."""
    _check(fpr, confidence)
    n = max(1, math.ceil(math.log1p(-confidence) / math.log1p(-fpr) - 1e-9))
    while binomial_cdf(0, n, fpr) > 1 - confidence:  # rounding of the quotient
        n += 1
    return n


def exceedances_allowed(n: int, fpr: float, confidence: float = 0.95) -> int:
    """The largest r that n episodes allow: P(Binomial(n, fpr) <= r) <= 1 - confidence; -1 if there is none."""
    _check(fpr, confidence)
    low, high = -1, n  # at `low` the tail is small enough, at `high` it is not
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cdf(middle, n, fpr) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def arm(calibration: Calibration, fpr: float, confidence: float = 0.95) -> Contract:
    """A contract on the calibration's own episodes, where there is one bin only.

    Raises :class:`NotArmed` below the number of episodes needed, or where the calibration has several bins: an
    episode may touch more than one, so whole episodes have to be counted (:func:`arm_on_episodes`).
    """
    needed = episodes_needed(fpr, confidence)
    if len(calibration.bins) > 1:
        raise NotArmed(
            f"the calibration has {len(calibration.bins)} bins, and an episode may touch several of them: arm on "
            f"{needed:,} or more further benign episodes",
            0,
            needed,
        )
    r = _allowed(calibration.n, fpr, confidence)
    # p <= (r + 1) / (n + 1) says that at most r episodes scored as high: that the r-th exceedance is passed.
    p_value = (r + 1) / (calibration.n + 1)
    return Contract(fpr=fpr, confidence=confidence, episodes=calibration.n, exceedances=r, p_value=p_value)


def arm_on_episodes(
    calibration: Calibration, measured: Iterable[Measured], fpr: float, confidence: float = 0.95
) -> Contract:
    """A contract over whole episodes, whatever bins they touch, from further benign episodes.

    They must not be those that the calibration was made of. Raises :class:`NotArmed` where there are too few, or
    where the calibration is so small that no p-value can fall below the threshold: that alarm would never ring.
    """
    found = sorted(calibration.episodes(measured).values())
    r = _allowed(len(found), fpr, confidence)
    p_value = math.nextafter(found[r], 0)  # below the (r+1)-th smallest: at most r of these raise an alarm
    most = max(bin.n for bin in calibration.bins)
    if p_value < 1 / (most + 1):
        needed = math.ceil(1 / p_value)
        raise NotArmed(
            f"the largest bin of the calibration holds {most:,} episodes, so no p-value is below "
            f"{1 / (most + 1):.2g}, where the alarm would have to begin: calibrate on {needed:,} or more",
            most,
            needed,
        )
    exceedances = sum(p <= p_value for p in found)
    return Contract(
        fpr=fpr, confidence=confidence, episodes=len(found), exceedances=exceedances, p_value=p_value
    )


def verify(contract: Contract, p_values: Iterable[float], confidence: float = 0.95) -> Verification:
    """Count alarms among fresh benign episodes, each given by its smallest p-value."""
    found = _checked(p_values)
    if not found:
        raise BadCalibrationData("a contract is verified on fresh benign episodes, and there is none")
    n, alarms = len(found), sum(contract.alarms(p) for p in found)
    upper, lower = upper_bound(alarms, n, confidence), lower_bound(alarms, n, confidence)
    verdict: Literal["verified", "undecided", "violated"] = "undecided"
    if upper <= contract.fpr:
        verdict = "verified"
    elif lower > contract.fpr:
        verdict = "violated"
    return Verification(episodes=n, alarms=alarms, rate=alarms / n, lower=lower, upper=upper, verdict=verdict)


def _allowed(n: int, fpr: float, confidence: float) -> int:
    r, needed = exceedances_allowed(n, fpr, confidence), episodes_needed(fpr, confidence)
    if r < 0 or n < needed:
        raise NotArmed(
            f"a false positive rate of {fpr:g} at {confidence:.0%} confidence needs {needed:,} benign episodes, and "
            f"there are {n:,}: record {needed - n:,} more, or promise a higher rate",
            n,
            needed,
        )
    return r


def _checked(p_values: Iterable[float]) -> list[float]:
    found = list(p_values)
    for p in found:
        if not 0 < p <= 1:
            raise BadCalibrationData(f"expected p-values in (0, 1], found {p}")
    return found


def _check(fpr: float, confidence: float) -> None:
    if not 0 < fpr < 1 or not 0 < confidence < 1:
        raise BadCalibrationData(
            f"expected a rate and a confidence between 0 and 1, found {fpr} and {confidence}"
        )
