"""Checked expressions as policy text, and generated situations as test cases: what the vectors are written in."""

from __future__ import annotations

from typing import Any

from bartizan.guard import Event, Signal, ToolCall
from bartizan.policies.analysis.witness.decode import time_text
from bartizan.policies.evaluation.generators import Case
from bartizan.policies.language import ast
from bartizan.policies.language.trees import quoted
from bartizan.policies.language.types import Dec, Duration, Enum, Str, Time, Type
from bartizan.policies.language.values import duration_text

_METHODS = ("startsWith", "endsWith", "contains", "matches", "fullmatches")
_LISTED = ("host_under", "email_domain")


class Unwritable(Exception):
    """There is no notation for it."""


def written(node: ast.Expr, bound: tuple[str, ...] = ()) -> str:
    """The expression as one would write it, with more parentheses than needed. ``bound``: innermost first."""

    def of(inner: ast.Expr) -> str:
        return written(inner, bound)

    match node:
        case ast.Const(value, type_):
            return literal(value, type_)
        case ast.Input(path):
            return ".".join(path)
        case ast.Bound(depth, path):
            return ".".join((bound[depth], *path))
        case ast.Has(subject):
            return f"has({of(subject)})"
        case ast.Not(operand):
            return f"!({of(operand)})"
        case ast.And(left, right):
            return f"({of(left)} && {of(right)})"
        case ast.Or(left, right):
            return f"({of(left)} || {of(right)})"
        case ast.If(condition, then, otherwise):
            return f"({of(condition)} ? {of(then)} : {of(otherwise)})"
        case ast.Compare(op, left, right):
            return f"({of(left)} {op} {of(right)})"
        case ast.OneOf(operand, items):
            return f"({of(operand)} in [{', '.join(literal(item, operand.type) for item in items)}])"
        case ast.Add(left, right):
            return f"({of(left)} + {of(right)})"
        case ast.Scale(factor, operand):
            return f"({of(operand)} * {factor})"
        case ast.Size(operand):
            return f"size({of(operand)})"
        case ast.StringTest(predicate, operand, params):
            asked = ", ".join(map(quoted, params))
            if predicate in _METHODS:
                return f"{of(operand)}.{predicate}({asked})"
            return f"{predicate}({of(operand)}, {f'[{asked}]' if predicate in _LISTED else asked})"
        case ast.Quantifier(kind, over, body):
            name = f"x{len(bound)}"
            return f"{of(over)}.{kind}({name}, {written(body, (name, *bound))})"
        case ast.Provenance(predicate, subject, tool):
            return f"{predicate}({of(subject)}{', ' + quoted(tool) if tool else ''})"
        case ast.SignalValue(name, which):
            return f"{'signal' if which == 'value' else which}({quoted(name)})"
        case _:
            return _session(node)


def _session(node: ast.Expr) -> str:
    within = getattr(node, "within", None)
    key = getattr(node, "key", None)
    named = [f'within="{duration_text(within)}"'] if within is not None else []
    named += [f"by={written(key)}"] if key is not None else []
    match node:
        case ast.Once(match, body):
            place = match.kind if match.tool is None else f"{match.kind}:{match.tool}"
            given = [quoted(str(place)), written(body)]
        case ast.Since(left, right):
            given = [written(left), written(right)]
        case ast.Previous(body):
            given = [written(body)]
        case ast.Count(tool, body):
            given, named = [quoted(tool)], [*named, f"where={written(body)}"]
        case ast.Sum(tool, field, body):
            assert isinstance(field, ast.Input)
            given, named = [quoted(tool), quoted(field.path[-1])], [*named, f"where={written(body)}"]
        case ast.MaxSignal(name):
            given = [quoted(name)]
        case _:
            raise Unwritable(type(node).__name__)
    name = {ast.Previous: "prev", ast.MaxSignal: "max_signal"}.get(type(node), type(node).__name__.lower())
    return f"session.{name}({', '.join([*given, *named])})"


def literal(value: Any, type_: Type) -> str:
    """A value of a type as a literal."""
    match type_:
        case Str() | Enum():
            return quoted(value)
        case Dec(digits):
            whole, fraction = divmod(abs(value), 10**digits)
            return f"{'-' if value < 0 else ''}{whole}.{fraction:0{digits}}"
        case Time():
            return f"time({quoted(time_text(value))})"
        case Duration():
            return f"duration({quoted(duration_text(value))})"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise Unwritable(str(type_))


def entry_of(case: Case, name: str) -> dict[str, Any]:
    """A generated situation as an entry of ``tests:``, without what is expected."""
    told: dict[str, Any] = {"name": name, "now": time_text(case.now), "call": _call(case.call)}
    if case.history:
        told["history"] = [_event(event, case.now) for event in case.history]
    if case.signals:
        told["signals"] = _signals(case.signals)
    return told


def _event(event: Event, now: int) -> dict[str, Any]:
    told: dict[str, Any] = {"at": duration_text(now - event.time)} if event.time < now else {}
    if event.call is None:
        told[event.kind] = event.text
    else:
        told[event.kind] = _call(event.call) | ({"text": event.text} if event.kind == "result" else {})
    return told | ({"signals": _signals(event.signals)} if event.signals else {})


def _call(call: ToolCall) -> dict[str, Any]:
    return {"tool": call.tool, "args": _plain(call.args)}


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _signals(signals: Any) -> dict[str, Any]:
    def measured(value: Any) -> Any:
        return value if isinstance(value, float) else "missing"

    def reading(signal: Signal) -> dict[str, Any]:
        return {"value": measured(signal.value), "p_value": measured(signal.p_value)}

    return {name: reading(signal) for name, signal in sorted(signals.items())}
