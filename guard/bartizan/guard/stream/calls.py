"""Calls put together from a stream's events: strict, canonical, and looked at field by field on the way.

A tool cannot run before its arguments are complete, so waiting for them costs nothing. What is wrong with them is known
as soon as it shows: a caller that looks at each :class:`Field` may stop a call that cannot become one it would take.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import MalformedCall, MalformedJSON
from ..types import ToolCall
from .errors import BrokenStream
from .events import End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from .json_lexer import Grown, JSONLexer, Path

CUT_OFF = "the stream ended before the call was complete"


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a call that is still arriving, which will not change any more."""

    index: int
    tool: str
    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Growing:
    """More of a text of a call, which is not complete yet."""

    index: int
    tool: str
    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Complete:
    """A whole call."""

    index: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class Unusable:
    """What was announced as a call and is none: it must not run, and is not repaired as text."""

    index: int
    id: str
    tool: str
    why: str


Found: TypeAlias = Field | Growing | Complete | Unusable


@dataclass(slots=True)
class _Open:
    start: ToolStart
    lexer: JSONLexer
    began: bool = False
    wrong: str = ""


class Assembler:
    """Follows the calls of one stream. Texts are none of its business; after the end there is nothing more.

    The texts in calls of tools in ``growing`` are told while they grow.
    """

    def __init__(self, growing: Collection[str] = ()) -> None:
        self._growing = growing
        self._open: dict[int, _Open] = {}
        self._seen: set[int] = set()
        self._ended = False

    def push(self, event: StreamEvent) -> list[Found]:
        """What has become known. Raises :class:`BrokenStream` for events in an order that makes no sense."""
        if self._ended:
            raise BrokenStream(f"expected nothing after the end of the stream, found {type(event).__name__}")
        match event:
            case TextDelta():
                return []
            case ToolStart(index):
                if index in self._seen:
                    raise BrokenStream(f"expected call {index} to begin once, found it again")
                self._seen.add(index)
                self._open[index] = _Open(event, JSONLexer(grown=event.name in self._growing))
                return []
            case ToolArgs(index, text):
                return self._more(index, self._of(index), text)
            case ToolEnd(index):
                one = self._of(index)
                del self._open[index]
                return [self._whole(index, one)] if not one.wrong else []
            case End():
                self._ended = True
                left = [(index, one) for index, one in self._open.items() if not one.wrong]
                return [Unusable(index, one.start.id, one.start.name, CUT_OFF) for index, one in left]

    def _of(self, index: int) -> _Open:
        if index not in self._open:
            raise BrokenStream(f"expected a call that is open, found more of call {index}")
        return self._open[index]

    def _more(self, index: int, one: _Open, text: str) -> list[Found]:
        if one.wrong:
            return []
        one.began = one.began or bool(text.strip())
        wrong = ""
        try:
            one.lexer.push(text)
        except MalformedJSON as error:
            wrong = str(error)
        found: list[Found] = []
        for told in one.lexer.told:
            if isinstance(told, Grown):
                found.append(Growing(index, one.start.name, told.path, told.text))
            elif told.path:
                found.append(Field(index, one.start.name, told.path, told.value))
        return [*found, self._refused(index, one, wrong)] if wrong else found

    def _whole(self, index: int, one: _Open) -> Found:
        try:
            # A tool without arguments is often called with nothing.
            args = one.lexer.finish() if one.began else {}
            return Complete(index, ToolCall.of(one.start.id, one.start.name, args))
        except (MalformedJSON, MalformedCall) as error:
            return self._refused(index, one, str(error))

    @staticmethod
    def _refused(index: int, one: _Open, why: str) -> Unusable:
        one.wrong = why
        return Unusable(index, one.start.id, one.start.name, why)
