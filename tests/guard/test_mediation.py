"""Complete mediation: no tool body runs without a durable record of exactly those bytes, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.waiting import PATIENCE

from bartizan.guard import (
    JSON,
    AuditLog,
    Enforcement,
    Event,
    FileAuditLog,
    Guard,
    InMemoryStore,
    MemoryAuditLog,
    Missing,
    Principal,
    Receipt,
    Session,
    SessionStore,
    Signal,
    SqliteStore,
    ToolCall,
    ToolResult,
    VersionConflict,
    Wanted,
    query,
    verify,
)
from bartizan.guard.testing import (
    DISK_FULL,
    HANG,
    UNAVAILABLE,
    After,
    FailingAuditLog,
    FailingStore,
    Fault,
    FaultyMonitor,
    GarbageMonitor,
    HangingMonitor,
    StaticProgram,
)

BUDGET = 3
PROGRAM = StaticProgram(
    allow=["read"], escalate=["pay"], deny=["drop"], budgets={"read": BUDGET}, signals_on={"call": ["risk"]}
)


class Witness:
    """A tool that, each time its body starts, looks into the log for the record that lets it."""

    def __init__(self, audit: MemoryAuditLog) -> None:
        self._audit = audit
        self.ran: Counter[str] = Counter()

    async def __call__(self, call: ToolCall) -> ToolResult:
        records = [entry.record for entry in self._audit.entries]
        void = {record["superseded"] for record in records if record["kind"] == "superseded"}
        standing = [
            record
            for record in records
            if record["kind"] == "decision"
            and record["outcome"] == "ALLOW"
            and record["call_digest"] == call.digest
            and record["id"] not in void
        ]
        self.ran[call.digest] += 1
        assert self.ran[call.digest] <= len(standing), f"{call} ran without a record"
        await asyncio.sleep(0)
        if call.id == "raises":
            raise RuntimeError("tool")
        return ToolResult("done")


# Weighted so that most calls get as far as running: a property about executions needs some.
monitors = st.sampled_from(
    ["good"] * 8 + ["bad", "missing", "raising", "hanging", "stubborn", "garbage", "none"]
)
store_faults: st.SearchStrategy[Fault] = st.sampled_from(
    [None] * 8 + [UNAVAILABLE, After(UNAVAILABLE), VersionConflict("s", 0, 1), OSError("own"), HANG]
)
audit_faults: st.SearchStrategy[Fault] = st.sampled_from(
    [None] * 4 + [DISK_FULL, After(DISK_FULL), OSError("own"), HANG]
)
steps = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["1", "2", "raises"]),
        "tool": st.sampled_from(["read"] * 4 + ["pay", "pay", "drop", "unknown"]),
        "once": st.sampled_from([None, None, "k1", "k2"]),
        "cancel_after": st.none() | st.none() | st.integers(0, 30),
        "resolve": st.sampled_from(["approve", "reject", "edit", None]),
    }
)


def monitor(kind: str) -> Any:
    match kind:
        case "good":
            return GarbageMonitor(Signal("risk", 0.1))
        case "bad":
            return GarbageMonitor(Signal("risk", 0.9))
        case "missing":
            return GarbageMonitor(Signal("risk", Missing("down")))
        case "raising":
            return FaultyMonitor()
        case "garbage":
            return GarbageMonitor({"safe": True})
        case _:
            return HangingMonitor(stubborn=kind == "stubborn")


@settings(max_examples=250, deadline=None)
@given(
    rounds=st.lists(st.lists(steps, min_size=1, max_size=4), min_size=1, max_size=4),
    store_schedule=st.lists(store_faults, max_size=12),
    audit_schedule=st.lists(audit_faults, max_size=12),
    kind=monitors,
)
def test_no_tool_runs_unrecorded(
    rounds: list[list[dict[str, Any]]], store_schedule: list[Fault], audit_schedule: list[Fault], kind: str
) -> None:
    """Under any schedule of faults, cancellations, conflicts and approvals, a body that starts has its record."""

    async def scenario() -> None:
        audit, store = MemoryAuditLog(), InMemoryStore()
        probe = monitor(kind)
        guard = Guard(
            PROGRAM,
            store=FailingStore(store, store_schedule),
            audit=FailingAuditLog(audit, audit_schedule),
            monitors={} if kind == "none" else {"risk": probe},
            deadline=0.02,
        )
        tool = Witness(audit)
        tasks: list[asyncio.Task[Enforcement]] = []
        for round_ in rounds:
            tasks = [
                asyncio.create_task(guard.enforce(_call(step), tool, session="s", once=step["once"]))
                for step in round_
            ]
            for tick in range(31):
                for task, step in zip(tasks, round_, strict=True):
                    if step["cancel_after"] == tick:
                        task.cancel()
                await asyncio.sleep(0)
            _, late = await asyncio.wait(tasks, timeout=PATIENCE)
            assert not late, "a call neither ended nor was denied"
            for task, step in zip(tasks, round_, strict=True):
                await _check(guard, task, step)
        await guard.aclose()
        if isinstance(probe, HangingMonitor):
            probe.release()
            await asyncio.sleep(0)
        state = await store.load("s")
        counted = state.state["calls"] if state is not None else {}
        reads = sum(count for digest, count in tool.ran.items() if digest in _READS)
        assert reads <= counted.get("read", 0) <= BUDGET

    asyncio.run(scenario())


_READS = {ToolCall.of(id, "read", {"id": id}).digest for id in ("1", "2", "raises")}


def _call(step: dict[str, Any]) -> ToolCall:
    return ToolCall.of(step["id"], step["tool"], {"id": step["id"]})


async def _check(guard: Guard, task: asyncio.Task[Enforcement], step: dict[str, Any]) -> None:
    """What an agent may see of one call; then, perhaps, a person's answer."""
    if task.cancelled():
        assert step["cancel_after"] is not None
        return
    error = task.exception()
    if error is not None:
        assert (type(error), str(error)) == (RuntimeError, "tool")
        return
    outcome = task.result()
    assert (outcome.result is not None) == outcome.decision.allowed
    assert step["tool"] not in ("drop", "unknown") or not outcome.decision.allowed
    if outcome.approval is not None and outcome.approval.state == "pending" and step["resolve"] is not None:
        with suppress(Exception):  # whatever failed, the approval was not given
            await guard.resolve(
                outcome.approval.id, step["resolve"], session="s", by=Principal("ann"), args={"edited": True}
            )


