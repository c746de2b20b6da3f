"""Whatever breaks, nothing runs on the strength of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bartizan.guard import JSON, Decision, Guard, InMemoryStore, MemoryAuditLog, Receipt, Request, Session
from bartizan.guard.reasons import WITHHELD
from bartizan.guard.testing import DISK_FULL, HANG, UNAVAILABLE, FailingAuditLog, FailingStore, StaticProgram

from .harness import PROGRAM, READ, Came, Harness, Proposed, Setup, World, logged

_PATIENCE = 120.0
"""Seconds: only an adapter that fails waits that long."""


async def a_result_that_cannot_be_recorded_is_withheld(harness: Harness) -> None:
    """The tool ran, but the model does not read what nobody wrote down."""
    world = World()
    guard = Guard(StaticProgram(allow=["read"]), audit=_NoResults())
    came = await harness.start(Setup(guard, world.tools, [[READ]])).say("Go.")
    assert world.times("read") == 1
    assert WITHHELD in came.read["call-r"]
    assert "text of a" not in came.read["call-r"]


async def an_exception_of_a_tool_is_recorded_and_told(harness: Harness) -> None:
    """What a tool raises reaches whoever handles it, and the log; nothing is executed again."""
    world, audit = World(), MemoryAuditLog()
    script = [[Proposed("fail", {"why": "stand"}, "call-f")]]
    came = await harness.start(Setup(Guard(PROGRAM, audit=audit), world.tools, script)).say("Go.")
    assert world.times("fail") == 1
    assert "cannot stand" in f"{came.error!r} {came.error.__cause__!r}" if came.error else came.read["call-f"]
    results = [record for record in logged(audit, "result") if record["is_error"]]
    assert [record["call_id"] for record in (*logged(audit, "error"), *results)] == ["call-f"]


async def a_cancelled_tool_is_recorded(harness: Harness) -> None:
    """A run that is cancelled while a tool works leaves a record of it."""
    world, audit = World(), MemoryAuditLog()
    script = [[Proposed("wait", {"what": "x"}, "call-w")]]
    run = asyncio.ensure_future(
        harness.start(Setup(Guard(PROGRAM, audit=audit), world.tools, script)).say("Go.")
    )
    await _unless_done(world.started, run)
    run.cancel()
    await asyncio.wait({run})
    async with asyncio.timeout(_PATIENCE):
        while not logged(audit, "error"):  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(0.005)
    assert [record["call_id"] for record in logged(audit, "error")] == ["call-w"]


async def no_failure_of_the_guard_lets_a_call_through(harness: Harness) -> None:
    """A store or a log that is down or does not answer, a program or a guard with a bug: nothing runs, and the model
    is told or the run ends."""
    program = StaticProgram(allow=["read"])
    down = [UNAVAILABLE] * 50
    guards = {
        "the store is down": Guard(program, store=FailingStore(InMemoryStore(), down)),
        "the store hangs": Guard(program, store=FailingStore(InMemoryStore(), [HANG] * 50), deadline=0.05),
        "the log is full": Guard(program, audit=FailingAuditLog(MemoryAuditLog(), [DISK_FULL] * 50)),
        "the log hangs": Guard(program, audit=FailingAuditLog(MemoryAuditLog(), [HANG]), deadline=0.05),
        "the program has a bug": Guard(_Broken()),
        "the guard has a bug": _BrokenGuard(program),
    }
    for name, guard in guards.items():
        world = World()
        came = await harness.start(Setup(guard, world.tools, [[READ]])).say("Go.")
        assert world.ran == [], name
        assert came.error is not None or "denied and has not been executed" in came.read["call-r"], name
        assert not any("hunter2" in text for text in came.read.values()), name


async def no_session_or_principal_is_no_call(harness: Harness) -> None:
    """Where the application cannot say whose call it is, nothing runs."""

    def missing() -> Any:
        raise LookupError("hunter2")

    world, guard = World(), Guard(StaticProgram(allow=["read"]))
    for came in (
        await harness.start(Setup(guard, world.tools, [[READ]], session=missing)).say("Go."),
        await harness.start(Setup(guard, world.tools, [[READ]], session=lambda: "")).say("Go."),
        await harness.start(Setup(guard, world.tools, [[READ]], principal=missing)).say("Go."),
    ):
        assert world.ran == []
        assert came.error is not None or "denied and has not been executed" in came.read["call-r"]
        assert not any("hunter2" in text for text in came.read.values())


class _NoResults(MemoryAuditLog):
    """The log takes what comes before a tool runs, and not what it answers."""

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        if record["kind"] == "result":
            raise DISK_FULL
        return await super().append(record)


class _Broken(StaticProgram):
    def decide(self, request: Request, session: Session) -> Decision:
        raise RuntimeError("hunter2")


class _BrokenGuard(Guard):
    async def authorise(self, *args: Any, **options: Any) -> Any:
        raise RuntimeError("hunter2")

    async def enforce(self, *args: Any, **options: Any) -> Any:
        raise RuntimeError("hunter2")


async def _unless_done(event: asyncio.Event, run: asyncio.Future[Came]) -> None:
    waiting = asyncio.ensure_future(event.wait())
    both: set[asyncio.Future[Any]] = {waiting, run}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert not run.done(), "the run ended before its tool was cancelled"
