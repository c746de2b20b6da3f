"""Whatever breaks, no call gets through on the strength of it: the table of reserved reasons, row by row."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tests.waiting import PATIENCE

from bartizan.guard import (
    ANONYMOUS,
    AuditError,
    BartizanError,
    Decision,
    Guard,
    InMemoryStore,
    InternalError,
    MemoryAuditLog,
    Outcome,
    Session,
    StoreUnavailable,
    ToolCall,
    ToolResult,
    VersionConflict,
)
from bartizan.guard.reasons import TEXTS, WITHHELD
from bartizan.guard.testing import (
    DISK_FULL,
    HANG,
    UNAVAILABLE,
    After,
    FailingAuditLog,
    FailingStore,
    Fault,
    StaticProgram,
)

CALL = ToolCall.of("c1", "read", {"x": 1})
PROGRAM = StaticProgram(allow=["read"], escalate=["pay"])
SECRET = "database password is hunter2"


class Broken(StaticProgram):
    """A program with a bug in one of its methods, or one that answers nonsense."""

    def __init__(self, method: str, answer: Callable[[], Any]) -> None:
        super().__init__(allow=["read"])
        object.__setattr__(self, method, lambda *_: answer())


def fail(error: BaseException) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


def rules(outcome: Any) -> list[str]:
    return [reason.rule for reason in outcome.decision.reasons]


async def expect_denial(guard: Guard, tool: Any, reason: str) -> None:
    outcome = await guard.enforce(CALL, tool, session="s")
    assert outcome.decision.outcome is Outcome.DENY
    assert rules(outcome) == [reason]
    assert outcome.result is None
    assert tool.ran == []
    message = guard.denial_message(outcome)
    assert TEXTS[reason] in message
    assert "hunter2" not in message


BUGS = {
    "decide raises": ("decide", fail(RuntimeError(SECRET))),
    "decide raises what looks like the store": ("decide", fail(KeyError(SECRET))),
    "decide answers nothing": ("decide", lambda: None),
    "decide answers True": ("decide", lambda: True),
    "decide answers a correction it cannot make": ("decide", lambda: Decision(Outcome.CORRECT, ())),
    "advance raises": ("advance", fail(ZeroDivisionError(SECRET))),
    "initial raises": ("initial", fail(ValueError(SECRET))),
    "signals raises": ("signals", fail(TypeError(SECRET))),
    "signals answers nonsense": ("signals", lambda: 7),
}


@pytest.mark.parametrize(("method", "answer"), BUGS.values(), ids=BUGS)
async def test_a_bug_in_the_program_denies(tool: Any, method: str, answer: Any) -> None:
    """A program that raises or answers nonsense denies with ``internal-error``, and its text stays inside."""
    await expect_denial(Guard(Broken(method, answer)), tool, "internal-error")


async def test_an_approved_call_cannot_be_escalated_again(tool: Any) -> None:
    """A program that escalates what was approved has a bug: denied, not asked about for ever."""
    program = Broken("decide", lambda: Decision(Outcome.ESCALATE, ()))
    guard = Guard(program)
    asked = await guard.enforce(CALL, tool, session="s")
    assert asked.approval is not None
    await guard.resolve(asked.approval.id, "approve", session="s", by=ANONYMOUS)
    await expect_denial(guard, tool, "internal-error")


STORE_FAULTS: dict[str, list[Fault]] = {
    "load fails": [UNAVAILABLE],
    "load raises something of its own": [OSError(SECRET)],
    "commit fails": [None, UNAVAILABLE],
    "commit fails after it was made": [None, After(UNAVAILABLE)],
    "commit raises something of its own": [None, ConnectionResetError(SECRET)],
    "the reload after a conflict fails": [None, VersionConflict("s", 0, 1), UNAVAILABLE],
}


@pytest.mark.parametrize("schedule", STORE_FAULTS.values(), ids=STORE_FAULTS)
async def test_a_store_that_fails_denies(tool: Any, schedule: list[Fault]) -> None:
    """No state, no call; and the log says that the decision took no effect."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, store=FailingStore(InMemoryStore(), schedule), audit=audit)
    await expect_denial(guard, tool, "store-unavailable")
    await guard.aclose()
    records = [entry.record for entry in audit.entries]
    let_go = {record["id"] for record in records if record.get("outcome") == "ALLOW"}
    assert let_go == {record["superseded"] for record in records if record["kind"] == "superseded"}
    assert records[-1]["kind"] in ("decision", "superseded")
    assert "store-unavailable" in [
        reason["rule"] for record in records for reason in record.get("reasons", ())
    ]


