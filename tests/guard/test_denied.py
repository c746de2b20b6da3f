"""Denied calls: a program may make something of them, in its registers and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bartizan.guard import (
    Decision,
    Guard,
    InMemoryStore,
    MemoryAuditLog,
    Outcome,
    Principal,
    Reason,
    Request,
    Session,
    StoreUnavailable,
    ToolCall,
)
from bartizan.guard.testing import FailingStore, StaticProgram

ANN = Principal("ann", frozenset({"approver"}))


class Strict(StaticProgram):
    """After two denials nothing goes any more."""

    def decide(self, request: Request, session: Session) -> Decision:
        if session.state.get("denied", 0) >= 2:
            return Decision(Outcome.DENY, (Reason("enough", "deny"),), self.hash)
        return super().decide(request, session)

    def denied(self, request: Request, decision: Decision, session: Session) -> Mapping[str, Any]:
        if decision.reasons[0].rule == "enough":
            return session.state
        return {**session.state, "denied": session.state.get("denied", 0) + 1}


PROGRAM = Strict(allow=["read"], deny=["drop"], escalate=["pay"], limits={"amount": 10})


def _drop(id: str) -> ToolCall:
    return ToolCall.of(id, "drop", {"what": "all"})


async def test_denials_change_what_comes_after(tool: Any) -> None:
    """Two denied calls end the session; what is denied from then on changes nothing more."""
    guard = Guard(PROGRAM)
    for id in ("1", "2"):
        assert not (await guard.enforce(_drop(id), tool, session="s")).decision.allowed
    ended = await guard.session("s")
    refused = await guard.enforce(ToolCall.of("3", "read", {}), tool, session="s")
    assert [reason.rule for reason in refused.decision.reasons] == ["enough"]
    assert (await guard.session("s")) == ended
    assert tool.ran == []


async def test_a_denied_call_is_no_event(tool: Any) -> None:
    """Nothing of it is remembered but the registers, so it grounds no value and drives no event out."""
    guard = Guard(PROGRAM)
    await guard.enforce(_drop("1"), tool, session="s")
    session = await guard.session("s")
    assert session.state["denied"] == 1 and session.version == 1
    assert session.events == () and session.size == 0 and session.dropped == 0


async def test_a_reviewed_denial_counts_too(tool: Any) -> None:
    """A call that is stopped while it is still on its way to the agent was tried like any other."""
    guard = Guard(PROGRAM)
    await guard.review(_drop("1"), session="s")
    assert (await guard.session("s")).state["denied"] == 1
    await guard.review(ToolCall.of("2", "read", {}), session="s")
    assert (await guard.session("s")).version == 1


async def test_a_persons_rejection_is_no_denial_of_the_program(tool: Any) -> None:
    """What a person turns down the program would have let go: it counts nowhere."""
    guard = Guard(PROGRAM)
    pay = ToolCall.of("1", "pay", {"amount": 3})
    asked = (await guard.enforce(pay, tool, session="s")).approval
    assert asked is not None
    await guard.resolve(asked.id, "reject", session="s", by=ANN)
    assert (await guard.enforce(pay, tool, session="s")).decision.outcome is Outcome.DENY
    assert "denied" not in (await guard.session("s")).state


async def test_denials_at_once_all_count(tool: Any) -> None:
    """Of denials that race each other none is lost: each is committed over the version before it."""

    class Counting(Strict):
        def decide(self, request: Request, session: Session) -> Decision:
            return StaticProgram.decide(self, request, session)

    store, program = InMemoryStore(), Counting(deny=["drop"])
    guards = [Guard(program, store=store) for _ in range(3)]
    await asyncio.gather(*(guards[i % 3].enforce(_drop(str(i)), tool, session="s") for i in range(12)))
    assert (await guards[0].session("s")).state["denied"] == 12


async def test_a_denial_that_cannot_be_committed_stays_a_denial(tool: Any) -> None:
    """Where the session cannot move on, the call is denied all the same, and the log says that it was superseded."""
    audit = MemoryAuditLog()
    store = FailingStore(InMemoryStore(), [None, StoreUnavailable("down")])
    guard = Guard(PROGRAM, store=store, audit=audit)
    found = await guard.enforce(_drop("1"), tool, session="s")
    assert found.decision.outcome is Outcome.DENY and tool.ran == []
    assert [reason.rule for reason in found.decision.reasons] == ["store-unavailable"]
    await guard.aclose()
    assert "superseded" in [entry.record["kind"] for entry in audit.entries]


@pytest.mark.parametrize("raising", [RuntimeError("a bug"), KeyError("x")])
async def test_a_program_that_fails_on_a_denial_denies(tool: Any, raising: Exception) -> None:
    """A bug in what a program makes of a denial lets nothing go."""

    class Broken(StaticProgram):
        def denied(self, request: Request, decision: Decision, session: Session) -> Mapping[str, Any]:
            raise raising

    guard = Guard(Broken(deny=["drop"]))
    assert (await guard.enforce(_drop("1"), tool, session="s")).decision.outcome is Outcome.DENY
    assert (await guard.review(_drop("2"), session="s")).decision.outcome is Outcome.DENY
