"""K columns of an encoder (or K directions of linear probes) in the one form that covers every exact variant.

With ``p = x_in @ W`` each column is two affine maps of one product and a floor::

    latent = max(p * scale + shift, floor)   if p + gate > threshold,   else 0

====================  =========  ==============  ======  =========  =====
column                scale      shift           gate    threshold  floor
====================  =========  ==============  ======  =========  =====
ReLU                  1          b_enc           b_enc   0          0
JumpReLU, BatchTopK   1          b_enc           b_enc   theta      0
Gated                 exp(r_mag) b_mag           b_gate  0          0
TopK and kin, screen  ||W_dec||  b_enc ||W_dec|| b_enc   -inf       -inf
linear probe          1          bias            0       -inf       -inf
====================  =========  ==============  ======  =========  =====

Shapes: ... any leading dimensions, D d_in, K columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .errors import InvalidInput
from .sae import SparseAutoencoder

SAFETY = 4.0
"""How many standard deviations of accumulated rounding the guard band is wide."""

HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What the latents could be if the products were summed in another order: ``low <= latent <= high``."""

    latents: Tensor
    low: Tensor
    high: Tensor


class Columns(nn.Module):
    """The buffers of the form above. ``W`` keeps the autoencoder's type; everything else is at least fp32."""

    W: Tensor
    norms: Tensor
    scale: Tensor
    shift: Tensor
    gate: Tensor
    threshold: Tensor
    floor: Tensor

    def __init__(
        self,
        W: Tensor,
        *,
        scale: Tensor | float,
        shift: Tensor,
        gate: Tensor | float,
        threshold: Tensor | float,
        floor: Tensor | float,
    ) -> None:
        super().__init__()
        kind = wide(W.dtype)
        K = W.shape[1]
        self.register_buffer("W", laid_out(W.detach()))
        self.register_buffer("norms", W.detach().to(kind).norm(dim=0))
        rows = {"scale": scale, "shift": shift, "gate": gate, "threshold": threshold, "floor": floor}
        for name, value in rows.items():
            row = torch.as_tensor(value, dtype=kind, device=W.device).detach().expand(K).clone()
            self.register_buffer(name, row)

    @classmethod
    def of(cls, sae: SparseAutoencoder, features: Tensor) -> Columns:
        """The columns of these features (indices on the autoencoder's device)."""
        W = sae.W_enc.index_select(1, features)
        if sae.config.activation == "gated":
            r, magnitude, gate = (
                part[features].to(wide(W.dtype)) for part in (sae.r_mag, sae.b_mag, sae.b_gate)
            )
            return cls(W, scale=r.exp(), shift=magnitude, gate=gate, threshold=0.0, floor=0.0)
        b = sae.b_enc[features].to(wide(W.dtype))
        if sae.config.activation == "relu":
            return cls(W, scale=1.0, shift=b, gate=b, threshold=0.0, floor=0.0)
        if sae.config.activation == "jumprelu":
            return cls(W, scale=1.0, shift=b, gate=b, threshold=sae.threshold[features], floor=0.0)
        norms = torch.ones_like(b)
        if sae.config.rescale_acts_by_decoder_norm:
            norms = sae.W_dec.index_select(0, features).norm(dim=-1).to(b.dtype)
        return cls(W, scale=norms, shift=b * norms, gate=b, threshold=-torch.inf, floor=-torch.inf)

    @classmethod
    def together(cls, parts: Sequence[Columns]) -> Columns:
        """All columns side by side."""

        def rows(name: str) -> Tensor:
            return torch.cat([getattr(part, name) for part in parts])

        return cls(
            torch.cat([part.W for part in parts], dim=1),
            scale=rows("scale"),
            shift=rows("shift"),
            gate=rows("gate"),
            threshold=rows("threshold"),
            floor=rows("floor"),
        )

    @classmethod
    def probe(cls, directions_KD: Tensor, bias_K: Tensor) -> Columns:
        """Linear probes: one logit a direction."""
        return cls(directions_KD.T, scale=1.0, shift=bias_K, gate=0.0, threshold=-torch.inf, floor=-torch.inf)

    def project(self, x_in: Tensor) -> Tensor:
        """``x_in @ W`` (..., K), summed in fp32 at least, whatever the type of the weights."""
        return product(x_in, self.W)

    def finish(self, p: Tensor) -> Tensor:
        """Latents of the products. A product that is not finite makes its latent NaN: never a silent zero."""
        on = (p + self.gate > self.threshold).to(p.dtype)
        return torch.maximum(p * self.scale + self.shift, self.floor) * on + (p - p)

    def bounds(self, p: Tensor, x_in: Tensor) -> Bounds:
        """The latents with their guard band; see :func:`rounding`."""
        latents = self.finish(p)
        margin = rounding(p, x_in, self.norms, self.gate, self.W.dtype)
        distance = p + self.gate - self.threshold
        value = p * self.scale + self.shift
        width = margin * self.scale
        if self.W.dtype in HALF:  # where the magnitude has a map of its own, that is rounded too
            width = width + torch.finfo(self.W.dtype).eps * (2 * (p * self.scale).abs() + self.shift.abs())
        least, most = (torch.maximum(value + side, self.floor) for side in (-width, width))
        zero = torch.zeros_like(value)
        on, off = distance > margin, distance < -margin
        low = torch.where(on, least, torch.where(off, zero, torch.minimum(zero, least)))
        high = torch.where(on, most, torch.where(off, zero, torch.maximum(zero, most)))
        return Bounds(latents, low, high)


