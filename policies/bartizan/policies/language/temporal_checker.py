"""Checks the session operators: ``session.once since prev count sum max_signal stage``.

Each becomes a register of the checked AST. A body is checked in the scope of the *past* event; a ``by`` key
is checked twice, once there and once in the scope of the call at hand, since the two must be equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ast, syntax
from .ast import EventMatch, Expr
from .environment import Environment
from .problems import did_you_mean, fail, same_type
from .syntax import Span
from .types import Bool, Dec, Duration, Enum, Int, Str

if TYPE_CHECKING:
    from .checker import Checker

COUNT_LIMIT = 1_000
_KINDS = ("prompt", "call", "result", "text")


@dataclass(frozen=True, slots=True)
class _Named:
    """The named arguments of a session operator."""

    within: int | None = None
    where: syntax.Expr | None = None
    by: syntax.Expr | None = None


def check_session(checker: Checker, node: syntax.Call) -> Expr:
    """Dispatch on the operator's name."""
    operators = {
        "once": _once,
        "since": _since,
        "prev": _previous,
        "count": _count,
        "sum": _sum,
        "max_signal": _max_signal,
        "stage": _stage,
    }
    if node.function not in operators:
        fail(node.span, "unknown-function", f"unknown session operator `{node.function}`",
             did_you_mean(node.function, tuple(operators)) or f"there are: {', '.join(operators)}")  # fmt: skip
    return operators[node.function](checker, node)


def _named(checker: Checker, node: syntax.Call, allowed: tuple[str, ...]) -> _Named:
    seen: dict[str, syntax.Expr] = {}
    for name, value in node.named:
        if name not in allowed:
            fail(value.span, "named-argument", f"`session.{node.function}` has no argument `{name}`",
                 did_you_mean(name, allowed) or f"it takes: {', '.join(allowed)}")  # fmt: skip
        if name in seen:
            fail(value.span, "named-argument", f"argument `{name}` is given twice")
        seen[name] = value
    within = None
    if "within" in seen:
        window = checker.literal(_require_text(seen["within"]), Duration())
        within = window.value
        if within <= 0:
            fail(seen["within"].span, "bad-argument", "a window must be longer than zero")
    return _Named(within, seen.get("where"), seen.get("by"))


def _require_text(node: syntax.Expr) -> syntax.Literal:
    if not isinstance(node, syntax.Literal) or not isinstance(node.value, str):
        fail(node.span, "literal-required", 'a window is a text literal, like within="24h"')
    return node


def _match(checker: Checker, node: syntax.Expr) -> EventMatch:
    """``"result"`` or ``"result:read_file"``."""
    text = checker.text_literal(node, "the kind of event")
    kind, colon, tool = text.partition(":")
    if kind not in _KINDS:
        fail(node.span, "bad-argument", f"`{kind}` is not a kind of event",
             did_you_mean(kind, _KINDS) or f"the kinds are {', '.join(_KINDS)}")  # fmt: skip
    if colon and kind not in ("call", "result"):
        fail(node.span, "bad-argument", f"a {kind} has no tool")
    if colon and tool not in checker.env.tools:
        fail(
            node.span,
            "unknown-tool",
            f"no tool `{tool}` is declared",
            did_you_mean(tool, tuple(checker.env.tools)),
        )
    return EventMatch(kind, tool or None)  # type: ignore[arg-type]


def _body(checker: Checker, node: syntax.Expr, env: Environment) -> Expr:
    return checker.inside(env).checked(node, Bool())


def _arity(node: syntax.Call, low: int, high: int, usage: str) -> None:
    if not low <= len(node.args) <= high:
        fail(
            node.span,
            "wrong-arity",
            f"`session.{node.function}` has {len(node.args)} positional arguments",
            f"write {usage}",
        )


def _key(checker: Checker, by: syntax.Expr | None, env: Environment) -> tuple[Expr | None, Expr | None]:
    """The key in the past event's scope, and in the scope of the call at hand."""
    if by is None:
        return None, None
    past, present = checker.inside(env).expression(by), checker.expression(by)
    if not isinstance(past.type, (Str, Enum, Int)):
        fail(by.span, "type-mismatch", f"a key is a str, an enum or an int, found {past.type}")
    if not same_type(past.type, present.type):
        fail(
            by.span,
            "type-mismatch",
            f"the key is {past.type} in the past call and {present.type} in this one",
        )
    return past, present


