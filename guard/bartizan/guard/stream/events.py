"""What a stream says, whoever provides it: five kinds of events.

A provider's frames are read as these and written from these (:mod:`.providers`); everything between knows no provider.
Between ``ToolStart`` and ``ToolEnd`` the arguments arrive as pieces of JSON text; several calls may be open at once,
told apart by ``index``. A call without its ``ToolEnd`` was cut off, and is no call. ``End`` comes last, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Channel: TypeAlias = Literal["content", "refusal"]
Finish: TypeAlias = Literal["stop", "tool_calls", "length", "filtered", "aborted"]
"""Why a stream ended: the model was done, or wants its calls run; it hit a limit; the provider's filter or the guard
stopped it (``aborted``)."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer's text, or of its refusal."""

    text: str
    channel: Channel = "content"


@dataclass(frozen=True, slots=True)
class ToolStart:
    """A call begins. ``index`` tells calls of one stream apart and orders them."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolArgs:
    """More of a call's arguments, as JSON text."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolEnd:
    """A call's arguments are complete."""

    index: int


@dataclass(frozen=True, slots=True)
class End:
    """The stream is over. ``usage`` is the provider's, in its own words."""

    finish: Finish
    usage: Mapping[str, Any] = field(default_factory=dict)


StreamEvent: TypeAlias = TextDelta | ToolStart | ToolArgs | ToolEnd | End
