"""A policy's own tests say what its denials are corrected to, and the command line shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bartizan.integrations.cli import app
from bartizan.policies import CaseResult, compile_policy, run_tests

POLICY = """version: 1
name: shop
tools:
  order: {args: {amount: dec(2), to: str, "note?": str}}
rules:
  - {id: order, allow: [order]}
  - {id: much, deny: [order], when: args.amount > 100.00}
  - {id: notes, deny: [order], when: has(args.note)}
  - {id: eve, deny: [order], when: args.to == "eve"}
repair:
  order: {amount: clamp, note: drop}
tests:
"""


def ran(case: str) -> CaseResult:
    """The policy with one test, which is run."""
    [result] = run_tests(compile_policy(f"{POLICY}  - {{call: {{tool: order, args: {case}\n"))
    return result


@pytest.mark.parametrize(
    "case",
    [
        "{amount: 700, to: ann}}, expect: {corrected: {amount: 100.00}}}",
        "{amount: 700, to: ann, note: x}}, expect: {corrected: {amount: 100, note: null}}, because: [much, notes]}",
        "{amount: 7, to: ann, note: x}}, expect: {corrected: {note: null}}}",
    ],
)
def test_what_is_corrected_as_expected_passes(case: str) -> None:
    """The arguments named change to that, all others stay."""
    result = ran(case)
    assert result.passed, result


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("{amount: 700, to: ann}}, expect: {corrected: {amount: 99}}}", 'corrected to {"amount":100}'),
        ("{amount: 700, to: ann, note: x}}, expect: {corrected: {amount: 100}}}", '"note":null'),
        ("{amount: 7, to: ann}}, expect: {corrected: {amount: 100}}}", "allow because order"),
        ("{amount: 700, to: eve}}, expect: {corrected: {amount: 100}}}", "no correction that is allowed"),
        ("{amount: 700, to: ann}}, expect: {corrected: {amount: 100}}, because: [eve]}", "because much"),
    ],
)
def test_what_is_not_fails_and_says_what_was_found(case: str, found: str) -> None:
    """Another value, more changes, no denial, nothing that may be changed, another reason."""
    result = ran(case)
    assert not result.passed
    assert found in result.found


def explained(tmp_path: Path, args: str) -> dict[str, object]:
    """What ``explain --json`` says of a call."""
    (tmp_path / "policy.yaml").write_text(POLICY.removesuffix("tests:\n"), "utf-8")
    (tmp_path / "case.yaml").write_text(f"call: {{tool: order, args: {args}}}\n", "utf-8")
    done = CliRunner().invoke(
        app, ["explain", str(tmp_path / "policy.yaml"), str(tmp_path / "case.yaml"), "--json"]
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_explain_shows_what_a_guard_would_change_or_advise(tmp_path: Path) -> None:
    """What is opened is corrected; where it does not help, the nearest call is named; an allowed call is left alone."""
    assert explained(tmp_path, "{amount: 700, to: ann}")["corrected"] == {"amount": 100}
    assert "corrected" not in explained(tmp_path, "{amount: 7, to: ann}")
    advised = explained(tmp_path, "{amount: 7, to: eve, note: x}")
    assert "corrected" not in advised and advised["outcome"] == "DENY"
