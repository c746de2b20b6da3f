"""Our autoencoders against sae-lens, an independent implementation, in both directions; and where that is wrong.

Skipped where sae-lens is not installed: it brings a hundred packages, so it has an environment of its own
(``make test-oracle``).
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

with warnings.catch_warnings():  # of its dependencies, at import
    warnings.simplefilter("ignore")
    sae_lens = pytest.importorskip("sae_lens")
    from sae_lens.loading.pretrained_sae_loaders import sparsify_disk_loader

from safetensors.torch import save_file

from bartizan.monitors import formats
from bartizan.monitors.sae import SAEConfig, SlicedEncoder, SparseAutoencoder

pytestmark = pytest.mark.filterwarnings("ignore")

D, F = 12, 40
CASES: list[tuple[str, dict[str, Any]]] = [
    (architecture, {"normalize_activations": normalise, "apply_b_dec_to_input": subtract})
    for architecture in ("standard", "jumprelu", "gated", "topk", "abstopk")
    for normalise in ("none", "constant_norm_rescale", "layer_norm", "expected_average_only_in")
    for subtract in (True, False)
]
CASES += [(kind, {"rescale_acts_by_decoder_norm": True}) for kind in ("topk", "abstopk")]
CASES += [
    (kind, {"d_out": d_out, "apply_b_dec_to_input": False, "normalize_activations": normalise})
    for kind in ("transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder")
    for d_out in (D, 7)
    for normalise in ("none", "layer_norm")
]


def theirs(architecture: str, settings: dict[str, Any]) -> Any:
    """A sae-lens autoencoder with random numbers in every parameter."""
    config = {
        "architecture": architecture,
        "d_in": D,
        "d_sae": F,
        "dtype": "float32",
        "device": "cpu",
    } | settings
    if "topk" in architecture:
        config["k"] = 5
    sae = sae_lens.SAE.from_dict(config)
    with torch.no_grad():
        for name, parameter in sae.named_parameters():
            parameter.copy_(
                torch.rand_like(parameter) if name == "threshold" else torch.randn_like(parameter) * 0.4
            )
    return sae


def same(found: Tensor, expected: Tensor) -> None:
    assert torch.equal(found != 0, expected != 0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("architecture", "settings"), CASES)
def test_what_sae_lens_saved_is_read_as_sae_lens_computes_it(
    architecture: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    """Encode, reconstruct and slice: the same support and values, for every architecture and normalisation."""
    oracle = theirs(architecture, settings)
    oracle.save_model(tmp_path)
    ours = formats.load(tmp_path)
    x = torch.randn(50, D) * 2 + 0.3
    same(ours.encode(x), oracle.encode(x))
    torch.testing.assert_close(ours(x), oracle(x), atol=1e-4, rtol=1e-4)
    features = [3, 0, 39, 17]
    same(SlicedEncoder(ours, features)(x), oracle.encode(x)[:, features])


@pytest.mark.parametrize(("architecture", "settings"), CASES)
def test_what_we_save_is_read_by_sae_lens(
    architecture: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    """The other way round: sae-lens loads our folder and computes what we do."""
    theirs(architecture, settings).save_model(tmp_path / "theirs")
    ours = formats.load(tmp_path / "theirs")
    formats.save(ours, tmp_path / "ours")
    oracle = sae_lens.SAE.load_from_disk(tmp_path / "ours")
    x = torch.randn(50, D) * 2 + 0.3
    same(ours.encode(x), oracle.encode(x))
    torch.testing.assert_close(ours(x), oracle(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["standard", "jumprelu", "gated"])
def test_folding_is_what_sae_lens_folds(architecture: str, tmp_path: Path) -> None:
    """Input scale and decoder norms."""
    oracle = theirs(architecture, {"normalize_activations": "expected_average_only_in"})
    oracle.save_model(tmp_path)
    ours = formats.load(tmp_path).fold_input_scale(1.7).fold_decoder_norms()
    oracle.fold_activation_norm_scaling_factor(1.7)
    oracle.fold_W_dec_norm()
    x = torch.randn(50, D)
    same(ours.encode(x), oracle.encode(x))
    torch.testing.assert_close(ours(x), oracle(x), atol=1e-4, rtol=1e-4)


def test_sae_lens_reads_sparsify_wrongly_and_we_do_not(tmp_path: Path) -> None:
    """6.54 transposes W_dec, and with that mended still takes b_dec for normalize_decoder's business."""
    folder = tmp_path / "layers.4"
    folder.mkdir()
    config = {"d_in": D, "num_latents": F, "expansion_factor": 32, "k": 5, "normalize_decoder": True}
    (folder / "cfg.json").write_text(json.dumps(config))
    raw = {
        "encoder.weight": torch.randn(F, D),
        "encoder.bias": torch.randn(F) * 0.3,
        "W_dec": torch.randn(F, D),
        "b_dec": torch.randn(D),
    }
    save_file(raw, folder / "sae.safetensors")
    x = torch.randn(200, D)
    h = ((x - raw["b_dec"]) @ raw["encoder.weight"].T + raw["encoder.bias"]).relu()
    top = h.topk(5)
    documented = torch.zeros_like(h).scatter_(-1, top.indices, top.values)
    same(formats.load(folder).encode(x), documented)

    with pytest.raises(RuntimeError, match="W_dec"):
        sae_lens.SAE.load_from_disk(folder, converter=sparsify_disk_loader, dtype="float32")

    def mended(path: Any, device: Any, cfg_overrides: Any = None) -> Any:
        cfg, state = sparsify_disk_loader(path, device, cfg_overrides)
        return cfg, state | {"W_dec": state["W_dec"].T.contiguous()}

    wrong = sae_lens.SAE.load_from_disk(folder, converter=mended, dtype="float32").encode(x)
    both = ((wrong != 0) & (documented != 0)).sum()
    either = ((wrong != 0) | (documented != 0)).sum()
    assert both / either < 0.7
    assert (wrong - documented).abs().max() > 1


def test_a_batchtopk_threshold_is_read_as_jumprelu(tmp_path: Path) -> None:
    """What sae-lens saves of BatchTopK and Matryoshka is the JumpReLU that we read."""
    oracle = theirs("jumprelu", {})
    with torch.no_grad():
        oracle.threshold.fill_(0.6)
    oracle.save_model(tmp_path)
    x = torch.randn(50, D)
    same(formats.load(tmp_path).encode(x), oracle.encode(x))


def test_half_precision_agrees_outside_the_guard_band() -> None:
    """In bf16 the slice and sae-lens round differently; where they disagree, the verdict is ambiguous."""
    oracle = theirs("jumprelu", {}).to(torch.bfloat16)
    tensors = {name: parameter.detach() for name, parameter in oracle.named_parameters()}
    config = SAEConfig(activation="jumprelu", d_in=D, d_sae=F, apply_b_dec_to_input=True)
    x = torch.randn(3000, D).bfloat16()
    reading = SlicedEncoder(SparseAutoencoder(config, tensors), list(range(F))).read(x)
    verdict, full = reading.above(), oracle.encode(x) > 0
    sure = verdict != -1
    assert torch.equal(verdict[sure] == 1, full[sure])
    assert sure.float().mean() > 0.9
