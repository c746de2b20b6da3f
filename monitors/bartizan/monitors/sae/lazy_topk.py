"""Features that compete: exact at the price of a full encode, for those tokens only that may fire at all.

A TopK latent is positive only if its own pre-activation is. The K columns tell for which tokens no feature of ours
can be above the floor; those are done. The others are encoded in full, in chunks. No token is ever missed: one passes
unless *all* its pre-activations are below the floor by more than rounding can account for.

The number of tokens that pass is known on the host only: this waits for the device, and cannot be captured in a CUDA
graph. (An upper bound can: ``SlicedEncoder(..., upper_bound=True)``.)

Shapes: N tokens, R tokens that pass, D d_in, F d_sae, K features read.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .columns import Bounds, Columns, rounding, wide
from .sae import SparseAutoencoder

CHUNK = 1 << 25
"""Pre-activations held at once: 2**25 fp32 numbers are 128 MiB."""


class Competition(nn.Module):
    """The full encoder behind a slice of competing features. Holds the autoencoder, and copies none of it."""

    features: Tensor
    norms: Tensor
    biases: Tensor

    def __init__(self, sae: SparseAutoencoder, features: Tensor, floor: float) -> None:
        super().__init__()
        self.sae = sae
        self.floor = floor
        self.register_buffer("features", features)
        norms = sae.W_enc.detach().norm(dim=0).to(wide(sae.dtype))
        biases = sae.b_enc.detach().abs().to(norms.dtype)
        if sae.config.rescale_acts_by_decoder_norm:
            norms, biases = norms * sae.decoder_norms(), biases * sae.decoder_norms()
        self.register_buffer("norms", norms)
        self.register_buffer("biases", biases)

    def latents(self, x_in: Tensor, columns: Columns, p: Tensor) -> Tensor:
        x_ND, h_NK, rows_R = self._screen(x_in, columns, p)
        out_NK = torch.zeros_like(h_NK)
        for rows in self._chunks(rows_R):
            h_RF = self.sae.pre_activations(x_ND[rows])
            out_NK[rows] = self._above_floor(self.sae.activate(h_RF)[:, self.features].to(out_NK.dtype))
        return out_NK.view(p.shape)

    def bounds(self, x_in: Tensor, columns: Columns, p: Tensor) -> Bounds:
        """As :meth:`latents`, with what they could be if near ties had gone the other way."""
        x_ND, h_NK, rows_R = self._screen(x_in, columns, p)
        out, low, high = (torch.zeros_like(h_NK) for _ in range(3))
        for rows in self._chunks(rows_R):
            x_RD = x_ND[rows]
            h_RF = self.sae.pre_activations(x_RD)
            f_RK = self._above_floor(self.sae.activate(h_RF)[:, self.features].to(out.dtype))
            h_RK = h_RF[:, self.features].to(out.dtype)
            margin_RK = self._margin(x_RD, h_RK, self.features)
            out[rows] = f_RK
            won, unsure = self._contest(h_RF.to(out.dtype), x_RD, margin_RK)
            near_floor = (h_RK.abs() - self.floor).abs() <= margin_RK
            unsure = unsure | near_floor | f_RK.isnan()
            on_low, on_high = h_RK - margin_RK, h_RK + margin_RK
            if self.sae.config.activation != "abstopk":
                on_low, on_high = on_low.relu(), on_high.relu()
            lit = won & (f_RK != 0)
            zero = torch.zeros_like(on_low)
            low[rows] = torch.where(unsure, torch.minimum(zero, on_low), torch.where(lit, on_low, zero))
            high[rows] = torch.where(unsure, torch.maximum(zero, on_high), torch.where(lit, on_high, zero))
        return Bounds(out.view(p.shape), low.view(p.shape), high.view(p.shape))

    def _screen(self, x_in: Tensor, columns: Columns, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x_ND = x_in.reshape(-1, x_in.shape[-1])
        p_NK = p.reshape(-1, p.shape[-1])
        h_NK = columns.finish(p_NK)
        margin = rounding(p_NK, x_ND, columns.norms, columns.gate, columns.W.dtype) * columns.scale
        size = h_NK.abs() if self.sae.config.activation == "abstopk" else h_NK
        quiet = (size <= self.floor - margin) | ((size == 0) & (margin == 0))
        return x_ND, h_NK, (~quiet).any(dim=-1).nonzero().squeeze(-1)  # NaN is never quiet

    def _chunks(self, rows_R: Tensor) -> tuple[Tensor, ...]:
        return () if len(rows_R) == 0 else torch.split(rows_R, max(1, CHUNK // self.sae.config.d_sae))

    def _above_floor(self, f_RK: Tensor) -> Tensor:
        """Zeros at and below the floor, so that a feature's number never depends on which others are read."""
        return torch.where(f_RK.abs() <= self.floor, torch.zeros_like(f_RK), f_RK)

    def _margin(self, x_RD: Tensor, h_R: Tensor, features: Tensor) -> Tensor:
        # In half precision the sum with the bias is rounded as well.
        biases = self.biases[features] + h_R.abs()
        return rounding(h_R, x_RD, self.norms[features], biases, self.sae.dtype)

    def _contest(self, h_RF: Tensor, x_RD: Tensor, margin_RK: Tensor) -> tuple[Tensor, Tensor]:
        """(R, K): whether each feature is among the winners, and whether rounding could change that."""
        config = self.sae.config
        score_RF = h_RF.abs() if config.activation == "abstopk" else h_RF
        mine_RK = score_RF[:, self.features]
        if config.activation == "groupmax":
            groups = score_RF.reshape(len(h_RF), self.sae.k, -1)
            size = groups.shape[-1]
            top = groups.topk(min(2, size), dim=-1)
            last, first_out = top.values[..., 0], top.values[..., -1]
            offset = torch.arange(self.sae.k, device=h_RF.device)[:, None] * size
            rivals = top.indices + offset
            group_K = self.features // size
            last, first_out = last[:, group_K], first_out[:, group_K]
            last_i, first_i = rivals[:, group_K, 0], rivals[:, group_K, -1]
            alone = size == 1
        else:
            top = score_RF.topk(min(self.sae.k + 1, config.d_sae), dim=-1)
            last = top.values[:, self.sae.k - 1, None]
            first_out = top.values[:, -1:]
            last_i, first_i = top.indices[:, self.sae.k - 1, None], top.indices[:, -1:]
            alone = self.sae.k == config.d_sae
        won_RK = mine_RK >= last
        if alone:
            return torch.ones_like(won_RK), torch.zeros_like(won_RK)
        rival = torch.where(won_RK, first_out.expand_as(mine_RK), last.expand_as(mine_RK))
        rival_i = torch.where(won_RK, first_i.expand_as(mine_RK), last_i.expand_as(mine_RK))
        return won_RK, (mine_RK - rival).abs() <= margin_RK + self._margin(x_RD, rival, rival_i)
