"""The way of one call, and of what else happens, when nothing is broken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.waiting import until

from bartizan.guard import (
    Decision,
    Event,
    Guard,
    InMemoryStore,
    Inspection,
    Labels,
    MemoryAuditLog,
    Missing,
    Outcome,
    Principal,
    Reason,
    Request,
    Retention,
    Session,
    Signal,
    ToolCall,
    ToolResult,
    digest_of,
)
from bartizan.guard.testing import GarbageMonitor, StaticProgram

PROGRAM = StaticProgram(
    allow=["read"], deny=["drop"], escalate=["pay"], budgets={"read": 3}, secrets=["s3cret"], trusted=["read"]
)


def kinds(audit: MemoryAuditLog) -> list[str]:
    return [entry.record["kind"] for entry in audit.entries]


async def test_an_allowed_call_runs_once_with_exactly_its_bytes(tool: Any) -> None:
    """What is executed is the call that was decided, and the model gets its result."""
    guard = Guard(PROGRAM)
    call = ToolCall.of("1", "read", {"path": "é", "n": 1.0})
    outcome = await guard.enforce(call, tool, session="s")
    assert outcome.decision.outcome is Outcome.ALLOW
    assert tool.ran == [call]
    assert outcome.result == ToolResult("done")
    assert guard.denial_message(outcome) == ""


@pytest.mark.parametrize(("name", "rule"), [("drop", "forbidden"), ("unheard-of", "default")])
async def test_a_denied_call_does_not_run(tool: Any, name: str, rule: str) -> None:
    """A denial has its reason, no result, and leaves the tool alone."""
    guard = Guard(PROGRAM)
    outcome = await guard.enforce(ToolCall.of("1", name, {}), tool, session="s")
    assert outcome.decision.outcome is Outcome.DENY
    assert [reason.rule for reason in outcome.decision.reasons] == [rule]
    assert outcome.result is None
    assert tool.ran == []
    assert rule in guard.denial_message(outcome)


async def test_a_call_counts_from_its_decision_on(tool: Any) -> None:
    """The registers move on before the tool runs, and a denied call moves nothing."""
    store = InMemoryStore()
    guard = Guard(PROGRAM, store=store)
    seen = []

    async def look(call: ToolCall) -> ToolResult:
        session = await store.load("s")
        assert session is not None
        seen.append(session.state["calls"]["read"])
        return ToolResult("")

    for number in range(5):
        await guard.enforce(ToolCall.of(str(number), "read", {}), look, session="s")
    assert seen == [1, 2, 3]
    session = await store.load("s")
    assert session is not None
    assert [event.kind for event in session.events] == ["call", "result"] * 3


async def test_the_record_is_there_before_the_tool_runs() -> None:
    """When a tool body starts, the log holds an ALLOW record of its digest."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, audit=audit)
    call = ToolCall.of("1", "read", {"x": 1})

    async def look(given: ToolCall) -> ToolResult:
        (entry,) = audit.entries
        assert (entry.record["kind"], entry.record["outcome"]) == ("decision", "ALLOW")
        assert entry.record["call_digest"] == given.digest == digest_of(given.canonical)
        return ToolResult("")

    outcome = await guard.enforce(call, look, session="s")
    assert outcome.record == audit.entries[0].record["id"]
    assert kinds(audit) == ["decision", "result"]
    assert audit.entries[1].record["decision"] == outcome.record


