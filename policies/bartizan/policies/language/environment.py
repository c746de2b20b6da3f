"""What an expression may refer to: the typed names in scope for a call, a result, or a past event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from .ast import EventMatch, Machine
from .types import Bool, Enum, Field, List, Record, Str, Time, ToolDecl, Type

RESULT_TEXT = Str(1_048_576)
_KINDS = ("prompt", "call", "result", "text")
_PRINCIPAL = Record((("id", Field(Str())), ("roles", Field(List(Str(), 64)))))

Scope = Literal["call", "result", "event"]


@dataclass(frozen=True, slots=True)
class SignalDecl:
    """A signal: on which kind of event it is measured, by which monitor, and what its absence means."""

    on: Literal["prompt", "call", "result", "text"]
    monitor: str
    missing: Literal["escalate", "deny"] = "deny"


@dataclass(frozen=True, slots=True)
class Environment:
    """``inputs`` are the root names; ``kind`` the event kinds whose signals can be read here.

    ``stages`` are those that ``session.stage`` can ask about; None where there are none, or none can be asked about.
    """

    scope: Scope
    inputs: Record
    kind: str | None
    tools: Mapping[str, ToolDecl]
    signals: Mapping[str, SignalDecl]
    bound: tuple[tuple[str, Type], ...] = ()
    invariant: bool = False
    tool: str | None = field(default=None)
    stages: Machine | None = None

    def bind(self, name: str, type_: Type) -> Environment:
        """With one more quantified variable, innermost first."""
        return replace(self, bound=((name, type_), *self.bound))

    def in_event(self, match: EventMatch) -> Environment:
        """The scope of a session operator's body: the past event instead of the call at hand."""
        return replace(event_environment(match, self.tools, self.signals), stages=self.stages)


def _tool_enum(tools: Mapping[str, ToolDecl]) -> Enum:
    return Enum(tuple(sorted(tools)))


def call_environment(
    tool: ToolDecl, tools: Mapping[str, ToolDecl], signals: Mapping[str, SignalDecl]
) -> Environment:
    """``args tool now principal``: what allow, deny and escalate rules see."""
    inputs = Record(
        (
            ("args", Field(tool.args)),
            ("tool", Field(_tool_enum(tools))),
            ("now", Field(Time())),
            ("principal", Field(_PRINCIPAL)),
        )
    )
    return Environment("call", inputs, "call", tools, signals, tool=tool.name)


def result_environment(
    tool: ToolDecl, tools: Mapping[str, ToolDecl], signals: Mapping[str, SignalDecl]
) -> Environment:
    """``args tool now result``: what redact and label rules see."""
    result = Record((("text", Field(RESULT_TEXT)), ("is_error", Field(Bool()))))
    inputs = Record(
        (
            ("args", Field(tool.args)),
            ("tool", Field(_tool_enum(tools))),
            ("now", Field(Time())),
            ("result", Field(result)),
        )
    )
    return Environment("result", inputs, "result", tools, signals, tool=tool.name)


def event_environment(
    match: EventMatch, tools: Mapping[str, ToolDecl], signals: Mapping[str, SignalDecl]
) -> Environment:
    """``event``, an alias named by the kind, and ``args`` where the kind is ``call:TOOL`` or ``result:TOOL``."""
    label = Enum(("trusted", "untrusted"))
    always = match.kind is not None
    has_text = match.kind in ("prompt", "result", "text")
    has_tool = match.kind in ("call", "result", "denied")
    kinds = (*_KINDS, "denied") if match.kind == "denied" else _KINDS
    event = Record(
        (
            ("kind", Field(Enum(kinds))),
            ("tool", Field(_tool_enum(tools), optional=not (always and has_tool))),
            ("text", Field(RESULT_TEXT, optional=not (always and has_text))),
            ("label", Field(label, optional=match.kind != "result")),
            ("is_error", Field(Bool(), optional=match.kind != "result")),
        )
    )
    fields = [("event", Field(event)), ("now", Field(Time()))]
    if match.kind in ("prompt", "call", "result"):
        fields.append((match.kind, Field(event)))
    if match.tool is not None and match.tool in tools:
        fields.append(("args", Field(tools[match.tool].args)))
    measured = "call" if match.kind == "denied" else match.kind
    return Environment("event", Record(tuple(fields)), measured, tools, signals, tool=match.tool)
