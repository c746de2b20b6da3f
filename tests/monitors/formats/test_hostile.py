"""Files that are broken, or meant to break: one error of ours that names the file, and nothing is run."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from bartizan.monitors import formats
from bartizan.monitors.formats.files import read_npz, read_torch
from bartizan.monitors.sae.errors import MalformedFile, UnknownFormat

CFG = {"d_in": 4, "d_sae": 8, "architecture": "standard", "metadata": {"sae_lens_version": "6.54.12"}}


def weights() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes = {"W_enc": (4, 8), "W_dec": (8, 4), "b_enc": (8,), "b_dec": (4,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def saelens(folder: Path, cfg: Any = CFG, tensors: dict[str, Any] | None = None) -> Path:
    (folder / "cfg.json").write_text(cfg if isinstance(cfg, str) else json.dumps(cfg))
    save_file(weights() if tensors is None else tensors, folder / "sae_weights.safetensors")
    return folder


def nan() -> dict[str, Any]:
    broken = weights()
    broken["W_dec"][2, 1] = np.nan
    return broken


@pytest.mark.parametrize(
    ("cfg", "tensors", "says"),
    [
        ("{", None, "JSON"),
        ("[]", None, "object"),
        ('{"d_in": 4, "d_in": 5}', None, "twice"),
        (CFG | {"architecture": "temporal"}, None, "temporal"),
        (CFG | {"architecture": "gated"}, None, "b_gate"),
        (CFG | {"d_in": "4"}, None, "d_in: expected an integer"),
        (CFG | {"d_sae": 10**15}, None, "W_enc: expected shape"),
        (CFG | {"normalize_activations": "batch_norm"}, None, "batch_norm"),
        (CFG | {"architecture": "topk", "k": 9}, None, "k = 9"),
        (
            CFG,
            weights() | {"W_enc": np.zeros((8, 4), np.float32)},
            r"expected shape \(4, 8\), found \(8, 4\)",
        ),
        (CFG, weights() | {"surprise": np.zeros(3, np.float32)}, "surprise"),
        (CFG, {name: value for name, value in weights().items() if name != "b_dec"}, "'b_dec'"),
        (CFG, weights() | {"b_dec": np.zeros(4, np.int64)}, "floating-point"),
        (CFG, nan(), "W_dec: expected finite"),
        (CFG, weights() | {"W_dec": np.zeros((8, 4), np.float32)}, "only zeros"),
    ],
)
def test_a_broken_folder_is_refused_with_the_reason(
    tmp_path: Path, cfg: Any, tensors: Any, says: str
) -> None:
    """Wrong settings, shapes, names, types and numbers are each named."""
    with pytest.raises(MalformedFile, match=says):
        formats.load(saelens(tmp_path, cfg, tensors))


@pytest.mark.parametrize("keep", [0, 4, 9, 60, -5])
def test_a_truncated_safetensors_file_is_refused(tmp_path: Path, keep: int) -> None:
    """Wherever the file was cut."""
    file = saelens(tmp_path) / "sae_weights.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(MalformedFile, match="sae_weights"):
        formats.load(tmp_path)


def test_a_header_that_declares_terabytes_allocates_nothing(tmp_path: Path) -> None:
    """safetensors: the declared offsets go beyond the file."""
    header = json.dumps({"W_enc": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}})
    saelens(tmp_path)
    (tmp_path / "sae_weights.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode())
    with pytest.raises(MalformedFile):
        formats.load(tmp_path)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch exploded",)


def test_nothing_in_a_pt_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle that would run a command is refused, in an archive and bare."""
    monkeypatch.chdir(tmp_path)
    config = {"trainer": {"dict_class": "AutoEncoder", "activation_dim": 4, "dict_size": 8}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.save({"bias": Bomb()}, tmp_path / "ae.pt")
    with pytest.raises(MalformedFile, match="run code"):
        formats.load(tmp_path)
    (tmp_path / "ae.pt").write_bytes(pickle.dumps({"bias": Bomb()}))
    with pytest.raises(MalformedFile, match="archive"):
        formats.load(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_a_tensor_that_repeats_itself_is_refused(tmp_path: Path) -> None:
    """A few bytes with stride 0 would become terabytes when they are copied."""
    torch.save({"bias": torch.zeros(1).expand(10**12)}, tmp_path / "ae.pt")
    with pytest.raises(MalformedFile, match="repeats itself"):
        read_torch(tmp_path / "ae.pt")


def test_an_npz_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    """A header with a shape that the bytes do not fill, a compression bomb, objects, and another file."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    cases: dict[str, tuple[str, bytes]] = {
        "shape": ("W_enc.npy", header.getvalue()),
        "no weights": ("W_enc.npy", b"\0" * (1 << 24)),
        "arrays only": ("run.py", b"print()"),
    }
    for says, (name, content) in cases.items():
        with zipfile.ZipFile(tmp_path / "params.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        with pytest.raises(MalformedFile, match=says):
            formats.load(tmp_path)
    np.savez(tmp_path / "params.npz", W_enc=np.array([Bomb()], dtype=object))
    with pytest.raises(MalformedFile, match="floating-point"):
        read_npz(tmp_path / "params.npz")
    (tmp_path / "params.npz").write_bytes(b"PK nothing")
    with pytest.raises(MalformedFile):
        formats.load(tmp_path)


def test_an_unknown_folder_says_what_was_expected(tmp_path: Path) -> None:
    """With what is there, so that the wrong folder is noticed."""
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(UnknownFormat, match=r"SAELens.*found model\.bin"):
        formats.load(tmp_path)
    with pytest.raises(UnknownFormat, match="found nothing"):
        formats.load(tmp_path / "nowhere")
