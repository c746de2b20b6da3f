"""How pre-activations become latents: one function for each non-linearity.

Shapes: ... any leading dimensions, F d_sae. Sources: JumpReLU, Rajamanoharan et al. 2024 (arXiv 2407.14435); TopK,
Gao et al. 2024 (2406.04093); AbsTopK, ICLR 2026 (2510.00404); Gated, Rajamanoharan et al. 2024 (2404.16014);
GroupMax is EleutherAI sparsify's.

A pre-activation that is not a number makes its whole token's latents not numbers: ranking would hide it among zeros,
and a zero reads as "nothing there".
"""

from __future__ import annotations

import torch
from torch import Tensor


def jumprelu(h: Tensor, threshold: Tensor) -> Tensor:
    """``relu(h)`` where ``h`` is strictly above the threshold."""
    return torch.relu(h) * (h > threshold).to(h.dtype)


def topk(h: Tensor, k: int) -> Tensor:
    """``relu`` of the ``k`` largest; with fewer than ``k`` positive ones, fewer than ``k`` fire."""
    values, index = h.topk(k, dim=-1, sorted=False)
    return _zeros(h, values).scatter_(-1, index, values.relu())


def abstopk(h: Tensor, k: int) -> Tensor:
    """The ``k`` of the largest magnitude, with their signs: latents may be negative."""
    index = h.abs().topk(k, dim=-1, sorted=False).indices
    values = h.gather(-1, index)
    return _zeros(h, values).scatter_(-1, index, values)


def groupmax(h: Tensor, k: int) -> Tensor:
    """The largest ``relu`` of each of ``k`` equal groups of neighbours."""
    groups = h.relu().reshape(*h.shape[:-1], k, h.shape[-1] // k)
    values, index = groups.max(dim=-1, keepdim=True)
    return _zeros(groups, values).scatter_(-1, index, values).flatten(-2)


def gated(p: Tensor, b_gate: Tensor, r_mag: Tensor, b_mag: Tensor) -> Tensor:
    """One projection, two affine maps: the gate decides whether, the magnitude how much."""
    return (p + b_gate > 0).to(p.dtype) * torch.relu(p * r_mag.exp() + b_mag)


def _zeros(like: Tensor, chosen: Tensor) -> Tensor:
    """Zeros of a shape; NaN where the chosen values hold one (NaN ranks above everything, so it is among them)."""
    return (chosen.sum(dim=-1, keepdim=True) * 0).expand_as(like).clone()
