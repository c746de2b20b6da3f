"""Policies that are made to hurt: every analysis ends, within its memory, with what is true or with "unknown"."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bartizan.policies import Source, check_policy
from bartizan.policies.analysis import Budget, Options, Proved, Unknown, prove
from bartizan.policies.analysis.commands import lint

from .hostile import CASES, WORDS, policy

HOSTILE = Path(__file__).with_name("hostile.py")
PATIENCE = 600  # seconds after which a process hangs, on any machine; no analysis takes a tenth of that
MEBIBYTES = 1_024


def analysed(name: str) -> dict[str, Any]:
    """What a process of its own makes of a policy. Counterexamples are replayed there, or it fails."""
    done = subprocess.run(
        [sys.executable, str(HOSTILE), name], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_policy_is_analysed_or_given_up(name: str) -> None:
    """Whatever it holds: nothing raised, nothing wrong, less than a gibibyte."""
    found = analysed(name)
    assert [p for p in found["proofs"] if p[1] not in ("Proved", "Unknown")] == []
    assert {code for code, *_ in found["findings"]} <= {
        "unknown", "shadowed", "conflict", "unconstrained", "enum-uncovered", "may-error"
    }  # fmt: skip
    assert found["megabytes"] < MEBIBYTES


def test_a_question_out_of_reach_is_unknown() -> None:
    """With next to no budget the answer is "unknown", in the worker process and out of it, and nothing false."""
    checked = check_policy(Source("hostile.yaml", CASES["twenty-contained"]))
    starved = Budget(rlimit=1_000, steps=100, rounds=2, seconds=30.0, second_opinion="never")
    for isolated in (False, True):
        proofs = list(prove(checked, Options(starved, isolated=isolated)))
        assert isinstance(proofs[0].answer, Unknown)
        assert all(isinstance(p.answer, Unknown | Proved) for p in proofs)
    findings = list(lint(checked, Options(starved, isolated=False)))
    assert {f.code for f in findings} <= {"unknown"} and findings


def test_a_worker_that_takes_too_long_is_given_up() -> None:
    """The wall clock ends what the other budgets let pass: each question for itself."""
    endless = " && ".join(f'args.s.contains("{word}")' for word in WORDS)
    text = policy("{s: str}", [], [f"possible: {endless}", "never: allowed(call) && false"])
    hurried = Budget(rlimit=2**31, steps=10**9, seconds=6.0, second_opinion="never")
    first, last = list(prove(check_policy(Source("hostile.yaml", text)), Options(hurried)))
    assert first.answer == Unknown("it took more than 6 s")
    assert isinstance(last.answer, Proved)


def test_texts_with_escapes_are_told_apart_by_the_evaluator() -> None:
    """The witness for a text of nine characters that spells one is that text, and the policy decides it so."""
    checked = check_policy(Source("hostile.yaml", CASES["escapes-that-are-texts"]))
    proofs = [p.answer for p in prove(checked, Options(isolated=False)) if p.invariant.kind == "possible"]
    shown = [answer.witness for answer in proofs if isinstance(answer, Proved)]
    assert [w and w.case["call"]["args"]["s"] for w in shown] == ["\\x41\\", "\\u{30000}"]
