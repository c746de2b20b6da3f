"""Quotients: four primitives with Lean's types, one rule of reduction, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bartizan.policies.lean.calculus.build import app, arrow, lam, local, pi
from bartizan.policies.lean.calculus.declarations import Axiom, Declaration, Definition, Quotient, Theorem
from bartizan.policies.lean.calculus.terms import ONE, PROP, TYPE, Const, Expr, Lit, Param, Sort
from bartizan.policies.lean.check import check_file
from bartizan.policies.lean.kernel import Environment, KernelError
from bartizan.policies.lean.ndjson import write

from .small import NAT, base, environment, eq, fn, inductive, refl, theorem

U, V = Param("u"), Param("v")
A, B = local("α", Sort(U), "implicit"), local("β", Sort(V), "implicit")
R = local("r", arrow(A, A, PROP))


def _primitives() -> list[Quotient]:
    quot = app(Const("Quot", (U,)), A, R)
    a, b, q, f = local("a", A), local("b", A), local("q", quot), local("f", arrow(A, B))
    made = app(Const("Quot.mk", (U,)), A, R, a)
    respects = local("h", pi([a, b], arrow(app(R, a, b), eq(B, app(f, a), app(f, b), V))))
    motive = local("β", arrow(quot, PROP), "implicit")
    all_made = local("mk", pi([a], app(motive, made)))
    return [
        Quotient("Quot", ("u",), pi([A, R], Sort(U)), "type"),
        Quotient("Quot.mk", ("u",), pi([A, R, a], quot), "ctor"),
        Quotient("Quot.lift", ("u", "v"), pi([A, R, B, f, respects, q], B), "lift"),
        Quotient("Quot.ind", ("u",), pi([A, R, motive, all_made, q], app(motive, q)), "ind"),
    ]


PRIMITIVES = _primitives()
X, Y = local("x", NAT), local("y", NAT)
ALL = lam([X, Y], fn("True"))  # relates all numbers
CLASS = app(Const("Quot", (ONE,)), NAT, ALL)


def of(number: Expr) -> Expr:
    """The class of a number."""
    return app(Const("Quot.mk", (ONE,)), NAT, ALL, number)


def lift(function: Expr, respects: Expr, quotient: Expr) -> Expr:
    """A function of numbers, lifted to their classes and applied."""
    return app(Const("Quot.lift", (ONE, ONE)), NAT, ALL, NAT, function, respects, quotient)


def with_quotients(axioms: tuple[str, ...] = ()) -> Environment:
    """The small environment with the primitives."""
    return environment(axioms=axioms).add_all(PRIMITIVES)


def test_a_lifted_function_computes_on_a_class() -> None:
    """``lift f h (mk a)`` is ``f a``, whatever stands for ``h``; on an unknown class it is nothing in particular."""
    seven = lam([X], Lit(7))
    h = lam([X, Y, local("_", fn("True"))], refl(NAT, Lit(7)))
    claim = eq(NAT, lift(seven, h, of(Lit(3))), Lit(7))
    with_quotients().add(theorem(claim, refl(NAT, Lit(7))))
    q = local("q", CLASS)
    unknown = pi([q], eq(NAT, lift(seven, h, q), Lit(7)))
    with pytest.raises(KernelError, match="expected"):
        with_quotients().add(theorem(unknown, lam([q], refl(NAT, Lit(7)))))


def test_a_function_that_does_not_respect_the_relation_is_not_lifted() -> None:
    """Otherwise equal classes would have different values."""
    same = lam([X, Y, local("_", fn("True"))], refl(NAT, X))
    claim = eq(NAT, lift(lam([X], X), same, of(Lit(3))), Lit(3))
    with pytest.raises(KernelError, match="expected"):
        with_quotients().add(theorem(claim, refl(NAT, Lit(3))))


def test_induction_over_classes() -> None:
    """What holds of the class of each number holds of each class."""
    q = local("q", CLASS)
    motive = lam([q], eq(CLASS, q, q))
    proof = lam([q], app(Const("Quot.ind", (ONE,)), NAT, ALL, motive, lam([X], refl(CLASS, of(X))), q))
    with_quotients().add(theorem(pi([q], app(motive, q)), proof))


def test_classes_are_equal_only_by_the_axiom() -> None:
    """Related numbers have equal classes by ``Quot.sound``, which must be allowed; not by computation."""
    claim = eq(CLASS, of(Lit(1)), of(Lit(2)))
    with pytest.raises(KernelError, match="expected"):
        with_quotients().add(theorem(claim, refl(CLASS, of(Lit(1)))))
    a, b = local("a", A), local("b", A)
    quot = app(Const("Quot", (U,)), A, R)
    mk = Const("Quot.mk", (U,))
    equal = eq(quot, app(mk, A, R, a), app(mk, A, R, b), U)
    sound = Axiom("Quot.sound", ("u",), pi([A, R, a, b], arrow(app(R, a, b), equal)))
    with pytest.raises(KernelError, match="axioms are not allowed"):
        with_quotients().add(sound)
    target = with_quotients(("Quot.sound",))
    target.add(sound)
    proof = app(Const("Quot.sound", (ONE,)), NAT, ALL, Lit(1), Lit(2), Const("True.intro"))
    target.add(theorem(claim, proof))
    with pytest.raises(KernelError, match="says something else"):
        with_quotients(("Quot.sound",)).add(Axiom("Quot.sound", ("u",), pi([A, R, a, b], equal)))


def test_the_primitives_are_written_and_read() -> None:
    """A file with quotients is checked like any other."""
    text = write([*base().declarations, *PRIMITIVES])
    assert check_file(text).declarations[-4:] == PRIMITIVES


_CARELESS = pi([A, R, B], arrow(arrow(A, B), app(Const("Quot", (U,)), A, R), B))
WRONG: dict[str, tuple[list[Declaration], str]] = {
    "another type": ([replace(PRIMITIVES[0], type=pi([A, R], TYPE))], "must be Lean's"),
    "another level": ([replace(PRIMITIVES[0], level_params=("u", "v"))], "must be Lean's"),
    "another name": ([replace(PRIMITIVES[0], name="Quotient")], "must be one of"),
    "another kind": ([replace(PRIMITIVES[0], kind="ctor")], "must be one of"),
    "out of order": ([PRIMITIVES[1]], "there must be Quot"),
    "twice": ([PRIMITIVES[0], PRIMITIVES[0]], "already declared"),
    "a definition": ([Definition("Quot", (), TYPE, NAT)], "differently from Lean's"),
    "a theorem": ([Theorem("Quot.lift", (), fn("True"), Const("True.intro"))], "differently from Lean's"),
    "an inductive type": ([inductive("Quot", TYPE, {"mk": Const("Quot")})], "differently from Lean's"),
    "a lift without respect": ([*PRIMITIVES[:2], replace(PRIMITIVES[2], type=_CARELESS)], "must be Lean's"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_primitive_is_refused(name: str) -> None:
    """Names, types, kinds and order are Lean's."""
    declarations, reason = WRONG[name]
    target = environment()
    with pytest.raises(KernelError, match=reason):
        target.add_all(declarations)


def test_a_lift_needs_leans_equality() -> None:
    """Respecting a relation is said with ``Eq``; where that is something else there is no lift."""
    x, y = local("x", A), local("y", A)
    weak = inductive("Eq", pi([A, x, y], PROP), {"refl": pi([A, x, y], eq(A, x, y, U))}, 3, "u")
    always = Definition("Eq", ("u",), pi([A, x, y], PROP), lam([A, x, y], fn("T")))
    trivial = [inductive("T", PROP, {"mk": Const("T")}), always]
    for before in ([weak], [], trivial):
        with pytest.raises(KernelError, match="Eq is declared differently"):
            Environment().add_all([*before, *PRIMITIVES])
