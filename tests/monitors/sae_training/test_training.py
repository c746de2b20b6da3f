"""Training: it learns what was planted, resumes exactly, and the result is what was trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bartizan.monitors.sae import SparseAutoencoder
from bartizan.monitors.sae_training import Activations, SAETrainingConfig, Trainer, TrainingError, finished
from bartizan.monitors.sae_training.statistics import geometric_median
from bartizan.monitors.sae_training.surrogates import jumprelu, step

from .conftest import planted

Write = Callable[..., Activations]
SMALL = SAETrainingConfig(
    architecture="topk", d_sae=64, tokens=60_000, k=4, batch_size=256, lr=5e-3, dead_after=6000
)
VARIANTS: dict[str, dict[str, Any]] = {
    "topk": {"architecture": "topk"},
    "topk, rescale": {"architecture": "topk", "decoder_norm": "rescale"},
    "batchtopk": {"architecture": "batchtopk"},
    "batchtopk, rescale": {"architecture": "batchtopk", "decoder_norm": "rescale", "b_dec_init": "mean"},
    "jumprelu, step": {"architecture": "jumprelu", "l0_coefficient": 0.3},
    "jumprelu, target": {"architecture": "jumprelu", "target_l0": 4.0, "l0_coefficient": 0.3},
    "jumprelu, tanh": {"architecture": "jumprelu", "surrogate": "tanh", "l0_coefficient": 0.3},
    "jumprelu, rescale": {"architecture": "jumprelu", "decoder_norm": "rescale", "l0_coefficient": 0.3},
}


@pytest.fixture(params=VARIANTS)
def config(request: pytest.FixtureRequest) -> SAETrainingConfig:
    return replace(SMALL, **VARIANTS[request.param])


def run(trainer: Trainer, steps: int | None = None) -> list[float]:
    return [record.loss for _, record in zip(range(steps or 10**9), trainer.run(), strict=False)]


def test_it_finds_the_planted_directions(write_activations: Write, config: SAETrainingConfig) -> None:
    """Most of the variance is explained with few latents, and most planted directions have a latent of their own."""
    trainer = Trainer(write_activations(12_000), config)
    before = trainer.evaluate()
    run(trainer)
    after = trainer.evaluate()
    assert after.fvu < 0.2 < before.fvu
    assert 1.5 < after.l0 < 10
    found = torch.nn.functional.normalize(trainer.model.folded()[2].detach(), dim=1).numpy()
    closest = (planted(1)[1] @ found.T).max(axis=1)
    # Half a minute would find them all; in a second, thresholds that must be learned too are not there yet.
    assert np.median(closest) > (0.5 if config.architecture == "jumprelu" else 0.8)


def test_the_result_is_what_was_trained(write_activations: Write, config: SAETrainingConfig) -> None:
    """Folded into plain weights, it reconstructs raw activations as well as the trainer measured."""
    trainer = Trainer(write_activations(4000), replace(config, tokens=10_240))
    run(trainer)
    quality = trainer.evaluate()
    sae = finished(trainer, quality)
    assert isinstance(sae, SparseAutoencoder)
    x_ND = torch.from_numpy(trainer.data.read(len(trainer.data) - quality.rows, len(trainer.data)))
    latents_NF = sae.encode(x_ND)
    variance = (x_ND - x_ND.mean(0)).pow(2).sum()
    assert float((x_ND - sae(x_ND)).pow(2).sum() / variance) == pytest.approx(quality.fvu, rel=1e-3)
    assert float((latents_NF > 0).sum(1).float().mean()) == pytest.approx(quality.l0, rel=1e-3)
    norms_F = sae.decoder_norms() * trainer.scale
    torch.testing.assert_close(norms_F, torch.ones_like(norms_F), rtol=0, atol=1e-5)
    assert sae.config.units == "normalised"
    assert sae.config.hook_point == "resid_post.1"
    assert sae.config.activation == ("topk" if config.architecture == "topk" else "jumprelu")
    assert not any(parameter.requires_grad for parameter in sae.parameters())


def test_a_resumed_run_is_the_uninterrupted_one(
    write_activations: Write, config: SAETrainingConfig, tmp_path: Path
) -> None:
    """Stopped twice, once in the second epoch: every weight and every later loss is the same to the bit."""
    data, config = write_activations(3000), replace(config, tokens=30 * 256, dead_after=900)
    whole = Trainer(data, config)
    losses = run(whole)
    again: list[float] = []
    for steps in (7, 12, 11):
        part = Trainer(data, config)
        if again:
            part.resume(tmp_path / "checkpoint.safetensors")
        again += run(part, steps)
        part.save(tmp_path / "checkpoint.safetensors")
    assert part.finished
    assert again == losses
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, part.model.state_dict()[name]), name
    assert torch.equal(whole.fired_ago_F, part.fired_ago_F)


def test_seeds_decide(write_activations: Write) -> None:
    """The same seed gives the same weights, another seed others."""
    data, config = write_activations(3000), replace(SMALL, tokens=2560)
    results = []
    for seed in (0, 0, 1):
        trainer = Trainer(data, replace(config, seed=seed))
        run(trainer)
        results.append(trainer.model.W_enc.detach().clone())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_dead_latents_are_revived(write_activations: Write) -> None:
    """With every latent but eight pushed nearly out of reach, only the auxiliary loss brings the others back."""
    data = write_activations(8000)
    dead = {}
    for coefficient in (0.0, 1 / 32):
        trainer = Trainer(data, replace(SMALL, tokens=100_000, dead_after=2000, aux_coefficient=coefficient))
        with torch.no_grad():
            trainer.model.b_enc[8:] = -4.0
        run(trainer)
        dead[coefficient] = trainer.evaluate().dead
    assert dead[0.0] > 0.4
    assert dead[1 / 32] < 0.8 * dead[0.0]


def test_checkpoints_of_other_runs_are_refused(write_activations: Write, tmp_path: Path) -> None:
    """Another configuration, other activations, a damaged or foreign file: each says what differs."""
    data, path = write_activations(3000), tmp_path / "checkpoint.safetensors"
    trainer = Trainer(data, replace(SMALL, tokens=2560))
    run(trainer, 2)
    trainer.save(path)
    with pytest.raises(TrainingError, match=r"configuration \(.*k.*\)"):
        Trainer(data, replace(SMALL, tokens=2560, k=5)).resume(path)
    other = write_activations(3100, seed=5, name="other")
    with pytest.raises(TrainingError, match=r"activations \(tokens"):
        Trainer(other, replace(SMALL, tokens=2560)).resume(path)
    tensors = load_file(path)
    whole = path.read_bytes()
    save_file(tensors, path)
    with pytest.raises(TrainingError, match="expected format"):
        trainer.resume(path)
    path.write_bytes(whole[:200])
    with pytest.raises(TrainingError, match="cannot be read"):
        trainer.resume(path)
    with pytest.raises(TrainingError, match="cannot be read"):
        trainer.resume(tmp_path / "nothing.safetensors")


def test_a_loss_that_is_not_finite_stops_the_run(write_activations: Write) -> None:
    """The step and the remedy are named; nothing is updated with it."""
    trainer = Trainer(write_activations(3000), SMALL)
    run(trainer, 1)
    with torch.no_grad():
        trainer.model.b_dec[0] = float("nan")
    before = trainer.model.W_enc.detach().clone()
    with pytest.raises(TrainingError, match=r"step 1: .* lower lr"):
        trainer.step()
    assert torch.equal(trainer.model.W_enc, before)


def test_too_little_or_too_uniform_data_is_refused(write_activations: Write, tmp_path: Path) -> None:
    """There must be a batch besides the held-out tenth, and rows must differ."""
    with pytest.raises(TrainingError, match="too few"):
        Trainer(write_activations(200), SMALL)
    from bartizan.monitors.sae_training import ActivationWriter

    with ActivationWriter(tmp_path / "same", d_in=3, hook_point="h", fingerprint={}) as writer:
        writer.write(np.ones((3000, 3)))
    with pytest.raises(TrainingError, match="all rows are the same"):
        Trainer(Activations(tmp_path / "same"), SMALL)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "gated"},
        {"d_sae": 0},
        {"k": 65},
        {"k": 2.5},
        {"tokens": 10},
        {"lr": float("nan")},
        {"lr": -1.0},
        {"bandwidth": 0},
        {"warmup": 0.7, "decay": 0.7},
        {"threshold_rate": 0},
        {"aux_coefficient": -1},
        {"target_l0": 3.0, "surrogate": "tanh"},
    ],
)
def test_configurations_that_mean_nothing_are_refused(changes: dict[str, Any]) -> None:
    """Each error names the field."""
    with pytest.raises(TrainingError, match="|".join(changes)):
        replace(SMALL, **changes)


def test_the_learning_rate_rises_and_falls() -> None:
    """Linear from 0 to the peak and, at the end, back."""
    config = replace(SMALL, tokens=256 * 100, warmup=0.1, decay=0.2)
    rates = [config.lr_at(step) for step in range(100)]
    assert max(rates) == config.peak_lr == rates[50]
    assert rates[:11] == sorted(rates[:11])
    assert rates[79:] == sorted(rates[79:], reverse=True)
    assert 0 < rates[0] < 0.1 * config.peak_lr
    assert 0 < rates[-1] < 0.06 * config.peak_lr


def test_surrogates_have_the_gradients_of_the_paper() -> None:
    """Only pre-activations within half a bandwidth of the threshold move it (JumpReLU, equations 11 and 12)."""
    h_BF = torch.tensor([[0.9], [1.04], [1.2], [-0.3]], requires_grad=True)
    threshold_F = torch.tensor([1.0], requires_grad=True)
    step(h_BF, threshold_F, 0.1).sum().backward()
    assert h_BF.grad is None
    torch.testing.assert_close(threshold_F.grad, torch.tensor([-1 / 0.1]))
    threshold_F.grad = None
    f_BF = jumprelu(h_BF, threshold_F, 0.1)
    assert f_BF.flatten().tolist() == pytest.approx([0, 1.04, 1.2, 0])
    (2 * f_BF.sum()).backward()
    assert h_BF.grad is not None
    assert h_BF.grad.flatten().tolist() == [0, 2, 2, 0]
    torch.testing.assert_close(threshold_F.grad, torch.tensor([-2 * 1.0 / 0.1]))


def test_the_geometric_median_withstands_outliers() -> None:
    """A tenth of the rows at norm 1000 move the mean far and the geometric median hardly."""
    x_ND = torch.randn(500, 6)
    x_ND[:50] += 1000
    assert torch.linalg.vector_norm(x_ND.mean(0)) > 100
    assert torch.linalg.vector_norm(geometric_median(x_ND)) < 1