async def test_a_decision_record_says_what_an_auditor_asks() -> None:
    """Session and version, call by digest, outcome, reasons, policy, principal, signals and latency."""
    audit = MemoryAuditLog()
    program = replace(PROGRAM, signals_on={"call": ["risk", "gone"]})
    guard = Guard(
        program, audit=audit, monitors={"risk": GarbageMonitor(Signal("risk", 0.25))}, clock=lambda: 123_456
    )
    call = ToolCall.of("c1", "read", {"password": "hunter2"})
    await guard.enforce(call, _never, session="s", principal=Principal("ann", frozenset({"b", "a"})))
    record = dict(audit.entries[0].record)
    assert record.pop("latency_us").keys() == {"load", "signals", "decide"}
    identity = record.pop("id")
    assert len(identity) == 16
    asked = record.pop("approval")
    assert record == {
        "approved": False,
        "call_digest": call.digest,
        "call_id": "c1",
        "kind": "decision",
        "once": None,
        "outcome": "ESCALATE",
        "policy": {"name": "static", "hash": program.hash, "certificate": "none"},
        "prev": "0" * 64,
        "principal": {"id": "ann", "roles": ["a", "b"]},
        "reasons": [{"rule": "signal-missing", "effect": "escalate", "value": "E", "text": "", "atoms": []}],
        "seq": 1,
        "session": "s",
        "shadow": [],
        "signals": {
            "gone": {"value": {"missing": "no monitor"}, "p_value": {"missing": "no monitor"}},
            "risk": {"value": 0.25, "p_value": {"missing": "not calibrated"}},
        },
        "time": 123_456,
        "tool": "read",
        "version": 0,
    }
    assert audit.entries[1].record["approval"] == asked
    assert "hunter2" not in str([entry.record for entry in audit.entries])


async def test_content_is_captured_only_on_request(make_tool: Any) -> None:
    """Arguments and texts are digests in the log unless asked for, and results then stand there redacted."""
    for capture in (False, True):
        audit = MemoryAuditLog()
        guard = Guard(PROGRAM, audit=audit, capture_content=capture)
        await guard.observe("prompt", "read my file", session="s")
        await guard.enforce(
            ToolCall.of("1", "read", {"path": "a.txt"}), make_tool("it says s3cret"), session="s"
        )
        prompt, decision, result = (entry.record for entry in audit.entries)
        assert prompt["text"]["digest"] == digest_of(b"read my file")
        if capture:
            assert prompt["text"]["content"] == "read my file"
            assert decision["args"] == {"path": "a.txt"}
            assert result["text"]["content"] == "it says [redacted]"
        else:
            assert "args" not in decision
            assert "content" not in str([prompt, result])


async def test_a_result_is_redacted_and_labelled_before_anybody_reads_it(make_tool: Any) -> None:
    """The model, the session and the log get the inspected result; the raw one goes nowhere."""
    store, audit = InMemoryStore(), MemoryAuditLog()
    guard = Guard(PROGRAM, store=store, audit=audit)
    outcome = await guard.enforce(ToolCall.of("1", "read", {}), make_tool("key s3cret!"), session="s")
    assert outcome.result == ToolResult("key [redacted]!")
    session = await store.load("s")
    assert session is not None
    assert session.events[-1].text == "key [redacted]!"
    assert session.events[-1].labels == Labels("trusted")
    assert audit.entries[-1].record["labels"] == {"default": "trusted", "exceptions": []}
    assert audit.entries[-1].record["reasons"][0]["rule"] == "secrets"
    assert "s3cret" not in repr((session, audit.entries))


async def test_a_value_is_detached_from_the_tool_and_must_be_json() -> None:
    """A tool cannot change a result after it was inspected; what JSON cannot say is left out, the text stays."""
    guard = Guard(PROGRAM)
    shared: dict[str, Any] = {"rows": (1, 2)}

    async def run(call: ToolCall) -> ToolResult:
        return ToolResult("text", shared if call.id == "1" else {"x": object()})

    first = await guard.enforce(ToolCall.of("1", "read", {}), run, session="s")
    shared["rows"] = "changed"
    assert first.result == ToolResult("text", {"rows": [1, 2]})
    second = await guard.enforce(ToolCall.of("2", "read", {}), run, session="s")
    assert second.result == ToolResult("text", None)


async def test_text_that_utf8_cannot_say_is_made_sayable(make_tool: Any) -> None:
    """A lone surrogate in a result is replaced, not a reason to lose the result."""
    outcome = await Guard(PROGRAM).enforce(ToolCall.of("1", "read", {}), make_tool("a\ud800b"), session="s")
    assert outcome.result == ToolResult("a\ufffdb")


