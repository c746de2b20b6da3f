"""Sessions as evidence: what happens in one is possible only if the policy lets all of it happen as it stands there."""

from __future__ import annotations

from typing import Any

import pytest

from bartizan.policies import Source, check_policy
from bartizan.policies.lean.proving import shown

TEXT = """
version: 1
name: desk
tools:
  pay: {args: {amount: int}, effect: write}
  look: {args: {}, effect: read}
rules:
  - {id: tools, allow: [pay, look]}
  - {id: ask, escalate: [pay], when: args.amount > 10}
  - {id: late, deny: [pay], when: 'now >= time("2026-01-01T11:30:00Z") && args.amount <= 10'}
invariants:
  - possible: allowed(pay) && args.amount > 10
  - possible: 'tool == "pay" && session.count("look") == 1'
  - possible: 'now >= time("2026-01-01T12:00:00Z") && session.once("call:pay", within="5m")'
"""
LOOK, LITTLE, MUCH = (
    {"tool": "look"},
    {"tool": "pay", "args": {"amount": 1}},
    {"tool": "pay", "args": {"amount": 11}},
)


def _objection(index: int, **case: Any) -> str | None:
    policy = check_policy(Source("policy.yaml", TEXT))
    return shown.objection(policy, policy.invariants[index], case)


@pytest.mark.parametrize("approved", [False, True])
def test_an_approval_makes_no_call_one_that_goes_without_asking(approved: bool) -> None:
    """``allowed(pay)`` is not true of a call that a person lets go, which shows only that it can be asked for."""
    assert _objection(0, call=MUCH, approved=approved) == "the condition is not true of its last call"
    assert _objection(1, call=MUCH, approved=approved, history=[{"call": LOOK}]) is None


def test_a_session_goes_forward_in_time() -> None:
    """A call that stands behind later ones would be decided at a time at which it was not made."""
    early, late = {"call": LITTLE, "at": "2h"}, {"call": LOOK, "at": "1m"}
    assert _objection(2, call=LOOK, history=[late, early]) == "an event in it is earlier than one before it"
    assert _objection(2, call=LOOK, history=[early, late]) == "the condition is not true of its last call"
    unsaid = [{"call": LOOK}, {"call": LOOK, "at": "1m"}]
    assert _objection(2, call=LOOK, history=unsaid) == "an event in it is earlier than one before it"
