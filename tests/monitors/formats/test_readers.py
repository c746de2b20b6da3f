"""Every format, from files written here by hand in its documented layout, against its equations in numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from bartizan.monitors import formats
from bartizan.monitors.sae import InvalidConfig

D, F, N = 6, 14, 40
RNG = np.random.default_rng(3)
A = {
    "enc": RNG.normal(size=(D, F)).astype(np.float32),
    "dec": RNG.normal(size=(F, D)).astype(np.float32),
    "be": RNG.normal(size=F).astype(np.float32) * 0.3,
    "bd": RNG.normal(size=D).astype(np.float32),
    "th": RNG.uniform(0.1, 1.0, size=F).astype(np.float32),
    "r": RNG.normal(size=F).astype(np.float32) * 0.3,
    "bm": RNG.normal(size=F).astype(np.float32) * 0.3,
    "skip": RNG.normal(size=(D, D)).astype(np.float32),
}
X = RNG.normal(size=(N, D)).astype(np.float32)


def relu(h: Any) -> Any:
    return np.maximum(h, 0)


def jump(h: Any, threshold: Any) -> Any:
    return relu(h) * (h > threshold)


def topk(h: Any, k: int) -> Any:
    kept = np.zeros_like(h)
    for row, source in zip(kept, h, strict=True):
        best = np.argsort(-source)[:k]
        row[best] = relu(source[best])
    return kept


def abstopk(h: Any, k: int) -> Any:
    kept = np.zeros_like(h)
    for row, source in zip(kept, h, strict=True):
        best = np.argsort(-np.abs(source))[:k]
        row[best] = source[best]
    return kept


def layer_norm(x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred / (x.std(-1, ddof=1, keepdims=True) + 1e-5)


def write(folder: Path, files: dict[str, Any]) -> Path:
    """JSON for a dict of settings, safetensors, npz or a PyTorch archive for a dict of arrays."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".json"):
            file.write_text(json.dumps(content))
        elif name.endswith(".npz"):
            np.savez(file, **content)
        elif name.endswith(".safetensors"):
            save_file({key: np.ascontiguousarray(value) for key, value in content.items()}, file)
        else:
            torch.save({key: torch.tensor(value) for key, value in content.items()}, file)
    return folder


def saelens(architecture: str, tensors: dict[str, Any], **cfg: Any) -> dict[str, Any]:
    base = {
        "d_in": D,
        "d_sae": F,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "architecture": architecture,
        "metadata": {
            "sae_lens_version": "6.54.12",
            "hook_name": "blocks.4.hook_resid_post",
            "model_name": "m",
        },
    }
    return {"cfg.json": base | cfg, "sae_weights.safetensors": tensors}


def old(cfg: dict[str, Any]) -> dict[str, Any]:
    base = {"d_in": D, "d_sae": F, "hook_point": "blocks.4.hook_resid_post", "model_name": "m"}
    return {
        "cfg.json": base | cfg,
        "sae_weights.safetensors": BASE | {"scaling_factor": np.ones(F, np.float32)},
    }


def dictionary(kind: str, tensors: dict[str, Any]) -> dict[str, Any]:
    trainer = {"dict_class": kind, "activation_dim": D, "dict_size": F, "layer": 4, "lm_name": "m"}
    return {"ae.pt": tensors, "config.json": {"trainer": trainer, "buffer": {"ctx_len": 128}}}


def linear(b_dec: str) -> dict[str, Any]:
    return {
        "encoder.weight": A["enc"].T.copy(),
        "encoder.bias": A["be"],
        "decoder.weight": A["dec"].T.copy(),
        b_dec: A["bd"],
    }


