"""Calls from events: whole ones, and what must never pass for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import ToolCall
from bartizan.guard.stream.calls import CUT_OFF, Assembler, Complete, Field, Found, Growing, Unusable
from bartizan.guard.stream.errors import BrokenStream
from bartizan.guard.stream.events import End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart

from .streams import events_of, messages, pieces


def assembled(events: list[StreamEvent]) -> list[Found]:
    assembler = Assembler()
    return [found for event in events for found in assembler.push(event)]


@settings(max_examples=500)
@given(messages(), st.lists(st.integers(0, 40), max_size=5))
def test_calls_are_those_of_the_whole_arguments(message: Any, cuts: list[int]) -> None:
    """However they were cut: the canonical bytes of a strict parse."""
    found = [one for one in assembled(events_of(message, cuts)) if not isinstance(one, Field)]
    expected = [ToolCall.parse(*part[1:]) for part in message.parts if part[0] == "call"]
    assert [one.call.canonical for one in found if isinstance(one, Complete)] == [
        call.canonical for call in expected
    ]
    assert len(found) == len(expected)


@settings(max_examples=300)
@given(
    st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2)),
    st.integers(0, 60), st.lists(st.integers(0, 60), max_size=4),
)  # fmt: skip
def test_what_was_cut_off_is_no_call(args: dict[str, Any], at: int, cuts: list[int]) -> None:
    """Wherever it stops, said to be complete or not: fields that are told are the real ones, and there is no call."""
    text = json.dumps(args)
    part = text[: at % len(text)]
    begun = [ToolStart(0, "c", "f"), *(ToolArgs(0, piece) for piece in pieces(part, cuts))]
    for last in ([End("length")], [ToolEnd(0), End("tool_calls")]):
        found = assembled([*begun, *last])
        calls = [one for one in found if isinstance(one, Complete)]
        assert not calls or (part == "" and isinstance(last[0], ToolEnd) and calls[0].call.arguments() == {})
        for one in found:
            if isinstance(one, Field) and len(one.path) == 1:
                assert args[str(one.path[0])] == one.value


def test_fields_are_told_when_they_cannot_change() -> None:
    """A growing number is not told; a growing text is, of the tools that are named."""
    assembler = Assembler()
    assembler.push(ToolStart(3, "c", "pay"))
    assert assembler.push(ToolArgs(3, '{"to": "bob", "amount": 12')) == [Field(3, "pay", ("to",), "bob")]
    assert assembler.push(ToolArgs(3, "000}")) == [Field(3, "pay", ("amount",), 12000)]
    assert assembler.push(ToolEnd(3)) == [
        Complete(3, ToolCall.of("c", "pay", {"to": "bob", "amount": 12000}))
    ]
    assembler = Assembler(growing={"pay"})
    assembler.push(ToolStart(3, "c", "pay"))
    assert assembler.push(ToolArgs(3, '{"to": "bo')) == [Growing(3, "pay", ("to",), "bo")]


@pytest.mark.parametrize(
    ("text", "says"),
    [('{"a": 1, "a": 2}', "twice"), ("[1] ]", "after the value"), ('{"a": NaN}', "value"),
     ('{"a": 1} x', "after the value"),
     ('{"a": "\\ud800"}', "surrogate"), ("{" * 70, "key"), ("{'a': 1}", "key in quotes")],
)  # fmt: skip
def test_what_strict_parsing_refuses_is_unusable(text: str, says: str) -> None:
    """Told once, and nothing more is told of that call."""
    found = assembled(
        [ToolStart(0, "c", "f"), ToolArgs(0, text), ToolArgs(0, "}"), ToolEnd(0), End("tool_calls")]
    )
    (unusable,) = [one for one in found if not isinstance(one, Field)]
    assert isinstance(unusable, Unusable)
    assert says in unusable.why
    assert (unusable.index, unusable.id, unusable.tool) == (0, "c", "f")


@pytest.mark.parametrize("text", ["[1]", "3", "null", '"{}"'])
def test_arguments_are_an_object(text: str) -> None:
    """JSON, and no arguments."""
    (unusable,) = [
        one
        for one in assembled([ToolStart(0, "c", "f"), ToolArgs(0, text), ToolEnd(0)])
        if not isinstance(one, Field)
    ]
    assert isinstance(unusable, Unusable)
    assert "must be an object" in unusable.why


def test_calls_side_by_side_do_not_mix() -> None:
    """Told apart by their index; the one that is cut off is told at the end."""
    found = assembled([
        ToolStart(0, "a", "f"), ToolStart(1, "b", "g"), ToolArgs(1, '{"x"'), ToolArgs(0, "{"), TextDelta("hm"),
        ToolArgs(1, ": 1}"), ToolArgs(0, "}"), ToolEnd(0), End("length"),
    ])  # fmt: skip
    assert found == [
        Field(1, "g", ("x",), 1), Complete(0, ToolCall.of("a", "f", {})), Unusable(1, "b", "g", CUT_OFF),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "events",
    [[ToolArgs(0, "{}")], [ToolEnd(0)], [ToolStart(0, "a", "f"), ToolStart(0, "b", "g")], [End("stop"), End("stop")],
     [ToolStart(0, "a", "f"), ToolEnd(0), ToolArgs(0, "{}")], [End("stop"), TextDelta("x")]],
)  # fmt: skip
def test_events_that_make_no_sense_are_refused(events: list[StreamEvent]) -> None:
    """Not guessed at."""
    with pytest.raises(BrokenStream):
        assembled(events)
