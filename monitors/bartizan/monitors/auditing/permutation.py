"""Tests that assume nothing but exchangeability; P prompts, F features, B permutations.

The prompt is the unit: tokens of one prompt are not independent of each other.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .errors import AuditError

MOST_PERMUTATIONS = 200_000
FEWEST_PROMPTS = 6
_CHUNK = 1024


def group_difference(one_P: Tensor, other_Q: Tensor, *, permutations: int, seed: int) -> float:
    """One-sided p-value of mean(one) > mean(other) under random assignment of prompts to the two groups.

    ``one`` are the general prompts, ``other`` the specific ones.
    """
    enough_prompts(general=len(one_P), specific=len(other_Q))
    pooled = torch.cat([one_P, other_Q]).double()
    generator = torch.Generator().manual_seed(seed)
    observed = float(one_P.double().mean() - other_Q.double().mean())
    share_one, share_other = 1 / len(one_P), 1 / len(other_Q)
    total, at_least = float(pooled.sum()), 0
    slack = 1e-9 * float(pooled.abs().max())
    for start in range(0, permutations, _CHUNK):
        size = min(_CHUNK, permutations - start)
        order_BP = torch.rand(size, len(pooled), generator=generator).argsort(1)
        first_B = pooled[order_BP[:, : len(one_P)]].sum(1)
        difference_B = first_B * share_one - (total - first_B) * share_other
        at_least += int((difference_B >= observed - slack).sum())
    return (1 + at_least) / (1 + permutations)


def paired_shift(difference_PF: Tensor, *, permutations: int, seed: int) -> Tensor:
    """Two-sided p-values [F] that the mean difference is 0, by flipping the signs of whole prompts.

    All features are flipped together, so that what hangs together stays so. A feature without any difference has p = 1.
    """
    enough_prompts(paired=len(difference_PF))
    d_PF = difference_PF.double()
    observed_F = d_PF.sum(0).abs()
    slack_F = 1e-9 * d_PF.abs().sum(0)
    generator = torch.Generator().manual_seed(seed)
    at_least_F = torch.zeros(d_PF.shape[1], dtype=torch.int64)
    for start in range(0, permutations, _CHUNK):
        size = min(_CHUNK, permutations - start)
        signs_BP = torch.randint(0, 2, (size, len(d_PF)), generator=generator).double() * 2 - 1
        at_least_F += ((signs_BP @ d_PF).abs() >= observed_F - slack_F).sum(0)
    return (1 + at_least_F).double() / (1 + permutations)


def benjamini_hochberg(p_F: Tensor) -> Tensor:
    """q-values [F]: calling all with q <= a significant keeps the expected share of false ones among them at most a."""
    if not len(p_F):
        return p_F.double()
    order_F = p_F.argsort()
    scaled_F = p_F.double()[order_F] * len(p_F) / torch.arange(1, len(p_F) + 1)
    q_F = torch.empty_like(scaled_F)
    q_F[order_F] = scaled_F.flip(0).cummin(0).values.flip(0).clamp_max(1.0)
    return q_F


def permutations_for(features: int, alpha: float) -> int:
    """Enough that a single feature among ``features`` can reach q <= alpha, within bounds (2,000 to 200,000)."""
    return min(MOST_PERMUTATIONS, max(2000, math.ceil(2 * features / alpha)))


def enough_prompts(**sets: int) -> None:
    """Raises :class:`AuditError` for a set that is too small, by its name."""
    for name, prompts in sets.items():
        if prompts < FEWEST_PROMPTS:
            raise AuditError(
                f"{prompts} {name} prompts; at least {FEWEST_PROMPTS} are needed for a p-value that can be small, "
                "and some dozens for one that says much"
            )
