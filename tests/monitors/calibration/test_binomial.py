"""The binomial tail and the exact intervals, against SciPy."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from bartizan.monitors.calibration import BadCalibrationData, clopper_pearson, upper_bound
from bartizan.monitors.calibration.binomial import binomial_cdf, lower_bound

counts = st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
rates = st.floats(1e-6, 1 - 1e-6)


@given(counts, rates)
def test_the_tail_is_that_of_the_binomial(count: tuple[int, int], p: float) -> None:
    """The distribution function agrees with SciPy's for up to 20,000 trials."""
    k, n = count
    assert binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-9, rel=1e-7)


@given(counts, st.floats(0.5, 0.999))
def test_intervals_are_those_of_scipy(count: tuple[int, int], confidence: float) -> None:
    """Two-sided and one-sided Clopper-Pearson bounds agree with SciPy's."""
    k, n = count
    ours, test = clopper_pearson(k, n, confidence), stats.binomtest(k, n)
    theirs = test.proportion_ci(confidence, "exact")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert ours.estimate == k / n
    less = stats.binomtest(k, n, alternative="less").proportion_ci(confidence, "exact")
    assert upper_bound(k, n, confidence) == pytest.approx(less.high, abs=1e-9)
    more = stats.binomtest(k, n, alternative="greater").proportion_ci(confidence, "exact")
    assert lower_bound(k, n, confidence) == pytest.approx(more.low, abs=1e-9)


def test_nothing_seen_bounds_nothing() -> None:
    """Without trials every rate is possible."""
    estimate, low, high = clopper_pearson(0, 0)
    assert math.isnan(estimate) and (low, high) == (0, 1) and upper_bound(0, 0) == 1


@pytest.mark.parametrize(
    "arguments", [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0), (1, 5, 0.0), (1, 5, math.nan)]
)
def test_impossible_counts_are_refused(arguments: tuple[int, int, float]) -> None:
    """More successes than trials, negative ones, certainty: an error that names them."""
    with pytest.raises(BadCalibrationData, match="0 <= k <= n"):
        clopper_pearson(*arguments)