AUDIT_FAULTS: dict[str, list[Fault]] = {
    "append fails": [DISK_FULL],
    "append fails after it was written": [After(DISK_FULL)],
    "append raises something of its own": [OSError(28, SECRET)],
}


@pytest.mark.parametrize("schedule", AUDIT_FAULTS.values(), ids=AUDIT_FAULTS)
async def test_a_log_that_fails_denies(tool: Any, schedule: list[Fault]) -> None:
    """No record, no call; nothing is counted in the session, and a record written all the same is marked."""
    store, audit = InMemoryStore(), MemoryAuditLog()
    guard = Guard(PROGRAM, store=store, audit=FailingAuditLog(audit, schedule))
    await expect_denial(guard, tool, "audit-unavailable")
    await guard.aclose()
    assert await store.load("s") is None
    records = [entry.record for entry in audit.entries]
    let_go = {record["id"] for record in records if record.get("outcome") == "ALLOW"}
    assert let_go <= {record["superseded"] for record in records if record["kind"] == "superseded"}


@pytest.mark.parametrize("escalated", [False, True])
@pytest.mark.parametrize("schedule", [[DISK_FULL] * 9, [None, DISK_FULL, DISK_FULL]], ids=["all", "second"])
async def test_a_denial_or_question_that_cannot_be_recorded_lets_nothing_go(
    tool: Any, escalated: bool, schedule: list[Fault]
) -> None:
    """Neither a denial nor an escalation turns into anything better when the log is full."""
    program = StaticProgram(escalate=["read"]) if escalated else StaticProgram()
    store = InMemoryStore()
    guard = Guard(program, store=store, audit=FailingAuditLog(MemoryAuditLog(), schedule))
    outcome = await guard.enforce(CALL, tool, session="s")
    if escalated or schedule[0] is not None:
        assert rules(outcome) == ["audit-unavailable"]
    assert outcome.decision.outcome is Outcome.DENY
    assert outcome.approval is None
    assert await store.load("s") is None
    assert tool.ran == []


@pytest.mark.parametrize(
    ("store", "audit"), [([HANG], []), ([None, HANG], []), ([], [HANG])], ids=["load", "commit", "append"]
)
async def test_what_hangs_denies_at_the_deadline(tool: Any, store: list[Fault], audit: list[Fault]) -> None:
    """A part that does not answer costs the deadline, not the agent's life."""
    guard = Guard(
        PROGRAM,
        store=FailingStore(InMemoryStore(), store),
        audit=FailingAuditLog(MemoryAuditLog(), audit),
        deadline=0.05,
    )
    async with asyncio.timeout(PATIENCE):
        await expect_denial(guard, tool, "deadline")
    outcome = await guard.enforce(CALL, tool, session="s")  # the session is not stuck
    assert outcome.decision.allowed


async def test_endless_conflicts_end_at_the_deadline(tool: Any) -> None:
    """A store that always answers with a conflict is given up at the deadline."""

    class Contended(InMemoryStore):
        async def commit(self, session: Session, expected: int, appended: tuple[Any, ...]) -> None:
            raise VersionConflict(session.id, expected, expected + 1)

    await expect_denial(Guard(PROGRAM, store=Contended(), deadline=0.1), tool, "deadline")


async def test_a_conflict_is_decided_again_on_the_newer_session(tool: Any) -> None:
    """The first record is marked as superseded, the second decision stands, and the call runs once."""
    audit, store = MemoryAuditLog(), InMemoryStore()
    guard = Guard(PROGRAM, store=FailingStore(store, [None, VersionConflict("s", 0, 1)]), audit=audit)
    outcome = await guard.enforce(CALL, tool, session="s")
    assert outcome.result == ToolResult("done")
    kinds = [entry.record["kind"] for entry in audit.entries]
    assert kinds == ["decision", "superseded", "decision", "result"]
    first, mark, second, result = (entry.record for entry in audit.entries)
    assert mark["superseded"] == first["id"]
    assert mark["reason"] == "version-conflict"
    assert second["id"] == outcome.record == result["decision"]


