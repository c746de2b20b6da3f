"""K named features out of an autoencoder of any width, without computing the others.

A monitor needs a handful of 16k to 131k features. Where each feature decides for itself, its own column of ``W_enc``
is all it takes, *exactly*; where features compete (TopK and kin), the columns tell which tokens cannot fire, and only
the others are encoded in full (:mod:`.lazy_topk`).

Shapes: B batch, T tokens, D d_in, K features read; ... any leading dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn

from . import fused
from .columns import Columns, indices, rounding
from .errors import InvalidConfig, InvalidInput
from .lazy_topk import Competition
from .normalise import normalise
from .sae import SparseAutoencoder

Exactness = Literal["exact", "lazy-exact", "approximate"]
"""What the numbers are worth: ``exact``, those of the full encoder; ``lazy-exact``, the same, at a cost that depends
on the tokens; ``approximate``, an upper bound (a competing feature's value if it won)."""

AMBIGUOUS: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Latents (..., K) and what they could have been in another order of summation."""

    latents: Tensor
    low: Tensor
    high: Tensor

    def above(self, level: float | Tensor = 0.0) -> Tensor:
        """For each value 1 if it is above the level, 0 if it is not, :data:`AMBIGUOUS` (-1) if rounding decides.

        Whatever the shape of the batch, the kernel or the device, two readings of one token never disagree by
        1 against 0. A value that is not a number is ambiguous.
        """
        yes, no = self.low > level, self.high <= level
        verdict = torch.full(self.latents.shape, AMBIGUOUS, dtype=torch.int8, device=self.latents.device)
        return torch.where(yes, 1, torch.where(no, 0, verdict)).to(torch.int8)


class SlicedEncoder(nn.Module):
    """Latents (..., K) of ``features``, in that order, from activations (..., D): a reduction for a tap.

    ``exactness`` says what the numbers are worth. They are fp32 (fp64 for an fp64 autoencoder). Where ``exact``,
    shapes are static and the host is never waited for: ``torch.compile(..., fullgraph=True)`` takes it as one graph,
    and a CUDA graph replays it. On a GPU it is one or two kernels (:mod:`.fused`).

    For competing activations (topk, abstopk, groupmax) latents of a magnitude up to ``floor`` are given as 0: a
    higher floor spares more tokens the full encoder. ``upper_bound=True`` spares all of them, and gives what each
    feature would be if it won. Raises :class:`InvalidInput` for features that do not exist.
    """

    b_dec: Tensor | None

    def __init__(
        self,
        sae: SparseAutoencoder,
        features: Sequence[int],
        *,
        floor: float = 0.0,
        upper_bound: bool = False,
    ) -> None:
        super().__init__()
        self.config = sae.config
        self.features = tuple(features)
        chosen = indices(self.features, sae.config.d_sae, sae.device)
        competing = sae.config.activation in ("topk", "abstopk", "groupmax")
        if not 0 <= floor < float("inf") or (floor and not competing):
            raise InvalidConfig(
                f"expected a floor of 0, or a positive one for competing features, found {floor} for "
                f"{sae.config.activation!r}"
            )
        self.columns = Columns.of(sae, chosen)
        if upper_bound and sae.config.activation in ("topk", "groupmax"):
            self.columns.floor.zero_()  # what wins there is never negative
        self.competition = Competition(sae, chosen, floor) if competing and not upper_bound else None
        self.exactness: Exactness = (
            "exact" if not competing else "approximate" if upper_bound else "lazy-exact"
        )
        self.register_buffer("b_dec", sae.b_dec.detach().clone() if sae.config.apply_b_dec_to_input else None)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """The latents (B, T, K), or (..., K)."""
        if self.competition is None and fused.runs(x_BTD, self.columns):
            return fused.latents(self.normalised(x_BTD), self.columns, self.b_dec)
        x_in = self.prepare(x_BTD)
        return self.finish(x_in, self.columns.project(x_in))

    def finish(self, x_in: Tensor, p: Tensor) -> Tensor:
        """The latents of prepared activations (..., D) and their products with the columns (..., K)."""
        if self.competition is not None:
            return self.competition.latents(x_in, self.columns, p)
        return self.columns.finish(p)

    def read(self, x_BTD: Tensor) -> Reading:
        """The latents with their guard band: what they could be in another order of summation."""
        x_in = self.prepare(x_BTD)
        p = self.columns.project(x_in)
        if self.competition is not None:
            bounds = self.competition.bounds(x_in, self.columns, p)
        else:
            bounds = self.columns.bounds(p, x_in)
        return Reading(bounds.latents, bounds.low, bounds.high)

    def guard(self, x_BTD: Tensor) -> Tensor:
        """The half width (..., K) of the band around a pre-activation."""
        x_in = self.prepare(x_BTD)
        columns = self.columns
        return rounding(columns.project(x_in), x_in, columns.norms, columns.gate, columns.W.dtype)

    def prepare(self, x: Tensor) -> Tensor:
        """As :meth:`SparseAutoencoder.prepare`, step by step in the same type, so that both multiply the same."""
        x_in = self.normalised(x)
        return x_in if self.b_dec is None else x_in - self.b_dec

    def normalised(self, x: Tensor) -> Tensor:
        """Activations that fit, in the type of the weights and normalised, before ``b_dec`` is taken away."""
        d_in = self.config.d_in
        if self.config.heads and x.dim() >= 2 and x.shape[-1] != d_in:
            x = x.flatten(-2)
        if not x.is_floating_point() or x.dim() < 1 or x.shape[-1] != d_in:
            raise InvalidInput(
                f"expected floating-point activations (..., {d_in}) for hook point {self.config.hook_point}, found "
                f"{x.dtype} {tuple(x.shape)}"
            )
        x_in, _ = normalise(x.to(self.columns.W.dtype), self.config.normalise)
        return x_in
