"""How well scores tell attacks from benign texts. Higher scores are worse; labels are 1 for an attack."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .errors import BadTrainingData
from .evaluation import Rate, Row

Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]


def auroc(scores: Numbers, labels: Labels) -> float | None:
    """The chance that an attack scores above a benign text, ties counting half; None without both classes."""
    scores, labels = _checked(scores, labels)
    attacks, benign = scores[labels == 1], np.sort(scores[labels == 0])
    if not len(attacks) or not len(benign):
        return None
    below = np.searchsorted(benign, attacks, "left") + np.searchsorted(benign, attacks, "right")
    return float(below.sum() / (2 * len(attacks) * len(benign)))


def threshold(benign: Numbers, fpr: float) -> float | None:
    """The score that at most ``fpr`` of these benign texts exceed; None below 1 / fpr texts, which cannot tell."""
    if len(benign) * fpr < 1 - 1e-9:
        return None
    return float(np.sort(benign)[len(benign) - 1 - math.floor(len(benign) * fpr + 1e-9)])


def row(method: str, source: str, scores: Numbers, labels: Labels, carried: float | None = None) -> Row:
    """One line of the table. ``carried`` is the threshold from the training sources, if there is one."""
    scores, labels = _checked(scores, labels)
    attacks, benign = scores[labels == 1], scores[labels == 0]

    def above(found: Numbers, at: float | None) -> Rate | None:
        return None if at is None else Rate.of(int((found > at).sum()), len(found))

    return Row(
        method=method, source=source, attacks=len(attacks), benign=len(benign), auroc=auroc(scores, labels),
        recall_1=above(attacks, threshold(benign, 0.01)), recall_01=above(attacks, threshold(benign, 0.001)),
        caught=above(attacks, carried), false_alarms=above(benign, carried),
    )  # fmt: skip


def calibration_error(shown: Numbers, labels: Labels, bins: int = 10) -> float:
    """ECE: the mean distance between the probability shown and the share of attacks, over equally wide bins."""
    shown, labels = _checked(shown, labels)
    if ((shown < 0) | (shown > 1)).any():
        raise BadTrainingData("a calibration error is that of probabilities: expected numbers in [0, 1]")
    at = np.minimum((shown * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(at, labels - shown, bins)
    return float(np.abs(gaps).sum() / len(shown))


def alarms_by_length(
    scores: Numbers, lengths: Labels, at: float, edges: tuple[int, ...]
) -> tuple[Rate | None, ...]:
    """The share of these benign texts above a threshold in each length bin: edges[i-1] <= length < edges[i]."""
    bin_of = np.searchsorted(np.asarray(edges), lengths, "right")
    counts = [
        (int(((bin_of == i) & (scores > at)).sum()), int((bin_of == i).sum())) for i in range(len(edges) + 1)
    ]
    return tuple(Rate.of(hits, n) for hits, n in counts)


def _checked(scores: Numbers, labels: Labels) -> tuple[Numbers, Labels]:
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels, np.int64)
    if scores.ndim != 1 or scores.shape != labels.shape or not len(scores):
        raise BadTrainingData(f"expected a label for each score, found {labels.shape} for {scores.shape}")
    if not np.isfinite(scores).all() or not np.isin(labels, (0, 1)).all():
        raise BadTrainingData(
            "expected finite scores, and labels 0 or 1: a text without a score must be counted"
        )
    return scores, labels
