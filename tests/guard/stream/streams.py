"""Streams of events, and the frames of providers that say them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from bartizan.guard.stream.events import End, Finish, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart


@dataclass(frozen=True)
class Message:
    """What a stream said: texts and calls in order, and how it ended."""

    parts: tuple[
        tuple[str, ...], ...
    ]  # ("content", text), ("refusal", text) or ("call", id, name, arguments)
    finish: Finish = "stop"


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(TEXT, st.integers() | TEXT | st.booleans(), max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False)
)


@st.composite
def messages(draw: st.DrawFn, *, refusals: bool = True) -> Message:
    """Any answer that a provider could give."""
    parts: list[tuple[str, ...]] = []
    for _ in range(draw(st.integers(0, 2))):
        channel = draw(st.sampled_from(["content", "refusal"] if refusals else ["content"]))
        if not parts or parts[-1][0] != channel:
            parts.append((channel, draw(TEXT)))
    for number in range(draw(st.integers(0, 3))):
        parts.append(("call", f"call_{number}", draw(st.sampled_from(["pay", "read_mail"])), draw(ARGUMENTS)))
    calls = any(part[0] == "call" for part in parts)
    return Message(
        tuple(parts), "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "filtered"]))
    )


def pieces(text: str, cuts: list[int]) -> list[str]:
    at = sorted({cut % (len(text) + 1) for cut in cuts} - {0, len(text)})
    return [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]


def events_of(message: Message, cuts: list[int], usage: dict[str, Any] | None = None) -> list[StreamEvent]:
    """The message as events, its texts and arguments cut at those places."""
    found: list[StreamEvent] = []
    for index, part in enumerate(message.parts):
        if part[0] == "call":
            found.append(ToolStart(index, part[1], part[2]))
            found += [ToolArgs(index, piece) for piece in pieces(part[3], cuts)]
            found.append(ToolEnd(index))
        else:
            found += [TextDelta(piece, part[0]) for piece in pieces(part[1], cuts)]  # type: ignore[arg-type]
    return [*found, End(message.finish, usage or {})]


def message_of(events: list[StreamEvent]) -> Message:
    """What the events said, joined again. A call without its end is none."""
    parts: list[list[str]] = []
    calls: dict[int, list[str]] = {}
    ended: set[int] = set()
    finish: Finish | None = None
    for event in events:
        assert finish is None, "something after the end"
        match event:
            case TextDelta(text, channel):
                if parts and parts[-1][0] == channel:
                    parts[-1][1] += text
                else:
                    parts.append([channel, text])
            case ToolStart(index, id, name):
                assert index not in calls
                calls[index] = ["call", id, name, ""]
                parts.append(calls[index])
            case ToolArgs(index, text):
                assert index not in ended
                calls[index][3] += text
            case ToolEnd(index):
                assert index in calls
                ended.add(index)
            case End():
                finish = event.finish
    assert finish is not None, "no end"
    cut = [call for index, call in calls.items() if index not in ended]
    return Message(tuple(tuple(part) for part in parts if part not in cut), finish)