BASE = {"W_enc": A["enc"], "b_enc": A["be"], "W_dec": A["dec"], "b_dec": A["bd"]}
GATED = {
    "W_enc": A["enc"],
    "W_dec": A["dec"],
    "b_dec": A["bd"],
    "b_gate": A["be"],
    "r_mag": A["r"],
    "b_mag": A["bm"],
}
THRESHOLD = {"threshold": A["th"]}
LOWER = {"w_enc": A["enc"], "b_enc": A["be"], "w_dec": A["dec"], "b_dec": A["bd"], "threshold": A["th"]}
PLAIN = X @ A["enc"] + A["be"]
LESS = (X - A["bd"]) @ A["enc"] + A["be"]
GATES = relu(np.exp(A["r"]) * ((X - A["bd"]) @ A["enc"]) + A["bm"]) * (LESS > 0)
NORMS = np.linalg.norm(A["dec"], axis=1)
SPARSIFY = {"encoder.weight": A["enc"].T, "encoder.bias": A["be"], "W_dec": A["dec"], "b_dec": A["bd"]}
SPARSIFY_CFG = {"d_in": D, "num_latents": F, "expansion_factor": 32, "k": 4, "normalize_decoder": True}
S = D**0.5 / 3.5
LLAMA = {
    "d_model": D,
    "d_sae": F,
    "jump_relu_threshold": 0.4,
    "dataset_average_activation_norm": {"in": 3.5, "out": 3.5},
    "hook_point_in": "blocks.4.hook_resid_post",
    "hook_point_out": "blocks.4.hook_resid_post",
}
LLAMA_WEIGHTS = {
    "encoder.weight": A["enc"].T,
    "encoder.bias": A["be"],
    "decoder.weight": A["dec"].T,
    "decoder.bias": A["bd"],
}
GEMMA2 = {"architecture": "jump_relu", "model_name": "m", "hf_hook_point_in": "model.layers.4.output"}
TRANSCODES = {"hf_hook_point_out": "model.layers.4.post_feedforward_layernorm.output"}
SKIP = {"W_skip": A["skip"]}

