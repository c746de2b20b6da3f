"""E-processes, drift and display: what holds over a stream."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from bartizan.monitors.calibration import (
    BadCalibrationData,
    DriftReference,
    EProcess,
    Martingale,
    Platt,
    Ranks,
    drift_reference,
    evidence,
    fit_platt,
    stability_index,
)


def test_bets_are_fair() -> None:
    """The expectation of an e-value under a uniform p-value is 1."""
    total = sum(
        integrate.quad(evidence, a, b, limit=200)[0] for a, b in pairwise([1e-12, 1e-6, 1e-3, 0.1, 1])
    )
    rest = 1 / -math.log(1e-12)  # of the integral from 0 to x: x - 1 over ln x, nearly
    assert total + rest == pytest.approx(1, abs=1e-6)


@given(st.floats(5e-324, 1), st.floats(5e-324, 1))
def test_smaller_p_values_are_more_evidence(one: float, other: float) -> None:
    """Evidence is positive, finite and does not rise with p, down to the smallest float and up to 1."""
    low, high = sorted((one, other))
    assert math.isfinite(evidence(low)) and evidence(low) >= evidence(high) * (1 - 1e-9) > 0


def test_whoever_watches_a_benign_stream_is_seldom_alarmed() -> None:
    """Of 2,000 streams of 300 uniform p-values at most alpha = 5% ever cross the line (deviation 0.0049)."""
    chance, alarms = random.Random(1), 0
    for _ in range(2000):
        process = EProcess(alpha=0.05)
        for _ in range(300):
            process = process.update(1 - chance.random())
        alarms += process.alarm
    assert alarms / 2000 <= 0.05 + 3 * 0.0049


def test_an_attack_in_a_stream_is_noticed_and_stays_noticed() -> None:
    """Small p-values cross the line, and later harmless ones do not take the alarm back."""
    process = EProcess(alpha=0.01)
    for p in [0.6, 0.3, 0.9] + [0.004] * 4:
        assert not process.alarm or p == 0.004
        process = process.update(p)
    assert process.alarm and process.p_value <= 0.01
    for _ in range(500):
        process = process.update(0.9)
    assert process.alarm and process.seen == 507
    assert EProcess.model_validate_json(process.model_dump_json()) == process


def test_ranks_of_exchangeable_scores_are_uniform() -> None:
    """Even with many ties the smoothed p-values of 20,000 exchangeable scores fill ten equal bins evenly.

    Each bin has 2,000 expected, deviation 42; five deviations.
    """
    chance, ranks = random.Random(2), Ranks(seed=3)
    counts = [0] * 10
    for _ in range(20_000):
        counts[min(int(ranks.update(float(chance.randint(0, 5))) * 10), 9)] += 1
    assert all(abs(count - 2000) < 5 * 42.4 for count in counts)
    assert len(ranks) == 20_000


def test_ranks_can_be_replayed() -> None:
    """The same seed and scores give the same p-values, in (0, 1]; another seed breaks ties otherwise."""

    def run(seed: int) -> list[float]:
        ranks = Ranks([1.0, 1.0, 2.0], seed)
        return [ranks.update(score) for score in (1.0, 1.0, 3.0, 0.0)]

    assert run(1) == run(1) != run(2)
    assert all(0 < p <= 1 for p in run(1))


def martingale(scores: list[float], reference: list[float]) -> Martingale:
    ranks, found = Ranks(reference), Martingale(alpha=0.05)
    for score in scores:
        found = found.update(ranks.update(score))
    return found


def test_stable_scores_seldom_look_like_drift() -> None:
    """Of 400 stable streams of 200 scores at most alpha = 5% raise the drift alarm (deviation 0.011)."""
    chance = random.Random(4)
    alarms = sum(
        martingale([chance.gauss(0, 1) for _ in range(200)], [chance.gauss(0, 1) for _ in range(100)]).alarm
        for _ in range(400)
    )
    assert alarms / 400 <= 0.05 + 3 * 0.011


@pytest.mark.parametrize(("shift", "direction"), [(1.0, "higher"), (-1.0, "lower")])
def test_a_shift_of_a_deviation_is_found(shift: float, direction: str) -> None:
    """Scores that moved by a standard deviation raise the alarm within 200, and it is said which way."""
    chance = random.Random(7)
    reference = [chance.gauss(0, 1) for _ in range(500)]
    found = martingale([chance.gauss(shift, 1) for _ in range(200)], reference)
    assert found.alarm and found.direction == direction
    assert Martingale.model_validate_json(found.model_dump_json()) == found


def test_the_capital_is_a_martingale() -> None:
    """For any state, the capital's mean over uniform p-values is the capital before: the bet is fair."""
    state = Martingale()
    for p in (0.1, 0.9, 0.02, 0.03):
        state = state.update(p)
    after = [math.exp(state.update((i + 0.5) / 1000).log_capital) for i in range(1000)]
    assert sum(after) / 1000 == pytest.approx(math.exp(state.log_capital), rel=1e-9)
    assert math.exp(Martingale().log_capital) == pytest.approx(1)