async def test_a_budget_taken_by_another_process_denies(tool: Any) -> None:
    """A conflict means somebody else spent something: the decision is taken again, not the commit."""
    store = InMemoryStore()
    program = StaticProgram(allow=["read"], budgets={"read": 1})

    class Beaten(InMemoryStore):
        """Another process commits its call just before this one does, once."""

        beaten = False

        async def load(self, session_id: str) -> Session | None:
            return await store.load(session_id)

        async def commit(self, session: Session, expected: int, appended: tuple[Any, ...]) -> None:
            if not self.beaten:
                self.beaten = True
                await Guard(program, store=store).enforce(
                    ToolCall.of("other", "read", {}), _quiet, session="s"
                )
            await store.commit(session, expected, appended)

    outcome = await Guard(program, store=Beaten()).enforce(CALL, tool, session="s")
    assert rules(outcome) == ["budget"]
    assert tool.ran == []


async def test_a_store_that_mixes_up_sessions_denies(tool: Any) -> None:
    """An answer about another session is no answer."""

    class Mixed(InMemoryStore):
        async def load(self, session_id: str) -> Session | None:
            return Session("another")

    await expect_denial(Guard(PROGRAM, store=Mixed()), tool, "store-unavailable")


RESULT_FAULTS: dict[str, tuple[list[Fault], list[Fault]]] = {
    "the store is gone": ([None, None, UNAVAILABLE], []),
    "the commit fails": ([None, None, None, UNAVAILABLE], []),
    "the store hangs": ([None, None, HANG], []),
    "the log is full": ([], [None, DISK_FULL]),
    "the log hangs": ([], [None, HANG]),
}


@pytest.mark.parametrize(("store", "audit"), RESULT_FAULTS.values(), ids=RESULT_FAULTS)
async def test_a_result_that_cannot_be_recorded_is_withheld(
    make_tool: Any, store: list[Fault], audit: list[Fault]
) -> None:
    """The tool ran; what it said stays unread, and the agent is told so."""
    guard = Guard(
        PROGRAM,
        store=FailingStore(InMemoryStore(), store),
        audit=FailingAuditLog(MemoryAuditLog(), audit),
        deadline=0.05,
    )
    tool = make_tool(SECRET)
    outcome = await guard.enforce(CALL, tool, session="s")
    assert len(tool.ran) == 1
    assert outcome.decision.allowed
    assert outcome.result == ToolResult(WITHHELD, None, True)


@pytest.mark.parametrize("answer", [fail(RuntimeError(SECRET)), lambda: None, lambda: "text"])
async def test_a_result_that_cannot_be_inspected_is_withheld(make_tool: Any, answer: Any) -> None:
    """A bug in redaction shows nothing rather than everything."""
    outcome = await Guard(Broken("inspect", answer)).enforce(CALL, make_tool(SECRET), session="s")
    assert outcome.result == ToolResult(WITHHELD, None, True)


@pytest.mark.parametrize("answer", [None, "text", {"text": SECRET}])
async def test_what_is_no_result_is_withheld(answer: Any) -> None:
    """An adapter that returns anything but a ``ToolResult`` has a bug; nothing of it is shown."""

    async def run(call: ToolCall) -> Any:
        return answer

    outcome = await Guard(PROGRAM).enforce(CALL, run, session="s")
    assert outcome.result == ToolResult(WITHHELD, None, True)


async def test_a_tools_exception_survives_a_log_that_cannot_record_it(make_tool: Any) -> None:
    """The caller gets the tool's exception, not the log's."""
    guard = Guard(PROGRAM, audit=FailingAuditLog(MemoryAuditLog(), [None, DISK_FULL]))
    with pytest.raises(LookupError, match="mine"):
        await guard.enforce(CALL, make_tool(error=LookupError("mine")), session="s")


OBSERVE_FAULTS: dict[str, tuple[list[Fault], list[Fault], type[BartizanError]]] = {
    "load": ([UNAVAILABLE], [], StoreUnavailable),
    "commit": ([None, UNAVAILABLE], [], StoreUnavailable),
    "hang": ([HANG], [], StoreUnavailable),
    "log": ([], [DISK_FULL], AuditError),
}


