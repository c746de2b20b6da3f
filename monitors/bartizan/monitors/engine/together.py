"""Everything that is read at one hook point, as one reduction: a union of linear heads and features, then other heads.

What is computed is the same whichever of them is asked for, so an answer does not depend on its batch; and a linear
head's numbers do not depend on which others there are (:class:`~bartizan.monitors.sae.UnionEncoder`).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Final

import torch
from torch import Tensor

from ..probes.heads import Head
from ..sae import SlicedEncoder
from ..sae.union import SPOILT, Directions, Part, UnionEncoder

_FEATURES: Final = -1


class Together:
    """x_BTD -> y_BTK: first the union's numbers, then those of heads that are not linear.

    A number that is not finite must spoil its own probe and its own text only, and a tap refuses a whole pass for
    one of them: it is carried as the largest number there is, and is NaN again in :meth:`head`.
    """

    def __init__(self, heads: Sequence[Head], features: SlicedEncoder | None, device: torch.device) -> None:
        maps = {number: found for number, head in enumerate(heads) if (found := head.linear()) is not None}
        parts: dict[int, Part] = {number: Directions(*found).to(device) for number, found in maps.items()}
        if features is not None:
            parts[_FEATURES] = features.to(device).eval()
        self._union = UnionEncoder(parts) if parts else None
        self._others: dict[int, tuple[Head, slice]] = {}
        at = self._shared = 0 if self._union is None else self._union.n_out
        for number, head in enumerate(heads):
            if number not in maps:
                own = deepcopy(head).to(device).eval().requires_grad_(False)
                self._others[number] = (own, slice(at, at + head.config.n_out))
                at += head.config.n_out

    def __call__(self, x_BTD: Tensor) -> Tensor:
        parts = [] if self._union is None else [self._union(x_BTD)]
        parts += [head.project(x_BTD) for head, _ in self._others.values()]
        return torch.nan_to_num(torch.cat(parts, dim=-1).float(), SPOILT, SPOILT, SPOILT)

    def head(self, number: int, y_TK: Tensor) -> Tensor:
        """The numbers [1, T, K] of one head."""
        if number not in self._others:
            return self._of_union(number, y_TK)[None]
        y_1TK = y_TK[None, :, self._others[number][1]]
        return torch.where(y_1TK == SPOILT, torch.nan, y_1TK)

    def latents(self, y_TK: Tensor) -> Tensor:
        """The features' latents [T, K], 0 where they are none."""
        return self._of_union(_FEATURES, y_TK).nan_to_num(0.0)

    def _of_union(self, part: int, y_TK: Tensor) -> Tensor:
        assert self._union is not None
        return self._union.split(y_TK[:, : self._shared])[part]
