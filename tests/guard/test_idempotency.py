"""A call let go once under a key is not let go twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.waiting import until

from bartizan.guard import (
    Guard,
    InMemoryStore,
    MemoryAuditLog,
    Outcome,
    Principal,
    StoreUnavailable,
    ToolCall,
    ToolResult,
)
from bartizan.guard.idempotency import MAX_KEYS
from bartizan.guard.testing import FailingStore, StaticProgram

PROGRAM = StaticProgram(allow=["send"], escalate=["pay"], budgets={"send": 2}, secrets=["s3cret"])
SEND = ToolCall.of("c1", "send", {"to": "ann"})


def rules(outcome: Any) -> list[str]:
    return [reason.rule for reason in outcome.decision.reasons]


async def test_a_repeated_call_gets_its_recorded_result(make_tool: Any) -> None:
    """The second time the recorded, redacted result comes back; the tool, the budget and the log are left alone."""
    audit, tool = MemoryAuditLog(), make_tool("sent s3cret")
    guard = Guard(PROGRAM, audit=audit)
    first = await guard.enforce(SEND, tool, session="s", once="k")
    records = len(audit.entries)
    for _ in range(3):
        again = await guard.enforce(SEND, tool, session="s", once="k")
        assert again.result == first.result == ToolResult("sent [redacted]")
        assert again.decision.outcome is Outcome.ALLOW
        assert rules(again) == ["already-executed"]
    assert tool.ran == [SEND]
    assert len(audit.entries) == records


async def test_another_process_gets_the_recorded_result_too(tool: Any) -> None:
    """The result is the session's, not the guard's."""
    store = InMemoryStore()
    await Guard(PROGRAM, store=store).enforce(SEND, tool, session="s", once="k")
    again = await Guard(PROGRAM, store=store).enforce(SEND, tool, session="s", once="k")
    assert again.result == ToolResult("done")
    assert len(tool.ran) == 1


async def test_without_a_key_a_call_is_a_new_call(tool: Any) -> None:
    """Only a key makes two proposals one."""
    guard = Guard(PROGRAM)
    await guard.enforce(SEND, tool, session="s")
    await guard.enforce(SEND, tool, session="s")
    assert len(tool.ran) == 2


async def test_keys_are_the_sessions_own(tool: Any) -> None:
    """The same key in another session, or another key in this one, is another call."""
    guard = Guard(PROGRAM)
    for session, key in (("s", "k"), ("s", "k2"), ("other", "k")):
        outcome = await guard.enforce(SEND, tool, session=session, once=key)
        assert rules(outcome) == ["allowed"]
    assert len(tool.ran) == 3


async def test_a_key_belongs_to_one_call(tool: Any) -> None:
    """Another call under a used key is denied: its caller did not mean to run anything new."""
    guard = Guard(PROGRAM)
    await guard.enforce(SEND, tool, session="s", once="k")
    outcome = await guard.enforce(ToolCall.of("c1", "send", {"to": "eve"}), tool, session="s", once="k")
    assert outcome.decision.outcome is Outcome.DENY
    assert rules(outcome) == ["already-executed"]
    assert len(tool.ran) == 1


async def test_a_call_still_running_is_not_started_again() -> None:
    """While the first execution is on its way nobody knows its outcome, so the second is denied."""
    guard = Guard(PROGRAM)
    running, gate = asyncio.Event(), asyncio.Event()
    runs = 0

    async def slow(call: ToolCall) -> ToolResult:
        nonlocal runs
        runs += 1
        running.set()
        await gate.wait()
        return ToolResult("done")

    first = asyncio.create_task(guard.enforce(SEND, slow, session="s", once="k"))
    await running.wait()
    second = await guard.enforce(SEND, slow, session="s", once="k")
    assert rules(second) == ["already-executed"]
    assert second.result is None
    gate.set()
    assert (await first).result == ToolResult("done")
    third = await guard.enforce(SEND, slow, session="s", once="k")
    assert third.result == ToolResult("done")
    assert runs == 1


@pytest.mark.parametrize("error", [RuntimeError("half done"), asyncio.CancelledError()])
async def test_a_call_that_raised_is_not_repeated(make_tool: Any, error: BaseException) -> None:
    """Nobody knows how much of its work a tool had done when it raised."""
    audit, tool = MemoryAuditLog(), make_tool(error=error)
    guard = Guard(PROGRAM, audit=audit)
    with pytest.raises(type(error)):
        await guard.enforce(SEND, tool, session="s", once="k")
    await until(lambda: [entry.record["kind"] for entry in audit.entries] == ["decision", "error"])
    outcome = await guard.enforce(SEND, tool, session="s", once="k")
    assert rules(outcome) == ["already-executed"]
    assert outcome.result is None
    assert len(tool.ran) == 1


async def test_a_call_whose_result_was_lost_is_not_repeated(tool: Any) -> None:
    """A crash between execution and record leaves the outcome unknown: denied, not executed again."""
    store = InMemoryStore()
    failing = FailingStore(store, [None, None, StoreUnavailable("down")])
    outcome = await Guard(PROGRAM, store=failing).enforce(SEND, tool, session="s", once="k")
    assert outcome.result is not None
    assert outcome.result.is_error
    again = await Guard(PROGRAM, store=store).enforce(SEND, tool, session="s", once="k")
    assert rules(again) == ["already-executed"]
    assert tool.ran == [SEND]


async def test_a_denied_call_may_be_proposed_again_under_its_key(tool: Any) -> None:
    """A key is taken by being let go, not by being asked about."""
    guard = Guard(PROGRAM)
    for number in range(2):
        await guard.enforce(ToolCall.of(str(number), "send", {}), tool, session="s")
    assert rules(await guard.enforce(SEND, tool, session="s", once="k")) == ["budget"]
    guard.program = StaticProgram(allow=["send"])
    assert rules(await guard.enforce(SEND, tool, session="s", once="k")) == ["allowed"]


async def test_an_edited_call_is_repeated_under_the_original(tool: Any) -> None:
    """A resumed framework proposes the original call again, and gets the result of the edited one that ran."""
    guard = Guard(PROGRAM)
    call = ToolCall.of("c1", "pay", {"amount": 9})
    asked = await guard.enforce(call, tool, session="s", once="k")
    assert asked.approval is not None
    await guard.resolve(asked.approval.id, "edit", session="s", by=Principal("ann"), args={"amount": 1})
    first = await guard.enforce(call, tool, session="s", once="k")
    again = await guard.enforce(call, tool, session="s", once="k")
    assert again.result == first.result
    assert again.call.args == {"amount": 1}
    assert len(tool.ran) == 1


async def test_the_oldest_keys_are_forgotten(tool: Any) -> None:
    """A session remembers a bounded number of keys, the latest."""
    store = InMemoryStore()
    guard = Guard(StaticProgram(allow=["send"]), store=store)
    for number in range(MAX_KEYS + 1):
        await guard.enforce(SEND, tool, session="s", once=f"k{number}")
    session = await store.load("s")
    assert session is not None
    assert len(session.once) == MAX_KEYS
    before = len(tool.ran)
    await guard.enforce(SEND, tool, session="s", once="k1")
    assert len(tool.ran) == before
    await guard.enforce(SEND, tool, session="s", once="k0")
    assert len(tool.ran) == before + 1


class Paused(Exception):
    """How a framework's tool says that it stopped to be run again."""


