"""Calls of a stream: held, decided as a whole, and let go in canonical bytes or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from bartizan.guard import Guard, MemoryAuditLog, Outcome, Proposal, ToolCall
from bartizan.guard.stream.call_stage import MOST_ASKED
from bartizan.guard.stream.events import End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.reviewing import reviewed
from bartizan.guard.stream.ruling import Ruling
from bartizan.guard.stream.setting import Limits, Otherwise
from bartizan.guard.testing import StaticProgram
from bartizan.policies import compile_policy

from .driving import call, decider, drive
from .virtual import run

PROGRAM = StaticProgram(allow=["pay"], escalate=["ask"], deny=["rob"], limits={"amount": 100})


async def test_an_allowed_call_leaves_in_canonical_bytes() -> None:
    """Whole, once, between the texts it was said between."""
    script = [
        TextDelta("so "),
        *call(4, "pay", '{"to": "bo', 'b", "amount"', ":  5}"),
        TextDelta("done"),
        End("tool_calls", {"tokens": 9}),
    ]
    out, notes = await drive(StreamGuard(decider(PROGRAM)), script)
    assert out == [
        TextDelta("so "), *call(4, "pay", '{"amount":5,"to":"bob"}'), TextDelta("done"),
        End("tool_calls", {"tokens": 9}),
    ]  # fmt: skip
    assert notes == []


@pytest.mark.parametrize(("tool", "kind"), [("rob", "denied"), ("ask", "escalated")])
@pytest.mark.parametrize("otherwise", ["withhold", "pass"])
async def test_what_may_not_leave_is_withheld_or_passed_on(
    tool: str, kind: str, otherwise: Otherwise
) -> None:
    """As the caller says; a message left without calls does not say that it has some."""
    guard = StreamGuard(decider(PROGRAM), denied=otherwise, escalated=otherwise)
    out, notes = await drive(guard, [*call(0, tool, '{"a": 1}'), End("tool_calls")])
    if otherwise == "pass":
        assert out == [*call(0, tool, '{"a":1}'), End("tool_calls")] and notes == [kind]
    else:
        assert out == [End("stop")] and notes == [kind, "finish"]
    assert (guard.notes[0].index, guard.notes[0].id, guard.notes[0].tool) == (0, "c0", tool)


async def test_one_call_left_is_enough() -> None:
    """The reason to stop stays if a call is there to run."""
    out, _ = await drive(
        StreamGuard(decider(PROGRAM)), [*call(0, "rob", "{}"), *call(1, "pay"), End("tool_calls")]
    )
    assert out == [*call(1, "pay", "{}"), End("tool_calls")]


@pytest.mark.parametrize("args", ['{"a": 1, "a": 2}', "[1]", '{"a": NaN}', '{"a": 1', '{"a": 1} x', "null"])
async def test_what_is_no_call_is_never_passed_on(args: str) -> None:
    """Not even to an executor that is guarded: two parsers may read it as two things."""
    guard = StreamGuard(decider(PROGRAM), denied="pass", escalated="pass")
    out, notes = await drive(guard, [*call(0, "pay", args), End("tool_calls")])
    assert out == [End("stop")] and notes == ["malformed", "finish"]


async def test_a_call_without_its_end_is_none() -> None:
    """A limit cut it off."""
    script = [ToolStart(0, "c", "pay"), ToolArgs(0, "{}"), End("length")]
    out, notes = await drive(StreamGuard(decider(PROGRAM)), script)
    assert out == [End("length")] and notes == ["malformed"]


def _wrong(call: ToolCall, how: str) -> Any:
    match how:
        case "other call":
            return Ruling(Outcome.ALLOW, ToolCall.of(call.id, call.tool, {"amount": 1_000_000}))
        case "other tool":
            return Ruling(Outcome.CORRECT, ToolCall.of(call.id, "rob", {}))
        case "other id":
            return Ruling(Outcome.ALLOW, ToolCall.of("x", call.tool, call.args))
        case "no outcome":
            return Ruling(True, call)  # type: ignore[arg-type]
        case "raises":
            raise OSError("down")
        case _:
            return None


@pytest.mark.parametrize("how", ["other call", "other tool", "other id", "no outcome", "raises", "nothing"])
async def test_an_answer_that_is_none_denies(how: str) -> None:
    """Whatever the decider does, only the call it was asked about, or its correction, may leave."""

    async def decide(call: ToolCall) -> Ruling:
        found: Ruling = _wrong(call, how)
        return found

    out, notes = await drive(StreamGuard(decide), [*call(0, "pay", '{"amount": 1}'), End("tool_calls")])
    assert out == [End("stop")] and notes == ["denied", "finish"]


def test_a_decision_that_hangs_denies_in_time() -> None:
    """The next call has its own time."""

    async def decide(call: ToolCall) -> Ruling:
        if call.tool == "slow":
            await asyncio.sleep(60)
        return Ruling(Outcome.ALLOW, call)

    guard = StreamGuard(decide, limits=Limits(call=0.02))
    (out, notes), took = run(drive(guard, [*call(0, "slow"), *call(1, "pay"), End("tool_calls")]))
    assert out == [*call(1, "pay", "{}"), End("tool_calls")] and notes == ["denied"] and took < 0.05


async def test_the_guard_reviews_and_corrects() -> None:
    """A real guard answers; what it says is recorded, and what it corrects leaves corrected with its patch."""

    class Half:
        name = "half"

        async def propose(self, refused: Any) -> list[Any]:
            return [Proposal({**refused.request.call.args, "amount": 100}, "half")]

    log = MemoryAuditLog()
    kernel = Guard(PROGRAM, audit=log, proposers=[Half()])
    guard = StreamGuard(reviewed(kernel, session="s"))
    script = [*call(0, "pay", '{"amount": 500, "to": "bob"}'), *call(1, "rob", "{}"), End("tool_calls")]
    out, notes = await drive(guard, script)
    await kernel.aclose()
    assert out == [*call(0, "pay", '{"amount":100,"to":"bob"}'), End("tool_calls")]
    assert notes == ["corrected", "denied"]
    assert guard.notes[0].patch == ({"op": "replace", "path": "/amount", "value": 100},)
    assert guard.notes[0].message and guard.notes[1].message and guard.notes[1].rules == ("forbidden",)


# --- while a call arrives


def until(field: str, bad: Any) -> Any:
    def possible(tool: str, known: Mapping[str, Any], sent: Collection[str]) -> bool:
        return known.get(field) != bad

    return possible


async def test_a_hopeless_call_ends_the_stream_at_once() -> None:
    """The model is closed before it says more, and the note says what was held."""
    script = [TextDelta("hm"), ToolStart(0, "c", "pay"), ToolArgs(0, '{"to": "eve", '), 0.0,
              *(ToolArgs(0, f'"f{i}": {i}, ') for i in range(2000)), ToolEnd(0), End("tool_calls")]  # fmt: skip
    log: list[str] = []
    guard = StreamGuard(decider(PROGRAM), possible=until("to", "eve"), limits=Limits(ahead=4))
    out, notes = await drive(guard, script, log)
    assert out == [TextDelta("hm"), End("aborted")] and notes == ["hopeless"]
    assert guard.notes[0].held == len('{"to": "eve", ')


async def test_a_hopeless_call_is_recorded_as_any_that_is_denied() -> None:
    """As far as it came, once the model is closed."""
    log = MemoryAuditLog()
    kernel = Guard(PROGRAM, audit=log)
    said: list[str] = []

    async def decide(call: ToolCall) -> Ruling:
        said.append("asked")
        return await reviewed(kernel, session="s")(call)

    script = [ToolStart(0, "c", "pay"), ToolArgs(0, '{"amount": 500, "to": "bob", '), 1e6]
    guard = StreamGuard(decide, possible=until("to", "bob"))
    out, notes = await drive(guard, script, said)
    await kernel.aclose()
    assert out == [End("aborted")] and notes == ["hopeless"] and said == ["closed", "asked"]
    [record] = [entry.record for entry in log.entries if entry.record.get("tool") == "pay"]
    assert (record["kind"], record["outcome"]) == ("review", "DENY")


def test_a_guard_that_hangs_delays_a_hopeless_end_no_longer_than_any() -> None:
    """It has its time, and nobody waits for its answer after that."""

    async def decide(call: ToolCall) -> Ruling:
        await asyncio.sleep(1e6)
        raise AssertionError

    script = [ToolStart(0, "c", "pay"), ToolArgs(0, '{"to": "bob", '), 1e6]
    guard = StreamGuard(decide, possible=until("to", "bob"), limits=Limits(call=0.01))
    found, took = run(drive(guard, script))
    assert found == ([End("aborted")], ["hopeless"]) and took < 0.05


def test_a_model_that_is_silent_is_closed_at_once() -> None:
    """It is not waited for: not for its next word, and not for its end."""
    script = [ToolStart(0, "c", "pay"), ToolArgs(0, '{"to": "eve", '), 1e6, ToolEnd(0), End("tool_calls")]
    guard = StreamGuard(decider(PROGRAM), possible=until("to", "eve"))
    (out, notes), took = run(drive(guard, script))
    assert out == [End("aborted")] and notes == ["hopeless"] and took < 0.05


async def test_a_call_with_very_many_arguments_is_not_asked_about_after_each() -> None:
    """Each question is about all that is known: the first arguments tell, or the whole call does."""
    asked: list[int] = []

    def possible(tool: str, known: Mapping[str, Any], sent: Collection[str]) -> bool:
        asked.append(len(known))
        return True

    fields = ", ".join(f'"f{i}": {i}' for i in range(1000))
    script = [ToolStart(0, "c", "pay"), ToolArgs(0, "{" + fields + "}"), ToolEnd(0), End("tool_calls")]
    await drive(StreamGuard(decider(PROGRAM), possible=possible), script)
    assert asked == [*range(MOST_ASKED + 1)]


async def test_a_partial_number_is_never_asked_about() -> None:
    """``12`` on its way to ``12000`` is not known."""
    asked: list[dict[str, Any]] = []

    def possible(tool: str, known: Mapping[str, Any], sent: Collection[str]) -> bool:
        asked.append(dict(known))
        return True

    guard = StreamGuard(decider(PROGRAM), possible=possible)
    await drive(guard, [*call(0, "pay", '{"amount": 12', '000, "to": ["a', '"]}'), End("tool_calls")])
    assert asked == [{}, {"amount": 12000}, {"amount": 12000, "to": ["a"]}]


async def test_a_question_that_raises_rejects_nothing() -> None:
    """It is decided in the end."""

    def possible(tool: str, known: Mapping[str, Any], sent: Collection[str]) -> bool:
        raise KeyError(tool)

    guard = StreamGuard(decider(PROGRAM), possible=possible)
    out, notes = await drive(guard, [*call(0, "pay", "{}"), End("tool_calls")])
    assert out[:-1] == call(0, "pay", "{}") and set(notes) == {"failed"}


async def test_too_long_arguments_end_the_stream() -> None:
    """What is held is bounded."""
    guard = StreamGuard(decider(PROGRAM), limits=Limits(arguments=10))
    out, notes = await drive(guard, [*call(0, "pay", '{"a": "', "x" * 50, '"}'), End("tool_calls")])
    assert out == [End("aborted")] and notes == ["aborted"]


# --- progressive


def arguments(out: list[StreamEvent]) -> str:
    return "".join(event.text for event in out if isinstance(event, ToolArgs))


async def test_a_long_text_leaves_while_it_arrives() -> None:
    """What leaves piece by piece is the canonical whole, and its end waits for the decision."""
    script = [
        *call(0, "pay", '{"amount": 1, "body": "he', "llo\\n", 'w", "to": ', '"bob"}'),
        End("tool_calls"),
    ]
    decided_after: list[str] = []
    out: list[StreamEvent] = []

    async def decide(call: ToolCall) -> Ruling:
        decided_after.append(arguments(out))
        return Ruling(Outcome.ALLOW, call)

    async for event in StreamGuard(decide, progressive={"pay": ["body"]}).run(_said(script)):
        out.append(event)
    assert arguments(out) == '{"amount":1,"body":"hello\\nw","to":"bob"}'
    assert decided_after == ['{"amount":1,"body":"hello\\nw"']
    assert len(out) > 4 and out[0] == script[0] and out[-2:] == [ToolEnd(0), End("tool_calls")]


async def _said(script: list[StreamEvent]) -> Any:
    for event in script:
        yield event


@pytest.mark.parametrize("order", [["to", "body"], ["body", "amount"]])
async def test_arguments_in_another_order_are_held_or_aborted(order: list[str]) -> None:
    """Canonical bytes are sorted: what comes out of order cannot leave early, nor follow what has."""
    values = {"to": "bob", "body": "hello", "amount": 1}
    text = json.dumps({name: values[name] for name in order})
    guard = StreamGuard(decider(PROGRAM), progressive={"pay": ["body"]})
    out, notes = await drive(guard, [*call(0, "pay", text[:15], text[15:]), End("tool_calls")])
    if order[0] == "to":
        assert out == [*call(0, "pay", '{"body":"hello","to":"bob"}'), End("tool_calls")] and notes == []
    else:
        assert out[-1] == End("aborted") and not any(isinstance(event, ToolEnd) for event in out)
        assert notes == ["aborted"]


async def test_a_denied_call_that_had_begun_is_never_completed() -> None:
    """A truncated JSON runs nowhere; the stream says that it was aborted."""
    guard = StreamGuard(decider(PROGRAM), progressive={"rob": ["body"]})
    out, notes = await drive(guard, [*call(0, "rob", '{"body": "he', 'llo"}'), End("tool_calls")])
    assert arguments(out) == '{"body":"hello"' and out[-1] == End("aborted")
    assert notes == ["denied", "aborted"]


async def test_what_must_not_be_said_does_not_leave_in_an_argument() -> None:
    """A text that leaves while it arrives goes through the rules on text; half a secret is held."""
    rules = compile_policy("version: 1\nname: t\ntext:\n  - {id: keys, redact: 'sk-[a-z]{3,}'}\n").text
    script = [*call(0, "pay", '{"body": "it is s', "k-a", 'bc d", "to": "bob"}'), End("tool_calls")]
    guard = StreamGuard(decider(PROGRAM), rules=rules, progressive={"pay": ["body"]})
    out, notes = await drive(guard, script)
    assert arguments(out) == '{"body":"it is ' and out[-1] == End("aborted") and notes == ["aborted"]
    script = [*call(0, "pay", '{"body": "it is s', 'k-a"}'), End("tool_calls")]
    out, notes = await drive(
        StreamGuard(decider(PROGRAM), rules=rules, progressive={"pay": ["body"]}), script
    )
    assert arguments(out) == '{"body":"it is sk-a"}' and out[-1] == End("tool_calls") and notes == []


async def test_what_would_have_to_be_corrected_is_held() -> None:
    """If the known arguments cannot stay as they are, none of them leaves early."""

    def possible(tool: str, known: Mapping[str, Any], sent: Collection[str]) -> bool:
        return "amount" not in sent

    guard = StreamGuard(decider(PROGRAM), progressive={"pay": ["body"]}, possible=possible)
    out, _ = await drive(guard, [*call(0, "pay", '{"amount": 1, "body": "he', 'llo"}'), End("tool_calls")])
    assert out == [*call(0, "pay", '{"amount":1,"body":"hello"}'), End("tool_calls")]


async def test_nothing_interrupts_a_call_on_the_wire() -> None:
    """Text and other calls that come meanwhile follow it: providers write one call at a time."""
    script = [
        ToolStart(0, "a", "pay"), ToolArgs(0, '{"body": "x'), ToolStart(1, "b", "pay"), TextDelta("meanwhile"),
        ToolArgs(1, "{}"), ToolEnd(1), ToolArgs(0, 'y"}'), ToolEnd(0), End("tool_calls"),
    ]  # fmt: skip
    out, _ = await drive(StreamGuard(decider(PROGRAM), progressive={"pay": ["body"]}), script)
    assert out[0] == script[0] and arguments(out) == '{"body":"xy"}{}'
    at = out.index(ToolEnd(0))
    assert out[at + 1 :] == [
        TextDelta("meanwhile"), ToolStart(1, "b", "pay"), ToolArgs(1, "{}"), ToolEnd(1), End("tool_calls"),
    ]  # fmt: skip
