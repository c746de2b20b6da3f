"""What is measured on the activations before training: their scale, their middle, their variance."""

from __future__ import annotations

import torch
from torch import Tensor


def geometric_median(x_ND: Tensor, *, iterations: int = 100, tolerance: float = 1e-6) -> Tensor:
    """The point [D] with the smallest sum of distances to the rows (Weiszfeld's iteration, in float64).

    Unlike the mean, a few rows of enormous norm do not move it.
    """
    x_ND = x_ND.double()
    middle_D = x_ND.mean(0)
    for _ in range(iterations):
        distance_N = torch.linalg.vector_norm(x_ND - middle_D, dim=1).clamp_min(1e-12)
        weight_N = 1 / distance_N
        moved_D = (weight_N @ x_ND) / weight_N.sum()
        step = torch.linalg.vector_norm(moved_D - middle_D)
        middle_D = moved_D
        if step <= tolerance * distance_N.mean():
            break
    return middle_D


def scale_to_root_d(x_ND: Tensor) -> float:
    """The factor that gives rows a mean norm of sqrt(d_in), whatever the model's units."""
    mean_norm = torch.linalg.vector_norm(x_ND.double(), dim=1).mean().item()
    return float(x_ND.shape[1] ** 0.5 / mean_norm) if mean_norm > 0 else 1.0
