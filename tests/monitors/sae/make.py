"""Random autoencoders of every architecture, and the activations that they read."""

from __future__ import annotations

from typing import Any

import torch
from tests.monitors.device import DEVICE
from torch import Tensor

from bartizan.monitors.sae import SAEConfig, SparseAutoencoder

NORMALISATIONS = ("none", "constant_norm_rescale", "layer_norm", "expected_average_only_in")
EXACT = ("relu", "jumprelu", "gated")
COMPETING = ("topk", "abstopk", "groupmax")


def make(
    activation: str = "relu",
    *,
    d_in: int = 16,
    d_sae: int = 48,
    d_out: int | None = None,
    k: int = 6,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    skip: bool = False,
    **settings: Any,
) -> SparseAutoencoder:
    """An autoencoder with random weights; a transcoder if ``d_out`` is given."""
    g = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g)

    transcoder = d_out is not None
    width = d_in if d_out is None else d_out
    tensors = {
        "W_enc": random(d_in, d_sae) / d_in**0.5,
        "W_dec": random(d_sae, width) / width**0.5,
        "b_dec": random(width) * 0.3,
    }
    if activation == "gated":
        tensors |= {"b_gate": random(d_sae) * 0.3, "r_mag": random(d_sae) * 0.3, "b_mag": random(d_sae) * 0.3}
    else:
        tensors["b_enc"] = random(d_sae) * 0.3
    if activation == "jumprelu":
        tensors["threshold"] = torch.rand(d_sae, generator=g)
    if skip:
        tensors["W_skip"] = random(width, d_in) / d_in**0.5
    config = SAEConfig(
        activation=activation,  # type: ignore[arg-type]
        d_in=d_in,
        d_sae=d_sae,
        d_out=d_out,
        k=k if activation in COMPETING else None,
        transcoder=transcoder,
        **{"apply_b_dec_to_input": not transcoder} | settings,
    )
    return SparseAutoencoder(config, {name: tensor.to(DEVICE, dtype) for name, tensor in tensors.items()})


def activations(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE, dtype)
