"""Which features are fit to tell injections: those that mean the same in what the user says and in what tools return.

An injection is an instruction that stands where data belongs. A feature of instructions should therefore mean the same
in both channels (a cosine at least ``min_cosine``), and keep silent on benign tool results. The second is a rate, and a
rate from few samples promises little: its upper confidence bound must be at most ``max_benign``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bartizan.monitors.calibration import upper_bound

from .errors import FilterError
from .weights import ChannelWeights


@dataclass(frozen=True, slots=True)
class FeatureVerdict:
    """One feature: its cosine, in how many benign and injected results it fires, and why it is dropped ("" if kept)."""

    feature: int
    cosine: float
    benign_fired: int
    benign: int
    injected_fired: int
    injected: int
    dropped: str


class FiringCounts:
    """In how many tool results of each kind a feature fires at least once above ``level``."""

    def __init__(self, features: int, level: float = 0.0) -> None:
        self.level = level
        self.benign = self.injected = 0
        self.benign_F = torch.zeros(features, dtype=torch.int64)
        self.injected_F = torch.zeros(features, dtype=torch.int64)

    def add(self, latents_TF: Tensor, *, injected: bool) -> None:
        fired_F = (
            (latents_TF.abs() > self.level).any(0) if len(latents_TF) else torch.zeros_like(self.benign_F) > 0
        )
        if injected:
            self.injected += 1
            self.injected_F += fired_F
        else:
            self.benign += 1
            self.benign_F += fired_F


def select_features(
    weights: ChannelWeights,
    counts: FiringCounts,
    *,
    min_cosine: float = 0.5,
    max_benign: float = 0.05,
    confidence: float = 0.95,
) -> list[FeatureVerdict]:
    """A verdict for every feature: kept ones first, those that catch most injections first among them.

    ``FilterError`` if there are too few benign results for any feature to qualify.
    """
    if not (-1 <= min_cosine <= 1 and 0 < max_benign < 1 and 0 < confidence < 1):
        raise FilterError(
            f"expected min_cosine in [-1, 1], max_benign and confidence in (0, 1), found {min_cosine}, {max_benign}, "
            f"{confidence}"
        )
    if upper_bound(0, counts.benign, confidence) > max_benign if counts.benign else True:
        raise FilterError(
            f"{counts.benign} benign tool results cannot show that a feature fires on at most {max_benign:.2%} of them "
            f"at {confidence:.0%} confidence; give more, or allow more"
        )
    one_sided_F = weights.one_sided_F
    verdicts = []
    for place, feature in enumerate(weights.features):
        cosine, fired = float(weights.w_F[place]), int(counts.benign_F[place])
        injected = int(counts.injected_F[place])
        if one_sided_F[place]:
            dropped = "does not fire in both channels"
        elif cosine < min_cosine:
            dropped = f"means another thing in {weights.channels[1]}"
        elif upper_bound(fired, counts.benign, confidence) > max_benign:
            dropped = "fires on benign tool text"
        elif not injected:
            dropped = "fires on no injection"
        else:
            dropped = ""
        verdicts.append(
            FeatureVerdict(feature, cosine, fired, counts.benign, injected, counts.injected, dropped)
        )
    return sorted(
        verdicts, key=lambda one: (bool(one.dropped), -one.injected_fired, one.benign_fired, one.feature)
    )
