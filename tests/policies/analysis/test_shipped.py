"""What ships is clean: the packs and the example policies have no open finding, and what they promise is proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartizan.policies import CheckedPolicy, check_policy, packs, read_source
from bartizan.policies.analysis import Budget, Options, Proved, lint, prove
from bartizan.policies.analysis.checks.ablation import Ablation
from bartizan.policies.analysis.justifications import apply_justifications
from bartizan.policies.analysis.sequences.established import establish
from bartizan.policies.analysis.solve import Unsat

EXAMPLES = Path(__file__).parents[3] / "examples"
SHIPPED = [*packs(), *(str(p.relative_to(EXAMPLES)) for p in sorted(EXAMPLES.glob("**/policies/*.yaml")))]
HERE = Options(isolated=False)


def shipped(name: str) -> CheckedPolicy:
    return check_policy(read_source(EXAMPLES / name if name.endswith(".yaml") else name))


@pytest.mark.parametrize("name", SHIPPED)
def test_lint_finds_nothing_that_is_not_justified(name: str) -> None:
    """No warning, no error, nothing unknown."""
    policy = shipped(name)
    found = apply_justifications(lint(policy, HERE), policy)
    assert [(f.code, f.rule or f.tool, f.message) for f in found if f.severity != "note"] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_every_invariant_is_proved(name: str) -> None:
    """What a policy says of itself holds in every session."""
    assert [p.invariant.written for p in prove(shipped(name), HERE) if not isinstance(p.answer, Proved)] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_becomes_allowed_when_all_signals_are_missing(name: str) -> None:
    """For every tool: proved that a call allowed without signals is allowed with them, whatever they say."""
    policy, budget = shipped(name), Budget()
    facts = establish(policy, budget)
    for tool in policy.tools:
        ablation = Ablation(policy, tool, policy.signals, "missing", budget, facts)
        assert isinstance(ablation.check(), Unsat)
