"""What an expression is evaluated against: one call, one result, or one past event, with its session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any as Json
from typing import Protocol

from bartizan.guard import Event, Label, Labels, Signal, ToolCall

from ..language import ast
from ..language.environment import RESULT_TEXT
from ..language.types import ToolDecl
from ..language.values import E, Nonconforming, conform


class Sources(Protocol):
    """The provenance questions. None is E: the history was truncated and the answer depends on it."""

    def from_user(self, value: Json) -> bool | None: ...
    def from_tool(self, value: Json, tool: str) -> bool | None: ...
    def from_untrusted(self, value: Json) -> bool | None: ...
    def grounded(self, value: Json) -> bool | None: ...
    def carries_untrusted(self, value: Json) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class Taint:
    """The arguments of a call as they were before it was corrected.

    ``paths`` are those of arguments whose edited values are made of what they were (a number brought within a bound, a
    path under another root), and of all that holds one: whether these come from untrusted data is asked of what they
    were, too.
    """

    args: Json
    paths: frozenset[tuple[str, ...]]


_STICKY = frozenset({"from_untrusted", "carries_untrusted"})


def argument_asked(node: ast.Provenance) -> tuple[str, ...] | None:
    """The path of the argument of the call of which a question asks what no edit washes off; None for any other."""
    subject = node.subject
    if node.predicate in _STICKY and isinstance(subject, ast.Input) and subject.path[0] == "args":
        return subject.path[1:]
    return None


@dataclass(slots=True)
class Scope:
    """``inputs`` are values of their types, ``raw`` the same as JSON (provenance looks at the JSON).

    ``registers`` is the session's state for the evaluator; ``past`` is the whole history for the reference
    interpreter, which has no registers. ``bound`` is the stack of quantified elements (value, JSON). ``taint`` is set
    for a call that is a correction. ``because`` are the rules that denied a call, at a denied one.
    """

    inputs: Mapping[str, Json]
    raw: Mapping[str, Json]
    now: int
    signals: Mapping[str, Signal]
    sources: Callable[[], Sources]
    registers: Mapping[str, Json] = field(default_factory=dict)
    past: tuple[PastEvent, ...] = ()
    bound: list[tuple[Json, Json]] = field(default_factory=list)
    taint: Taint | None = None
    because: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PastEvent:
    """A past event as the reference interpreter sees it: its own scope, with its own past."""

    kind: str
    tool: str | None
    time: int
    scope: Scope


def arguments(call: ToolCall, tools: Mapping[str, ToolDecl]) -> Json:
    """The call's arguments as values of their types; E where they do not have them."""
    declared = tools.get(call.tool)
    if declared is None:
        return E
    try:
        return conform(dict(call.args), declared.args)
    except Nonconforming:
        return E


def event_scope(
    event: Event,
    tools: Mapping[str, ToolDecl],
    sources: Callable[[], Sources],
    registers: Mapping[str, Json],
    past: tuple[PastEvent, ...] = (),
) -> Scope:
    """The scope of a session operator's body at ``event``."""
    record: dict[str, Json] = {"kind": event.kind}
    inputs: dict[str, Json] = {"event": record, "now": event.time}
    raw: dict[str, Json] = {"event": {"text": event.text} if event.kind != "call" else {}}
    if event.kind != "call":
        record["text"] = _text(event.text)
    if event.kind == "result":
        record["label"], record["is_error"] = _worst(event.labels), event.is_error
    if event.kind != "text":
        inputs[event.kind] = record
        raw[event.kind] = raw["event"]
    if event.call is not None:
        record["tool"] = event.call.tool
        inputs["args"], raw["args"] = arguments(event.call, tools), event.call.args
    return Scope(inputs, raw, event.time, event.signals, sources, registers, past)


def denied_scope(
    event: Event,
    because: frozenset[str],
    tools: Mapping[str, ToolDecl],
    sources: Callable[[], Sources],
    registers: Mapping[str, Json],
    past: tuple[PastEvent, ...] = (),
) -> Scope:
    """The scope of a transition's condition at a call that was denied because of these rules.

    ``event`` is what the call's event would be, had it been let go.
    """
    scope = event_scope(event, tools, sources, registers, past)
    scope.inputs = {key: value for key, value in scope.inputs.items() if key != "call"}
    scope.inputs["event"]["kind"] = "denied"
    scope.because = because
    return scope


def _text(text: str) -> Json:
    """E for what is no text of the language: too long, or with lone surrogates."""
    if len(text) > RESULT_TEXT.limit or (not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)):
        return E
    return text


def _worst(labels: Labels) -> Label:
    """Untrusted as soon as some part of the result is."""
    everywhere = {labels.default, *(label for _, label in labels.exceptions)}
    return "untrusted" if "untrusted" in everywhere else "trusted"