def _once(checker: Checker, node: syntax.Call) -> Expr:
    _arity(node, 1, 2, 'session.once("result", condition, within="1h")')
    named = _named(checker, node, ("within", "by"))
    match = _match(checker, node.args[0])
    env = checker.env.in_event(match)
    body = _body(checker, node.args[1], env) if len(node.args) == 2 else ast.TRUE
    key, query = _key(checker, named.by, env)
    return ast.Once(match, body, named.within, key, query, node.span)


def _since(checker: Checker, node: syntax.Call) -> Expr:
    _arity(node, 2, 2, "session.since(e1, e2): e1 at every event since one with e2")
    named = _named(checker, node, ("within",))
    env = checker.env.in_event(EventMatch())
    return ast.Since(
        _body(checker, node.args[0], env), _body(checker, node.args[1], env), named.within, node.span
    )


def _previous(checker: Checker, node: syntax.Call) -> Expr:
    _arity(node, 1, 1, "session.prev(condition on the event before)")
    _named(checker, node, ())
    return ast.Previous(_body(checker, node.args[0], checker.env.in_event(EventMatch())), node.span)


def _call_scope(checker: Checker, node: syntax.Call) -> tuple[str, Environment]:
    tool = checker.tool_literal(node.args[0])
    return tool, checker.env.in_event(EventMatch("call", tool))


def _count(checker: Checker, node: syntax.Call) -> Expr:
    _arity(node, 1, 2, 'session.count("tool", condition, within="1h")')
    named = _named(checker, node, ("within", "by"))
    tool, env = _call_scope(checker, node)
    body = _body(checker, node.args[1], env) if len(node.args) == 2 else ast.TRUE
    key, query = _key(checker, named.by, env)
    return ast.Count(tool, body, COUNT_LIMIT, False, named.within, key, query, node.span)


def _sum(checker: Checker, node: syntax.Call) -> Expr:
    _arity(node, 2, 2, 'session.sum("tool", "field", within="24h")')
    named = _named(checker, node, ("within", "by", "where"))
    tool, env = _call_scope(checker, node)
    name = checker.text_literal(node.args[1], "the field to add up")
    span: Span = node.args[1].span
    path: syntax.Expr = syntax.Name("args", span)
    for part in name.split("."):
        path = syntax.Member(path, part, span)
    field = checker.inside(env).expression(path)
    if not isinstance(field.type, (Int, Dec)):
        fail(span, "type-mismatch", f"only int and dec fields can be added up, `{name}` is {field.type}",
             "declare money as dec(2)")  # fmt: skip
    body = _body(checker, named.where, env) if named.where is not None else ast.TRUE
    key, query = _key(checker, named.by, env)
    return ast.Sum(tool, field, body, field.type, named.within, key, query, node.span)


def _max_signal(checker: Checker, node: syntax.Call) -> Expr:
    _arity(node, 1, 1, 'session.max_signal("name")')
    _named(checker, node, ())
    name = checker.signal_name(node.args[0])
    return ast.MaxSignal(name, EventMatch(checker.env.signals[name].on), node.span)


def _stage(checker: Checker, node: syntax.Call) -> Expr:
    _arity(node, 1, 64, 'session.stage("name"): the session is in this stage, or in one of several')
    _named(checker, node, ())
    machine = checker.env.stages
    if machine is None:
        fail(node.span, "unknown-stage", "there are no stages to ask about here",
             "declare them under stages:; a transition says with from: where it begins")  # fmt: skip
    names = [checker.text_literal(arg, "a stage") for arg in node.args]
    for arg, name in zip(node.args, names, strict=True):
        if name not in machine.stages:
            fail(arg.span, "unknown-stage", f"no stage `{name}` is declared",
                 did_you_mean(name, machine.stages) or f"the stages are: {', '.join(machine.stages)}")  # fmt: skip
    return ast.InStage(tuple(sorted(set(names))), machine, node.span)