def test_the_index_tells_moved_scores_from_few() -> None:
    """A moved histogram is large; a small sample of the same scores is not, once chance is taken off."""
    chance = random.Random(8)
    reference = drift_reference([chance.gauss(0, 1) for _ in range(2000)])
    same = stability_index(reference, [chance.gauss(0, 1) for _ in range(60)])
    moved = stability_index(reference, [chance.gauss(1, 1) for _ in range(2000)])
    assert same.verdict == "stable" and same.expected > 0.1 > same.value - same.expected
    assert moved.verdict == "large"
    assert DriftReference.model_validate_json(reference.model_dump_json()) == reference


def test_the_index_expects_what_chance_gives() -> None:
    """Over 300 stable samples of 200 the mean index is what it expects: (bins - 1)(1/n + 1/m), within a tenth."""
    chance = random.Random(9)
    found = []
    for _ in range(300):
        reference = drift_reference([chance.gauss(0, 1) for _ in range(1000)])
        found.append(stability_index(reference, [chance.gauss(0, 1) for _ in range(200)]))
    assert sum(one.value for one in found) / 300 == pytest.approx(found[0].expected, rel=0.1)


def test_ties_leave_fewer_bins() -> None:
    """Scores that are all the same make a reference of two bins, and are stable against it."""
    reference = drift_reference([1.0] * 50)
    assert reference.counts == (0, 50)
    assert stability_index(reference, [1.0] * 50).value == pytest.approx(0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_refused_everywhere(value: float) -> None:
    """No stream swallows a NaN: each names the missing signal or the number."""
    reference = drift_reference([1.0, 2.0])
    for call in (
        lambda: evidence(value),
        lambda: EProcess(alpha=0.1).update(value),
        lambda: Ranks().update(value),
        lambda: Ranks([value]),
        lambda: Martingale().update(value),
        lambda: drift_reference([value]),
        lambda: stability_index(reference, [value]),
        lambda: Platt()(value),
        lambda: fit_platt([value, 1.0], [0, 1]),
    ):
        with pytest.raises(BadCalibrationData):
            call()


def test_platt_is_the_logistic_fit_of_smoothed_targets() -> None:
    """Slope and intercept are those of scikit-learn's unpenalised fit on the same weighted targets."""
    chance = random.Random(10)
    labels = [chance.randint(0, 1) for _ in range(400)]
    logits = [chance.gauss(6 * label + 30, 4) for label in labels]
    positives = sum(labels)
    up, down = (positives + 1) / (positives + 2), 1 / (402 - positives)
    x = [[logit] for logit in logits] * 2
    y = [1] * 400 + [0] * 400
    weight = [up if label else down for label in labels] + [1 - up if label else 1 - down for label in labels]
    fitted = LogisticRegression(C=1e12, tol=1e-10, max_iter=10_000).fit(x, y, sample_weight=weight)
    platt = fit_platt(logits, labels)
    assert platt.slope == pytest.approx(fitted.coef_[0, 0], rel=1e-3)
    assert platt.intercept == pytest.approx(fitted.intercept_[0], rel=1e-3)


def test_separable_scores_have_a_finite_slope() -> None:
    """Where a threshold splits the classes, smoothed targets keep the fit finite; huge logits stay in [0, 1]."""
    platt = fit_platt([-1.0] * 20 + [1.0] * 20, [0] * 20 + [1] * 20)
    assert 0 < platt.slope < 20
    assert 0 <= platt(-1e9) < 0.5 < platt(1e9) <= 1


def test_a_prior_moves_what_is_shown() -> None:
    """Fitted on half positives and shown for one in a thousand, the even logit is shown as one in a thousand."""
    logits, labels = [-2.0, 0.0, 0.0, 2.0] * 50, [0, 0, 1, 1] * 50
    assert fit_platt(logits, labels)(0.0) == pytest.approx(0.5, abs=1e-6)
    assert fit_platt(logits, labels, prior=0.001)(0.0) == pytest.approx(0.001, rel=0.01)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [([1.0, 2.0], [1, 1]), ([1.0], [0, 1]), ([2.0, 1.0] * 9, [0, 1] * 9), ([1.0, 2.0], [0, 2]), ([], [])],
)
def test_what_cannot_be_shown_is_refused(logits: list[float], labels: list[int]) -> None:
    """One class, other labels, unequal counts, and a score that falls as the label rises."""
    with pytest.raises(BadCalibrationData):
        fit_platt(logits, labels)
