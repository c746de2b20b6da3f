"""What correctors are trained on is right: every label is replayed by the policy, and the scripts run end to end."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.forked import Forked
from tests.monitors.killed import kill_midway

from bartizan.guard import Request, ToolCall
from bartizan.monitors.corrector import script, spans, storage
from bartizan.monitors.corrector.grammar import CallGrammar
from bartizan.monitors.corrector.reading import marks
from bartizan.monitors.corrector.vocabulary import END
from bartizan.monitors.corrector_training import examples

TRAINING = Path(__file__).parents[3] / "monitors" / "training" / "corrector"

TINY = """\
version: 1
name: tiny
tools:
  pay: {args: {amount: int, urgent: bool}, effect: destructive}
rules:
  - {id: tools, allow: [pay]}
  - {id: limit, deny: [pay], when: "args.amount > 500"}
  - {id: urgent, deny: [pay], when: "args.urgent && args.amount > 50"}
repair:
  pay: {amount: clamp, urgent: {class: enum, values: [false], cost: 3}}
"""


def module(name: str) -> ModuleType:
    """A file of the training folder, which are scripts beside one another."""
    sys.path.insert(0, str(TRAINING))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(TRAINING))


@pytest.fixture(scope="module")
def problems() -> ModuleType:
    return module("problems")


@pytest.fixture(scope="module")
def made(problems: ModuleType) -> Any:
    """Some calls of the payments policy and of a variant of it, with their synthesiser."""
    variants = module("variants")
    text = (TRAINING / "payments.yaml").read_text(encoding="utf-8")
    draw = random.Random(4)
    other = variants.renamed(variants.renumbered(text, draw), draw)
    found = []
    for policy in (text, other):
        synthesiser = problems.Synthesiser(variants.compiled(policy), seed=3)
        found.append((synthesiser, list(synthesiser.problems(150))))
    return found


def test_labels_are_right(made: Any) -> None:
    """An edit is permitted and allowed; what is left alone is allowed as it is; what is given up is not."""
    for synthesiser, labelled in made:
        program = synthesiser.program
        for one in labelled:
            refused = one.refused
            if one.script is script.Word.UNCHANGED:
                assert refused.decision.allowed
                continue
            assert not refused.decision.allowed
            if one.script is script.Word.DENY:
                continue
            args = script.applied(script.read(script.written(one.script)), one.problem.args)
            edited = ToolCall.of("call", one.problem.tool, args)
            request = Request(edited, refused.request.now, refused.request.principal)
            assert program.decide(request, refused.session).allowed
            assert program.permits(refused.request.call, edited)


def test_no_cheaper_edit_of_one_argument_is_allowed(made: Any, problems: ModuleType) -> None:
    """Tried by brute force: every alternative of every single argument, and amounts next to the label's."""
    for synthesiser, labelled in made:
        program = synthesiser.program
        for one in labelled[:80]:
            if one.kind == "compliant" or one.rules == ("schema",):  # what does not conform is not repaired
                continue
            for name, value in one.problem.args.items():
                opening = next((o for o in program.openings(one.problem.tool) if o.path == (name,)), None)
                if opening is None:
                    continue
                others = [a.value for a in opening.alternatives(value)]
                if isinstance(value, int | float) and not isinstance(value, bool):
                    others += [round(value * x, 2) for x in (0.1, 0.5, 0.9, 0.99)]
                for other in others:
                    args = {**one.problem.args, name: other}
                    request = Request(
                        ToolCall.of("c", one.problem.tool, args),
                        one.refused.request.now,
                        one.refused.request.principal,
                    )
                    if program.decide(request, one.refused.session).allowed:
                        assert one.kind != "deny"
                        assert problems.cost(program, one.problem, args) >= one.cost


def test_the_mix_is_kept(made: Any) -> None:
    """As many calls of each kind as were asked for, and every rule is violated somewhere."""
    for _, labelled in made:
        kinds = Counter(one.kind for one in labelled)
        assert (
            abs(kinds["compliant"] - 67) <= 2 and abs(kinds["one"] - 52) <= 2 and abs(kinds["deny"] - 12) <= 2
        )
    synthesiser, labelled = made[0]
    broken = {rule for one in labelled for rule in one.rules}
    assert {rule.id for rule in synthesiser.program.policy.rules if rule.effect == "deny"} <= broken


def test_labels_are_in_the_grammar(made: Any) -> None:
    """What decoding is held to lets every label through."""
    for synthesiser, labelled in made:
        for one in labelled:
            text = script.written(one.script)
            grammar = CallGrammar(synthesiser.readings[one.problem.tool].editable)
            assert all(text[at] in grammar(text[:at]) for at in range(len(text)))
            assert END in grammar(text)


def test_calls_near_every_limit_are_made(made: Any) -> None:
    """For the numbers that the policy compares with there are calls on either side, at most one unit away."""
    amounts = [one.problem.args["amount"] for one in made[0][1]]
    near = [
        limit
        for limit in (500, 2000, 10000)
        if any(0 < a - limit <= 1 for a in amounts) and any(0 <= limit - a <= 1 for a in amounts)
    ]
    assert len(near) >= 2


