"""The meaning of the language, said once: a denotational interpreter.

Small and slow on purpose. It is the oracle of the property tests and of every other back end. A session
operator is evaluated here by looking at the whole history, as its definition says; registers do not appear.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any as Json

from ..language import ast
from ..language.values import E
from .plan import language_of
from .scope import PastEvent, Scope, argument_asked
from .stages import is_heard

SUM_LIMIT = 1_000
_COMPARE = {"==": operator.eq, "<": operator.lt, "<=": operator.le}


def evaluate(e: ast.Expr, s: Scope) -> Json:
    """The value of ``e`` in ``s``: a value of ``e.type``, or E."""
    match e:
        case ast.Const(value):
            return value
        case ast.Input(path):
            return _follow(s.inputs, path)
        case ast.Bound(depth, path):
            return _follow(s.bound[-1 - depth][0], path)
        case ast.Has(subject):
            parent = _follow(_root(subject, s), subject.path[:-1])
            return subject.path[-1] in parent if isinstance(parent, dict) else E
        case ast.Not(operand):
            return _negate(evaluate(operand, s))
        case ast.And(left, right):
            return _all(evaluate(x, s) for x in (left, right))
        case ast.Or(left, right):
            return _any(evaluate(x, s) for x in (left, right))
        case ast.If(condition, then, otherwise):
            chosen = evaluate(condition, s)
            return E if chosen is E else evaluate(then if chosen else otherwise, s)
        case ast.Compare(op, left, right):
            a, b = evaluate(left, s), evaluate(right, s)
            return E if E in (a, b) else _COMPARE[op](a, b)
        case ast.OneOf(operand, items):
            value = evaluate(operand, s)
            return E if value is E else value in items
        case ast.Add(left, right):
            a, b = evaluate(left, s), evaluate(right, s)
            return E if E in (a, b) else a + b
        case ast.Scale(factor, operand):
            value = evaluate(operand, s)
            return E if value is E else factor * value
        case ast.Size(operand):
            value = evaluate(operand, s)
            return E if value is E else len(value)
        case ast.StringTest(_, operand):
            value = evaluate(operand, s)
            return E if value is E else language_of(e).matches(value)
        case ast.Quantifier(kind, over, body):
            elements = evaluate(over, s)
            if elements is E:
                return E
            raw = _raw(over, s) or (None,) * len(elements)  # credentials have no JSON
            return (_all if kind == "all" else _any)(_each(elements, raw, body, s))
        case ast.Provenance(predicate, subject, tool):
            if s.taint is not None and argument_asked(e) in s.taint.paths:
                before = replace(s, raw={**s.raw, "args": s.taint.args}, taint=None)
                if (was := evaluate(e, before)) is not False:
                    return was
            value = _raw(subject, s)
            if value is None:
                return E
            answer = getattr(s.sources(), predicate)(value, *([tool] if tool else []))
            return E if answer is None else answer
        case ast.SignalValue(name, which):
            value = getattr(s.signals.get(name), which, E)
            return value if isinstance(value, float) else E
        case ast.Because(rules):
            return any(rule in s.because for rule in rules)
        case _:
            return _session(e, s)


def _session(e: ast.Expr, s: Scope) -> Json:
    match e:
        case ast.Once(match, body, within, key, query):
            wanted = evaluate(query, s) if query else None
            if wanted is E:
                return E
            return _any(_keyed(body, key, wanted, p) for p in _window(s, match, within))
        case ast.Since(left, right, within):
            past = _happened(s)
            return _any(
                _all((evaluate(right, p.scope), *(evaluate(left, later.scope) for later in past[i + 1 :])))
                for i, p in enumerate(past)
                if within is None or s.now - p.time <= within
            )
        case ast.Previous(body):
            past = _happened(s)
            return evaluate(body, past[-1].scope) if past else False
        case ast.Count(tool, body, cap, saturate, within, key, query):
            wanted = evaluate(query, s) if query else None
            held = [_keyed(body, key, wanted, p) for p in _window(s, ast.EventMatch("call", tool), within)]
            number = sum(value is True for value in held)
            if wanted is E or E in held or (number >= cap and not saturate):
                return E
            return min(number, cap)
        case ast.Sum(tool, field, body, _, within, key, query):
            wanted = evaluate(query, s) if query else None
            calls = _window(s, ast.EventMatch("call", tool), within)
            held = [(_keyed(body, key, wanted, p), evaluate(field, p.scope)) for p in calls]
            terms = [amount for value, amount in held if value is True]
            unknown = any(value is E for value, _ in held) or E in terms
            if wanted is E or unknown or (within is not None and len(terms) > SUM_LIMIT):
                return E
            return sum(terms)
        case ast.MaxSignal(name, match):
            node = ast.SignalValue(name, "value")
            values = [evaluate(node, p.scope) for p in _window(s, match, None)]
            return E if E in values else max(values, default=0.0)
        case ast.InStage(names, machine):
            inside = [name in names for name, _, _ in _stages(machine, s)]
            return True if all(inside) else E if any(inside) else False
    raise TypeError(f"{type(e).__name__} has no value")


def _keyed(body: ast.Expr, key: ast.Expr | None, wanted: Json, p: PastEvent) -> Json:
    """``body`` at a past event, and the event's key is the wanted one."""
    value = evaluate(body, p.scope)
    if key is None or value is False:
        return value
    found = evaluate(key, p.scope)
    return _all((value, E if found is E else found == wanted))


