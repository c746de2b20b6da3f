"""Formats that are one file: Qwen-Scope, Goodfire, and the transcoders of circuit-tracer (mwhanna, mntss).

* ``qwen_scope``, ``layerN.sae.pt``: W_enc [F, d], W_dec [d, F], b_enc, b_dec; TopK, with k in the repository's name
* ``goodfire``, ``*.pt`` or ``*.pth``: encoder_linear.weight [F, d] and .bias, decoder_linear.weight [d, F] and .bias;
  ReLU
* ``circuit_tracer``, ``layer_N.safetensors``: W_enc [F, d], W_dec [F, d], b_enc, b_dec; a ReLU transcoder

None subtracts ``b_dec`` from the input, or normalises it.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..sae.errors import MalformedFile
from ..sae.sae import SparseAutoencoder
from .fields import Tensors, build
from .files import read_safetensors, read_torch

_QWEN = re.compile(r"layer(\d+)\.sae\.pt")
_CIRCUIT = re.compile(r"layer_(\d+)\.safetensors")
_L0 = re.compile(r"W\d+K-L0_(\d+)")


def is_qwen_scope(path: Path) -> bool:
    return path.is_file() and _QWEN.fullmatch(path.name) is not None


def is_goodfire(path: Path) -> bool:
    return path.is_file() and path.suffix in (".pt", ".pth") and not is_qwen_scope(path)


def is_circuit_tracer(path: Path) -> bool:
    return path.is_file() and _CIRCUIT.fullmatch(path.name) is not None


def read_qwen_scope(path: Path) -> SparseAutoencoder:
    """``k`` is in the repository's name (``...-W32K-L0_50``): a folder of the path must carry it."""
    found = _L0.search(str(path.absolute()))
    if found is None:
        raise MalformedFile(
            path,
            "expected a folder named like the repository, '...-W32K-L0_50': the file does not hold its k",
        )
    tensors = Tensors(path, read_torch(path))
    W_enc = tensors.take("W_enc", None, None)
    d_sae, d_in = W_enc.shape
    weights = {
        "W_enc": W_enc.T,
        "W_dec": tensors.take("W_dec", d_in, d_sae).T,
        "b_enc": tensors.take("b_enc", d_sae),
        "b_dec": tensors.take("b_dec", d_in),
    }
    tensors.finish()
    layer = _QWEN.fullmatch(path.name)
    config = {
        "activation": "topk",
        "k": int(found[1]),
        "d_in": d_in,
        "d_sae": d_sae,
        "units": "raw",
        "hook_point": f"blocks.{layer[1]}.hook_resid_post" if layer else None,
        "source": "qwen_scope",
    }
    return build(path, config, weights)


def read_goodfire(path: Path) -> SparseAutoencoder:
    tensors = Tensors(path, read_torch(path))
    W_enc = tensors.take("encoder_linear.weight", None, None)
    d_sae, d_in = W_enc.shape
    weights = {
        "W_enc": W_enc.T,
        "W_dec": tensors.take("decoder_linear.weight", d_in, d_sae).T,
        "b_enc": tensors.take("encoder_linear.bias", d_sae),
        "b_dec": tensors.take("decoder_linear.bias", d_in),
    }
    tensors.finish()
    layer = re.search(r"-l(\d+)$", path.stem)
    config = {
        "activation": "relu",
        "d_in": d_in,
        "d_sae": d_sae,
        "units": "raw",
        "hook_point": f"blocks.{layer[1]}.hook_resid_post" if layer else None,
        "source": "goodfire",
    }
    return build(path, config, weights)


def read_circuit_tracer(path: Path) -> SparseAutoencoder:
    tensors = Tensors(path, read_safetensors(path))
    W_enc = tensors.take("W_enc", None, None)
    d_sae, d_in = W_enc.shape
    W_dec = tensors.take("W_dec", d_sae, None)
    d_out = W_dec.shape[1]
    weights = {
        "W_enc": W_enc.T,
        "W_dec": W_dec,
        "b_enc": tensors.take("b_enc", d_sae),
        "b_dec": tensors.take("b_dec", d_out),
    }
    if "W_skip" in tensors:
        weights["W_skip"] = tensors.take("W_skip", d_out, d_in)
    tensors.finish()
    layer = _CIRCUIT.fullmatch(path.name)
    config = {
        "activation": "relu",
        "d_in": d_in,
        "d_sae": d_sae,
        "d_out": d_out,
        "transcoder": True,
        "units": "raw",
        "hook_point": f"blocks.{layer[1]}.mlp.hook_in" if layer else None,
        "hook_point_out": f"blocks.{layer[1]}.hook_mlp_out" if layer else None,
        "source": "circuit_tracer",
    }
    return build(path, config, weights)
