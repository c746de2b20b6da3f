"""Tool declarations from recorded calls, so that a policy for any tools can be compiled against a recording.

Of each tool that answered at least once, the arguments of its answered calls are what is declared: their names,
their types where all values agree (``any`` otherwise), optional where a call did without. A tool that never
answered stays undeclared, and an undeclared tool is denied: models make tools up.

This is a convenience for replaying. A policy in production declares its tools from their schemas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bartizan.guard.canonical import JSON
from bartizan.policies.effects import guess_effect
from bartizan.policies.language.types import (
    F64,
    MAX_LIST,
    Any,
    Bool,
    Field,
    Int,
    List,
    Record,
    Str,
    ToolDecl,
    Type,
)

from .record import RecordedSession

_SCALARS: Mapping[type, Type] = {bool: Bool(), int: Int(), float: F64(), str: Str()}


@dataclass(slots=True)
class _Seen:
    """What the answered calls of one tool looked like."""

    calls: int = 0
    present: Counter[str] = field(default_factory=Counter)
    types: dict[str, set[Type]] = field(default_factory=dict)

    def add(self, args: Mapping[str, JSON]) -> None:
        self.calls += 1
        for name, value in args.items():
            self.present[name] += 1
            self.types.setdefault(name, set()).add(_type(value))

    def declare(self, tool: str) -> ToolDecl:
        fields = tuple(
            (name, Field(_common(types), optional=self.present[name] < self.calls))
            for name, types in sorted(self.types.items())
        )
        args = Record(fields)
        return ToolDecl(tool, args, tags=guess_effect(tool, args))


def infer_tools(sessions: Iterable[RecordedSession]) -> dict[str, tuple[ToolDecl, ...]]:
    """The tools of every suite, by name. Reads all sessions once; memory grows with the tools only."""
    suites: dict[str, dict[str, _Seen]] = {}
    for session in sessions:
        tools = suites.setdefault(session.meta.get("suite", "*"), {})
        for call in session.calls:
            if call.state == "executed" and isinstance(call.args, Mapping):
                tools.setdefault(call.tool, _Seen()).add(call.args)
    return {
        suite: tuple(seen.declare(tool) for tool, seen in sorted(tools.items()))
        for suite, tools in suites.items()
    }


def _type(value: JSON) -> Type:
    """The type of one value; ``any`` for null, records and lists of mixed elements."""
    scalar = _SCALARS.get(type(value))
    if scalar is not None:
        return scalar
    if isinstance(value, list):
        element = _common({_type(item) for item in value}) if value else None
        return List(Str() if element is None else element, MAX_LIST) if element != Any() else Any()
    return Any()


def _common(types: set[Type]) -> Type:
    return next(iter(types)) if len(types) == 1 else Any()
