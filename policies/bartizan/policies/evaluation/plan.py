"""The fast evaluator: a checked expression becomes a tree of closures.

``compile_expression(e)(scope)`` is ``reference.evaluate(e, scope)`` for every scope (a property test holds
the two together); the difference is that a session operator here reads its register, at a cost that does not
depend on the length of the history.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any as Json

from ..language import ast
from ..language.builtins import STRING_PREDICATES
from ..language.values import E
from ..regular import Language
from .scope import Scope, argument_asked

Evaluate = Callable[[Scope], Json]


def language_of(node: ast.StringTest) -> Language:
    """The regular language that a string test asks membership of."""
    predicate = STRING_PREDICATES[node.predicate]
    return predicate.language(node.params) if predicate.param == "texts" else predicate.language(*node.params)


def compile_expression(node: ast.Expr, reader: Callable[[ast.Register], Evaluate] | None = None) -> Evaluate:
    """The closure of ``node``. ``reader`` gives the closure that reads a session operator's register."""
    return _Planner(reader).plan(node)


def _no_registers(node: ast.Register) -> Evaluate:
    raise TypeError(f"{type(node).__name__} needs a session")


class _Planner:
    def __init__(self, reader: Callable[[ast.Register], Evaluate] | None) -> None:
        self.reader = reader or _no_registers

    def plan(self, node: ast.Expr) -> Evaluate:
        match node:
            case ast.Const(value):
                return lambda s: value
            case ast.Input():
                return _input(node.path)
            case ast.Bound(depth, path):
                return _bound(depth, path)
            case ast.Has(subject):
                return self._has(subject)
            case ast.Not(operand):
                return _not(self.plan(operand))
            case ast.And(left, right):
                return _and(self.plan(left), self.plan(right))
            case ast.Or(left, right):
                return _or(self.plan(left), self.plan(right))
            case ast.If(condition, then, otherwise):
                return _if(self.plan(condition), self.plan(then), self.plan(otherwise))
            case ast.Compare(op, left, right):
                return _strict2(_COMPARE[op], self.plan(left), self.plan(right))
            case ast.OneOf(operand, items):
                return _strict1(frozenset(items).__contains__, self.plan(operand))
            case ast.Add(left, right):
                return _strict2(operator.add, self.plan(left), self.plan(right))
            case ast.Scale(factor, operand):
                return _strict1(lambda value: factor * value, self.plan(operand))
            case ast.Size(operand):
                return _strict1(len, self.plan(operand))
            case ast.StringTest(_, operand):
                return _strict1(language_of(node).matches, self.plan(operand))
            case ast.Quantifier(kind, over, body):
                return _quantifier(kind == "all", self.plan(over), _raw(over), self.plan(body))
            case ast.Provenance():
                return _provenance(node)
            case ast.SignalValue(name, which):
                return _signal(name, which)
            case ast.Allowed():
                raise TypeError("allowed() is for invariants only")
            case ast.Because(rules):
                wanted = frozenset(rules)
                return lambda s: not wanted.isdisjoint(s.because)
            case _:
                return self.reader(node)

    def _has(self, subject: ast.Path) -> Evaluate:
        name = subject.path[-1]
        if isinstance(subject, ast.Input):
            parent = _input(subject.path[:-1])
        else:
            parent = _bound(subject.depth, subject.path[:-1])

        def has(s: Scope) -> Json:
            record = parent(s)
            return name in record if isinstance(record, dict) else E

        return has


_COMPARE: dict[str, Callable[[Json, Json], bool]] = {"==": operator.eq, "<": operator.lt, "<=": operator.le}


def follow(value: Json, path: tuple[str, ...]) -> Json:
    """What stands at a path of a value; E where something before it is absent."""
    for name in path:
        if not isinstance(value, dict):
            return E
        value = value.get(name, E)
    return value


def _input(path: tuple[str, ...]) -> Evaluate:
    root, rest = path[0], path[1:]
    if not rest:
        return lambda s: s.inputs.get(root, E)
    if len(rest) == 1:
        name = rest[0]

        def field(s: Scope) -> Json:
            record = s.inputs.get(root)
            return record.get(name, E) if isinstance(record, dict) else E

        return field
    return lambda s: follow(s.inputs.get(root, E), rest)


def _bound(depth: int, path: tuple[str, ...]) -> Evaluate:
    index = -1 - depth
    return lambda s: follow(s.bound[index][0], path)


def _raw(node: ast.Path) -> Evaluate:
    """The JSON at a path; None when there is none."""
    if isinstance(node, ast.Bound):
        index = -1 - node.depth
        return lambda s: follow_raw(s.bound[index][1], node.path)
    return lambda s: follow_raw(s.raw.get(node.path[0]), node.path[1:])


def follow_raw(value: Json, path: Sequence[str]) -> Json:
    """The same of JSON; None where there is nothing."""
    for name in path:
        if value is None or not hasattr(value, "get"):
            return None
        value = value.get(name)
    return value


def _strict1(function: Callable[[Json], Json], operand: Evaluate) -> Evaluate:
    def evaluate(s: Scope) -> Json:
        value = operand(s)
        return E if value is E else function(value)

    return evaluate


def _strict2(function: Callable[[Json, Json], Json], left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(s: Scope) -> Json:
        a, b = left(s), right(s)
        return E if a is E or b is E else function(a, b)

    return evaluate


def _not(operand: Evaluate) -> Evaluate:
    def evaluate(s: Scope) -> Json:
        value = operand(s)
        return E if value is E else not value

    return evaluate


def _and(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(s: Scope) -> Json:
        a = left(s)
        if a is False:
            return False
        b = right(s)
        return b if b is False or a is True else E

    return evaluate


def _or(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(s: Scope) -> Json:
        a = left(s)
        if a is True:
            return True
        b = right(s)
        return b if b is True or a is False else E

    return evaluate


def _if(condition: Evaluate, then: Evaluate, otherwise: Evaluate) -> Evaluate:
    def evaluate(s: Scope) -> Json:
        chosen = condition(s)
        if chosen is E:
            return E
        return then(s) if chosen else otherwise(s)

    return evaluate


def _quantifier(every: bool, over: Evaluate, raw: Evaluate, body: Evaluate) -> Evaluate:
    def evaluate(s: Scope) -> Json:
        elements = over(s)
        if elements is E:
            return E
        result: Json = every  # what comes from credentials has no JSON: provenance of it is E
        for pair in zip(elements, raw(s) or (None,) * len(elements), strict=True):
            s.bound.append(pair)
            try:
                value = body(s)
            finally:
                s.bound.pop()
            if value is (not every):
                return value
            if value is E:
                result = E
        return result

    return evaluate


def _provenance(node: ast.Provenance) -> Evaluate:
    predicate, raw = node.predicate, _raw(node.subject)
    extra = () if node.tool is None else (node.tool,)

    def asked(s: Scope, value: Json) -> Json:
        if value is None:
            return E
        answer = getattr(s.sources(), predicate)(value, *extra)
        return E if answer is None else answer

    path = argument_asked(node)
    if path is None:
        return lambda s: asked(s, raw(s))

    def evaluate(s: Scope) -> Json:
        if s.taint is not None and path in s.taint.paths:
            was = asked(s, follow_raw(s.taint.args, path))
            if was is not False:
                return was
        return asked(s, raw(s))

    return evaluate


def _signal(name: str, which: str) -> Evaluate:
    def evaluate(s: Scope) -> Json:
        signal = s.signals.get(name)
        value = getattr(signal, which) if signal is not None else E
        return value if isinstance(value, float) else E

    return evaluate
