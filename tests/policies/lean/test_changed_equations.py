"""The kernel refuses what is almost an equation of the theory's definitions, after it has computed both sides.

Each equation that holds by computation is changed in one place: variables exchanged or identified, a constructor
replaced by another one, a connective by the other one, two arguments exchanged. A thousand false claims, most of them
about parts that the kernel shares between the sides.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from bartizan.policies.lean.calculus.build import app, instantiate, lam, local, parts, pi, replace, spine
from bartizan.policies.lean.calculus.declarations import Inductive, Theorem
from bartizan.policies.lean.calculus.terms import App, Const, Expr, Local, Pi
from bartizan.policies.lean.kernel import KernelError

from .test_lean_source import as_it_is, checked, declared

SYMMETRIC = {"Bartizan.Vote.beq", "Bartizan.same3"}
"""Comparisons whose table of cases is the same when their arguments are exchanged."""


def test_what_is_almost_an_equation_is_refused() -> None:
    """Of a thousand equations with one change none is accepted, and all of them are without it."""
    draw, siblings = random.Random(7), _siblings()
    environment = checked().fork()
    tried, accepted = 0, []
    for equation in as_it_is().equations:
        variables, (equal, type, left, right) = _opened(equation)
        environment.add(equation)
        for changed in _changed(variables, right, siblings, draw):
            tried += 1
            claim = pi(variables, app(equal, type, left, changed))
            proof = lam(variables, app(Const("Eq.refl", equal.levels), type, left))
            try:
                environment.add(Theorem(f"changed_{tried}", (), claim, proof))
            except KernelError:
                continue
            accepted.append(f"{equation.name}: {claim}")
    assert tried > 900
    assert accepted == []


def _opened(equation: Theorem) -> tuple[list[Local], tuple[Const, Expr, Expr, Expr]]:
    variables, statement = [], equation.type
    while isinstance(statement, Pi):
        variables.append(local(statement.name, statement.type))
        statement = instantiate(statement.body, [variables[-1]])
    head, (type, left, right) = spine(statement)
    assert isinstance(head, Const)
    return variables, (head, type, left, right)


def _changed(
    variables: list[Local], term: Expr, siblings: dict[str, list[str]], draw: random.Random
) -> Iterator[Expr]:
    pairs = [(a, b) for i, a in enumerate(variables) for b in variables[i + 1 :] if a.type is b.type]
    for a, b in draw.sample(pairs, min(3, len(pairs))):
        yield from _unless_same(term, dict[Expr, Expr]({a: b, b: a}))
        yield from _unless_same(term, {a: b})
    here = list(parts(term))
    for constant in (part for part in here if isinstance(part, Const)):
        if constant.name in siblings:
            yield from _unless_same(
                term, {constant: Const(draw.choice(siblings[constant.name]), constant.levels)}
            )
        elif constant.name in ("and", "or"):
            yield from _unless_same(term, {constant: Const("or" if constant.name == "and" else "and")})
    applied = [
        part for part in here if isinstance(part, App) and isinstance(part.fn, App) and part.loose == 0
    ]
    for part in draw.sample(applied, min(4, len(applied))):
        assert isinstance(part.fn, App)
        head, _ = spine(part)
        if not (isinstance(head, Const) and head.name in SYMMETRIC):
            yield from _unless_same(term, {part: App(App(part.fn.fn, part.arg), part.fn.arg)})


def _unless_same(term: Expr, new: Mapping[Expr, Expr]) -> Iterator[Expr]:
    changed = replace(term, lambda part, depth: new.get(part))
    if changed is not term:
        yield changed


def _siblings() -> dict[str, list[str]]:
    """For each constructor the others of its type with fields of the same types."""
    found: dict[str, list[str]] = {}
    for declaration in declared():
        if isinstance(declaration, Inductive):
            for family in declaration.types:
                for each in family.constructors:
                    alike = [o.name for o in family.constructors if o.type is each.type and o is not each]
                    if alike:
                        found[each.name] = alike
    return found