def laid_out(W_DK: Tensor) -> Tensor:
    """In memory as it is read: row by row by a CPU's products, column by column by a GPU's (:mod:`.fused`)."""
    return W_DK.T.contiguous().T if W_DK.is_cuda else W_DK.contiguous()


def wide(dtype: torch.dtype) -> torch.dtype:
    """The type that sums are kept in: fp32 for half precision, else the type itself."""
    return torch.float32 if dtype in HALF else dtype


def product(x_in: Tensor, W: Tensor) -> Tensor:
    """``x_in @ W`` with the sums in :func:`wide` of the type. No synchronisation, no data-dependent shape."""
    if x_in.dtype not in HALF:
        return x_in @ W
    if x_in.is_cuda:  # tensor cores, without rounding the sums to half precision afterwards
        flat: Tensor = torch.mm(x_in.reshape(-1, x_in.shape[-1]), W, out_dtype=torch.float32)
        return flat.view(*x_in.shape[:-1], W.shape[1])
    return x_in.float() @ W.float()


def rounding(p: Tensor, x_in: Tensor, norms: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
    """How far a pre-activation may move when its products are summed in another order, or rounded to ``dtype``.

    Rounding errors of a sum of D products behave like a random walk: sqrt(D) * u * ||x|| * ||w||, with u half the
    machine epsilon (Higham and Mary 2019, the probabilistic bound), times :data:`SAFETY`. An encoder that runs in
    half precision also rounds the product, and its sum with the bias, once each.
    """
    unit = torch.finfo(p.dtype).eps / 2
    lengths: Tensor = x_in.to(p.dtype).norm(dim=-1, keepdim=True)
    margin: Tensor = SAFETY * x_in.shape[-1] ** 0.5 * unit * lengths * norms
    if dtype in HALF:
        margin = margin + torch.finfo(dtype).eps * (p.abs() + bias.abs())
    return margin


def indices(features: Sequence[int], d_sae: int, device: torch.device) -> Tensor:
    """The features as a tensor of indices. Raises :class:`InvalidInput` for none, twice the same, or no such."""
    chosen = list(features)
    if not chosen:
        raise InvalidInput("expected at least one feature")
    for feature in chosen:
        if not isinstance(feature, int) or isinstance(feature, bool) or not 0 <= feature < d_sae:
            raise InvalidInput(f"expected features to be integers in 0..{d_sae - 1}, found {feature!r}")
    if len(set(chosen)) != len(chosen):
        twice = next(feature for feature in chosen if chosen.count(feature) > 1)
        raise InvalidInput(f"expected each feature once, found {twice} twice")
    return torch.tensor(chosen, dtype=torch.long, device=device)
