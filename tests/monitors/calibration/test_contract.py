"""False positive contracts: the sizes they need, the confidence they keep, and what they refuse."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats  # type: ignore[import-untyped]

from bartizan.monitors.calibration import (
    BadCalibrationData,
    Calibration,
    Contract,
    Measured,
    NotArmed,
    arm,
    arm_on_episodes,
    calibrate,
    episodes_needed,
    verify,
)
from bartizan.monitors.calibration.contract import exceedances_allowed


@pytest.mark.parametrize(("fpr", "needed"), [(0.05, 59), (0.01, 299), (0.001, 2995), (0.0005, 5990)])
def test_sizes_needed_are_the_known_ones(fpr: float, needed: int) -> None:
    """59, 299, 2,995 and 5,990 episodes for 5%, 1%, 0.1% and 0.05% at 95%: one less does not arm."""
    assert episodes_needed(fpr) == needed
    arm(calibrate(Measured(str(i), float(i)) for i in range(needed)), fpr)
    with pytest.raises(NotArmed, match=f"needs {needed:,} benign episodes") as refused:
        arm(calibrate(Measured(str(i), float(i)) for i in range(needed - 1)), fpr)
    assert (refused.value.episodes, refused.value.needed) == (needed - 1, needed)


@given(st.integers(1, 5000), st.floats(0.0005, 0.3), st.floats(0.5, 0.99))
def test_exceedances_are_the_most_that_the_tail_allows(n: int, fpr: float, confidence: float) -> None:
    """r exceedances keep the confidence and r + 1 do not, by SciPy's binomial."""
    r = exceedances_allowed(n, fpr, confidence)
    assert r == -1 or stats.binom.cdf(r, n, fpr) <= 1 - confidence + 1e-9
    assert stats.binom.cdf(r + 1, n, fpr) > 1 - confidence - 1e-9
    assert (r >= 0) == (n >= episodes_needed(fpr, confidence))


def broken_share(n: int, fpr: float, repeats: int, seed: int) -> float:
    """In how many of the repeats a contract on n episodes has a true rate above its promise. Scores are uniform."""
    chance, broken = random.Random(seed), 0
    for _ in range(repeats):
        scores = sorted(chance.random() for _ in range(n))
        contract = arm(calibrate(Measured(str(i), score) for i, score in enumerate(scores)), fpr)
        rings_above = scores[n - 1 - contract.exceedances]
        broken += 1 - rings_above > fpr
    return broken / repeats


@pytest.mark.parametrize("n", [59, 200])
def test_contracts_break_no_more_often_than_they_say(n: int) -> None:
    """Of 2,000 contracts for 5% at 95%, at most 5% are broken: deviation 0.0049, three of them make 0.015."""
    assert broken_share(n, 0.05, 2000, seed=n) <= 0.05 + 0.015


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=59, max_size=150))
def test_the_threshold_lets_at_most_the_exceedances_through(scores: list[int]) -> None:
    """With ties, too, no more of the arming set raise an alarm than the contract counts."""
    calibration = calibrate(Measured(str(i), float(score)) for i, score in enumerate(scores))
    contract = arm(calibration, 0.05)
    assert sum(contract.alarms(calibration.p_value(score)) for score in scores) <= contract.exceedances
    assert contract.alarms(calibration.p_value(10.0))


def drawn(chance: random.Random, name: str) -> list[Measured]:
    level, out = chance.gauss(0, 1), []
    for _ in range(chance.randint(1, 8)):
        length = chance.choice([10, 1000])
        out.append(Measured(name, level + chance.gauss(length / 1000, 1), length, chance.choice(["a", "b"])))
    return out


def test_episodes_that_touch_several_bins_are_counted_whole() -> None:
    """Armed on further episodes, a binned calibration keeps its contract over whole episodes.

    5% promised with 95% confidence on 500 episodes; verified on 8,000 fresh ones.
    """
    chance = random.Random(11)
    calibration = calibrate((m for i in range(3000) for m in drawn(chance, str(i))), [100])
    assert len(calibration.bins) == 7
    with pytest.raises(NotArmed, match="7 bins"):
        arm(calibration, 0.05)
    contract = arm_on_episodes(calibration, [m for i in range(500) for m in drawn(chance, str(i))], 0.05)
    fresh = calibration.episodes(m for i in range(8000) for m in drawn(chance, str(i)))
    verification = verify(contract, fresh.values())
    assert verification.verdict == "verified" and verification.episodes == 8000
    assert verification.rate > 0.02  # it does ring


def test_an_alarm_that_cannot_ring_is_not_armed() -> None:
    """Where the calibration is too small for p-values below the threshold, the contract says so."""
    calibration = calibrate(Measured(str(i), float(i)) for i in range(20))
    with pytest.raises(NotArmed, match="no p-value is below"):
        arm_on_episodes(calibration, [Measured(str(i), 100.0) for i in range(60)], 0.05)


@pytest.mark.parametrize(
    ("alarms", "fresh", "verdict"), [(0, 299, "verified"), (1, 299, "undecided"), (20, 299, "violated")]
)
def test_verification_says_what_so_many_episodes_can_tell(alarms: int, fresh: int, verdict: str) -> None:
    """A contract for 1%: no alarm in 299 verifies it, one leaves it open, twenty break it."""
    contract = Contract(fpr=0.01, confidence=0.95, episodes=299, exceedances=0, p_value=1 / 300)
    found = verify(contract, [0.001] * alarms + [0.5] * (fresh - alarms))
    assert (found.verdict, found.alarms, found.rate) == (verdict, alarms, alarms / fresh)
    assert found.lower <= found.rate <= found.upper


@pytest.mark.parametrize("p_values", [[], [0.0], [math.nan], [1.5], [-0.1]])
def test_only_p_values_verify(p_values: list[float]) -> None:
    """Nothing, zero, NaN and numbers outside (0, 1] are refused."""
    contract = Contract(fpr=0.05, confidence=0.95, episodes=59, exceedances=0, p_value=1 / 60)
    with pytest.raises(BadCalibrationData):
        verify(contract, p_values)


@pytest.mark.parametrize(("fpr", "confidence"), [(0.0, 0.95), (1.0, 0.95), (0.01, 1.0), (math.nan, 0.95)])
def test_certainty_is_not_to_be_had(fpr: float, confidence: float) -> None:
    """Rates and confidences lie strictly between 0 and 1."""
    calibration: Calibration = calibrate([Measured("a", 1.0)])
    with pytest.raises(BadCalibrationData, match="between 0 and 1"):
        arm(calibration, fpr, confidence)


def test_contracts_are_json() -> None:
    """A contract and its verification come back from the card; a tampered rate is refused."""
    contract = arm(calibrate(Measured(str(i), float(i)) for i in range(100)), 0.05)
    assert Contract.model_validate_json(contract.model_dump_json()) == contract
    with pytest.raises(ValidationError):
        Contract.model_validate({**contract.model_dump(), "fpr": 0.0})
