"""Conditions evaluated on what is known of a call: the values that they may have, whatever the rest turns out to be.

Kleene's T, F and E, lifted to sets. Sound, and no more: a value that a condition has for some completion of the call is
always among those found; some that are found it may never have. Signals, the time and what a session remembers are
taken as not known, since they may differ when the whole call is decided.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any as Json
from typing import Final, TypeAlias

from ..evaluation.plan import follow, follow_raw, language_of
from ..evaluation.scope import Sources
from ..language import ast
from ..language.types import Bool
from ..language.values import E

Values: TypeAlias = tuple[Json, ...] | None
"""What a part may be: one value that is known, several truth values, or None for anything."""

BOOLS: Final[tuple[Json, ...]] = (True, False, E)
UNKNOWN: Final[tuple[Json, ...]] = (E,)


@dataclass(slots=True)
class Known:
    """What is known of a call. ``args`` and ``raw`` hold the arguments in ``fixed``, as values and as JSON.

    An argument in ``fixed`` that is not in ``args`` is absent and stays so. Without ``sources`` nothing is known of
    where values come from, without ``principal`` nothing of who asks.
    """

    tool: str
    fixed: frozenset[str]
    args: dict[str, Json]
    raw: Mapping[str, Json]
    principal: dict[str, Json] | None = None
    sources: Sources | None = None
    bound: list[tuple[Json, Json]] = field(default_factory=list)


Evaluate: TypeAlias = Callable[[Known], Values]


def plan(node: ast.Expr) -> Evaluate:
    """The closure that finds the values of ``node``."""
    match node:
        case ast.Const(value):
            return lambda known: (value,)
        case ast.Input(path, type_):
            return _input(path, BOOLS if isinstance(type_, Bool) else None)
        case ast.Bound(depth, path):
            return lambda known: (follow(known.bound[-1 - depth][0], path),)
        case ast.Has(subject):
            return _has(subject)
        case ast.Not(operand):
            return _lifted(lambda a: E if a is E else not a, plan(operand))
        case ast.And(left, right):
            return _lifted(_and, plan(left), plan(right))
        case ast.Or(left, right):
            return _lifted(_or, plan(left), plan(right))
        case ast.If(condition, then, otherwise):
            return _if(plan(condition), plan(then), plan(otherwise))
        case ast.Compare(op, left, right):
            return _strict(_COMPARE[op], BOOLS, plan(left), plan(right))
        case ast.OneOf(operand, items):
            return _strict(frozenset(items).__contains__, BOOLS, plan(operand))
        case ast.Add(left, right):
            return _strict(operator.add, None, plan(left), plan(right))
        case ast.Scale(factor, operand):
            return _strict(lambda value: factor * value, None, plan(operand))
        case ast.Size(operand):
            return _strict(len, None, plan(operand))
        case ast.StringTest(_, operand):
            return _strict(language_of(node).matches, BOOLS, plan(operand))
        case ast.Quantifier(kind, over, body):
            return _quantifier(kind == "all", plan(over), _raw(over), plan(body))
        case ast.Provenance(predicate, subject, tool):
            return _provenance(predicate, subject, tool)
        case _:
            values = BOOLS if isinstance(node.type, Bool) else None
            return lambda known: values


_COMPARE: dict[str, Callable[[Json, Json], bool]] = {"==": operator.eq, "<": operator.lt, "<=": operator.le}


def _and(a: Json, b: Json) -> Json:
    if a is False or b is False:
        return False
    return E if a is E or b is E else True


def _or(a: Json, b: Json) -> Json:
    if a is True or b is True:
        return True
    return E if a is E or b is E else False


def _distinct(values: Iterable[Json]) -> tuple[Json, ...]:
    """Truth values, each once."""
    found = list(values)
    return tuple(value for value in BOOLS if any(one is value for one in found))


def _input(path: tuple[str, ...], anything: Values) -> Evaluate:
    root, rest = path[0], path[1:]

    def read(known: Known) -> Values:
        if root == "args" and rest and rest[0] in known.fixed:
            return (follow(known.args, rest),)
        if root == "tool":
            return (known.tool,)
        if root == "principal" and known.principal is not None:
            return (follow(known.principal, rest),)
        return anything

    return read


def _has(subject: ast.Path) -> Evaluate:
    *before, name = subject.path
    if isinstance(subject, ast.Bound):
        parent: Evaluate = plan(ast.Bound(subject.depth, tuple(before), subject.type))
    elif len(subject.path) == 2 and subject.path[0] == "args":
        # Whether an argument that did not come yet will come is open; the arguments themselves are always there.
        return lambda known: (name in known.args,) if name in known.fixed else (True, False)
    else:
        parent = _input(tuple(before), None)

    def has(known: Known) -> Values:
        values = parent(known)
        if values is None or len(values) > 1:
            return BOOLS
        return (name in values[0] if isinstance(values[0], dict) else E,)

    return has


def _lifted(function: Callable[..., Json], *operands: Evaluate) -> Evaluate:
    def evaluate(known: Known) -> Values:
        values = [operand(known) for operand in operands]
        return _distinct(function(*each) for each in product(*(BOOLS if v is None else v for v in values)))

    return evaluate


def _if(condition: Evaluate, then: Evaluate, otherwise: Evaluate) -> Evaluate:
    def evaluate(known: Known) -> Values:
        chosen = condition(known)
        chosen = BOOLS if chosen is None else chosen
        found: list[Json] = []
        for choice in chosen:
            values: Values = UNKNOWN if choice is E else then(known) if choice else otherwise(known)
            if values is None:
                return None
            found += values
        if len(chosen) == 1:
            return tuple(found)
        return _distinct(found) if all(one is E or isinstance(one, bool) for one in found) else None

    return evaluate


def _strict(function: Callable[..., Json], anything: Values, *operands: Evaluate) -> Evaluate:
    """E if an operand is; what is not known makes the result unknown."""

    def evaluate(known: Known) -> Values:
        values = [operand(known) for operand in operands]
        if any(each is not None and len(each) == 1 and each[0] is E for each in values):
            return UNKNOWN
        given: list[Json] = []
        for each in values:
            if each is None or len(each) > 1:
                return anything
            given.append(each[0])
        return (function(*given),)

    return evaluate


def _raw(node: ast.Path) -> Callable[[Known], Json]:
    if isinstance(node, ast.Bound):
        return lambda known: follow_raw(known.bound[-1 - node.depth][1], node.path)
    return lambda known: follow_raw(known.raw, node.path[1:]) if node.path[0] == "args" else None


def _quantifier(every: bool, over: Evaluate, raw: Callable[[Known], Json], body: Evaluate) -> Evaluate:
    combine = _and if every else _or

    def evaluate(known: Known) -> Values:
        values = over(known)
        if values is None or len(values) > 1:
            return BOOLS
        elements = values[0]
        if elements is E:
            return UNKNOWN
        found: tuple[Json, ...] = (every,)
        for pair in zip(elements, raw(known) or (None,) * len(elements), strict=True):
            known.bound.append(pair)
            try:
                each = body(known)
            finally:
                known.bound.pop()
            found = _distinct(combine(a, b) for a in found for b in (BOOLS if each is None else each))
        return found

    return evaluate


def _provenance(predicate: str, subject: ast.Path, tool: str | None) -> Evaluate:
    raw = _raw(subject)
    extra = () if tool is None else (tool,)
    free = isinstance(subject, ast.Input) and subject.path[0] == "args" and len(subject.path) > 1

    def evaluate(known: Known) -> Values:
        if isinstance(subject, ast.Input) and not (free and subject.path[1] in known.fixed):
            return BOOLS
        value = raw(known)
        if value is None:
            return UNKNOWN
        if known.sources is None:
            return BOOLS
        answer = getattr(known.sources, predicate)(value, *extra)
        return (E if answer is None else answer,)

    return evaluate