class Pausing:
    """A tool that pauses a number of times before it answers."""

    def __init__(self, pauses: int) -> None:
        self._pauses = pauses
        self.runs = 0

    async def __call__(self, call: ToolCall) -> ToolResult:
        self.runs += 1
        if self.runs <= self._pauses:
            raise Paused
        return ToolResult(f"answered {call.args}")


async def test_a_paused_tool_is_resumed_under_its_key_and_counts_once() -> None:
    """A tool that paused runs again under the decision that let it go: one call in the budget, however often."""
    audit, store = MemoryAuditLog(), InMemoryStore()
    guard = Guard(PROGRAM, audit=audit, store=store)
    tool = Pausing(3)
    for _ in range(3):
        with pytest.raises(Paused):
            await guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,))
    outcome = await guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,))
    assert outcome.result == ToolResult("answered {'to': 'ann'}")
    assert rules(outcome) == ["resumed"]
    session = await store.load("s")
    assert session is not None
    assert session.state["calls"]["send"] == 1
    assert [event.kind for event in session.events] == ["call", "result"]
    again = await guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,))
    assert again.result == outcome.result
    assert tool.runs == 4
    kinds = [entry.record["kind"] for entry in audit.entries]
    assert kinds == ["decision", "error"] * 3 + ["decision", "result"]
    assert [entry.record["suspended"] for entry in audit.entries if entry.record["kind"] == "error"] == [
        True
    ] * 3


async def test_a_paused_tool_is_decided_anew_under_another_policy() -> None:
    """The policy in force has not seen the call: it decides it, and may deny it."""
    guard, tool = Guard(PROGRAM), Pausing(1)
    with pytest.raises(Paused):
        await guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,))
    guard.program = StaticProgram(deny=["send"])
    outcome = await guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,))
    assert rules(outcome) == ["forbidden"]
    assert tool.runs == 1


async def test_a_resumed_tool_that_dies_is_not_resumed_again(make_tool: Any) -> None:
    """Once it goes on, a paused call that then raises has an unknown outcome like any other."""
    guard, tool = Guard(PROGRAM), Pausing(1)
    with pytest.raises(Paused):
        await guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,))
    with pytest.raises(RuntimeError):
        await guard.enforce(SEND, make_tool(error=RuntimeError()), session="s", once="k", suspends=(Paused,))
    outcome = await guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,))
    assert rules(outcome) == ["already-executed"]
    assert tool.runs == 1


async def test_two_resumptions_at_once_run_the_tool_once() -> None:
    """Of two simultaneous resumptions of a paused call one goes on."""
    guard, tool = Guard(PROGRAM), Pausing(1)
    with pytest.raises(Paused):
        await guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,))
    outcomes = await asyncio.gather(
        *(guard.enforce(SEND, tool, session="s", once="k", suspends=(Paused,)) for _ in range(5))
    )
    assert tool.runs == 2
    assert sum(rules(outcome) == ["resumed"] for outcome in outcomes) == 1
