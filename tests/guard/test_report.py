"""``authorise``, an executor elsewhere and ``report`` together are ``enforce``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bartizan.guard import Guard, Raised, ToolCall, ToolResult
from bartizan.guard.audit import MemoryAuditLog
from bartizan.guard.reasons import WITHHELD
from bartizan.guard.session import InMemoryStore
from bartizan.guard.testing import DISK_FULL, FailingAuditLog, StaticProgram

PROGRAM = StaticProgram(allow=["pay"], secrets=["hunter2"])
CALL = ToolCall.of("c1", "pay", {"amount": 5})


def guarded(clock: Callable[[], int] = lambda: 1_000_000) -> tuple[Guard, MemoryAuditLog, InMemoryStore]:
    log, store = MemoryAuditLog(), InMemoryStore()
    return Guard(PROGRAM, audit=log, store=store, clock=clock), log, store


def told(log: MemoryAuditLog) -> list[dict[str, Any]]:
    """The records without what is drawn by chance or measured."""
    volatile = {"id", "seq", "prev", "decision", "latency_us"}
    return [{k: v for k, v in entry.record.items() if k not in volatile} for entry in log.entries]


@pytest.mark.parametrize("once", [None, "key"])
async def test_deciding_and_reporting_is_enforcing(once: str | None) -> None:
    """The same session, the same records and the same shown result, whoever runs the tool."""
    given = ToolResult("the password is hunter2", {"password": "hunter2"})

    async def execute(call: ToolCall) -> ToolResult:
        return given

    here, log, store = guarded()
    enforced = await here.enforce(CALL, execute, session="s", once=once)

    there, other_log, other_store = guarded()
    granted = await there.authorise(CALL, session="s", once=once)
    shown = await there.report(granted.call, given, session="s", record=granted.record, once=once)

    assert shown == enforced.result
    assert shown is not None
    assert "hunter2" not in shown.text
    assert await store.load("s") == await other_store.load("s")
    assert told(log) == told(other_log)


async def test_a_tool_that_raised_elsewhere_is_recorded_as_one_that_raised_here() -> None:
    """The record names the exception's type, and the session knows that the call failed."""

    async def execute(call: ToolCall) -> ToolResult:
        raise KeyError("account")

    here, log, store = guarded()
    with pytest.raises(KeyError):
        await here.enforce(CALL, execute, session="s")
    there, other_log, other_store = guarded()
    granted = await there.authorise(CALL, session="s")
    answer = await there.report(
        CALL, Raised.by(KeyError("account"), suspended=True), session="s", record=granted.record
    )
    assert answer is None
    assert await store.load("s") == await other_store.load("s")
    assert told(log) == told(other_log)


async def test_a_reported_result_that_cannot_be_recorded_is_withheld() -> None:
    """What is not in the log is not shown, whoever asks."""
    guard = Guard(PROGRAM, audit=FailingAuditLog(MemoryAuditLog(), [DISK_FULL]))
    shown = await guard.report(CALL, ToolResult("secret"), session="s")
    assert shown == ToolResult(WITHHELD, None, True)


async def test_a_replayed_call_answers_with_the_reported_result() -> None:
    """Under an idempotency key the second proposal runs nothing and gets what the first one's executor reported."""
    guard, _, _ = guarded()
    granted = await guard.authorise(CALL, session="s", once="key")
    await guard.report(CALL, ToolResult("done"), session="s", record=granted.record, once="key")
    again = await guard.authorise(CALL, session="s", once="key")
    assert again.result == ToolResult("done")


async def test_an_outcome_that_is_none_is_refused() -> None:
    """A bug of the caller's is named before anything happens."""
    with pytest.raises(TypeError, match="expected a ToolResult or Raised, found str"):
        await guarded()[0].report(CALL, "done", session="s")  # type: ignore[arg-type]
