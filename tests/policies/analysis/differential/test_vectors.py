"""The committed vectors: what every implementation of the language must decide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bartizan.policies import load_policy, packs

from .vectors import VECTORS, answer, write

PLACES = sorted(path.parent for path in VECTORS.glob("*/cases.json"))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_decision_is_reproduced(place: Path) -> None:
    """The policy has the recorded hash, and every call the recorded outcome, reasons and truth values."""
    program = load_policy(place / "policy.yaml")
    recorded: dict[str, Any] = json.loads((place / "cases.json").read_text(encoding="utf-8"))
    assert program.hash == recorded["hash"]
    for entry in recorded["cases"]:
        expected = {key: value for key, value in entry.items() if key != "case"}
        assert answer(program, entry["case"]) == expected, entry["case"]


@pytest.mark.parametrize("name", packs())
def test_packs_decide_as_their_own_tests_expect(name: str) -> None:
    """Nothing of a pack's tests was lost on the way into a vector."""
    place = VECTORS / f"pack-{name}"
    tests = load_policy(place / "policy.yaml").policy.tests
    entries = json.loads((place / "cases.json").read_text(encoding="utf-8"))["cases"]
    for test, entry in zip(tests, entries, strict=True):
        if "decision" in entry:
            assert entry["decision"]["outcome"] == test.expect
        else:
            found = entry["inspection"]
            assert test.expect.text in (None, found["text"]) and test.expect.label in (None, found["label"])


def test_generating_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """``python -m tests.policies.analysis.differential.vectors`` would change nothing."""
    write(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {
        path.relative_to(VECTORS): path.read_bytes()
        for place in PLACES
        for path in place.rglob("*")
        if path.is_file()
    }
    assert made == kept, "run `python -m tests.policies.analysis.differential.vectors` and read the diff"


def test_the_vectors_cover_the_language() -> None:
    """There are T, F and E rules, every outcome, and both calls and results among them."""
    truths, outcomes, kinds = set(), set(), set()
    for place in PLACES:
        for entry in json.loads((place / "cases.json").read_text(encoding="utf-8"))["cases"]:
            kinds |= {"decision", "inspection"} & set(entry)
            if "decision" in entry:
                truths |= set(entry["decision"]["rules"].values())
                outcomes.add(entry["decision"]["outcome"])
    assert len(PLACES) >= 40
    assert truths == {"T", "F", "E"}
    assert outcomes == {"allow", "escalate", "deny"}
    assert kinds == {"decision", "inspection"}
