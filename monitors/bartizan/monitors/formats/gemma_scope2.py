"""Gemma Scope 2 (Gemma 3): ``config.json`` and ``params.safetensors``, autoencoders and (skip) transcoders.

JumpReLU; ``b_dec`` is not subtracted. ``affine_skip_connection`` is stored [d_in, d_out]. A cross-layer transcoder
(``w_dec`` [d_sae, layers, d]) writes at many layers, and is refused.
"""

from __future__ import annotations

from pathlib import Path

from ..sae.errors import MalformedFile
from ..sae.sae import SparseAutoencoder
from .fields import Fields, Tensors, build, capital, jumprelu
from .files import read_json, read_safetensors

CONFIG, WEIGHTS = "config.json", "params.safetensors"


def detect(path: Path) -> bool:
    return (path / CONFIG).is_file() and (path / WEIGHTS).is_file()


def read(path: Path) -> SparseAutoencoder:
    where = path / CONFIG
    fields = Fields(where, read_json(where))
    if (architecture := fields.text("architecture")) != "jump_relu":
        raise MalformedFile(where, f"architecture: expected 'jump_relu', found {architecture!r}")
    tensors = Tensors(path / WEIGHTS, capital(read_safetensors(path / WEIGHTS)))
    weights = jumprelu(tensors)
    (d_in, d_sae), d_out = weights["W_enc"].shape, weights["W_dec"].shape[1]
    affine = fields.boolean("affine_connection", False)
    if affine != ("affine_skip_connection" in tensors):
        raise MalformedFile(where, "affine_connection and the tensor affine_skip_connection go together")
    if affine:
        weights["W_skip"] = tensors.take("affine_skip_connection", d_in, d_out).T
    tensors.finish()
    hook_in, hook_out = fields.text("hf_hook_point_in"), fields.optional_text("hf_hook_point_out")
    transcoder = affine or d_in != d_out or (hook_out is not None and hook_out != hook_in)
    return build(
        where,
        {
            "activation": "jumprelu",
            "d_in": d_in,
            "d_sae": d_sae,
            "d_out": d_out,
            "transcoder": transcoder,
            "units": "raw",
            "hook_point": hook_in,
            "hook_point_out": hook_out if transcoder else None,
            "model": fields.optional_text("model_name"),
            "source": "gemma_scope2",
            "metadata": fields.values,
        },
        weights,
    )
