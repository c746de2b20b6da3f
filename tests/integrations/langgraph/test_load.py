"""A guard from a policy file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command

from bartizan.guard.audit import query, verify
from bartizan.integrations.langgraph import correction_of, load_guard
from bartizan.integrations.langgraph.testing import calling
from bartizan.policies import PolicyError

POLICY = """
version: 1
name: bookkeeper
rules:
  - id: reads
    allow: [read]
  - id: pays-what-was-asked
    allow: [pay]
    when: from_user(args.amount)
  - id: other-amounts
    escalate: [pay]
    when: "!from_user(args.amount)"
    reason: The user did not name this amount.
  - id: never-much
    deny: [pay]
    when: args.amount > 1000
  - id: no-keys
    redact: [read]
    when: result.text.matches("AKIA[0-9A-Z]+")
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_a_real_policy_decides_a_real_agent(policy, tmp_path, world, run, results) -> None:
    """Provenance, limits and redaction of a policy file hold in an agent, and everything is in the audit log."""
    script = calling(
        ("pay", {"amount": 12}),
        ("pay", {"amount": 13}),
        ("pay", {"amount": 5000}),
        ("read", {"path": "AKIA99"}),
    )
    with load_guard(policy, audit=tmp_path / "audit", store=tmp_path / "s.db", tools=world.tools) as guard:
        agent = guard.wrap(world.agent(script))
        [interrupt] = run(agent, "Pay 12 euros.")["__interrupt__"]
        assert interrupt.value["args"] == {"amount": 13}
        assert interrupt.value["guard"]["explanation"] == "The user did not name this amount."
        out = run(agent, Command(resume={"type": "approve", "by": "ann"}))
    assert sorted(world.ran, key=str) == [("pay", 12), ("pay", 13), ("read", "AKIA99")]
    messages = results(out)
    assert [m.status for m in messages] == ["success", "success", "error", "success"]
    assert "never-much" in messages[2].content
    assert "AKIA99" not in messages[3].content
    assert verify(tmp_path / "audit").ok
    outcomes = [e.record["outcome"] for e in query(tmp_path / "audit") if e.record["kind"] == "decision"]
    assert sorted(outcomes) == ["ALLOW", "ALLOW", "ALLOW", "DENY", "ESCALATE"]


def test_a_broken_policy_is_not_loaded(policy) -> None:
    """A policy that is none raises with its place, and so does one about tools that nobody declared."""
    with pytest.raises(PolicyError, match=r"policy.yaml:\d+:\d+"):
        load_guard(policy)


def test_functions_and_options_are_taken(policy, world) -> None:
    """Plain functions give their types as tools do; other options are the guard's."""

    def pay(amount: int) -> str:
        """Pay."""
        return str(amount)

    def read(path: str) -> str:
        """Read."""
        return path

    def session(config: Any) -> str:
        return "always"

    with load_guard(policy, tools=[pay, read], session=session) as guard:
        [guarded, _] = guard.tools([pay, read])
        guard._portal.submit(guard.guard.observe("prompt", "Pay 7.", session="always")).result()
        assert guarded.invoke({"amount": 7}) == "7"


@pytest.mark.parametrize("deadline", [60.0, 1e-9])
def test_a_decision_that_takes_too_long_is_none(policy, tmp_path, world, run, results, deadline) -> None:
    """``deadline`` bounds it: what cannot be recorded in time does not run."""
    with load_guard(policy, audit=tmp_path / "audit", tools=world.tools, deadline=deadline) as guard:
        out = run(guard.wrap(world.agent(calling(("read", {"path": "a"})))), "Read a.")
    [message] = results(out)
    in_time = deadline > 1
    assert (message.status, world.ran) == (("success", [("read", "a")]) if in_time else ("error", []))


CORRECTS = """
version: 1
name: cashier
tools:
  pay: {args: {amount: int}, effect: destructive}
rules:
  - id: pays
    allow: [pay]
  - id: never-much
    deny: [pay]
    when: args.amount > 1000
    reason: At most 1000 at once.
repair:
  pay: {amount: clamp}
"""


@pytest.mark.parametrize("correct", [True, False])
def test_what_a_policy_opens_is_corrected(tmp_path, world, run, results, correct) -> None:
    """By the solver, from the first call on; unless the application does not want it."""
    (tmp_path / "policy.yaml").write_text(CORRECTS)
    with load_guard(tmp_path / "policy.yaml", correct=correct, correct_within=30) as guard:
        out = run(guard.wrap(world.agent(calling(("pay", {"amount": 5000})))), "Pay 5000.")
    [message] = results(out)
    if not correct:
        assert (message.status, world.ran) == ("error", [])
        return
    assert world.ran == [("pay", 1000)]
    assert message.content == (
        "This call was not allowed as proposed. It was executed with these changes (JSON Patch): "
        '[{"op":"replace","path":"/amount","value":1000}]\nRule never-much: At most 1000 at once.\npaid 1000'
    )
    found = correction_of(message)
    assert found is not None and found["origin"] == "solver"