@pytest.mark.parametrize("error", [ValueError("secret detail"), KeyError("x"), SystemExit(3)])
async def test_what_a_tool_raises_passes_unchanged_after_it_was_recorded(
    make_tool: Any, error: BaseException
) -> None:
    """The very exception comes out, the log says the tool raised, and its text stays out of the log."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, audit=audit)
    with pytest.raises(type(error)) as caught:
        await guard.enforce(ToolCall.of("1", "read", {}), make_tool(error=error), session="s")
    assert caught.value is error
    await until(lambda: len(audit.entries) > 1)
    decision, record = (entry.record for entry in audit.entries)
    assert (record["kind"], record["error"]) == ("error", type(error).__name__)
    assert record["decision"] == decision["id"]
    assert "secret detail" not in str(record)


async def test_an_error_result_stays_one(tool: Any) -> None:
    """``is_error`` passes through to the model and into the history."""
    store = InMemoryStore()

    async def fail(call: ToolCall) -> ToolResult:
        return ToolResult("no such file", is_error=True)

    outcome = await Guard(PROGRAM, store=store).enforce(ToolCall.of("1", "read", {}), fail, session="s")
    assert outcome.result == ToolResult("no such file", is_error=True)
    session = await store.load("s")
    assert session is not None
    assert session.events[-1].is_error


async def test_prompts_texts_and_foreign_results_are_observed() -> None:
    """Whatever happens outside becomes an event of the session and a record; a result is inspected."""
    store, audit = InMemoryStore(), MemoryAuditLog()
    guard = Guard(PROGRAM, store=store, audit=audit)
    assert await guard.observe("prompt", "hello", session="s") is None
    call = ToolCall.of("9", "other", {})
    shown = await guard.observe("result", "a s3cret", session="s", call=call, value={"x": 1}, is_error=True)
    assert shown == Inspection("a [redacted]", None, Labels(), (Reason("secrets", "redact"),))
    assert await guard.observe("text", "bye", session="s") is None
    session = await store.load("s")
    assert session is not None
    assert [(event.kind, event.text) for event in session.events] == [
        ("prompt", "hello"),
        ("result", "a [redacted]"),
        ("text", "bye"),
    ]
    assert kinds(audit) == ["observation"] * 3
    assert [entry.record["event"] for entry in audit.entries] == ["prompt", "result", "text"]


async def test_monitors_run_only_for_what_the_rules_ask() -> None:
    """A monitor is asked on the kinds of event the program names, and gets the event and the history."""
    asked = []

    class Spy:
        async def measure(self, event: Event, trace: tuple[Event, ...]) -> Signal:
            asked.append((event.kind, event.tool, len(trace)))
            return Signal("risk", 0.1)

    program = replace(PROGRAM, signals_on={"call": ["risk"], "prompt": ["risk"]})
    store = InMemoryStore()
    guard = Guard(program, monitors={"risk": Spy()}, store=store)
    await guard.observe("prompt", "hello", session="s")
    await guard.enforce(ToolCall.of("1", "read", {}), _nothing, session="s")
    await guard.observe("text", "bye", session="s")
    assert asked == [("prompt", None, 0), ("call", "read", 1)]
    session = await store.load("s")
    assert session is not None
    assert [dict(event.signals) for event in session.events] == [
        {"risk": Signal("risk", 0.1)},
        {"risk": Signal("risk", 0.1)},
        {},
        {},
    ]


async def test_a_missing_signal_never_lets_a_call_go(tool: Any) -> None:
    """With no measurement the program's answer for a missing signal holds; with a bad one its denial."""
    program = replace(PROGRAM, signals_on={"call": ["risk"]})
    for monitor, outcome in (
        (GarbageMonitor(Signal("risk", 0.1)), Outcome.ALLOW),
        (GarbageMonitor(Signal("risk", Missing("down"))), Outcome.ESCALATE),
        (GarbageMonitor("safe"), Outcome.ESCALATE),
        (GarbageMonitor(Signal("risk", 0.9)), Outcome.DENY),
    ):
        answer = await Guard(program, monitors={"risk": monitor}).enforce(
            ToolCall.of("1", "read", {}), tool, session="s"
        )
        assert answer.decision.outcome is outcome
    assert len(tool.ran) == 1