class Yielding:
    """A store or log that gives way to the event loop before and after everything it does."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def _through(self, work: Any) -> Any:
        for _ in range(2):
            await asyncio.sleep(0)
        answer = await work()
        for _ in range(2):
            await asyncio.sleep(0)
        return answer

    async def load(self, session_id: str) -> Session | None:
        found: Session | None = await self._through(partial(self._inner.load, session_id))
        return found

    async def commit(self, session: Session, expected: int, appended: tuple[Event, ...]) -> None:
        await self._through(partial(self._inner.commit, session, expected, appended))

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        receipt: Receipt = await self._through(partial(self._inner.append, record))
        return receipt

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.mark.parametrize("once", [None, "key"])
async def test_cancellation_at_every_await_point(once: str | None) -> None:
    """Cancelled at any point a call ends at once, leaves no half decision behind and no session stuck."""
    finished = False
    at = 0
    ran_cancelled = False
    while not finished:
        audit, store = MemoryAuditLog(), InMemoryStore()
        probe = GarbageMonitor(Signal("risk", 0.1))
        guard = Guard(PROGRAM, store=Yielding(store), audit=Yielding(audit), monitors={"risk": probe})
        tool = Witness(audit)
        call = ToolCall.of("1", "read", {"id": "1"})
        task = asyncio.create_task(guard.enforce(call, tool, session="s", once=once))
        for _ in range(at):
            await asyncio.sleep(0)
        finished = task.done()
        task.cancel()
        (settled,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(settled, Enforcement if finished else asyncio.CancelledError)

        again = await guard.enforce(ToolCall.of("2", "read", {"id": "2"}), tool, session="s")
        assert again.result == ToolResult("done")
        await guard.aclose()
        records = [entry.record for entry in audit.entries]
        void = {record["superseded"] for record in records if record["kind"] == "superseded"}
        standing = [r for r in records if r["kind"] == "decision" and r["id"] not in void]
        ran = tool.ran[call.digest]
        ran_cancelled = ran_cancelled or (ran == 1 and not finished)
        mine = [record for record in standing if record["call_id"] == "1"]
        assert len(mine) == ran, "a standing record for each execution, and for nothing else"
        if ran:
            ends = [r["kind"] for r in records if r.get("decision") == mine[0]["id"]]
            assert ends in (["result"], ["error"])
        at += 1
    assert at > 20
    assert ran_cancelled


async def _stores(tmp_path: Path, kind: str) -> tuple[SessionStore, AuditLog]:
    if kind == "memory":
        return InMemoryStore(), MemoryAuditLog()
    log = await asyncio.to_thread(FileAuditLog, tmp_path / "audit")
    return SqliteStore(tmp_path / "sessions.db", synchronous="NORMAL"), log


@pytest.mark.parametrize("kind", ["memory", "disk"])
async def test_fifty_parallel_calls_spend_a_budget_of_ten_exactly(tmp_path: Path, kind: str) -> None:
    """Of fifty simultaneous calls exactly ten run."""
    store, audit = await _stores(tmp_path, kind)
    guard = Guard(StaticProgram(allow=["read"], budgets={"read": 10}), store=store, audit=audit)
    ran = 0

    async def tool(call: ToolCall) -> ToolResult:
        nonlocal ran
        ran += 1
        await asyncio.sleep(0.001)
        return ToolResult("done")

    calls = [ToolCall.of(str(number), "read", {"n": number}) for number in range(50)]
    outcomes = await asyncio.gather(*(guard.enforce(call, tool, session="s") for call in calls))
    await guard.aclose()
    assert ran == sum(outcome.decision.allowed for outcome in outcomes) == 10


async def test_two_guards_on_one_file_share_a_budget(tmp_path: Path) -> None:
    """What one guard spends another has not, with no lock between them but the store's compare-and-set."""
    program = StaticProgram(allow=["read"], budgets={"read": 10})
    guards = [Guard(program, store=SqliteStore(tmp_path / "s.db", synchronous="NORMAL")) for _ in range(2)]
    ran = 0

    async def tool(call: ToolCall) -> ToolResult:
        nonlocal ran
        ran += 1
        return ToolResult("done")

    calls = [ToolCall.of(str(number), "read", {"n": number}) for number in range(40)]
    outcomes = await asyncio.gather(
        *(guards[n % 2].enforce(call, tool, session="s") for n, call in enumerate(calls))
    )
    for guard in guards:
        await guard.aclose()
    assert ran == sum(outcome.decision.allowed for outcome in outcomes) == 10


