"""Input that was made to break something, and callers who hold the guard wrong: denied or said clearly, never lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard import (
    FileAuditLog,
    Guard,
    InMemoryStore,
    MemoryAuditLog,
    Outcome,
    Principal,
    Session,
    SqliteStore,
    StoreUnavailable,
    ToolCall,
    ToolResult,
    Wanted,
    query,
    verify,
)
from bartizan.guard.testing import StaticProgram

PROGRAM = StaticProgram(allow=["read"], escalate=["pay"], budgets={"read": 1000}, trusted=["read"])
CALL = ToolCall.of("1", "read", {})


async def on_disk(root: Path) -> Guard:
    log = await asyncio.to_thread(FileAuditLog, root / "audit")
    return Guard(PROGRAM, store=SqliteStore(root / "sessions.db"), audit=log)


def rules(outcome: Any) -> list[str]:
    return [reason.rule for reason in outcome.decision.reasons]


IDS = ["a/../../b", "..", " ", "a\x00b", "line\nbreak", "é😀", "'; DROP TABLE sessions; --", "x" * 100_000]


async def test_any_text_is_a_sessions_id_of_its_own(tmp_path: Path, tool: Any) -> None:
    """An id names neither a file nor a statement: sessions with awkward ids are kept, apart, and logged exactly."""
    guard = await on_disk(tmp_path)
    for session in [*IDS, *IDS]:
        assert (await guard.enforce(CALL, tool, session=session)).decision.allowed
    await guard.aclose()
    guard = await on_disk(tmp_path)
    for session in IDS:
        assert (await guard.session(session)).state["calls"] == {"read": 2}
    await guard.aclose()
    assert [entry.record["session"] for entry in query(tmp_path / "audit", Wanted(kind="decision"))] == [
        *IDS,
        *IDS,
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"audit", "sessions.db"}


async def test_a_session_that_cannot_be_named_spoils_nobody_elses_call(tmp_path: Path, tool: Any) -> None:
    """An id that UTF-8 cannot say is denied by itself, though its batch is shared."""
    guard = await on_disk(tmp_path)
    names = [f"s{n}" for n in range(15)]
    outcomes = await asyncio.gather(
        *(guard.enforce(CALL, tool, session=name) for name in [*names, "\ud800", *names])
    )
    assert [outcome.decision.allowed for outcome in outcomes] == [*[True] * 15, False, *[True] * 15]
    await guard.aclose()
    assert verify(tmp_path / "audit").ok


async def test_a_store_fails_an_id_it_cannot_say_alone(tmp_path: Path) -> None:
    """Asked directly, the store answers that one session is unavailable, and commits the others."""
    store = SqliteStore(tmp_path / "sessions.db")
    sessions = [Session(name, 1) for name in ("one", "\ud800", "two")]
    results = await asyncio.gather(
        *(store.commit(session, 0, ()) for session in sessions), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), StoreUnavailable, type(None)]
    with pytest.raises(StoreUnavailable):
        await store.load("\ud800")
    await store.aclose()


@pytest.mark.parametrize("text", ["\x00", "a\ud800b", "\udfff", "\u202e\u2028", "", "x" * 5_000_000])
async def test_any_text_can_be_observed(tmp_path: Path, text: str) -> None:
    """Prompts, texts and results of any characters and size are counted and recorded, nothing is lost."""
    guard = await on_disk(tmp_path)
    for kind in ("prompt", "text", "result"):
        inspection = await guard.observe(kind, text, session="s")  # type: ignore[arg-type]
        if inspection is not None:
            assert len(inspection.text) == len(text)
    session = await guard.session("s")
    assert session.dropped + len(session.events) == 3
    await guard.aclose()
    assert len(list(query(tmp_path / "audit", Wanted(kind="observation")))) == 3
    assert verify(tmp_path / "audit").ok


async def test_five_megabytes_of_arguments_run_as_they_are(tmp_path: Path, tool: Any) -> None:
    """A call heavier than a session's whole memory is decided, counted and executed, and forgotten first."""
    guard = await on_disk(tmp_path)
    call = ToolCall.of("1", "read", {"data": "é" * 2_500_000})
    assert (await guard.enforce(call, tool, session="s")).decision.allowed
    session = await guard.session("s")
    assert session.state["calls"] == {"read": 1}
    assert session.dropped == 2  # the call, and the result, which names it
    assert tool.ran == [call]
    await guard.aclose()


async def test_two_hundred_sessions_at_once(tmp_path: Path, tool: Any) -> None:
    """Each session counts its own three calls, whatever the others do; the log holds them all."""
    guard = await on_disk(tmp_path)
    await asyncio.gather(
        *(
            guard.enforce(ToolCall.of(str(number), "read", {}), tool, session=f"s{session}")
            for number in range(3)
            for session in range(200)
        )
    )
    for session in range(200):
        assert (await guard.session(f"s{session}")).state["calls"] == {"read": 3}
    await guard.aclose()
    assert (
        len(list(query(tmp_path / "audit", Wanted(kind="decision", outcome="ALLOW")))) == len(tool.ran) == 600
    )
    assert verify(tmp_path / "audit").ok


