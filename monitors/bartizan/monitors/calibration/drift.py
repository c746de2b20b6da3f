"""Whether what is measured today still looks like what the probe was calibrated on.

Two answers. The *conformal test martingale* is a proof: it ranks each new score among all before it, bets against the
ranks being uniform, and under exchangeability the chance that its capital ever reaches 1/alpha is at most alpha (Vovk,
"Testing randomness online", 2021; the betting is his simple jumper). The *population stability index* is a picture: how
far the histogram moved; its 0.1 and 0.25 are conventions, and small samples alone raise it.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from .errors import BadCalibrationData

_STRICT = ConfigDict(frozen=True, extra="forbid")
_JUMP = 0.01  # how much of the capital changes its bet each step
_BETS = (-1.0, 0.0, 1.0)  # small p-values (scores rise), nothing, large ones (scores fall)


class Ranks:
    """Smoothed p-values against everything seen so far: independent and uniform while all is exchangeable.

    Ties are broken by a uniform number derived from ``seed`` and the count, so that a replay gives the same values;
    keep the seed from whoever writes what is scored. Memory grows with the stream: 8 bytes a score.
    """

    def __init__(self, reference: Iterable[float] = (), seed: int = 0) -> None:
        self._seen = sorted(_finite(score) for score in reference)
        self._seed = seed

    def __len__(self) -> int:
        return len(self._seen)

    def update(self, score: float) -> float:
        """The p-value in (0, 1] of a new score, which is then one of those seen."""
        _finite(score)
        n = len(self._seen)
        below, upto = bisect_left(self._seen, score), bisect_right(self._seen, score)
        insort(self._seen, score)
        return (n - upto + self._uniform(n) * (upto - below + 1)) / (n + 1)

    def _uniform(self, n: int) -> float:
        """In (0, 1]."""
        digest = hashlib.sha256(f"{self._seed}:{n}".encode()).digest()
        return (int.from_bytes(digest[:6], "big") + 1) / 2**48


class Martingale(BaseModel):
    """The capital of a bettor against exchangeability, from p-values of :class:`Ranks`. Starts at 1.

    ``log_bets`` are the logarithms of the three bettors' capitals.
    """

    model_config = _STRICT

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    seen: Annotated[int, Field(ge=0)] = 0
    log_bets: tuple[FiniteFloat, FiniteFloat, FiniteFloat] = (-math.log(3),) * 3
    log_highest: FiniteFloat = 0.0

    def update(self, p_value: float) -> Martingale:
        if not 0 <= p_value <= 1:
            raise BadCalibrationData(f"expected a p-value in [0, 1], found {p_value}")
        total = _log_sum(self.log_bets)
        share = math.log(_JUMP / 3) + total
        bets = []
        for bet, log in zip(_BETS, self.log_bets, strict=True):
            stake = _log_sum((math.log1p(-_JUMP) + log, share))
            bets.append(stake + math.log(max(1 + bet * (p_value - 0.5), 1e-300)))
        log = _log_sum(bets)
        return Martingale(
            alpha=self.alpha,
            seen=self.seen + 1,
            log_bets=(bets[0], bets[1], bets[2]),
            log_highest=max(log, self.log_highest),
        )

    @property
    def log_capital(self) -> float:
        return _log_sum(self.log_bets)

    @property
    def alarm(self) -> bool:
        """Whether the capital ever reached 1/alpha."""
        return self.log_highest >= -math.log(self.alpha)

    @property
    def direction(self) -> Literal["higher", "lower", "none"]:
        """Which way the scores went, by the bettor that holds the most."""
        higher, none, lower = self.log_bets
        return "higher" if higher > max(none, lower) else "lower" if lower > none else "none"


class DriftReference(BaseModel):
    """The histogram of the calibration's scores: inner edges at its quantiles, and the count in each bin."""

    model_config = _STRICT

    edges: tuple[FiniteFloat, ...]
    counts: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> DriftReference:
        if len(self.counts) != len(self.edges) + 1 or any(a >= b for a, b in pairwise(self.edges)):
            raise ValueError("expected ascending edges, and one count more than edges")
        if not sum(self.counts):
            raise ValueError("a reference of no scores says nothing")
        return self


class StabilityIndex(BaseModel):
    """``value`` is the index; ``expected`` what samples of these sizes give on average without any drift."""

    model_config = _STRICT

    value: float
    expected: float
    n: int

    @property
    def verdict(self) -> Literal["stable", "moderate", "large"]:
        """By convention below 0.1, below 0.25, and above, over what chance explains."""
        over = self.value - self.expected
        return "stable" if over < 0.1 else "moderate" if over < 0.25 else "large"


def drift_reference(scores: Iterable[float], bins: int = 10) -> DriftReference:
    """Edges at the quantiles of the reference; ties may leave fewer bins."""
    found = sorted(_finite(score) for score in scores)
    if not found or bins < 2:
        raise BadCalibrationData("a drift reference needs scores and at least two bins")
    edges = tuple(sorted({found[len(found) * i // bins] for i in range(1, bins)}))
    return DriftReference(edges=edges, counts=_histogram(edges, found))


def stability_index(reference: DriftReference, scores: Iterable[float]) -> StabilityIndex:
    """PSI: the sum over bins of (q - p) ln(q / p), with half a count added to each so that none is empty."""
    found = [_finite(score) for score in scores]
    if not found:
        raise BadCalibrationData("there is no score to compare with the reference")
    counts, bins = _histogram(reference.edges, found), len(reference.counts)
    n, m = sum(reference.counts), len(found)
    value = 0.0
    for was, now in zip(reference.counts, counts, strict=True):
        p, q = (was + 0.5) / (n + bins / 2), (now + 0.5) / (m + bins / 2)
        value += (q - p) * math.log(q / p)
    return StabilityIndex(value=value, expected=(bins - 1) * (1 / n + 1 / m), n=m)


def _histogram(edges: Sequence[float], scores: Iterable[float]) -> tuple[int, ...]:
    counts = [0] * (len(edges) + 1)
    for score in scores:
        counts[bisect_right(edges, score)] += 1
    return tuple(counts)


def _log_sum(logs: Iterable[float]) -> float:
    found = list(logs)
    most = max(found)
    return most + math.log(sum(math.exp(log - most) for log in found))


def _finite(score: float) -> float:
    if not math.isfinite(score):
        raise BadCalibrationData(
            f"expected a finite score, found {score}: it is a missing signal, not a drift"
        )
    return float(score)