async def test_time_never_runs_backwards_within_a_session(tool: Any) -> None:
    """A wall clock set back does not reorder a session's events, nor reopen its windows."""
    times = iter([1000, 900, 2000, 5, 6, 7, 3000, 1])
    store = InMemoryStore()
    guard = Guard(PROGRAM, store=store, clock=lambda: next(times))
    for number in range(3):
        await guard.enforce(ToolCall.of(str(number), "read", {}), tool, session="s")
    session = await store.load("s")
    assert session is not None
    moments = [event.time for event in session.events]
    assert moments == sorted(moments)
    assert moments[0] == 1000


async def test_the_history_is_bounded_and_what_fell_out_is_counted(make_tool: Any) -> None:
    """A session holds so many events and so many bytes, counts the rest, and keeps its clock."""
    store = InMemoryStore()
    guard = Guard(StaticProgram(allow=["read"]), store=store, retention=Retention(events=5, bytes=10_000))
    for number in range(10):
        await guard.enforce(ToolCall.of(str(number), "read", {}), make_tool("x"), session="s")
    session = await store.load("s")
    assert session is not None
    assert (len(session.events), session.dropped) == (5, 15)
    await guard.enforce(ToolCall.of("big", "read", {}), make_tool("y" * 20_000), session="s")
    session = await store.load("s")
    assert session is not None
    assert (session.events, session.dropped, session.size) == ((), 22, 0)
    assert session.clock > 0
    assert session.state["calls"]["read"] == 11


async def test_a_replaced_program_decides_the_next_call(tool: Any) -> None:
    """Assigning ``program`` changes the policy for calls that start afterwards, not for one on its way."""
    guard = Guard(StaticProgram(allow=["read"]))

    async def swap(call: ToolCall) -> ToolResult:
        guard.program = StaticProgram(deny=["read"])
        return ToolResult("ran")

    first = await guard.enforce(ToolCall.of("1", "read", {}), swap, session="s")
    assert first.result == ToolResult("ran")
    second = await guard.enforce(ToolCall.of("2", "read", {}), tool, session="s")
    assert second.decision.outcome is Outcome.DENY
    assert tool.ran == []


async def test_a_denial_tells_the_model_rules_reasons_and_the_nearest_call(tool: Any) -> None:
    """The message names the rule, gives the author's words and the nearest allowed call, and no more."""

    class Helpful(StaticProgram):
        def decide(self, request: Request, session: Session) -> Decision:
            reason = Reason("cap", "deny", "E", "At most 10.", ("args.amount <= secret_limit",))
            nearest = ToolCall.of(request.call.id, request.call.tool, {"amount": 10})
            return Decision(Outcome.DENY, (reason,), nearest=nearest)

    guard = Guard(Helpful())
    outcome = await guard.enforce(ToolCall.of("1", "pay", {"amount": 11}), tool, session="s")
    message = guard.denial_message(outcome)
    assert "Rule cap: At most 10." in message
    assert '{"args":{"amount":10},"tool":"pay"}' in message
    assert "could not be evaluated" in message
    assert "secret_limit" not in message


async def test_sessions_do_not_wait_for_each_other(tool: Any) -> None:
    """While one session's decision is held up, another's goes through, and its own calls keep their order."""
    gate = asyncio.Event()

    class Slow(InMemoryStore):
        async def load(self, session_id: str) -> Session | None:
            if session_id == "slow":
                await gate.wait()
            return await super().load(session_id)

    guard = Guard(PROGRAM, store=Slow())
    held = asyncio.create_task(guard.enforce(ToolCall.of("1", "read", {}), tool, session="slow"))
    await asyncio.sleep(0)
    outcome = await guard.enforce(ToolCall.of("2", "read", {}), tool, session="fast")
    assert outcome.decision.allowed
    assert not held.done()
    gate.set()
    assert (await held).decision.allowed


async def _nothing(call: ToolCall) -> ToolResult:
    return ToolResult("")


async def _never(call: ToolCall) -> ToolResult:
    raise AssertionError("a tool ran that must not")
