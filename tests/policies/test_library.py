"""The packs that ship, and the policies of the examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartizan.policies import ToolDecl, compile_policy, load_policy, packs, read_source, run_tests

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "policies/bartizan/policies/library"
FILES = sorted([*LIBRARY.glob("**/*.yaml"), *ROOT.glob("examples/**/policies/*.yaml")])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_policy_passes_its_own_tests(path: Path) -> None:
    """A shipped policy loads, and every one of its tests passes."""
    failed = [result for result in run_tests(load_policy(path)) if not result.passed]
    assert failed == []


def test_every_pack_has_tests_and_says_what_it_does_not_stop() -> None:
    """Each pack carries tests (the tool-agnostic baseline beside itself) and states its limits."""
    assert set(packs()) == {
        "baseline",
        "baseline-monitored",
        "databases",
        "email",
        "files",
        "payments",
        "shell",
        "web",
    }
    for name in packs():
        source = read_source(name)
        assert "What it stops" in source.text
        assert "What it does not stop" in source.text
        tested = LIBRARY / "checks" / f"{name}.yaml"
        program = load_policy(tested if tested.exists() else name)
        assert len(program.policy.tests) >= 5


def test_packs_can_be_included_and_extended() -> None:
    """Including a pack merges its tools and rules; a rule of one's own adds to them."""
    program = compile_policy(
        "version: 1\nname: mine\ninclude: [payments, email]\nrules:\n"
        "  - {id: mine, deny: [send_money], when: args.amount > 10.00}\n"
    )
    assert {"send_money", "send_email"} <= set(program.tools)
    assert {rule.id for rule in program.policy.rules} >= {"mine", "payments-limit", "email-rate"}


def test_baseline_takes_the_tools_it_is_given() -> None:
    """The baseline names no tool: what it guards is what it is given."""
    program = load_policy("baseline", [ToolDecl("wipe", tags=frozenset({"write", "destructive"}))])
    assert set(program.tools) == {"wipe"}
