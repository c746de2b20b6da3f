"""Llama Scope and OpenMOSS: ``hyperparams.json`` and ``checkpoints/final.safetensors``.

Trained on activations times ``s = sqrt(d_model) / dataset_average_activation_norm``, and published unfolded, with one
JumpReLU threshold ``t`` for all features in *raw* units. Read with ``s`` folded, in normalised units::

    W_enc = s_in * encoder.weight^T    b_enc = encoder.bias    threshold = t * s_in
    W_dec = decoder.weight^T / s_out   b_dec = decoder.bias / s_out

which is what sae-lens gives since 6.37.1 (before, the thresholds were scaled and the weights were not: other features).
Source: He et al. 2024 (arXiv 2410.20526).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..sae.errors import MalformedFile
from ..sae.sae import SparseAutoencoder
from .fields import Fields, Tensors, build
from .files import read_json, read_safetensors

CONFIG = "hyperparams.json"
WEIGHTS = Path("checkpoints") / "final.safetensors"


def detect(path: Path) -> bool:
    return (path / CONFIG).is_file() and (path / WEIGHTS).is_file()


def read(path: Path) -> SparseAutoencoder:
    where = path / CONFIG
    fields = Fields(where, read_json(where))
    d_in, d_sae = fields.integer("d_model"), fields.integer("d_sae")
    averages = fields.inner("dataset_average_activation_norm")
    s_in = _scale(where, d_in, averages.number("in"))
    s_out = _scale(where, d_in, averages.number("out", averages.number("in")))
    hook_in, hook_out = fields.text("hook_point_in"), fields.optional_text("hook_point_out")
    transcoder = hook_out is not None and hook_out != hook_in
    activation = fields.text("act_fn", "jumprelu")
    tensors = Tensors(path / WEIGHTS, read_safetensors(path / WEIGHTS))
    weights = {
        "W_enc": tensors.take("encoder.weight", d_sae, d_in).T.float() * s_in,
        "b_enc": tensors.take("encoder.bias", d_sae),
        "W_dec": tensors.take("decoder.weight", d_in, d_sae).T.float() / s_out,
        "b_dec": tensors.take("decoder.bias", d_in).float() / s_out,
    }
    tensors.finish()
    config: dict[str, Any] = {
        "activation": activation,
        "d_in": d_in,
        "d_sae": d_sae,
        "apply_b_dec_to_input": fields.boolean("apply_decoder_bias_to_pre_encoder", False),
        "transcoder": transcoder,
        "units": "normalised",
        "hook_point": hook_in,
        "hook_point_out": hook_out if transcoder else None,
        "source": "llama_scope",
        "metadata": fields.values,
    }
    if activation == "jumprelu":
        weights["threshold"] = torch.full((d_sae,), fields.number("jump_relu_threshold") * s_in)
    elif activation == "topk":
        config["k"] = fields.integer("top_k")
    elif activation != "relu":
        raise MalformedFile(where, f"act_fn: expected jumprelu, topk or relu, found {activation!r}")
    return build(where, config, weights)


def _scale(where: Path, d_in: int, average: float) -> float:
    if not 0 < average < float("inf"):
        raise MalformedFile(
            where, f"dataset_average_activation_norm: expected a positive number, found {average}"
        )
    return float(d_in**0.5 / average)