def _window(s: Scope, match: ast.EventMatch, within: int | None) -> Iterator[PastEvent]:
    """The matching past events of a closed window."""
    for p in _happened(s):
        if is_heard(match, p.kind, p.tool) and (within is None or s.now - p.time <= within):
            yield p


def _happened(s: Scope) -> list[PastEvent]:
    """The past without the calls that were denied: they change the session's stage, and are nothing else."""
    return [p for p in s.past if p.kind != "denied"]


_Stage = tuple[str, int, int]
"""A stage that the session may be in, entered between two times, both possible."""


def _stages(machine: ast.Machine, s: Scope) -> set[_Stage]:
    """Every stage that the session may be in now: whoever does not know whether something holds follows both."""
    possible: set[_Stage] = {(machine.initial, 0, 0)}
    for p in s.past:
        here = [move for move in machine.transitions if is_heard(move.match, p.kind, p.tool)]
        values = [(move, evaluate(move.body, p.scope)) for move in here]
        following: set[_Stage] = set()
        for stage in _later(machine, possible, p.time):
            leaving = [(move.target, value) for move, value in values if stage[0] in move.sources]
            following |= {(target, p.time, p.time) for target, value in leaving if value is not False}
            if not any(value is True for _, value in leaving):
                following.add(stage)
        possible = _merged(machine, following)
    return _later(machine, possible, s.now)


def _later(machine: ast.Machine, possible: set[_Stage], now: int) -> set[_Stage]:
    """The stages at a time at which nothing has happened since: those whose time is over have ended."""
    for name, duration, then in machine.timed:
        over = now - duration - 1  # the latest time at which a stage must have been entered to be over
        ended: set[_Stage] = set()
        for stage in possible:
            _, first, last = stage
            if stage[0] != name:
                ended.add(stage)
                continue
            if first <= over:
                ended.add((then, first + duration, min(last, over) + duration))
            if last > over:
                ended.add((name, max(first, over + 1), last))
        possible = _merged(machine, ended)
    return possible


def _merged(machine: ast.Machine, possible: set[_Stage]) -> set[_Stage]:
    """One entry a stage. When it was entered matters only to a stage that ends."""
    timed = {name for name, _, _ in machine.timed}
    return {
        (name, *((min(a for n, a, _ in possible if n == name), max(b for n, _, b in possible if n == name))
                 if name in timed else (0, 0)))
        for name, _, _ in possible
    }  # fmt: skip


def _negate(value: Json) -> Json:
    return E if value is E else not value


def _all(values: Iterable[Json]) -> Json:
    """Strong Kleene conjunction: F if any is F, else E if any is E, else T."""
    seen = list(values)
    return False if False in seen else E if E in seen else True


def _any(values: Iterable[Json]) -> Json:
    return _negate(_all(_negate(value) for value in values))


def _each(elements: Iterable[Json], raw: Iterable[Json], body: ast.Expr, s: Scope) -> Iterator[Json]:
    for pair in zip(elements, raw, strict=True):
        s.bound.append(pair)
        yield evaluate(body, s)
        s.bound.pop()


def _root(node: ast.Path, s: Scope) -> Json:
    return s.inputs if isinstance(node, ast.Input) else s.bound[-1 - node.depth][0]


def _raw(node: ast.Path, s: Scope) -> Json:
    value: Json = s.raw if isinstance(node, ast.Input) else s.bound[-1 - node.depth][1]
    for name in node.path:
        value = value.get(name) if hasattr(value, "get") else None
    return value


def _follow(value: Json, path: tuple[str, ...]) -> Json:
    for name in path:
        value = value.get(name, E) if isinstance(value, dict) else E
    return value
