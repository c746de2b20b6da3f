"""Activations before the encoder, and reconstructions after the decoder.

Pure functions: what a reconstruction needs to be mapped back is handed on, never kept on a module, so that one
autoencoder serves many threads. Shapes: ... any leading dimensions, D d_in, O d_out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .config import Normalisation

LAYER_NORM_EPSILON = 1e-5
"""Added to the standard deviation, as SAELens does; not to the variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Undo:
    """What maps a reconstruction back: ``x = y * scale + shift``, each of shape (..., 1) or None."""

    scale: Tensor | None = None
    shift: Tensor | None = None

    def __call__(self, y: Tensor) -> Tensor:
        if self.scale is not None:
            y = y * self.scale
        return y if self.shift is None else y + self.shift


def normalise(x: Tensor, how: Normalisation) -> tuple[Tensor, Undo]:
    """``x`` (..., D) as the encoder expects it, and how to map a reconstruction back.

    A token of norm zero has no direction: ``constant_norm_rescale`` leaves it zero, where SAELens gives NaN.
    """
    if how == "constant_norm_rescale":
        norm = x.norm(dim=-1, keepdim=True)
        coefficient = x.shape[-1] ** 0.5 / norm
        coefficient = torch.where(norm > 0, coefficient, torch.ones_like(coefficient))
        return x * coefficient, Undo(scale=1 / coefficient)
    if how == "layer_norm":
        mean = x.mean(dim=-1, keepdim=True)
        x = x - mean
        std = x.std(dim=-1, keepdim=True)
        return x / (std + LAYER_NORM_EPSILON), Undo(scale=std, shift=mean)
    return x, Undo()
