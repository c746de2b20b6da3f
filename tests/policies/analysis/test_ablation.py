"""Signals that are missing allow nothing; signals that lie allow what rests on them, and that is shown."""

from __future__ import annotations

import pytest

from bartizan.policies import CheckedPolicy, Source, check_policy
from bartizan.policies.analysis import Budget, Options, Proved, Refuted, prove
from bartizan.policies.analysis.checks.ablation import Ablation
from bartizan.policies.analysis.encode.past import NOTHING
from bartizan.policies.analysis.formula import Model
from bartizan.policies.analysis.solve import Unsat

HEAD = """
version: 1
name: signals
tools: {run: {args: {command: str}}, read: {args: {path: str}}}
signals:
  risk: {on: call, monitor: risk-probe, missing: escalate}
  harm: {on: call, monitor: harm-probe}
  injection: {on: result, monitor: injection-probe}
rules:
"""
CONDITIONS = (
    'signal("risk") < 0.5',
    'signal("risk") < 0.5 || args.command == "ls"',
    '!(signal("harm") >= 0.5) && signal("risk") <= 0.25',
    'session.max_signal("injection") <= 0.5',
    '!session.once("result", signal("injection") >= 0.9)',
    'p_value("risk") > 0.05 || signal("harm") == 0.0',
)


def policy(*rules: str) -> CheckedPolicy:
    return check_policy(Source("signals.yaml", HEAD + "".join(f"  - {rule}\n" for rule in rules)))


def ablated(checked: CheckedPolicy, fate: str, *signals: str) -> Model | Unsat:
    asked = Ablation(checked, "run", signals or checked.signals, fate, Budget(), NOTHING)  # type: ignore[arg-type]
    found = asked.check()
    assert isinstance(found, Model | Unsat)
    return found


@pytest.mark.parametrize("effect", ["allow", "deny", "escalate"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_missing_signal_allows_nothing(effect: str, condition: str) -> None:
    """Whatever a rule asks of signals, and whatever its effect: without them nothing more is allowed."""
    rules = [f"{{id: r, {effect}: [run], when: '{condition}'}}"]
    if effect != "allow":
        rules.append("{id: all, allow: [run]}")
    assert isinstance(ablated(policy(*rules), "missing"), Unsat)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_lying_signal_allows_what_rests_on_it(condition: str) -> None:
    """With signals that say anything, an allow that asks for a low one is widened."""
    assert isinstance(ablated(policy(f"{{id: r, allow: [run], when: '{condition}'}}"), "adversarial"), Model)


def test_a_lying_signal_allows_nothing_that_does_not_rest_on_it() -> None:
    """A rule about one signal is not widened by another's lies."""
    checked = policy("""{id: r, allow: [run], when: 'signal("risk") < 0.5'}""")
    assert isinstance(ablated(checked, "adversarial", "harm"), Unsat)
    assert isinstance(ablated(checked, "adversarial", "risk"), Model)


def test_the_invariant_is_proved_and_lies_are_told_apart() -> None:
    """`without` is about missing signals; what lying ones would let through is a note of its own."""
    text = (
        HEAD
        + "  - {id: r, allow: [run], when: 'signal(\"risk\") < 0.5'}\ninvariants: [{without: {signals: all}}]\n"
    )
    checked = check_policy(Source("signals.yaml", text))
    (proof,) = prove(checked, Options(isolated=False))
    assert isinstance(proof.answer, Proved)
    missing, lying = prove(checked, Options(isolated=False, ablation=True))
    assert isinstance(missing.answer, Proved) and not missing.lying
    assert isinstance(lying.answer, Refuted) and lying.lying
    finding = lying.finding()
    assert finding is not None and finding.severity == "note"
