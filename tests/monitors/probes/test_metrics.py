"""Figures of merit, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from bartizan.monitors.probes.errors import BadTrainingData
from bartizan.monitors.probes.evaluation import Rate
from bartizan.monitors.probes.metrics import alarms_by_length, auroc, calibration_error, row, threshold

pairs = st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 1)), min_size=1, max_size=60)


@given(pairs)
def test_the_auroc_is_that_of_scikit_learn(found: list[tuple[int, int]]) -> None:
    """With many ties, and None where there is one class only."""
    scores, labels = np.array([s for s, _ in found], np.float64), np.array([y for _, y in found])
    if len(set(labels.tolist())) < 2:
        assert auroc(scores, labels) is None
    else:
        assert auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300), st.sampled_from([0.001, 0.01, 0.05, 0.5]))
def test_a_threshold_keeps_its_rate(benign: list[int], fpr: float) -> None:
    """No more than the share is above it; too few texts give none."""
    at = threshold(np.array(benign, np.float64), fpr)
    assert (at is None) == (len(benign) < round(1 / fpr))
    assert at is None or sum(score > at for score in benign) <= len(benign) * fpr


def test_a_row_counts_both_ways() -> None:
    """Recall at the source's own threshold, and what the carried threshold catches and wrongly flags."""
    benign, attacks = np.arange(200.0), np.array([150.0, 198.0, 199.5, 300.0])
    found = row("probe", "mails", np.concatenate([benign, attacks]), np.array([0] * 200 + [1] * 4), 189.5)
    assert found.recall_1 == Rate.of(3, 4) and found.recall_01 is None
    assert found.caught == Rate.of(3, 4) and found.false_alarms == Rate.of(10, 200)


def test_calibration_error_and_alarms_by_length() -> None:
    """Half the texts shown as 0.5 being attacks is no error, all shown as 0 is half; lengths fall into their bins."""
    labels = np.array([0, 1] * 10)
    assert calibration_error(np.full(20, 0.5), labels) == pytest.approx(0)
    assert calibration_error(np.zeros(20), labels) == pytest.approx(0.5)
    rates = alarms_by_length(np.array([1.0, 3.0, 3.0]), np.array([5, 10, 99]), 2.0, (10, 100))
    assert rates == (Rate.of(0, 1), Rate.of(2, 2), None)


@pytest.mark.parametrize(
    ("scores", "labels"), [([], []), ([1.0], [0, 1]), ([np.nan], [0]), ([np.inf], [1]), ([1.0], [2])]
)
def test_what_cannot_be_measured_is_refused(scores: list[float], labels: list[int]) -> None:
    """Nothing, unequal counts, scores that are not finite, other labels."""
    with pytest.raises(BadTrainingData):
        auroc(np.array(scores, np.float64), np.array(labels, np.int64))
