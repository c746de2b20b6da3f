"""Gemma Scope (Gemma 2): ``layer_L/width_Wk/average_l0_N/params.npz``, autoencoders and transcoders.

JumpReLU with a threshold a feature; ``b_dec`` is not subtracted; weights are for activations as the model makes them.
Nothing in the file says where it reads: the names of the folders do. Source: Lieberum et al. 2024 (arXiv 2408.05147).
"""

from __future__ import annotations

import re
from pathlib import Path

from ..sae.sae import SparseAutoencoder
from .fields import Tensors, build, capital, jumprelu
from .files import read_npz

WEIGHTS = "params.npz"
_SITES = {"res": "hook_resid_post", "att": "attn.hook_z", "mlp": "hook_mlp_out"}


def detect(path: Path) -> bool:
    return (path / WEIGHTS).is_file()


def read(path: Path) -> SparseAutoencoder:
    where = path / WEIGHTS
    tensors = Tensors(where, capital(read_npz(where)))
    weights = jumprelu(tensors)
    tensors.finish()
    (d_in, d_sae), d_out = weights["W_enc"].shape, weights["W_dec"].shape[1]
    folders = [part.lower() for part in path.absolute().parts]
    if "embedding" in folders:  # trained on embeddings that the model multiplies by sqrt(d) later
        weights["W_enc"] = weights["W_enc"] / d_in**0.5
        weights["W_dec"] = weights["W_dec"] * d_in**0.5
    transcoder = d_in != d_out or any("transcoder" in part for part in folders)
    hook_in, hook_out = _hooks(folders, transcoder)
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
            "hook_point_out": hook_out,
            "source": "gemma_scope",
        },
        weights,
    )


def _hooks(folders: list[str], transcoder: bool) -> tuple[str | None, str | None]:
    layer = next((found[1] for part in folders if (found := re.fullmatch(r"layer_(\d+)", part))), None)
    if "embedding" in folders:
        return "hook_embed", None
    if layer is None:
        return None, None
    if transcoder:
        return f"blocks.{layer}.ln2.hook_normalized", f"blocks.{layer}.hook_mlp_out"
    kind = next((part[-3:] for part in folders if part.startswith("gemma-scope-")), "")
    return (f"blocks.{layer}.{_SITES[kind]}" if kind in _SITES else None), None
