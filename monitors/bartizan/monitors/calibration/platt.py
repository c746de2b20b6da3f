"""A logit shown as a probability. For display and for people; decisions rest on p-values and contracts.

sigmoid(slope * logit + intercept), fitted by maximum likelihood with Platt's smoothed targets (Platt 1999; the
stable form is Lin, Lin and Weng 2007). It holds for the mixture of classes it was fitted on, or for ``prior``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from .errors import BadCalibrationData


class Platt(BaseModel):
    """``slope`` is positive: what is shown rises with the logit, as the policy's ``signal(...)`` has to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    intercept: FiniteFloat = 0.0

    def __call__(self, logit: float) -> float:
        """In [0, 1]. Raises :class:`BadCalibrationData` for a logit that is not finite."""
        if not math.isfinite(logit):
            raise BadCalibrationData(f"there is no probability for the logit {logit}: it is a missing signal")
        return sigmoid(self.slope * logit + self.intercept)


def fit_platt(logits: Sequence[float], labels: Sequence[int], prior: float | None = None) -> Platt:
    """Fitted on logits that the probe was *not* trained on, of both classes.

    ``prior`` is the share of positives to be expected in use; default: that of the data. Raises
    :class:`BadCalibrationData` with one class only, or where the logit falls as the label rises.
    """
    positives = sum(label == 1 for label in labels)
    negatives = sum(label == 0 for label in labels)
    if len(logits) != len(labels) or positives + negatives != len(labels) or not positives or not negatives:
        raise BadCalibrationData("expected one label 0 or 1 for each logit, and both of them present")
    if not all(math.isfinite(logit) for logit in logits) or not (prior is None or 0 < prior < 1):
        raise BadCalibrationData("expected finite logits and a prior between 0 and 1")
    centre = sum(logits) / len(logits)
    scale = max(max(logits) - centre, centre - min(logits)) or 1.0
    x = [(logit - centre) / scale for logit in logits]
    target = [(positives + 1) / (positives + 2) if label else 1 / (negatives + 2) for label in labels]
    a, b = _newton(x, target, math.log((positives + 1) / (negatives + 1)))
    if a <= 0:
        raise BadCalibrationData(
            "the logit does not rise with the label: the probe is upside down or tells nothing, so show it as it is"
        )
    slope, intercept = a / scale, b - a * centre / scale
    if prior is not None:
        intercept += math.log(prior / (1 - prior)) - math.log(positives / negatives)
    return Platt(slope=slope, intercept=intercept)


def _newton(x: list[float], target: list[float], b: float) -> tuple[float, float]:
    a, loss = 0.0, _loss(x, target, 0.0, b)
    for _ in range(100):
        ga = gb = 0.0
        haa = hbb = 1e-12
        hab = 0.0
        for xi, ti in zip(x, target, strict=True):
            p = sigmoid(a * xi + b)
            error, weight = p - ti, p * (1 - p)
            ga += error * xi
            gb += error
            haa += weight * xi * xi
            hab += weight * xi
            hbb += weight
        determinant = haa * hbb - hab * hab
        if abs(ga) + abs(gb) < 1e-9 * len(x) or determinant <= 0:
            break
        da, db = (hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant
        step = 1.0
        while (tried := _loss(x, target, a - step * da, b - step * db)) > loss and step > 1e-10:
            step /= 2
        if step <= 1e-10:
            break
        a, b, loss = a - step * da, b - step * db, tried
    return a, b


def _loss(x: list[float], target: list[float], a: float, b: float) -> float:
    total = 0.0
    for xi, ti in zip(x, target, strict=True):
        z = a * xi + b
        total += max(z, 0.0) - ti * z + math.log1p(math.exp(-abs(z)))
    return total


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
