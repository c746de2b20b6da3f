"""Conformal p-values: what they count, which bin answers, and that the promise holds."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bartizan.monitors.calibration import BadCalibrationData, Bin, Calibration, Measured, calibrate

scores = st.integers(-20, 20).map(float) | st.floats(-1e6, 1e6)
measurements = st.lists(
    st.builds(
        Measured,
        st.sampled_from("abcdefgh"),
        scores,
        st.integers(0, 500),
        st.sampled_from(["", "read", "send"]),
    ),
    min_size=1,
    max_size=60,
)


@given(measurements, scores, st.integers(0, 600), st.sampled_from(["", "read", "other"]))
def test_a_p_value_counts_episodes_that_scored_as_high(
    found: list[Measured], score: float, length: int, tool: str
) -> None:
    """p = (1 + episodes whose largest score in the bin is at least this one) / (n + 1), ties included."""
    calibration = calibrate(found, edges=[100, 300], minimum=3)

    def place(n: int) -> int:
        return (n >= 100) + (n >= 300)

    for same in (
        [m for m in found if m.tool == tool and place(m.length) == place(length)],
        [m for m in found if place(m.length) == place(length)],
        found,
    ):
        most = {m.episode: max(o.score for o in same if o.episode == m.episode) for m in same}
        if len(most) >= 3 or same is found:
            break
    expected = (1 + sum(other >= score for other in most.values())) / (len(most) + 1)
    assert calibration.p_value(score, tool, length) == expected


@given(measurements, scores, scores)
def test_p_values_fall_as_scores_rise(found: list[Measured], one: float, other: float) -> None:
    """A higher score never has a higher p-value in the same bin, so the policy's atoms are monotone."""
    calibration = calibrate(found, edges=[100], minimum=2)
    low, high = sorted((one, other))
    assert calibration.p_value(high, "read", 50) <= calibration.p_value(low, "read", 50)


@given(measurements)
def test_a_calibration_comes_back_from_json(found: list[Measured]) -> None:
    """What is written into a card is what is read from it."""
    calibration = calibrate(found, edges=[10, 20], minimum=2)
    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration


@given(measurements, st.randoms(use_true_random=False))
def test_the_order_of_episodes_does_not_matter(found: list[Measured], random: random.Random) -> None:
    """The same measurements in another order, or twice, give the same calibration."""
    shuffled = [*found, *found]
    random.shuffle(shuffled)
    assert calibrate(shuffled, [50], 2) == calibrate(found, [50], 2)


def test_the_promise_holds_whatever_the_length_of_the_episode() -> None:
    """Of 15,000 benign episodes of 1 to 60 measurements each, at most alpha have a measurement with p <= alpha.

    The set of 1,999 is itself random: given it, the rate at alpha = 5% is Beta-distributed with standard deviation
    0.0049. Counting 15,000 adds 0.0018. Four of these deviations make 0.02; the seed is fixed.
    """
    chance = random.Random(5)

    def episode(name: str) -> list[Measured]:
        level = chance.gauss(0, 1)  # an episode's texts resemble each other
        return [Measured(name, level + chance.gauss(0, 1)) for _ in range(chance.randint(1, 60))]

    calibration = calibrate(m for i in range(1999) for m in episode(str(i)))
    smallest = [min(calibration.episodes(episode("new")).values()) for _ in range(15_000)]
    for alpha in (0.05, 0.2, 0.5):
        rate = sum(p <= alpha for p in smallest) / len(smallest)
        assert abs(rate - alpha) < 4 * (math.sqrt(alpha * (1 - alpha) * (1 / 2000 + 1 / 15_000)))


def test_bins_keep_the_promise_within_each_length() -> None:
    """Where long texts score higher, one bin for all alarms on them too often; bins by length do not.

    Rates among 5,000 texts at alpha = 5%, calibrated on 2,000 in each bin: deviation 0.0058, four make 0.023.
    """
    chance = random.Random(6)

    def text(name: str, long: bool) -> Measured:
        return Measured(name, chance.gauss(2 if long else 0, 1), 1000 if long else 10)

    found = [text(f"{long}{i}", long) for i in range(2000) for long in (False, True)]
    binned, one = calibrate(found, [100]), calibrate(found)
    for long in (False, True):
        fresh = [text("new", long) for _ in range(5000)]
        rate = sum(binned.p_value(m.score, m.tool, m.length) <= 0.05 for m in fresh) / 5000
        assert abs(rate - 0.05) < 0.023
    assert sum(one.p_value(m.score) <= 0.05 for m in fresh) / 5000 > 0.08


def test_small_bins_give_way_to_coarser_ones() -> None:
    """Tool and length, then length, then all: the first that holds enough episodes answers."""
    found = [Measured(f"r{i}", float(i), 10, "read") for i in range(60)]
    found += [Measured(f"s{i}", float(i), 10, "send") for i in range(5)]
    found += [Measured(f"l{i}", float(i), 900, "read") for i in range(5)]
    calibration = calibrate(found, [100], minimum=59)
    chosen = [calibration.find(tool, length) for tool, length in [("read", 5), ("send", 5), ("read", 900)]]
    assert [(bin.tool, bin.length, bin.n) for bin in chosen] == [
        ("read", 0, 60),
        (None, 0, 65),
        (None, None, 70),
    ]
    assert calibration.n == 70


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_has_no_p_value(score: float) -> None:
    """It is missing, not harmless; and a benign episode with one is not dropped silently."""
    with pytest.raises(BadCalibrationData, match="missing"):
        calibrate([Measured("a", 1.0)]).p_value(score)
    with pytest.raises(BadCalibrationData, match="'a' has the score"):
        calibrate([Measured("a", score)])


@pytest.mark.parametrize(
    ("found", "edges", "minimum"), [([], [], 1), ([1], [5, 5], 1), ([1], [0], 1), ([1], [], 0)]
)
def test_nothing_to_calibrate_on_is_an_error(found: list[int], edges: list[int], minimum: int) -> None:
    """No episodes, or edges and minima that cut nothing."""
    with pytest.raises(BadCalibrationData):
        calibrate([Measured("a", 1.0) for _ in found], edges, minimum)


@pytest.mark.parametrize(
    "bins",
    [
        [],
        [{"tool": "read", "length": 0, "scores": [1.0]}],
        [{"scores": [1.0]}, {"scores": [1.0]}],
        [{"scores": [2.0, 1.0]}],
        [{"scores": []}],
        [{"scores": [math.nan]}],
        [{"scores": [math.inf]}],
        [{"scores": [1.0]}, {"tool": "read", "length": 7, "scores": [1.0]}],
        [{"scores": [1.0]}, {"tool": "read", "scores": [1.0]}],
        [{"scores": [1.0], "weight": 2}],
    ],
)
def test_malformed_calibrations_are_refused(bins: list[object]) -> None:
    """A file cannot hold bins that are missing, double, unsorted, empty, not finite or of no length there is."""
    with pytest.raises(ValidationError):
        Calibration.model_validate({"edges": [10], "minimum": 1, "bins": bins})


def test_a_bin_below_the_minimum_is_refused() -> None:
    """A file cannot claim a fine bin that is smaller than its own minimum."""
    small = Bin(tool="read", length=0, scores=(1.0,))
    with pytest.raises(ValidationError, match="below the minimum"):
        Calibration(minimum=2, bins=(Bin(scores=(1.0, 2.0)), small))
