"""What Claude Code posts, and what it is answered: one file each in ``contract``, by the example's policy."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard import Guard
from bartizan.integrations.claude_code import OnAllow, answer
from bartizan.policies import load_policy, run_tests
from bartizan.policies.repair import SolverProposer

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[2] / "examples" / "claude_code"
CASES = sorted((HERE / "contract").glob("*.json"))


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
async def test_the_contract(file: Path) -> None:
    """The answer is the one that the file expects; a ``*`` in a text of it stands for anything."""
    case = json.loads(file.read_text())
    guard = Guard(load_policy(EXAMPLE / "policy.yaml"), proposers=[SolverProposer()])
    found = await answer(guard, case["posted"], on_allow=OnAllow(case.get("allow", "keep")))
    assert same(found, case["answered"]), json.dumps(found, indent=2)


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, str) and "*" in expected:
        return isinstance(found, str) and fnmatchcase(found, expected)
    if isinstance(expected, dict) and isinstance(found, dict):
        return set(found) == set(expected) and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return bool(found == expected) and type(found) is type(expected)


def test_the_examples_policy_passes_its_own_tests() -> None:
    """Every test that the example's policy carries passes."""
    results = list(run_tests(load_policy(EXAMPLE / "policy.yaml")))
    assert len(results) >= 15
    assert [result.name for result in results if not result.passed] == []
