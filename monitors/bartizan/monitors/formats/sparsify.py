"""EleutherAI sparsify: ``layers.N[.mlp]/cfg.json`` and ``sae.safetensors``, autoencoders and (skip) transcoders.

``relu((x - b_dec) W^T + b)``, then TopK or GroupMax; ``b_dec`` is subtracted unless ``transcode`` is set, whatever
``normalize_decoder`` says. ``encoder.weight`` and ``W_dec`` are both stored [num_latents, d_in]. sae-lens 6.54
transposes the second and derives the subtraction from ``normalize_decoder``: see docs/sae-formats.md.
"""

from __future__ import annotations

from pathlib import Path

from ..sae.errors import MalformedFile
from ..sae.sae import SparseAutoencoder
from .fields import Fields, Tensors, build
from .files import read_json, read_safetensors

CONFIG, WEIGHTS = "cfg.json", "sae.safetensors"


def detect(path: Path) -> bool:
    return (path / CONFIG).is_file() and (path / WEIGHTS).is_file()


def read(path: Path) -> SparseAutoencoder:
    where = path / CONFIG
    fields = Fields(where, read_json(where))
    d_in = fields.integer("d_in")
    d_sae = fields.integer("num_latents", 0) or d_in * fields.integer("expansion_factor")
    activation = fields.text("activation", "topk")
    if activation not in ("topk", "groupmax"):
        raise MalformedFile(where, f"activation: expected 'topk' or 'groupmax', found {activation!r}")
    if fields.boolean("signed", False):  # an older option: ranked by magnitude, signs kept
        activation = "abstopk"
    transcoder = fields.boolean("transcode", False)
    tensors = Tensors(path / WEIGHTS, read_safetensors(path / WEIGHTS))
    weights = {
        "W_enc": tensors.take("encoder.weight", d_sae, d_in).T,
        "b_enc": tensors.take("encoder.bias", d_sae),
        "W_dec": tensors.take("W_dec", d_sae, d_in),
        "b_dec": tensors.take("b_dec", d_in),
    }
    if fields.boolean("skip_connection", False):
        weights["W_skip"] = tensors.take("W_skip", d_in, d_in)
    tensors.finish()
    return build(
        where,
        {
            "activation": activation,
            "d_in": d_in,
            "d_sae": d_sae,
            "k": fields.integer("k"),
            "apply_b_dec_to_input": not transcoder,
            "transcoder": transcoder,
            "units": "raw",
            "hook_point": path.absolute().name,
            "source": "sparsify",
            "metadata": fields.values,
        },
        weights,
    )