# name: (files, path inside the folder, latents, reconstruction or None)
CASES: dict[str, tuple[dict[str, Any], str, Any, Any]] = {
    "saelens standard": (saelens("standard", BASE), "", relu(LESS), relu(LESS) @ A["dec"] + A["bd"]),
    "saelens jumprelu": (saelens("jumprelu", BASE | THRESHOLD), "", jump(LESS, A["th"]), None),
    "saelens jumprelu, b_dec not subtracted": (
        saelens("jumprelu", BASE | THRESHOLD, apply_b_dec_to_input=False),
        "",
        jump(PLAIN, A["th"]),
        jump(PLAIN, A["th"]) @ A["dec"] + A["bd"],
    ),
    "saelens topk": (saelens("topk", BASE, k=4), "", topk(LESS, 4), None),
    "saelens topk, rescaled": (
        saelens("topk", BASE, k=4, rescale_acts_by_decoder_norm=True),
        "",
        topk(LESS * NORMS, 4),
        (topk(LESS * NORMS, 4) / NORMS) @ A["dec"] + A["bd"],
    ),
    "saelens abstopk": (saelens("abstopk", BASE, k=4), "", abstopk(LESS, 4), None),
    "saelens gated": (saelens("gated", GATED), "", GATES, None),
    "saelens layer_norm": (
        saelens("standard", BASE, normalize_activations="layer_norm"),
        "",
        relu((layer_norm(X) - A["bd"]) @ A["enc"] + A["be"]),
        (relu((layer_norm(X) - A["bd"]) @ A["enc"] + A["be"]) @ A["dec"] + A["bd"])
        * X.std(-1, ddof=1, keepdims=True)
        + X.mean(-1, keepdims=True),
    ),
    "saelens constant_norm_rescale": (
        saelens("standard", BASE, normalize_activations="constant_norm_rescale"),
        "",
        relu((X * D**0.5 / np.linalg.norm(X, axis=1, keepdims=True) - A["bd"]) @ A["enc"] + A["be"]),
        None,
    ),
    "saelens expected_average_only_in": (
        saelens("standard", BASE, normalize_activations="expected_average_only_in"),
        "",
        relu(LESS),
        None,
    ),
    "saelens transcoder": (
        saelens(
            "transcoder",
            BASE | {"W_dec": A["dec"][:, :4], "b_dec": A["bd"][:4]},
            d_out=4,
            apply_b_dec_to_input=False,
        ),
        "",
        relu(PLAIN),
        relu(PLAIN) @ A["dec"][:, :4] + A["bd"][:4],
    ),
    "saelens jumprelu skip transcoder": (
        saelens("jumprelu_skip_transcoder", BASE | THRESHOLD | SKIP, d_out=D, apply_b_dec_to_input=False),
        "",
        jump(PLAIN, A["th"]),
        jump(PLAIN, A["th"]) @ A["dec"] + A["bd"] + X @ A["skip"].T,
    ),
    "saelens 5 relu": (
        old({"activation_fn_str": "relu", "normalize_activations": False}),
        "",
        relu(LESS),
        None,
    ),
    "saelens 5 topk": (
        old({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 4}}),
        "",
        topk(LESS, 4),
        None,
    ),
    "gemma scope": (
        {"gemma-scope-2b-pt-res/layer_4/width_16k/average_l0_5/params.npz": BASE | THRESHOLD},
        "gemma-scope-2b-pt-res/layer_4/width_16k/average_l0_5",
        jump(PLAIN, A["th"]),
        jump(PLAIN, A["th"]) @ A["dec"] + A["bd"],
    ),
    "gemma scope, small letters": ({"params.npz": LOWER}, "", jump(PLAIN, A["th"]), None),
    "gemma scope embedding": (
        {"embedding/width_4k/average_l0_5/params.npz": BASE | THRESHOLD},
        "embedding/width_4k/average_l0_5",
        jump(X @ A["enc"] / D**0.5 + A["be"], A["th"]),
        jump(X @ A["enc"] / D**0.5 + A["be"], A["th"]) @ A["dec"] * D**0.5 + A["bd"],
    ),
    "gemma scope transcoder": (
        {"gemma-scope-2b-pt-transcoders/layer_4/width_16k/average_l0_5/params.npz": BASE | THRESHOLD},
        "gemma-scope-2b-pt-transcoders/layer_4/width_16k/average_l0_5",
        jump(PLAIN, A["th"]),
        None,
    ),
    "gemma scope 2": ({"config.json": GEMMA2, "params.safetensors": LOWER}, "", jump(PLAIN, A["th"]), None),
    "gemma scope 2 skip transcoder": (
        {
            "config.json": GEMMA2 | TRANSCODES | {"affine_connection": True},
            "params.safetensors": LOWER | {"affine_skip_connection": A["skip"]},
        },
        "",
        jump(PLAIN, A["th"]),
        jump(PLAIN, A["th"]) @ A["dec"] + A["bd"] + X @ A["skip"],
    ),
    "sparsify": (
        {"layers.4/cfg.json": SPARSIFY_CFG, "layers.4/sae.safetensors": SPARSIFY},
        "layers.4",
        topk(LESS, 4),
        topk(LESS, 4) @ A["dec"] + A["bd"],
    ),
    "sparsify groupmax": (
        {
            "layers.4/cfg.json": SPARSIFY_CFG | {"activation": "groupmax", "k": 7},
            "layers.4/sae.safetensors": SPARSIFY,
        },
        "layers.4",
        (lambda g: np.where(g == g.max(-1, keepdims=True), g, 0).reshape(N, F))(relu(LESS).reshape(N, 7, 2)),
        None,
    ),
    "sparsify skip transcoder": (
        {
            "layers.4.mlp/cfg.json": SPARSIFY_CFG | {"transcode": True, "skip_connection": True},
            "layers.4.mlp/sae.safetensors": SPARSIFY | SKIP,
        },
        "layers.4.mlp",
        topk(PLAIN, 4),
        topk(PLAIN, 4) @ A["dec"] + A["bd"] + X @ A["skip"].T,
    ),
    "dictionary_learning AutoEncoder": (dictionary("AutoEncoder", linear("bias")), "", relu(LESS), None),
    "dictionary_learning AutoEncoderNew": (
        dictionary("AutoEncoderNew", linear("decoder.bias")),
        "",
        relu(PLAIN),
        None,
    ),
    "dictionary_learning Gated": (
        dictionary(
            "GatedAutoEncoder",
            {
                "encoder.weight": A["enc"].T.copy(),
                "decoder.weight": A["dec"].T.copy(),
                "decoder_bias": A["bd"],
                "gate_bias": A["be"],
                "r_mag": A["r"],
                "mag_bias": A["bm"],
            },
        ),
        "",
        GATES,
        None,
    ),
    "dictionary_learning JumpReLU": (
        dictionary("JumpReluAutoEncoder", BASE | THRESHOLD),
        "",
        jump(PLAIN, A["th"]),
        None,
    ),
    "dictionary_learning TopK": (
        dictionary("AutoEncoderTopK", linear("b_dec") | {"k": np.int64(4), "threshold": np.float32(0.5)}),
        "",
        topk(LESS, 4),
        None,
    ),
    "dictionary_learning BatchTopK": (
        dictionary("BatchTopKSAE", linear("b_dec") | {"k": np.int64(4), "threshold": np.float32(0.5)}),
        "",
        jump(LESS, 0.5),
        None,
    ),
    "dictionary_learning BatchTopK, never calibrated": (
        dictionary("BatchTopKSAE", linear("b_dec") | {"k": np.int64(4), "threshold": np.float32(-1)}),
        "",
        relu(LESS),
        None,
    ),
    "dictionary_learning Matryoshka": (
        dictionary(
            "MatryoshkaBatchTopKSAE",
            BASE | {"k": np.int32(4), "threshold": np.float32(0.5), "group_sizes": np.array([4, 10])},
        ),
        "",
        jump(LESS, 0.5),
        None,
    ),
    "llama scope": (
        {"hyperparams.json": LLAMA, "checkpoints/final.safetensors": LLAMA_WEIGHTS},
        "",
        jump(X * S @ A["enc"] + A["be"], 0.4 * S),
        (jump(X * S @ A["enc"] + A["be"], 0.4 * S) @ A["dec"] + A["bd"]) / S,
    ),
    "qwen scope": (
        {
            "SAE-Res-M-W32K-L0_4/layer4.sae.pt": BASE
            | {"W_enc": A["enc"].T.copy(), "W_dec": A["dec"].T.copy()},
        },
        "SAE-Res-M-W32K-L0_4/layer4.sae.pt",
        topk(PLAIN, 4),
        None,
    ),
    "goodfire": (
        {
            "m-SAE-l4.pth": {
                "encoder_linear.weight": A["enc"].T.copy(),
                "encoder_linear.bias": A["be"],
                "decoder_linear.weight": A["dec"].T.copy(),
                "decoder_linear.bias": A["bd"],
            }
        },
        "m-SAE-l4.pth",
        relu(PLAIN),
        None,
    ),
    "circuit tracer": (
        {"layer_4.safetensors": BASE | {"W_enc": A["enc"].T}},
        "layer_4.safetensors",
        relu(PLAIN),
        None,
    ),
}


