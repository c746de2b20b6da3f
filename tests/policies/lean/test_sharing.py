"""What the kernel computes once and shares is never mistaken for something else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bartizan.policies.lean.calculus.build import app, arrow, lam, local, pi
from bartizan.policies.lean.calculus.declarations import Definition, Theorem
from bartizan.policies.lean.calculus.terms import ONE, App, Const, Expr, Local
from bartizan.policies.lean.kernel import Environment, KernelError
from bartizan.policies.lean.theory import theory

_BOOL, _TRUE, _FALSE = Const("Bool"), Const("Bool.true"), Const("Bool.false")
_MAP = arrow(_BOOL, _BOOL)


def _environment() -> Environment:
    """Three functions asked in an order that they are given in: ``(f T and g F) or ((f F and h F) or f T)``."""
    f, g, h = (local(name, _MAP) for name in "fgh")
    both, either = Const("and"), Const("or")
    first = app(both, App(f, _TRUE), App(g, _FALSE))
    second = app(both, App(f, _FALSE), App(h, _FALSE))
    body = app(either, first, app(either, second, App(f, _TRUE)))
    environment = Environment()
    for each in theory():
        environment.add(each)
        if getattr(each, "name", "") == "or":
            break
    environment.add(Definition("asked", (), pi([f, g, h], _BOOL), lam([f, g, h], body)))
    return environment


def _claim(sides: Sequence[Expr], variables: Sequence[Local]) -> Theorem:
    equal = app(Const("Eq", (ONE,)), _BOOL, *sides)
    return Theorem(
        "claim", (), pi(variables, equal), lam(variables, app(Const("Eq.refl", (ONE,)), _BOOL, sides[0]))
    )


def test_parts_of_one_definition_with_other_arguments_are_not_the_same() -> None:
    """A definition applied to other functions is compared part by part, whether parts were computed before or not."""
    f, g, h = (local(name, _MAP) for name in "fgh")
    environment = _environment()
    asked = Const("asked")
    environment.fork().add(_claim([app(asked, f, g, h), app(asked, f, g, h)], [f, g, h]))
    for other in ([g, f, h], [f, h, g], [h, g, f], [f, f, h]):
        with pytest.raises(KernelError, match="expected"):
            environment.fork().add(_claim([app(asked, f, g, h), app(asked, *other)], [f, g, h]))
