"""Models from damaged folders: what is not whole is refused with the reason, never made up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bartizan.monitors.errors import ReaderError
from bartizan.monitors.reader import Reader

from .tiny_reader import model, tokenizer

DENSE = "encoder.layer.1.output.dense.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model(positions=256).save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def rewritten(folder: Path, weights: dict[str, Tensor]) -> None:
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def without(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    rewritten(folder, {name: weight for name, weight in weights.items() if name != DENSE})


def resized(folder: Path) -> None:
    rewritten(folder, load_file(folder / "model.safetensors") | {DENSE: torch.zeros(16, 33)})


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def wordless(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def listed(folder: Path) -> None:
    (folder / "config.json").write_text("[1]")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without, f"weights are missing: {DENSE};"),
        (resized, f"weights of another size than the configuration says: {DENSE};"),
        (pickled, "no file named model.safetensors"),
        (cut, "deserializing header"),
        (wordless, "the tokenizer has no words"),
        (listed, "must be a mapping"),
        (shutil.rmtree, "there is no such folder"),
    ],
)
def test_a_damaged_folder_is_refused(folder: Path, damage: object, said: str) -> None:
    """Weights that are missing, of another size, pickled or cut off; no words; no configuration; nothing at all."""
    assert callable(damage)
    damage(folder)
    with pytest.raises(ReaderError, match="cannot load a reader model") as refused:
        Reader.load(folder)
    assert said in str(refused.value)


def test_a_device_that_is_not_there_is_told(folder: Path) -> None:
    """Nonsense, and a kind of device that this build of torch has not."""
    with pytest.raises(ReaderError, match="device 'nonsense'"):
        Reader.load(folder, device="nonsense")


def test_only_a_pooler_may_be_missing(folder: Path) -> None:
    """It stands behind every hook point, and encoders are often published without."""
    weights = load_file(folder / "model.safetensors")
    rewritten(folder, {name: weight for name, weight in weights.items() if "pooler" not in name})
    assert Reader.load(folder).fingerprint.n_layers == 2