@pytest.mark.parametrize(("store", "audit", "error"), OBSERVE_FAULTS.values(), ids=OBSERVE_FAULTS)
@pytest.mark.parametrize("kind", ["prompt", "text", "result"])
async def test_what_cannot_be_observed_raises(
    kind: Any, store: list[Fault], audit: list[Fault], error: type[BartizanError]
) -> None:
    """A caller learns that what happened was not recorded, so it does not go on as if it had been."""
    guard = Guard(
        PROGRAM,
        store=FailingStore(InMemoryStore(), store),
        audit=FailingAuditLog(MemoryAuditLog(), audit),
        deadline=0.05,
    )
    with pytest.raises(error):
        await guard.observe(kind, "hello", session="s")


@pytest.mark.parametrize("method", ["advance", "inspect", "signals"])
async def test_a_bug_while_observing_raises_without_its_text(method: str) -> None:
    """A broken program raises ``InternalError``, whose text says nothing of what broke."""
    with pytest.raises(InternalError) as caught:
        await Guard(Broken(method, fail(RuntimeError(SECRET)))).observe("result", "x", session="s")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("store", "audit", "error"), OBSERVE_FAULTS.values(), ids=OBSERVE_FAULTS)
async def test_an_answer_that_cannot_be_recorded_raises(
    tool: Any, store: list[Fault], audit: list[Fault], error: type[BartizanError]
) -> None:
    """An approval that was not durably recorded was not given."""
    inner = InMemoryStore()
    call = ToolCall.of("c1", "pay", {})
    asked = await Guard(PROGRAM, store=inner).enforce(call, tool, session="s")
    assert asked.approval is not None
    guard = Guard(
        PROGRAM,
        store=FailingStore(inner, store),
        audit=FailingAuditLog(MemoryAuditLog(), audit),
        deadline=0.05,
    )
    with pytest.raises(error):
        await guard.resolve(asked.approval.id, "approve", session="s", by=ANONYMOUS)
    assert (await guard.approvals("s"))[0].state == "pending"
    await guard.enforce(call, tool, session="s")
    assert tool.ran == []


async def test_the_operator_learns_what_the_model_does_not(
    tool: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The process log names the failure and its cause."""
    with caplog.at_level(logging.ERROR, "bartizan.guard"):
        await expect_denial(Guard(Broken("decide", fail(RuntimeError(SECRET)))), tool, "internal-error")
    assert "internal-error" in caplog.text
    assert "hunter2" in caplog.text


async def test_closing_waits_for_what_is_still_being_recorded(tool: Any) -> None:
    """Records written in the background are in the log before it is closed."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, store=FailingStore(InMemoryStore(), [UNAVAILABLE]), audit=audit)
    await guard.enforce(CALL, tool, session="s")
    await guard.aclose()
    assert [entry.record["outcome"] for entry in audit.entries] == ["DENY"]


async def test_closing_does_not_wait_for_ever(tool: Any) -> None:
    """A log that hangs does not keep a guard from closing."""
    audit = FailingAuditLog(MemoryAuditLog(), [HANG])
    guard = Guard(PROGRAM, store=FailingStore(InMemoryStore(), [UNAVAILABLE]), audit=audit, deadline=0.05)
    await guard.enforce(CALL, tool, session="s")
    await asyncio.wait_for(guard.aclose(), PATIENCE)


@pytest.mark.parametrize("session", ["", None, 7])
async def test_a_call_of_no_session_is_denied(tool: Any, session: Any) -> None:
    """Without a session's id there is no history to decide on."""
    outcome = await Guard(PROGRAM).enforce(CALL, tool, session=session)
    assert rules(outcome) == ["internal-error"]
    assert tool.ran == []
    with pytest.raises(InternalError):
        await Guard(PROGRAM).observe("prompt", "x", session=session)


async def test_a_call_cannot_be_observed_into_the_history() -> None:
    """Only ``enforce`` lets calls go: observing one is refused."""
    with pytest.raises(ValueError, match="enforce"):
        await Guard(PROGRAM).observe("call", "", session="s", call=CALL)  # type: ignore[arg-type]


async def _quiet(call: ToolCall) -> ToolResult:
    return ToolResult("")


@pytest.mark.parametrize("ask", ["session", "approvals"])
async def test_looking_at_a_session_ends_with_the_deadline(ask: str) -> None:
    """A store that does not answer is unavailable, for whoever looks at a session or its approvals."""
    guard = Guard(PROGRAM, store=FailingStore(InMemoryStore(), [HANG]), deadline=0.02)
    with pytest.raises(StoreUnavailable, match="within"):
        await getattr(guard, ask)("s")
