"""dictionary_learning: ``trainer_i/ae.pt`` and ``config.json``; eight classes of dictionaries.

``encode`` as the library has it today, without the optional normalisation of the decoder (fold it with
:meth:`SparseAutoencoder.fold_decoder_norms`). BatchTopK and Matryoshka are read with their threshold; a threshold
below 0 was never calibrated, and the library then runs a plain ReLU: so does this. Trained with ``norm_factor``, the
biases and thresholds were scaled back before saving, so latents are in raw units.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..sae.errors import MalformedFile
from ..sae.sae import SparseAutoencoder
from .fields import Fields, Tensors, build
from .files import read_json, read_torch

CONFIG, WEIGHTS = "config.json", "ae.pt"

BATCH_TOPK = {"BatchTopKSAE": "batchtopk", "MatryoshkaBatchTopKSAE": "matryoshka"}
CLASSES = (
    "AutoEncoder",
    "AutoEncoderNew",
    "GatedAutoEncoder",
    "JumpReluAutoEncoder",
    "AutoEncoderTopK",
    *BATCH_TOPK,
)


def detect(path: Path) -> bool:
    return (path / WEIGHTS).is_file()


def read(path: Path) -> SparseAutoencoder:
    where = path / CONFIG
    fields = Fields(where, read_json(where))
    trainer = fields.inner("trainer")
    d_in, d_sae = trainer.integer("activation_dim"), trainer.integer("dict_size")
    kind = trainer.text("dict_class")
    if kind not in CLASSES:
        raise MalformedFile(where, f"dict_class: expected one of {', '.join(CLASSES)}, found {kind!r}")
    tensors = Tensors(path / WEIGHTS, read_torch(path / WEIGHTS))
    config: dict[str, Any] = {
        "activation": "relu",
        "d_in": d_in,
        "d_sae": d_sae,
        "apply_b_dec_to_input": kind not in ("AutoEncoderNew", "JumpReluAutoEncoder"),
        "units": "raw",
        "hook_point": _hook(trainer),
        "model": trainer.optional_text("lm_name"),
        "trained_as": BATCH_TOPK.get(kind, kind),
        "source": "dictionary_learning",
        "metadata": fields.values,
    }
    weights = _weights(tensors, kind, d_in, d_sae)
    if kind == "GatedAutoEncoder":
        config["activation"] = "gated"
    elif kind == "JumpReluAutoEncoder":
        config["activation"] = "jumprelu"
    elif kind == "AutoEncoderTopK":
        tensors.drop("threshold")  # kept by its trainer; encode ranks each token
        config |= {"activation": "topk", "k": _k(tensors, trainer)}
    elif kind in BATCH_TOPK:
        tensors.drop("k", "group_sizes")
        if (threshold := tensors.number("threshold")) >= 0:
            config["activation"] = "jumprelu"
            weights["threshold"] = torch.full((d_sae,), threshold)
    tensors.finish()
    return build(where, config, weights)


def _weights(tensors: Tensors, kind: str, d_in: int, d_sae: int) -> dict[str, Tensor]:
    if "W_enc" in tensors:
        weights = {
            "W_enc": tensors.take("W_enc", d_in, d_sae),
            "W_dec": tensors.take("W_dec", d_sae, d_in),
            "b_enc": tensors.take("b_enc", d_sae),
            "b_dec": tensors.take("b_dec", d_in),
        }
        if kind == "JumpReluAutoEncoder":
            weights["threshold"] = tensors.take("threshold", d_sae)
        return weights
    b_dec = {"AutoEncoder": "bias", "AutoEncoderNew": "decoder.bias", "GatedAutoEncoder": "decoder_bias"}
    weights = {
        "W_enc": tensors.take("encoder.weight", d_sae, d_in).T,
        "W_dec": tensors.take("decoder.weight", d_in, d_sae).T,
        "b_dec": tensors.take(b_dec.get(kind, "b_dec"), d_in),
    }
    if kind == "GatedAutoEncoder":
        return weights | {
            "b_gate": tensors.take("gate_bias", d_sae),
            "r_mag": tensors.take("r_mag", d_sae),
            "b_mag": tensors.take("mag_bias", d_sae),
        }
    return weights | {"b_enc": tensors.take("encoder.bias", d_sae)}


def _k(tensors: Tensors, trainer: Fields) -> int:
    if "k" not in tensors:
        return trainer.integer("k")
    k = tensors.number("k")
    if k != int(k):
        raise MalformedFile(tensors.where, f"k: expected an integer, found {k}")
    return int(k)


def _hook(trainer: Fields) -> str | None:
    if "layer" not in trainer:
        return trainer.optional_text("submodule_name")
    return f"blocks.{trainer.integer('layer')}.hook_resid_post"
