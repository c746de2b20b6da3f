"""From weights to a sample's score, and from scores to what is kept. T tokens, F features."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from .errors import FilterError, MalformedSample


def score(latents_TF: Tensor, w_F: Tensor) -> float | None:
    """sum_f w_f a_f / sum_f a_f, where a_f is the sum of feature f's sizes over the sample's tokens.

    In [-1, 1]; None where no feature is active: such a sample has no score, not a low one. Features of weight 0 count
    in the denominator: what means nothing in the other channel lowers the score.
    """
    if not latents_TF.isfinite().all():
        raise MalformedSample("the latents are not finite")
    a_F = latents_TF.double().abs().sum(0)
    total = float(a_F.sum())
    return float(a_F @ w_F.double()) / total if total > 0 else None


def keep(scores: Sequence[float], fraction: float) -> list[int]:
    """The places of the best ``fraction`` of the scored, in their order; among equals the earlier ones.

    Rounded to the nearest whole number of samples, at least 1. A sample without a score is NaN, and is not kept.
    """
    if not 0 < fraction <= 1:
        raise FilterError(f"fraction: expected a number in (0, 1], found {fraction!r}")
    values = np.asarray(scores, dtype=np.float64)
    places = np.flatnonzero(~np.isnan(values))
    if not len(places):
        return []
    number = max(1, math.floor(fraction * len(places) + 0.5))
    best = places[np.lexsort((places, -values[places]))[:number]]
    return [int(place) for place in np.sort(best)]
