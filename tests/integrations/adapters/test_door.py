"""The small doors' common way to a guard and back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from bartizan.guard import Guard, MemoryAuditLog, ToolCall, ToolResult
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.door import FAILED, MALFORMED, WITHHELD, Asked, Door, as_json, read_output
from bartizan.integrations.testing.harness import logged

PROGRAM = StaticProgram(allow=["read"])


def door(guard: Guard, **options: Any) -> Door[str]:
    return Door(guard, str, **options)


async def echo(call: ToolCall) -> dict[str, Any]:
    return call.arguments()


@pytest.mark.parametrize(
    "args",
    ["{", "[1]", '{"x": NaN}', '{"x": 1, "x": 2}', {"x": object()}, {1: 2}, {"x": "\ud800"}],
    ids=[
        "cut off",
        "an array",
        "NaN",
        "a key twice",
        "an object of Python's",
        "a key that is a number",
        "half a letter",
    ],
)
async def test_what_is_no_strict_json_is_denied(args: Any) -> None:
    """Arguments as text or as values: what the guard cannot write down does not run."""
    assert await door(Guard(PROGRAM)).ask("s", "c", "read", args) == Asked(text=MALFORMED)


@pytest.mark.parametrize("context", ["", "\ud800"], ids=["none", "no text"])
async def test_a_session_nobody_can_name_is_denied(context: str) -> None:
    """There is no anonymous session for calls to share."""
    asked = await door(Guard(PROGRAM)).ask(context, "c", "read", {})
    assert asked.call is None
    assert "denied and has not been executed" in asked.text


async def test_a_guard_that_answers_nonsense_is_a_denial() -> None:
    """An answer that is no enforcement lets nothing go."""

    class Nonsense(Guard):
        async def authorise(self, *args: Any, **options: Any) -> Any:
            return True

    assert await door(Nonsense(PROGRAM)).ask("s", "c", "read", {}) == Asked(text=FAILED)


async def test_a_report_that_hangs_withholds_the_result() -> None:
    """The tool ran, nobody wrote its result down in time: the model does not read it."""

    class Hanging(Guard):
        async def report(self, *args: Any, **options: Any) -> Any:
            await asyncio.Event().wait()

    guard = Hanging(PROGRAM)
    asked = await door(guard).ask("s", "c", "read", {"x": 1})
    ran = await door(guard, patience=0.05).run(asked, echo, read_output)
    assert ran.for_model() == WITHHELD


async def test_an_output_that_cannot_be_read_is_withheld() -> None:
    """What the guard could not look at goes nowhere."""

    def unreadable(output: Any) -> ToolResult:
        raise ValueError("what is this?")

    made = door(Guard(PROGRAM))
    ran = await made.run(await made.ask("s", "c", "read", {"x": 1}), echo, unreadable)
    assert ran.for_model() == WITHHELD


async def test_cancelling_a_question_lets_nothing_go() -> None:
    """A run that is cancelled while the guard thinks ends, and its call did not run."""

    class Slow(Guard):
        async def authorise(self, *args: Any, **options: Any) -> Any:
            await asyncio.Event().wait()

    asking = asyncio.ensure_future(door(Slow(PROGRAM)).ask("s", "c", "read", {}))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_call_without_an_id_is_decided_each_time() -> None:
    """There is nothing to recognise it by, so it runs again, counted again."""
    audit = MemoryAuditLog()
    made = door(Guard(PROGRAM, audit=audit))
    for _ in range(2):
        ran = await made.run(await made.ask("s", "", "read", {"x": 1}), echo, read_output)
        assert ran.for_model() == {"x": 1}
    assert [record["outcome"] for record in logged(audit, "decision")] == ["ALLOW", "ALLOW"]


async def test_an_id_used_again_for_another_call_is_another_call() -> None:
    """The same id with other arguments is decided and runs; with the same ones it is the recorded result."""
    made = door(Guard(PROGRAM))
    first = await made.ask("s", "c", "read", {"x": 1})
    await made.run(first, echo, read_output)
    assert (await made.ask("s", "c", "read", {"x": 2})).call is not None
    again = await made.ask("s", "c", "read", {"x": 1})
    assert (again.call, again.text) == (None, '{"x":1}')
    assert (await made.ask("other", "c", "read", {"x": 1})).call is not None


def test_outputs_are_read_as_json_says_them() -> None:
    """Texts as they are, structures as canonical JSON, the rest as it prints; never an exception."""

    @dataclass
    class Found:
        b: int
        a: str

    assert read_output("x") == ToolResult("x")
    assert read_output(Found(1, "é")) == ToolResult('{"a":"é","b":1}', {"a": "é", "b": 1})
    assert read_output([1, None]) == ToolResult("[1,null]", [1, None])
    assert read_output(None) == ToolResult("None")
    assert read_output(float("nan")) == ToolResult("nan")
    assert as_json(object()) is None
    assert as_json({"x": "\ud800"}) is None
