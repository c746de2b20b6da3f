"""Sessions that some search has found, event by event, as the ``history`` of a test case.

The search hands over moments and a model; :mod:`..sequences.trace` has the shape that is read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any as Json
from typing import Protocol

from ...language.environment import RESULT_TEXT
from ...language.types import Bool, ToolDecl
from ...language.values import duration_text
from ..encode.expressions import Encoder, Moment
from ..encode.symbols import Condition, Fields
from ..formula import Formula, Model
from .decode import Decoder
from .draft import Draft, draft
from .question import Question
from .sessions import Wish


class What(Protocol):
    """A kind of event, and the tool of a call or a result."""

    @property
    def kind(self) -> str: ...
    @property
    def tool(self) -> str | None: ...


class Traced(Protocol):
    """An event, at the moment at which it happened. ``time`` is in microseconds."""

    @property
    def happening(self) -> What: ...
    @property
    def moment(self) -> Moment: ...
    @property
    def time(self) -> int: ...


class Traces(Protocol):
    """Events in order, and the call that comes after them, in one model."""

    @property
    def encoder(self) -> Encoder: ...
    @property
    def model(self) -> Model: ...
    @property
    def history(self) -> Sequence[Traced]: ...
    @property
    def call(self) -> Traced: ...


class FindHistory(Protocol):
    """Looks for a session that ends in a call of which ``wanted`` holds; None if there is none in its budget."""

    def __call__(self, question: Question, wanted: Formula, model: Model) -> Traces | None: ...


@dataclass(frozen=True, slots=True)
class Told:
    """A session made concrete.

    ``calls`` are the wishes of each call, the last one's at the end; ``principals`` is who makes each past call.
    """

    last: Draft
    calls: tuple[tuple[Wish, ...], ...]
    principals: tuple[Mapping[str, Json], ...]

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """Those of all calls."""
        return tuple(wish for wishes in self.calls for wish in wishes)


def told(trace: Traces, tools: Mapping[str, ToolDecl]) -> Told:
    """The call at the end of a session, with the events before it."""
    last = _drafted(trace, trace.call, tools)
    history: list[dict[str, Json]] = []
    calls: list[tuple[Wish, ...]] = []
    principals: list[Mapping[str, Json]] = []
    for event in trace.history:
        happened: dict[str, Json]
        if event.happening.kind in ("call", "denied"):
            made = _drafted(trace, event, tools)
            happened = {event.happening.kind: made.case["call"]}
            calls.append(made.wishes)
            if event.happening.kind == "call":
                principals.append(made.case.get("principal", {}))
            elif "principal" in made.case:
                happened["principal"] = made.case["principal"]
        else:
            happened = _said(trace, event, tools)
            answered = getattr(event, "answers", None)
            if answered is not None and "result" in happened:
                happened["result"] |= {"args": history[answered]["call"].get("args", {})}
        signals = Decoder(trace.encoder, trace.model).signals(event.moment)
        ago = trace.call.time - event.time
        history.append(
            happened
            | ({"at": duration_text(ago)} if ago > 0 else {})
            | ({"signals": signals} if signals else {})
        )
    case = {**last.case, "history": history} if history else last.case
    return Told(Draft(case, last.wishes, last.now), (*calls, last.wishes), tuple(principals))


def _drafted(trace: Traces, event: Traced, tools: Mapping[str, ToolDecl]) -> Draft:
    assert event.happening.tool is not None
    return draft(trace.encoder, event.moment, tools[event.happening.tool], trace.model)


def _said(trace: Traces, event: Traced, tools: Mapping[str, ToolDecl]) -> dict[str, Json]:
    """A prompt, a text or a result."""
    decoder = Decoder(trace.encoder, trace.model)
    record = event.moment.inputs["event"]
    assert isinstance(record, Fields)
    text = decoder.value(record.fields["text"][1], RESULT_TEXT, "event.text")
    if event.happening.kind != "result":
        return {event.happening.kind: text}
    tool = event.happening.tool
    assert tool is not None
    failed, args = record.fields["is_error"][1], event.moment.inputs.get("args")
    assert isinstance(failed, Condition)
    written = decoder.value(args, tools[tool].args) if args is not None else {}
    return {
        "result": {"tool": tool}
        | ({"args": written} if written else {})
        | {"text": text}
        | ({"error": True} if decoder.value(failed, Bool()) else {})
    }