def test_event_loops_in_threads_share_a_budget() -> None:
    """Four threads, each with its own event loop and one guard between them, spend a budget of ten exactly."""
    audit = MemoryAuditLog()
    guard = Guard(StaticProgram(allow=["read"], budgets={"read": 10}), audit=audit)
    ran: list[str] = []

    async def tool(call: ToolCall) -> ToolResult:
        ran.append(call.id)
        await asyncio.sleep(0)
        return ToolResult("done")

    async def calls(thread: int) -> None:
        await asyncio.gather(
            *(guard.enforce(ToolCall.of(f"{thread}-{n}", "read", {}), tool, session="s") for n in range(20))
        )

    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(asyncio.run, calls(thread)) for thread in range(4)]:
            future.result()
    assert len(ran) == 10
    entries = audit.entries
    assert [entry.record["prev"] for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]


async def test_sessions_are_concurrent_and_apart(tmp_path: Path) -> None:
    """Twenty sessions at once each spend exactly their own budget, and the log of them all verifies."""
    store, audit = await _stores(tmp_path, "disk")
    guard = Guard(StaticProgram(allow=["read"], budgets={"read": 2}), store=store, audit=audit)

    async def tool(call: ToolCall) -> ToolResult:
        return ToolResult(call.id)

    outcomes = await asyncio.gather(
        *(
            guard.enforce(ToolCall.of(f"{session}-{number}", "read", {}), tool, session=f"s{session}")
            for number in range(4)
            for session in range(20)
        )
    )
    await guard.aclose()
    for session in range(20):
        assert sum(outcome.decision.allowed for outcome in outcomes[session::20]) == 2
    for outcome in outcomes:
        if outcome.result is not None:
            assert outcome.result.text == outcome.call.id
    assert verify(tmp_path / "audit").ok
    executed = [entry.record["call_id"] for entry in query(tmp_path / "audit", Wanted(kind="result"))]
    allowed = [entry.record["call_id"] for entry in query(tmp_path / "audit", Wanted(outcome="ALLOW"))]
    assert sorted(executed) == sorted(allowed)
    assert len(executed) == 40
