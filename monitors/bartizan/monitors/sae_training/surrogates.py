"""Gradients for steps: forward they are the steps themselves, backward a window around the threshold.

Equations 11 and 12 of Rajamanoharan et al. 2024 (JumpReLU): the derivative with respect to a threshold is estimated
from the pre-activations within ``bandwidth`` of it, all weighted alike (a rectangle). B batch, F d_sae.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


class Step(torch.autograd.Function):
    """[h > threshold]; only the threshold gets a gradient."""

    @staticmethod
    def forward(ctx: Any, h_BF: Tensor, threshold_F: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(h_BF, threshold_F)
        ctx.bandwidth = bandwidth
        return (h_BF > threshold_F).to(h_BF.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, None]:
        h_BF, threshold_F = ctx.saved_tensors
        window_BF = (h_BF - threshold_F).abs() < ctx.bandwidth / 2
        return None, -(window_BF * grads[0]).sum(0) / ctx.bandwidth, None


class JumpReLU(torch.autograd.Function):
    """relu(h) [h > threshold], for thresholds above 0; what passes has gradient 1, the threshold as in ``Step``."""

    @staticmethod
    def forward(ctx: Any, h_BF: Tensor, threshold_F: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(h_BF, threshold_F)
        ctx.bandwidth = bandwidth
        return h_BF * (h_BF > threshold_F)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        h_BF, threshold_F = ctx.saved_tensors
        window_BF = (h_BF - threshold_F).abs() < ctx.bandwidth / 2
        threshold_grad_F = -(threshold_F / ctx.bandwidth) * (window_BF * grads[0]).sum(0)
        return grads[0] * (h_BF > threshold_F), threshold_grad_F, None


def step(h_BF: Tensor, threshold_F: Tensor, bandwidth: float) -> Tensor:
    return cast(Tensor, Step.apply(h_BF, threshold_F, bandwidth))  # type: ignore[no-untyped-call]


def jumprelu(h_BF: Tensor, threshold_F: Tensor, bandwidth: float) -> Tensor:
    return cast(Tensor, JumpReLU.apply(h_BF, threshold_F, bandwidth))  # type: ignore[no-untyped-call]