UNSAVABLE = ("sparsify groupmax", "sparsify skip transcoder")
"""SAELens has no architecture for them."""


@pytest.mark.parametrize("name", CASES)
def test_a_reader_gives_the_documented_equations(name: str, tmp_path: Path) -> None:
    """Same support, latents to 1e-5, and the reconstruction where the format says something about it."""
    files, inside, latents, reconstruction = CASES[name]
    sae = formats.load(write(tmp_path, files) / inside)
    found = sae.encode(torch.tensor(X)).numpy()
    assert np.array_equal(found != 0, latents != 0)
    np.testing.assert_allclose(found, latents, atol=1e-5)
    assert 0.05 < (latents != 0).mean() < 0.95
    if reconstruction is not None:
        np.testing.assert_allclose(sae(torch.tensor(X)).numpy(), reconstruction, atol=1e-4)


def test_where_it_reads_and_in_what_units_is_recorded(tmp_path: Path) -> None:
    """Hook point, format and units come from the files, or are said to be unspecified."""
    said = {}
    for name in (
        "saelens jumprelu",
        "gemma scope",
        "llama scope",
        "dictionary_learning Matryoshka",
        "sparsify",
    ):
        files, inside, _, _ = CASES[name]
        config = formats.load(write(tmp_path / name, files) / inside).config
        said[config.source] = (config.hook_point, config.units)
    assert said == {
        "saelens": ("blocks.4.hook_resid_post", "unspecified"),
        "gemma_scope": ("blocks.4.hook_resid_post", "raw"),
        "llama_scope": ("blocks.4.hook_resid_post", "normalised"),
        "dictionary_learning": ("blocks.4.hook_resid_post", "raw"),
        "sparsify": ("layers.4", "raw"),
    }


@pytest.mark.parametrize("name", [name for name in CASES if name not in UNSAVABLE])
def test_what_is_saved_is_what_was_loaded(name: str, tmp_path: Path) -> None:
    """Through our own SAELens folder every number and every unit survives."""
    files, inside, _, _ = CASES[name]
    sae = formats.load(write(tmp_path / "in", files) / inside)
    formats.save(sae, tmp_path / "out")
    again = formats.load(tmp_path / "out")
    x = torch.tensor(X)
    assert torch.equal(again.encode(x), sae.encode(x)) and torch.equal(again(x), sae(x))
    assert (again.config.units, again.config.hook_point) == (sae.config.units, sae.config.hook_point)


@pytest.mark.parametrize("name", UNSAVABLE)
def test_what_saelens_lacks_is_not_saved_as_something_else(name: str, tmp_path: Path) -> None:
    """The error comes before anything is written."""
    files, inside, _, _ = CASES[name]
    sae = formats.load(write(tmp_path / "in", files) / inside)
    with pytest.raises(InvalidConfig, match="SAELens has no"):
        formats.save(sae, tmp_path / "out")
    assert not (tmp_path / "out").exists()