def test_sentences_are_labelled_right() -> None:
    """The secret is gone, the claim is that of the result, the sentence still is one; spans begin where marks stand."""
    texts = module("texts")
    for unseen in (False, True):
        kinds: Counter[str] = Counter()
        for sentence in texts.sentences(400, 5, unseen=unseen):
            kinds[sentence.kind] += 1
            if not sentence.edits:
                assert sentence.kind == "compliant" and not sentence.secret
                continue
            after = spans.applied(spans.read(spans.written(sentence.edits)), sentence.text)
            assert after[0].isupper() and after.endswith(".") and "  " not in after and " ." not in after
            assert all(
                edit.start in marks(sentence.text) and edit.end in marks(sentence.text)
                for edit in sentence.edits
            )
            if sentence.kind == "claim":
                assert f" {sentence.about.partition(': ')[2]}" in after
            else:
                assert sentence.secret in sentence.text and sentence.secret not in after
        assert set(kinds) == set(texts.MIX)


ENVIRONMENT = {
    **os.environ, "TERM": "dumb", "COLUMNS": "200", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore",
}  # fmt: skip


def run(name: str, *arguments: str) -> Forked:
    """A script of the training folder."""
    return Forked([TRAINING / name, *arguments], ENVIRONMENT, merged=True)


def said(process: Forked) -> str:
    text = process.communicate(timeout=300)[0]
    assert process.returncode == 0, text
    return text


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy file, and beside it ``data`` that was made of it by this process."""
    policy = tmp_path_factory.mktemp("tiny") / "tiny.yaml"
    policy.write_text(TINY, encoding="utf-8")
    module("synthesise").synthesise(policy, TRAINING / "bookings.yaml", policy.parent, 120, 0, 1, tests=40)
    return policy


def test_a_policy_file_becomes_a_corrector(tiny: Path, tmp_path: Path) -> None:
    """From a tiny policy alone, killed in the middle and started again: it learns, and ends as the run that was not."""

    def options(out: str) -> list[str]:
        return [
            f"--policy={tiny}", f"--out={tmp_path / out}", "--size=tiny", "--steps=160", "--count=120",
            "--tokens=1024", "--lr=0.01", "--precision=fp32", "--processes=1", "--eval-every=40", "--held-out=60",
            "--device=cpu",
        ]  # fmt: skip

    def begin(name: str) -> Forked:
        shutil.copytree(tiny.parent / "data", tmp_path / name / "data")
        return run("train.py", *options(name))

    metrics = tmp_path / "killed" / "metrics.jsonl"
    kill_midway(
        lambda: begin("killed"),
        tmp_path / "killed",
        begun=lambda: metrics.exists() and metrics.read_text().count("\n") >= 4,
        over=lambda: (tmp_path / "killed" / "corrector").exists(),
    )
    assert "going on after step" in said(run("train.py", *options("killed")))
    said(begin("whole"))
    folders = [tmp_path / name for name in ("killed", "whole")]
    assert len({(folder / "corrector" / "model.safetensors").read_bytes() for folder in folders}) == 1
    assert len({(folder / "metrics.jsonl").read_text() for folder in folders}) == 1
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [line["stage"] for line in lines if line["step"] in (10, 40, 160)] == [
        "identity",
        "residual",
        "expert",
    ]
    assert lines[-1]["loss"] < 0.5 * max(line["loss"] for line in lines)
    assert lines[-1]["exact"] > 0.6  # leaving everything alone is right for 45%
    corrector = storage.load(tmp_path / "whole" / "corrector")
    assert corrector.tools["pay"].editable == {"amount": (), "urgent": (False,)}
    assert (tmp_path / "whole" / "training.png").stat().st_size > 5000
    table = said(run("evaluate.py", f"--policy={tiny}", f"--out={tmp_path / 'whole'}"))
    assert "| calls | solver | 100.0%" in table


def test_steps_are_as_many_as_there_is_time_for(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred where there is none; else what fits in, whatever a step takes here, looking at them included."""
    train, task = module("train"), module("tasks").Calls(tiny, tiny.parent)
    command = "train.py --size=tiny --tokens=512 --precision=fp32 --held-out=20 --device=cpu"
    monkeypatch.setattr(sys, "argv", command.split())
    options, training = train.parse(), task.examples("train")
    assert train.steps_in(time.monotonic(), training, task, options) == 100
    assert train.steps_in(time.monotonic() + 10_000, training, task, options) > 500


def test_sentences_become_a_corrector(tmp_path: Path) -> None:
    """The same steps for texts: made, learned from, judged beside a rule that masks."""
    out = f"--out={tmp_path}"
    told = subprocess.run(
        [
            sys.executable, str(TRAINING / "train.py"), "--task=texts", out, "--size=tiny", "--steps=30", "--count=300",
            "--tokens=1024", "--precision=fp32", "--eval-every=15", "--held-out=20", "--device=cpu",
        ],
        check=True, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, timeout=300,
    ).stdout  # fmt: skip
    assert "300 examples" in told
    corrector = storage.load(tmp_path / "corrector")
    assert (corrector.task, corrector.policy, corrector.notes["examples"]) == ("texts", "", 300)
    table = said(run("evaluate_texts.py", out))
    assert "| texts | mask | 0.0%" in table and "| wordings | corrector |" in table


def test_making_data_does_not_depend_on_processes(tiny: Path, tmp_path: Path) -> None:
    """In this process or in two others, the same bytes."""
    options = (f"--policy={tiny}", f"--out={tmp_path}", "--count=120", "--tests=40", "--processes=2")
    said(run("synthesise.py", *options))
    for split in ("train", "calibrate", "calls", "withheld", "thresholds", "combinations", "schema"):
        both = {(folder / "data" / f"{split}.jsonl").read_bytes() for folder in (tiny.parent, tmp_path)}
        assert len(both) == 1
    assert examples.load(tmp_path / "data" / "train.jsonl")
