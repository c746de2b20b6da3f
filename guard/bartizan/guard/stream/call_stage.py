"""Calls on their way: held until they are complete, decided as a whole, emitted in canonical bytes, or not at all.

A tool cannot run before its arguments are complete, so holding them costs nothing. While they arrive, it is asked after
each argument whether the call can still become one that may leave; if not, the model is closed there and then, and what
came of the call is decided, so that a guard knows that it was tried.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..canonical import canonical_json
from ..decision import Outcome
from ..errors import MalformedCall
from ..types import ToolCall
from .calls import Assembler, Complete, Field, Growing, Unusable
from .events import StreamEvent, ToolArgs, ToolEnd, ToolStart
from .notes import Note
from .progressive import Progressive
from .ruling import Ruling
from .setting import Abort, Setting
from .upstream import OutOfTime

MOST_ASKED = 64
"""Arguments after which it is not asked any more whether a call is hopeless: each question is about all of them."""


@dataclass(slots=True)
class _Call:
    start: ToolStart
    size: int = 0
    known: dict[str, Any] = field(default_factory=dict)
    progressive: Progressive | None = None

    @property
    def partly_sent(self) -> bool:
        return self.progressive is not None and self.progressive.began


class CallStage:
    """Follows the calls of one stream."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._assembler = Assembler(growing=frozenset(setting.progressive))
        self._open: dict[int, _Call] = {}
        self.seen = 0
        self.left = 0

    async def push(self, event: StreamEvent) -> list[tuple[int, list[StreamEvent]]]:
        """What may leave of which call. Raises :class:`BrokenStream` and :class:`Abort`."""
        found = self._assembler.push(event)
        if isinstance(event, ToolStart):
            self.seen += 1
            self._begin(event)
        elif isinstance(event, ToolArgs):
            self._grow(event)
        told: list[tuple[int, list[StreamEvent]]] = []
        for one in found:
            match one:
                case Field(index, _, (str() as name,), value):
                    told.append((index, self._committed(self._open[index], name, value)))
                case Growing(index, _, (str() as name,), text):
                    told.append((index, self._growing(self._open[index], name, text)))
                case Unusable():
                    self._unusable(one)
                case Complete(index, call):
                    told.append((index, await self._whole(self._open.pop(index), call)))
        return [(index, events) for index, events in told if events]

    def _begin(self, start: ToolStart) -> None:
        call = self._open[start.index] = _Call(start)
        if (fields := self._setting.progressive.get(start.name)) and len(self._open) == 1:
            rules = self._setting.rules
            call.progressive = Progressive(start, frozenset(fields), rules.scanner() if rules else None)
        self._hopeful(call)

    def _grow(self, event: ToolArgs) -> None:
        call = self._open.get(event.index)
        if call is None:
            return  # it was unusable before
        call.size += len(event.text)
        if call.size > self._setting.limits.arguments:
            raise Abort(self._note("aborted", call, "its arguments are too long"))

    def _unusable(self, one: Unusable) -> None:
        call = self._open.pop(one.index)
        if call.partly_sent:
            raise Abort(self._note("aborted", call, f"a part of it had left: {one.why}"))
        self._setting.note(self._note("malformed", call, one.why))

    # --- while it arrives

    def _committed(self, call: _Call, name: str, value: Any) -> list[StreamEvent]:
        call.known[name] = value
        told: list[StreamEvent] = []
        if call.progressive is not None:
            told = self._sending(call, call.progressive.committed, call.known, name)
        self._hopeful(call)
        return told

    def _growing(self, call: _Call, name: str, text: str) -> list[StreamEvent]:
        if call.progressive is None or not call.progressive.wants(name):
            return []
        if not call.progressive.began and not self._possible(call, {*call.known, name}):
            call.progressive = None  # what would leave now may have to be corrected
            return []
        return self._sending(call, call.progressive.grown, call.known, name, text)

    def _sending(self, call: _Call, step: Any, *args: Any) -> list[StreamEvent]:
        try:
            events: list[StreamEvent] = step(*args)
        except ValueError as error:
            raise Abort(self._note("aborted", call, str(error))) from error
        return events

    def _hopeful(self, call: _Call) -> None:
        sent = call.progressive.sent if call.progressive is not None else frozenset[str]()
        if not self._possible(call, sent):
            note = self._note("hopeless", call, "no call that begins like this may leave")
            raise Abort(note, partial(self._tried, call))

    async def _tried(self, call: _Call) -> None:
        """What is denied is recorded, since the agent tried: of a hopeless call, as far as it came."""
        with suppress(MalformedCall):
            await self._ruling(ToolCall.of(call.start.id, call.start.name, call.known))

    def _possible(self, call: _Call, sent: Any) -> bool:
        if self._setting.possible is None or len(call.known) > MOST_ASKED:
            return True
        try:
            return self._setting.possible(call.start.name, call.known, sent) is not False
        except Exception as error:  # noqa: BLE001 (what cannot be told is decided in the end)
            self._setting.note(self._note("failed", call, f"possible raised {type(error).__name__}"))
            return True

    # --- whole

    async def _whole(self, held: _Call, call: ToolCall) -> list[StreamEvent]:
        ruling = await self._ruling(call)
        outcome = ruling.outcome
        if outcome is Outcome.CORRECT:
            self._setting.note(self._note("corrected", held, ruling.message, ruling))
        elif outcome is not Outcome.ALLOW:
            asked = outcome is Outcome.ESCALATE
            self._setting.note(self._note("escalated" if asked else "denied", held, ruling.message, ruling))
            if (self._setting.escalated if asked else self._setting.denied) == "withhold":
                if held.partly_sent:
                    raise Abort(self._note("aborted", held, "a part of it had left", ruling))
                return []
            ruling = Ruling(Outcome.ALLOW, call)
        self.left += 1
        return self._emitted(held, ruling)

    async def _ruling(self, call: ToolCall) -> Ruling:
        """The answer; a denial if there is none that could be one."""
        setting = self._setting
        try:
            ruling = await setting.ask(partial(setting.decide, call), setting.limits.call)
        except OutOfTime:
            return Ruling(Outcome.DENY, call, message="it was not decided in time")
        except Exception as error:  # noqa: BLE001 (whatever went wrong, it denies)
            return Ruling(Outcome.DENY, call, message=f"deciding it raised {type(error).__name__}")
        if not isinstance(ruling, Ruling) or not ruling.concerns(call):
            return Ruling(Outcome.DENY, call, message="the answer was none about this call")
        return ruling

    def _emitted(self, held: _Call, ruling: Ruling) -> list[StreamEvent]:
        start = held.start
        text = canonical_json(ruling.call.arguments()).decode()
        if held.progressive is not None and held.partly_sent:
            before = held.progressive.text
            if not text.startswith(before):
                self.left -= 1
                raise Abort(
                    self._note("aborted", held, "what had left is no beginning of what may leave", ruling)
                )
            return [ToolArgs(start.index, text[len(before) :]), ToolEnd(start.index)]
        return [start, ToolArgs(start.index, text), ToolEnd(start.index)]

    def _note(self, kind: Any, call: _Call, message: str, ruling: Ruling | None = None) -> Note:
        rules, patch = (ruling.rules, ruling.patch) if ruling is not None else ((), ())
        start = call.start
        return Note(kind, message, rules, start.index, start.id, start.name, patch, call.size)
