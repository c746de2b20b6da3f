"""The texts that the injection probe learns from: where the injected parts are, and what must not be among them."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from bartizan.monitors.legible import foreign, plain

TRAINING = Path(__file__).parents[3] / "monitors/training"


@pytest.fixture(scope="module")
def composed() -> ModuleType:
    return module("composed")


def module(name: str) -> ModuleType:
    """A file of monitors/training, which are scripts beside one another."""
    sys.path.insert(0, str(TRAINING))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(TRAINING))


def words(text: str, n: int = 5) -> set[tuple[str, ...]]:
    """Every n words that follow one another."""
    found = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    return {tuple(found[at : at + n]) for at in range(len(found) - n + 1)}


@pytest.mark.parametrize("seed", range(200))
def test_pieces_stand_where_the_spans_say_and_make_the_instruction(seed: int, composed: ModuleType) -> None:
    """Torn over entries of any kind, the pieces are all there, in order; JSON and YAML escape what they must."""
    rng = random.Random(seed)
    language = rng.choice((None, *composed.LEARNED))
    text = composed.instruction(rng) if language is None else composed.foreign_instruction(language, rng)
    pieces = composed.torn(text, rng)
    assert len(pieces) >= 2
    told = iter("".join(pieces))
    assert all(letter in told for letter in text if not letter.isspace())  # in this order
    entries, spans = composed.records(pieces, rng)
    assert len(spans) == len(pieces)
    assert list(spans) == sorted(spans)
    for (start, end), piece in zip(spans, pieces, strict=True):
        assert read(entries[start:end]) == read(piece)


def read(text: str) -> str:
    """As it is meant, however it is laid out."""
    return plain(text.replace("\\n", " ").replace('\\"', '"').replace("\\\\", "\\").replace("\n", " "))[0]


def test_every_text_can_be_vouched_for(composed: ModuleType) -> None:
    """Phrases in other scripts would teach nothing: the probe has no word on them."""
    rng = random.Random(0)
    latin = frozenset({"Latin"})
    for language in (*composed.LEARNED, *composed.UNLEARNED):
        for _ in range(100):
            assert not foreign(composed.foreign_instruction(language, rng), latin)
            assert not foreign(composed.foreign_harmless(language, rng), latin)
    for _ in range(500):
        assert not foreign(composed.instruction(rng), latin)
        assert not foreign(composed.harmless(rng), latin)


def test_nothing_of_the_evaluation_is_learned() -> None:
    """No five words of AgentDojo's goals, or of the attack texts of the evaluation, stand in our phrases."""
    from bartizan.integrations.agentdojo import attacks
    from bartizan.integrations.agentdojo.suites import SUITES, load_suite

    phrases = ""
    for name in ("phrases.yaml", "languages.yaml"):
        phrases += json.dumps(yaml.safe_load((TRAINING / name).read_text("utf-8")), ensure_ascii=False)
    learned = words(phrases)
    tested = words(attacks._POLITE) | words(attacks.SplitAttack._FIRST) | words(attacks.SplitAttack._SECOND)
    for name in SUITES:
        for task in load_suite(name).injection_tasks.values():
            tested |= words(task.GOAL)
    assert not learned & tested


def test_runs_of_a_task_are_in_one_fold() -> None:
    """Folds are of tasks: what verifies is of tasks that neither trained nor calibrated."""
    folds, gathered = module("folds"), module("gathered")
    assert not set(folds.CALIBRATE) & set(folds.VERIFY)
    assert {folds.fold_of("shopping/user_task_3")} == {gathered.fold_of("shopping/user_task_3")}
    counts = [sum(folds.fold_of(f"task {n}") == fold for n in range(2000)) for fold in range(5)]
    assert min(counts) > 340
