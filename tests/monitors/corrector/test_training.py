"""Training: what is learned from, in which order, and that a run which was stopped is the run that was not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.monitors.device import DEVICE

from bartizan.monitors.corrector import vocabulary
from bartizan.monitors.corrector_training import (
    CorrectorTrainingConfig,
    Trainer,
    abstaining,
    answers,
    config_of,
    examples,
)
from bartizan.monitors.corrector_training.examples import Batches, Example, Weights, batch
from bartizan.monitors.sae_training.config import TrainingError

from .conftest import call_examples, trained

CONFIG = CorrectorTrainingConfig(
    size="tiny", steps=24, tokens=512, lr=5e-3, identity=0.25, expert=0.25, precision="fp32"
)


def test_a_batch_asks_for_scripts_only() -> None:
    """Targets are the bytes of the script and its end; ``=`` weighs half; the input weighs what it is given."""
    one, two = Example((257, 65, 261), b"a=1", "one"), Example((257, 261), b"=", "compliant")
    made = batch([one, two], Weights(unchanged=0.5, input=0.0))
    assert made.tokens_BT.tolist() == [
        [257, 65, 261, *b"a=1", vocabulary.END, *[vocabulary.PAD] * 2],
        [257, 261, *b"=", vocabulary.END, *[vocabulary.PAD] * 5],
    ]
    assert made.weight_BT.tolist() == [[0, 0, 1, 1, 1, 1, 0, 0], [0, 0.5, 0.5, 0, 0, 0, 0, 0]]
    assert batch([one], Weights(input=0.25)).weight_BT.tolist() == [[0.25, 0.25, 1, 1, 1, 1, 0, 0]]


def test_every_example_comes_once_an_epoch() -> None:
    """Batches hold as many tokens as they may, and an order resumed at a step goes on as it would have."""
    found = call_examples(300)
    whole = Batches(found, 1500, seed=(1,)).after(0)
    taken = [next(whole)]
    while sum(map(len, taken)) < len(found):
        taken.append(next(whole))
    epoch = [e for part in taken for e in part]
    assert sorted(e.tokens for e in epoch) == sorted(e.tokens for e in found)
    assert all(len(part) * max(e.length for e in part) <= 1500 for part in taken)
    assert next(Batches(found, 1500, seed=(1,)).after(2)) == taken[2]
    assert next(Batches(found, 1500, seed=(2,)).after(2)) != taken[2]


def test_examples_on_disk_are_the_same(tmp_path: Path) -> None:
    """Written and read, an example is equal; a damaged file is said to be one."""
    found = [replace(e, problem={"amount": 3, "text": "é;"}) for e in call_examples(5)]
    examples.save(found, tmp_path / "a.jsonl")
    assert examples.load(tmp_path / "a.jsonl") == found
    (tmp_path / "a.jsonl").write_text("{}\n")
    with pytest.raises(TrainingError, match="make them again"):
        examples.load(tmp_path / "a.jsonl")


def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    """Stopped in each stage and resumed in a new trainer: the same losses, the same weights, bit for bit."""
    found, own = call_examples(120), call_examples(20, seed=9)
    whole = Trainer(found, CONFIG, device=DEVICE)
    whole.learn_also(own)
    records = list(whole.run())
    assert [r.stage for r in records] == ["identity"] * 6 + ["residual"] * 12 + ["expert"] * 6
    seen = []
    for stop in (3, 11, 20, 24):
        part = Trainer(found, CONFIG, device=DEVICE)
        part.learn_also(own)
        if (tmp_path / "checkpoint").exists():
            part.resume(tmp_path / "checkpoint")
        seen += list(part.run(stop))
        part.save(tmp_path / "checkpoint")
    assert seen == records
    for ours, theirs in ((whole.model, part.model), (whole.average, part.average)):
        for name, weight in ours.state_dict().items():
            assert torch.equal(weight, theirs.state_dict()[name])
    assert config_of(tmp_path / "checkpoint") == CONFIG


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    """Other options or other examples: said, not mixed."""
    found = call_examples(60)
    Trainer(found, CONFIG).save(tmp_path / "checkpoint")
    with pytest.raises(TrainingError, match="other options"):
        Trainer(found, replace(CONFIG, lr=1e-3)).resume(tmp_path / "checkpoint")
    with pytest.raises(TrainingError, match="other examples"):
        Trainer(found[:-1], CONFIG).resume(tmp_path / "checkpoint")


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"lr": 0.0}, {"identity": 0.6, "expert": 0.5}, {"precision": "fp8"}, {"ema": 2.0}]
)
def test_options_must_make_sense(wrong: dict[str, object]) -> None:
    """Each is named with what was expected of it."""
    with pytest.raises(TrainingError):
        replace(CONFIG, **wrong)


def test_examples_must_fit() -> None:
    """A size that is not known, and an example beyond the context."""
    with pytest.raises(TrainingError, match="size"):
        Trainer(call_examples(3), replace(CONFIG, size="100m"))
    with pytest.raises(TrainingError, match="tokens"):
        Trainer([Example((257,) * 400, b"=", "compliant")], CONFIG)


def test_it_learns() -> None:
    """On unseen amounts it writes the right script nearly always, where chance and the untrained network do not."""
    held_out = call_examples(100, seed=77)
    begun = Trainer(call_examples(400), replace(CONFIG, steps=1, identity=0.0, expert=0.0))
    assert answers.exact(begun.average, held_out) < 0.1
    assert answers.exact(trained(call_examples(400), 150).average, held_out) > 0.9


def test_own_proposals_are_kept_where_they_are_better() -> None:
    """Of what is sampled the best is learned from where some was worse, never below the label."""
    trainer = trained(call_examples(400), 40)
    some = call_examples(40, seed=5)

    def reward(example: Example, text: bytes) -> float:
        return 1.2 if text == example.output else 0.2 if text in (b"=", b"amount=100") else 0.0

    found = list(answers.own_best(trainer.average, some, reward, temperature=1.0))
    assert 0 < len(found) <= len(some)
    assert all(e.output in (b"=", b"amount=100") for e in found)
    better = list(answers.own_best(trainer.average, some, lambda e, t: float(t != e.output), temperature=1.0))
    assert better and all(e.output != next(s for s in some if s.tokens == e.tokens).output for e in better)


def test_a_threshold_is_as_low_as_its_precision_allows() -> None:
    """Most is accepted that can be; equal scores go together; where nothing is precise enough, nothing is."""
    scored = [(-0.1, True), (-0.2, True), (-0.3, False), (-0.4, True), (-0.5, True), (-0.5, False)]
    assert abstaining.chosen(scored, 1.0) == abstaining.Threshold(-0.2, 2, 2)
    assert abstaining.chosen(scored, 0.8) == abstaining.Threshold(-0.2, 2, 2)
    assert abstaining.chosen(scored, 0.75) == abstaining.Threshold(-0.4, 4, 3)
    assert abstaining.chosen(scored, 0.6) == abstaining.Threshold(-0.5, 6, 4)
    none = abstaining.chosen([(-0.1, False)], 0.999)
    assert none.accepted == 0 and none.threshold > -0.1
    with pytest.raises(ValueError, match="precision"):
        abstaining.chosen(scored, 0.0)
