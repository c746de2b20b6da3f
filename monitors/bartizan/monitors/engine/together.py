"""Everything that is read at one hook point, as one reduction: one product for all linear heads, then the rest.

What is computed is the same whichever of them is asked for, so an answer does not depend on its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor
from torch.nn import functional

from ..probes.heads import Head
from ..sae import SlicedEncoder

_SPOILT = torch.finfo(torch.float32).max


class Together:
    """x_BTD -> y_BTK: first the linear heads' numbers, then those of other heads, then the latents of features.

    A number that is not finite must spoil its own probe and its own text only, and a tap refuses a whole pass for
    one of them: it is carried as the largest number there is, and is NaN again in :meth:`head`.
    """

    def __init__(self, heads: Sequence[Head], features: SlicedEncoder | None, device: torch.device) -> None:
        self._heads = [deepcopy(head).to(device).eval().requires_grad_(False) for head in heads]
        self._features = None if features is None else features.to(device).eval()
        self._linear = [number for number, head in enumerate(heads) if head.linear() is not None]
        maps = [found for head in self._heads if (found := head.linear()) is not None]
        self._weight_KD = torch.cat([weight for weight, _ in maps]) if maps else None
        self._bias_K = torch.cat([bias for _, bias in maps]) if maps else None
        self._slices: dict[int, slice] = {}
        at = 0
        for number in [*self._linear, *(n for n in range(len(heads)) if n not in self._linear)]:
            self._slices[number] = slice(at, at + heads[number].config.n_out)
            at += heads[number].config.n_out
        self._at_features = at

    def __call__(self, x_BTD: Tensor) -> Tensor:
        parts = []
        if self._weight_KD is not None:
            parts.append(functional.linear(x_BTD.float(), self._weight_KD, self._bias_K))
        parts += [head.project(x_BTD) for n, head in enumerate(self._heads) if n not in self._linear]
        if self._features is not None:
            parts.append(self._features(x_BTD).float())
        return torch.nan_to_num(torch.cat(parts, dim=-1), _SPOILT, _SPOILT, _SPOILT)

    def head(self, number: int, y_TK: Tensor) -> Tensor:
        """The numbers [1, T, K] of one head."""
        y_1TK = y_TK[None, :, self._slices[number]]
        return torch.where(y_1TK == _SPOILT, torch.nan, y_1TK)

    def latents(self, y_TK: Tensor) -> Tensor:
        """The features' latents [T, K], 0 where they are none."""
        latents_TK = y_TK[:, self._at_features :]
        return torch.where(latents_TK == _SPOILT, 0.0, latents_TK)
