"""The binomial tail and the intervals that follow from it.

The incomplete beta function by its continued fraction (DLMF 8.17.22, evaluated by Lentz's method); its inverse by
bisection. Some ten digits, which is more than sample sizes deserve, and no dependency on SciPy where probes run.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .errors import BadCalibrationData

_TINY = 1e-300


class Interval(NamedTuple):
    """An estimate and the interval that holds the truth with the stated confidence."""

    estimate: float
    low: float
    high: float


def beta_cdf(x: float, a: float, b: float) -> float:
    """I_x(a, b): the probability that a Beta(a, b) variable is at most x."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - front * _fraction(1 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value


def _away(x: float) -> float:
    return x if abs(x) > _TINY else _TINY


def binomial_cdf(k: int, n: int, p: float) -> float:
    """The probability of at most ``k`` successes in ``n`` trials of probability ``p``."""
    if k < 0 or k >= n:
        return float(k >= n)
    return beta_cdf(1 - p, n - k, k + 1)


def beta_quantile(q: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < q:
            low = middle
        else:
            high = middle
    return high


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Interval:
    """The exact two-sided interval for a rate seen ``k`` times in ``n``; [0, 1] with estimate NaN for n = 0."""
    _check(k, n, confidence)
    if n == 0:
        return Interval(math.nan, 0.0, 1.0)
    tail = (1 - confidence) / 2
    low = beta_quantile(tail, k, n - k + 1) if k else 0.0
    high = beta_quantile(1 - tail, k + 1, n - k) if k < n else 1.0
    return Interval(k / n, low, high)


def upper_bound(k: int, n: int, confidence: float = 0.95) -> float:
    """The exact one-sided upper bound for a rate seen ``k`` times in ``n``."""
    _check(k, n, confidence)
    return beta_quantile(confidence, k + 1, n - k) if k < n else 1.0


def lower_bound(k: int, n: int, confidence: float = 0.95) -> float:
    """The exact one-sided lower bound for a rate seen ``k`` times in ``n``."""
    _check(k, n, confidence)
    return beta_quantile(1 - confidence, k, n - k + 1) if k else 0.0


def _check(k: int, n: int, confidence: float) -> None:
    if not 0 <= k <= n or not 0 < confidence < 1:
        raise BadCalibrationData(
            f"expected counts 0 <= k <= n and a confidence in (0, 1), found k = {k}, n = {n}, {confidence}"
        )
