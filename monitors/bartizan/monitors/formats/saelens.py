"""SAELens: ``cfg.json`` and ``sae_weights.safetensors``, version 6 and before; read and written.

Source: the format of sae-lens 6.54. Before version 6 there is no ``metadata`` object and some fields have older names.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..replacing import replace_text, replacing
from ..sae.config import SAEConfig
from ..sae.errors import InvalidConfig, MalformedFile
from ..sae.sae import SparseAutoencoder
from .fields import Fields, Tensors, build
from .files import read_json, read_safetensors

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
VERSION = "6.54.12"
"""The version of the format that is written."""

ACTIVATIONS = MappingProxyType(
    {
        "standard": "relu",
        "jumprelu": "jumprelu",
        "topk": "topk",
        "abstopk": "abstopk",
        "gated": "gated",
        "transcoder": "relu",
        "skip_transcoder": "relu",
        "jumprelu_transcoder": "jumprelu",
        "jumprelu_skip_transcoder": "jumprelu",
    }
)
_RENAMED = {
    "hook_point": "hook_name",
    "hook_point_head_index": "hook_head_index",
    "activation_fn_str": "activation_fn",
}
_OURS = "bartizan"
"""The key in ``metadata`` under which units and provenance are kept; sae-lens carries it along."""


def detect(path: Path) -> bool:
    return (path / CONFIG).is_file() and (path / WEIGHTS).is_file()


def read(path: Path) -> SparseAutoencoder:
    where = path / CONFIG
    raw = read_json(where)
    fields = Fields(where, raw)
    metadata = fields.inner("metadata", {})
    if _is_old(metadata.optional_text("sae_lens_version") or fields.optional_text("sae_lens_version"), where):
        fields = Fields(where, _modern(fields))
        metadata = fields
    architecture = fields.text("architecture", "standard")
    if architecture not in ACTIVATIONS:
        raise MalformedFile(
            where,
            f"architecture: expected one of {', '.join(ACTIVATIONS)}, found {architecture!r} (an autoencoder in "
            "training is saved for inference by sae-lens first; temporal and matching_pursuit have no per-token "
            "encoder)",
        )
    transcoder = architecture.endswith("transcoder")
    tensors = Tensors(path / WEIGHTS, read_safetensors(path / WEIGHTS))
    d_in, d_sae = fields.integer("d_in"), fields.integer("d_sae")
    d_out = fields.integer("d_out", d_in) if transcoder else d_in
    weights = _take(tensors, architecture, d_in, d_sae, d_out)
    activation = ACTIVATIONS[architecture]
    ours = metadata.inner(_OURS, {})
    normalise = fields.text("normalize_activations", "none")
    if normalise == "covariance_whitening":
        raise MalformedFile(where, "normalize_activations: fold the whitening into the weights first")
    config = {
        "activation": activation,
        "d_in": d_in,
        "d_sae": d_sae,
        "d_out": d_out,
        "k": fields.integer("k") if activation in ("topk", "abstopk") else None,
        "normalise": normalise,
        "apply_b_dec_to_input": fields.boolean("apply_b_dec_to_input", not transcoder),
        "rescale_acts_by_decoder_norm": activation in ("topk", "abstopk")
        and fields.boolean("rescale_acts_by_decoder_norm", False),
        "transcoder": transcoder,
        "units": ours.text("units", "unspecified" if normalise == "none" else "normalised"),
        "hook_point": metadata.optional_text("hook_name"),
        "hook_point_out": metadata.optional_text("hook_name_out"),
        "model": metadata.optional_text("model_name"),
        "heads": fields.text("reshape_activations", "none") == "hook_z",
        "trained_as": ours.optional_text("trained_as"),
        "source": "saelens",
        "metadata": MappingProxyType(raw),
    }
    return build(where, config, weights)


def _take(tensors: Tensors, architecture: str, d_in: int, d_sae: int, d_out: int) -> dict[str, Tensor]:
    weights = {
        "W_enc": tensors.take("W_enc", d_in, d_sae),
        "W_dec": tensors.take("W_dec", d_sae, d_out),
        "b_dec": tensors.take("b_dec", d_out),
    }
    biases = ("b_gate", "r_mag", "b_mag") if architecture == "gated" else ("b_enc",)
    for name in (*biases, *(("threshold",) if architecture.startswith("jumprelu") else ())):
        weights[name] = tensors.take(name, d_sae)
    if "skip" in architecture:
        weights["W_skip"] = tensors.take("W_skip", d_out, d_in)
    if "scaling_factor" in tensors:  # written for a while by old versions, all ones unless it was fine-tuned
        factor = tensors.take("scaling_factor", d_sae)
        if not torch.allclose(factor, torch.ones_like(factor)):
            raise MalformedFile(
                tensors.where,
                "scaling_factor: a factor per feature was fine-tuned; fold it into W_dec and save again",
            )
    tensors.finish()
    return weights


def _is_old(version: str | None, where: Path) -> bool:
    if version is None:
        return True
    major = version.split(".", 1)[0]
    if not major.isdigit():
        raise MalformedFile(where, f"sae_lens_version: expected a version number, found {version!r}")
    return int(major) < 6


def _modern(fields: Fields) -> dict[str, Any]:
    """The configuration of a version before 6, in the names of version 6."""
    new = {_RENAMED.get(name, name): value for name, value in fields.values.items()}
    old = Fields(fields.where, new)
    if old.optional_text("activation_fn") == "topk":
        new["architecture"] = "topk"
        new["k"] = old.inner("activation_fn_kwargs").integer("k")
    if isinstance(new.get("normalize_activations"), bool):
        new["normalize_activations"] = "expected_average_only_in" if new["normalize_activations"] else "none"
    if "hook_z" in (old.optional_text("hook_name") or ""):
        new.setdefault("reshape_activations", "hook_z")
    return new


def write(sae: SparseAutoencoder, path: Path) -> None:
    """The folder in the format of version 6, which sae-lens loads. Raises :class:`InvalidConfig` for what it lacks."""
    config = sae.config
    if config.activation == "groupmax":
        raise InvalidConfig("SAELens has no groupmax architecture")
    text = json.dumps(_document(config, sae), indent=1, sort_keys=True) + "\n"  # refuses before it writes
    path.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in sae.named_parameters()}
    with replacing(path / WEIGHTS) as part:
        save_file(weights, part)
    replace_text(path / CONFIG, text)


def _document(config: SAEConfig, sae: SparseAutoencoder) -> dict[str, Any]:
    document: dict[str, Any] = {
        "architecture": _architecture(config, sae.skip),
        "d_in": config.d_in,
        "d_sae": config.d_sae,
        "dtype": str(sae.dtype).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": config.apply_b_dec_to_input,
        "normalize_activations": config.normalise,
        "reshape_activations": "hook_z" if config.heads else "none",
        "metadata": {
            "sae_lens_version": VERSION,
            "sae_lens_training_version": None,
            "hook_name": config.hook_point,
            "hook_name_out": config.hook_point_out,
            "model_name": config.model,
            _OURS: {"units": config.units, "trained_as": config.trained_as, "source": config.source},
        },
    }
    if config.transcoder:
        document["d_out"] = config.width_out
    if config.k is not None:
        document |= {
            "k": config.k,
            "rescale_acts_by_decoder_norm": config.rescale_acts_by_decoder_norm,
        }
    return document


def _architecture(config: SAEConfig, skip: bool) -> str:
    if not config.transcoder:
        if skip:
            raise InvalidConfig("SAELens has no autoencoder with W_skip, only transcoders")
        return "standard" if config.activation == "relu" else config.activation
    if config.activation not in ("relu", "jumprelu"):
        raise InvalidConfig(f"SAELens has no {config.activation} transcoder")
    return f"{'jumprelu_' if config.activation == 'jumprelu' else ''}{'skip_' if skip else ''}transcoder"
