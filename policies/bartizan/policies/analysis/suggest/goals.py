"""What a policy distinguishes, hence what its tests should show, one goal each.

For every rule of a tool: that it holds, that it does not, that it cannot be evaluated. For every atom of its condition:
that it is true, that it is false, and with numbers and texts the values at the edge, each where the rest of the
condition leaves the decision to this atom (modified condition/decision coverage). For every optional argument that some
rule looks at: that it is there, and that it is not.

A goal is an expression of the policy language, so that the solver can look for a call that satisfies it, and the
evaluator can say whether a call does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any as Json
from typing import Literal, cast

from ...language import ast
from ...language.types import F64, Bool, Dec, Duration, Int, Record, Str, Time, ToolDecl
from ...policy import CheckedPolicy, CheckedRule
from .literals import number_literal
from .near import edge, edits

MAX_ITEMS = 16
Kind = Literal[
    "holds", "fails", "error", "boundary", "inside", "outside", "true", "false", "present", "absent"
]
On = Literal["call", "result"]
EFFECTS: dict[On, tuple[str, ...]] = {"call": ("allow", "deny", "escalate"), "result": ("redact", "label")}
_NUMBERS = Int | Dec | Time | Duration | F64


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """Something that a test should show of calls of ``tool``.

    Attributes:
        rule: whose condition it is about; None for an optional argument by itself.
        what: in words: ``args.amount <= 500.00 with 500.01``.
        shown: is T for a call that shows it. For the kinds ``holds``, ``fails`` and ``error`` the rule itself says.
        decisive: is T where the decision of the rule hangs on it.
        quantified: it is about an element of a list.
        where: the rule (and the tool, if it has more than one) or the tool.
        on: whether it is about calls or about their results.
    """

    tool: str
    rule: str | None
    kind: Kind
    what: str
    shown: ast.Expr = ast.TRUE
    decisive: ast.Expr = ast.TRUE
    quantified: bool = False
    where: str = ""
    on: On = "call"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def goals_of(policy: CheckedPolicy, tool: str, on: On = "call") -> list[Goal]:
    """The goals of a tool's calls or results, those that are hardest to reach first: a test for them often shows
    others too."""
    rules = [r for r in policy.rules if r.effect in EFFECTS[on] and not r.shadow and tool in r.conditions]
    found = [goal for rule in rules for goal in _of_atoms(tool, rule, on)]
    found.sort(key=lambda goal: goal.kind in ("true", "false"))
    for rule in rules:
        where = _where(tool, rule)
        if rule.conditions[tool] != ast.TRUE:
            found.append(Goal(tool, rule.id, "error", "cannot be evaluated", where=where, on=on))
            found.append(Goal(tool, rule.id, "fails", "does not hold", where=where, on=on))
        found.append(Goal(tool, rule.id, "holds", "holds", where=where, on=on))
    if on == "call":
        found += _optional(policy.tools[tool], [rule.conditions[tool] for rule in rules])
    return found


def _where(tool: str, rule: CheckedRule) -> str:
    return rule.id if len(rule.conditions) == 1 else f"{rule.id} on {tool}"


# --- atoms

Wrap = Callable[[ast.Expr], ast.Expr]


def _of_atoms(tool: str, rule: CheckedRule, on: On) -> Iterator[Goal]:
    condition = rule.conditions[tool]
    seen: set[ast.Expr] = set()
    for atom, wrap, quantified in atoms(condition):
        if atom in seen or isinstance(atom, ast.Const):
            continue
        seen.add(atom)
        decisive = _decides(condition, atom)
        for kind, what, shown in _edges(atom):
            text = rule.text_of(atom) or type(atom).__name__
            what = f"`{_short(text)}` {what}"
            yield Goal(tool, rule.id, kind, what, wrap(shown), decisive, quantified, _where(tool, rule), on)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


def atoms(
    node: ast.Expr, wrap: Wrap = lambda e: e, inside: bool = False
) -> Iterator[tuple[ast.Expr, Wrap, bool]]:
    """The atoms of a condition that are evaluated at the call. ``wrap`` says of an expression about the
    elements that enclosing quantifiers are at that it is T of some of them."""
    match node:
        case ast.Not(operand):
            yield from atoms(operand, wrap, inside)
        case ast.And(left, right) | ast.Or(left, right):
            yield from atoms(left, wrap, inside)
            yield from atoms(right, wrap, inside)
        case ast.If(condition, then, otherwise, Bool()):
            for part in (condition, then, otherwise):
                yield from atoms(part, wrap, inside)
        case ast.Compare("==", left, right) if isinstance(left.type, Bool):
            yield from atoms(left, wrap, inside)
            yield from atoms(right, wrap, inside)
        case ast.Quantifier(_, over, body):

            def some(inner: ast.Expr) -> ast.Expr:
                return wrap(ast.Quantifier("exists", over, inner))

            yield from atoms(body, some, True)
        case _:
            yield node, wrap, inside


def _decides(condition: ast.Expr, atom: ast.Expr) -> ast.Expr:
    """T where the condition is T or F depending on the atom only."""
    yes = substituted(condition, atom, ast.TRUE)
    no = substituted(condition, atom, ast.Const(False, Bool()))
    return ast.Or(ast.And(yes, ast.Not(no)), ast.And(ast.Not(yes), no))


def substituted(node: ast.Expr, old: ast.Expr, new: ast.Expr) -> ast.Expr:
    """The condition with another atom.

    What session operators look at is left alone, and so is the place that is asked about for whether something stands
    there and where it is from: ``has(args.flag) && args.flag`` has one atom in each half.
    """
    if node == old:
        return new
    if isinstance(node, ast.Register | ast.Has | ast.Provenance) or not is_dataclass(node):
        return node
    changes: dict[str, Json] = {}
    for each in fields(node):
        value = getattr(node, each.name)
        if is_dataclass(value) and hasattr(value, "span"):
            inner = substituted(cast(ast.Expr, value), old, new)
            if inner is not value:
                changes[each.name] = inner
    return replace(node, **changes) if changes else node


# --- edges

Edge = tuple[Kind, str, ast.Expr]


def _edges(atom: ast.Expr) -> Iterator[Edge]:
    """What to show of an atom: the kind, in words, and when it is shown."""
    match atom:
        case ast.Compare(_, left) if isinstance(left.type, _NUMBERS):
            yield from _boundary(atom)
        case ast.Compare("==", operand, ast.Const(value, Str())) | ast.Compare(
            "==", ast.Const(value, Str()), operand
        ):
            yield from _texts(operand, [value], [e for e in edits(value) if e != value])
        case ast.OneOf(operand, items) if isinstance(operand.type, Str):
            outside = [e for item in items for e in edits(item) if e not in items]
            yield from _texts(operand, list(items), outside)
        case ast.OneOf(operand, items):
            for item in items[:MAX_ITEMS]:
                yield "inside", f"with {item}", _equals(operand, item)
        case ast.StringTest(_, operand) if isinstance(operand.type, Str):
            yield from _texts(operand, *edge(atom))
        case _:
            pass
    if not (isinstance(atom, ast.Compare) and isinstance(atom.left.type, _NUMBERS)):
        yield "true", "is true", atom
        yield "false", "is false", ast.Not(atom)


def _boundary(atom: ast.Compare) -> Iterator[Edge]:
    left, right = atom.left, atom.right
    if isinstance(left, ast.Const):
        left, right = right, left
    never_negative = isinstance(left, ast.Size | ast.Count) or isinstance(left.type, Duration)
    if isinstance(right, ast.Const):
        for value in _around(right):
            if value >= 0 or not never_negative:
                yield "boundary", f"with {_written(value, right)}", _equals(left, value, right)
    elif isinstance(left.type, F64):
        yield "true", "is true", atom
        yield "false", "is false", ast.Not(atom)
    else:
        for difference, words in ((-1, "just below"), (0, "with both equal"), (1, "just above")):
            shifted = ast.Add(right, ast.Const(difference, right.type), right.type)
            yield "boundary", words, ast.Compare("==", left, shifted)


def _around(constant: ast.Const) -> tuple[Json, ...]:
    """The value and its neighbours."""
    value = constant.value
    if isinstance(constant.type, F64):
        return math.nextafter(value, -math.inf), value, math.nextafter(value, math.inf)
    return value - 1, value, value + 1


def _written(value: Json, like: ast.Const) -> str:
    return str(value) if isinstance(like.type, Time) else number_literal(value, like.type) or "a large number"


def _equals(operand: ast.Expr, value: Json, like: ast.Const | None = None) -> ast.Expr:
    return ast.Compare("==", operand, ast.Const(value, operand.type if like is None else like.type))


def _texts(operand: ast.Expr, inside: list[str], outside: list[str]) -> Iterator[Edge]:
    for text in inside[:MAX_ITEMS]:
        yield "inside", f"with {_short(ascii(text))}", _equals(operand, text)
    for text in outside[:3]:
        yield "outside", f"with {_short(ascii(text))}", _equals(operand, text)


# --- optional arguments


def _optional(tool: ToolDecl, conditions: list[ast.Expr]) -> Iterator[Goal]:
    """Each optional argument that some rule looks at: there, and not there."""
    if not isinstance(tool.args, Record):
        return
    looked_at = {
        node.path
        for condition in conditions
        for node in ast.walk(condition)
        if isinstance(node, ast.Input) and node.path[0] == "args"
    }
    for path, type_ in _optional_paths(tool.args, ("args",)):
        if any(other[: len(path)] == path for other in looked_at):
            has = ast.Has(ast.Input(path, type_))
            name = ".".join(path)
            yield Goal(tool.name, None, "present", f"{name} is given", has, where=tool.name)
            yield Goal(tool.name, None, "absent", f"{name} is not given", ast.Not(has), where=tool.name)


def _optional_paths(record: Record, at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    for name, field in record.fields:
        if field.optional:
            yield (*at, name), field.type
        if isinstance(field.type, Record):
            yield from _optional_paths(field.type, (*at, name))