async def test_what_is_observed_while_a_call_runs_is_kept(tmp_path: Path) -> None:
    """Prompts that arrive while tools are running take their place in the history; no event is lost."""
    guard = await on_disk(tmp_path)

    async def slow(call: ToolCall) -> ToolResult:
        await guard.observe("prompt", f"while {call.id} runs", session="s")
        return ToolResult("done")

    await asyncio.gather(
        *(guard.enforce(ToolCall.of(str(n), "read", {}), slow, session="s") for n in range(10)),
        *(guard.observe("text", str(n), session="s") for n in range(10)),
    )
    kinds = [event.kind for event in (await guard.session("s")).events]
    assert {kind: kinds.count(kind) for kind in kinds} == {"call": 10, "prompt": 10, "result": 10, "text": 10}
    await guard.aclose()


async def test_a_tool_that_never_returns_can_be_cancelled(tmp_path: Path, tool: Any) -> None:
    """Its caller gets the cancellation at once; the call stays counted and recorded, its session goes on."""
    guard, going = await on_disk(tmp_path), asyncio.Event()

    async def never(call: ToolCall) -> ToolResult:
        going.set()
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    running = asyncio.create_task(guard.enforce(CALL, never, session="s", once="key"))
    await going.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert rules(await guard.enforce(CALL, tool, session="s", once="key")) == ["already-executed"]
    assert (await guard.enforce(CALL, tool, session="s")).decision.allowed
    await guard.aclose()
    (error,) = query(tmp_path / "audit", Wanted(kind="error"))
    assert error.record["error"] == "CancelledError"


@pytest.mark.parametrize(
    "misuse",
    [
        lambda guard, tool: guard.enforce({"tool": "read"}, tool, session="s"),
        lambda guard, tool: guard.enforce(CALL, tool, session="s", once=5),
        lambda guard, tool: guard.observe("prompt", None, session="s"),
        lambda guard, tool: guard.observe("result", b"bytes", session="s"),
        lambda guard, tool: guard.observe("result", "text", session="s", call="read"),
    ],
    ids=["no call", "no key", "no prompt", "no text", "no call of a result"],
)
async def test_what_is_of_the_wrong_type_is_refused_before_anything(tool: Any, misuse: Any) -> None:
    """An adapter's mistake is a ``TypeError`` that says what was expected; nothing ran, nothing was recorded."""
    audit = MemoryAuditLog()
    with pytest.raises(TypeError, match="expected "):
        await misuse(Guard(PROGRAM, audit=audit), tool)
    assert tool.ran == []
    assert audit.entries == ()


class Nameless:
    """A program of which not even the hash can be had."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


def _stopped() -> int:
    raise OSError("no clock")


BROKEN: dict[str, Callable[[], tuple[Guard, Principal]]] = {
    "program": lambda: (Guard(Nameless()), Principal()),  # type: ignore[arg-type]
    "clock": lambda: (Guard(PROGRAM, clock=_stopped), Principal()),
    "clock in seconds": lambda: (Guard(PROGRAM, clock=time.time), Principal()),  # type: ignore[arg-type]
    "roles": lambda: (Guard(PROGRAM), Principal("a", frozenset({1, "b"}))),  # type: ignore[arg-type]
    "principal": lambda: (Guard(PROGRAM), "root"),  # type: ignore[return-value,dict-item]
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_what_cannot_even_be_recorded_is_denied(
    tool: Any, broken: Callable[[], tuple[Guard, Principal]]
) -> None:
    """``enforce`` denies and does not raise, also where the denial itself cannot be written down."""
    guard, principal = broken()
    outcome = await guard.enforce(CALL, tool, session="s", principal=principal)
    assert outcome.decision.outcome is Outcome.DENY
    assert rules(outcome) == ["internal-error"]
    assert tool.ran == []


@pytest.mark.parametrize("disk", [False, True], ids=["in memory", "on disk"])
async def test_a_closed_guard_lets_nothing_go(tmp_path: Path, tool: Any, disk: bool) -> None:
    """After ``aclose`` every call is denied and every observation refused, and closing again is harmless."""
    guard = await on_disk(tmp_path) if disk else Guard(PROGRAM, store=InMemoryStore())
    asked = await guard.enforce(ToolCall.of("2", "pay", {}), tool, session="s")
    assert asked.approval is not None
    await guard.aclose()
    assert rules(await guard.enforce(CALL, tool, session="s")) == ["store-unavailable"]
    with pytest.raises(StoreUnavailable, match="closed"):
        await guard.observe("prompt", "hello", session="s")
    with pytest.raises(StoreUnavailable, match="closed"):
        await guard.resolve(asked.approval.id, "approve", session="s", by=Principal("ann"))
    await guard.aclose()
    assert tool.ran == []


async def test_a_tool_that_outlives_its_guard_shows_nothing() -> None:
    """A result that comes after the guard was closed cannot be recorded, and so is withheld."""
    guard, going, closed = Guard(PROGRAM), asyncio.Event(), asyncio.Event()

    async def slow(call: ToolCall) -> ToolResult:
        going.set()
        await closed.wait()
        return ToolResult("hunter2")

    late = asyncio.create_task(guard.enforce(CALL, slow, session="s"))
    await going.wait()
    await guard.aclose()
    closed.set()
    result = (await late).result
    assert result is not None
    assert result.is_error
    assert "hunter2" not in result.text
