"""Definitions in the form that Lean's compiler of recursive equations gives them.

``def Nat.add : Nat -> Nat -> Nat | n, .zero => n | n, .succ m => .succ (add n m)`` reaches a kernel as course-of-values
recursion: ``brecOn`` over pairs of all smaller results, a matcher over ``casesOn``, projections out of the pairs.
"""

from __future__ import annotations

from functools import cache

from bartizan.policies.lean.calculus.build import app, arrow, lam, local, pi
from bartizan.policies.lean.calculus.declarations import Declaration, Definition, Theorem
from bartizan.policies.lean.calculus.terms import (
    ONE,
    ZERO,
    Const,
    Expr,
    Lit,
    Local,
    Max,
    Param,
    Proj,
    Sort,
    Succ,
)
from bartizan.policies.lean.kernel import Budget, Environment

from .small import NAT, NIL, S, eq, families, fn, inductive, refl

U, V = Param("u"), Param("v")
BELOW = Max(ONE, U)
N, T = local("n", NAT), local("t", NAT)
MOTIVE = local("motive", pi([T], Sort(U)), "implicit")


def pairs() -> list[Declaration]:
    """``PUnit`` and ``PProd``: a unit and pairs in any sort."""
    a, b = local("α", Sort(U)), local("β", Sort(V))
    pair = app(Const("PProd", (U, V)), a, b)
    return [
        inductive("PUnit", Sort(U), {"unit": Const("PUnit", (U,))}, levels="u"),
        inductive("PProd", pi([a, b], Sort(Max(BELOW, V))), {"mk": pi([a, b], arrow(a, b, pair))}, 2, "u v"),
    ]


def below(motive: Expr, at: Expr) -> Expr:
    """All results for numbers below ``at``."""
    return app(Const("Nat.below", (U,)), motive, at)


def course_of_values() -> list[Declaration]:
    """``Nat.below``, ``Nat.brecOn.go``, ``Nat.brecOn``, ``Nat.casesOn``."""
    unit, at = Const("PUnit", (BELOW,)), local("n_ih", Sort(BELOW))
    step = lam([N, at], app(Const("PProd", (U, BELOW)), app(MOTIVE, N), at))
    smaller = app(Const("Nat.rec", (Succ(BELOW),)), lam([T], Sort(BELOW)), unit, step, T)
    f = local("F_1", pi([T, local("f", below(MOTIVE, T))], app(MOTIVE, T)))

    def both(at: Expr) -> Expr:
        return app(Const("PProd", (U, BELOW)), app(MOTIVE, at), below(MOTIVE, at))

    def made(at: Expr, rest: Expr, rest_type: Expr) -> Expr:
        return app(Const("PProd.mk", (U, BELOW)), app(MOTIVE, at), rest_type, app(f, at, rest), rest)

    ih = local("n_ih", both(N))
    first = made(NIL, Const("PUnit.unit", (BELOW,)), unit)
    later = lam([N, ih], made(app(S, N), ih, both(N)))
    go = app(Const("Nat.rec", (BELOW,)), lam([T], both(T)), first, later, T)
    called = app(Const("Nat.brecOn.go", (U,)), MOTIVE, T, f)
    zero = local("zero", app(MOTIVE, NIL))
    succ = local("succ", pi([N], app(MOTIVE, app(S, N))))
    ignored = local("n_ih", app(MOTIVE, N))
    cases = app(Const("Nat.rec", (U,)), MOTIVE, zero, lam([N, ignored], app(succ, N)), T)

    def abbrev(name: str, type: Expr, value: Expr, *more: Local) -> Definition:
        binders = [MOTIVE, T, *more]
        return Definition(f"Nat.{name}", ("u",), pi(binders, type), lam(binders, value), "abbrev")

    return [
        abbrev("below", Sort(BELOW), smaller),
        abbrev("brecOn.go", both(T), go, f),
        abbrev("brecOn", app(MOTIVE, T), Proj("PProd", 0, called), f),
        abbrev("casesOn", app(MOTIVE, T), cases, zero, succ),
    ]


def addition() -> list[Declaration]:
    """``Nat.add.match_1`` and ``Nat.add``."""
    u1 = Param("u_1")
    x, y, a, b = local("x", NAT), local("y", NAT), local("a", NAT), local("b", NAT)
    motive = local("motive", pi([x, y], Sort(u1)))
    h1 = local("h_1", pi([a], app(motive, a, NIL)))
    h2 = local("h_2", pi([a, b], app(motive, a, app(S, b))))
    split = app(
        Const("Nat.casesOn", (u1,)), lam([y], app(motive, x, y)), y, app(h1, x), lam([b], app(h2, x, b))
    )
    binders = [motive, x, y, h1, h2]
    match = Definition(
        "Nat.add.match_1", ("u_1",), pi(binders, app(motive, x, y)), lam(binders, split), "abbrev"
    )
    to_nat = lam([T], arrow(NAT, NAT))
    known = app(Const("Nat.below", (ONE,)), to_nat, y)
    f = local("f", known)

    def results(at: Expr) -> Expr:
        return app(Const("Nat.below", (ONE,)), to_nat, at)

    chosen = lam([x, y], arrow(results(y), NAT))
    base_case = lam([a, local("f", results(NIL))], a)
    smaller = local("f", results(app(S, b)))
    step = lam([a, b, smaller], app(S, app(Proj("PProd", 0, smaller), a)))
    body = app(Const("Nat.add.match_1", (ONE,)), chosen, x, y, base_case, step, f)
    recursive = app(Const("Nat.brecOn", (ONE,)), to_nat, y, lam([y, f, x], body), x)
    return [match, Definition("Nat.add", (), arrow(NAT, NAT, NAT), lam([x, y], recursive), 1)]


@cache
def compiled() -> Environment:
    """Numbers with addition as Lean compiles it."""
    return Environment().add_all([*families(), *pairs(), *course_of_values(), *addition()])


def test_addition_is_recognised_and_computed() -> None:
    """The equations hold by conversion through all of this, so addition is computed: a large sum takes few steps."""
    assert "Nat.add" in compiled()._operations
    target = compiled().fork(Budget(steps=1_000))
    total = Lit(3**200 + 5**100)
    target.add(Theorem("sum", (), eq(NAT, fn("Nat.add", Lit(3**200), Lit(5**100)), total), refl(NAT, total)))


def test_addition_unfolds_the_same_way() -> None:
    """Without the fast function the compiled definition gives the same sums, also with an unknown summand."""
    target = compiled().fork()
    target._operations.clear()
    target.add(Theorem("sum", (), eq(NAT, fn("Nat.add", Lit(20), Lit(22)), Lit(42)), refl(NAT, Lit(42))))
    some = fn("Nat.add", N, Lit(2))
    target.add(Theorem("two", (), pi([N], eq(NAT, some, app(S, app(S, N)))), lam([N], refl(NAT, some))))


def test_classes_and_their_instances() -> None:
    """``n + succ m = succ (n + m)`` by ``rfl`` through the classes of addition, as in Lean's core."""
    target = compiled().fork()
    u1 = Param("u_1")
    a = local("α", Sort(Succ(u1)))
    add_of = app(Const("Add", (u1,)), a)
    target.add(
        inductive("Add", pi([a], Sort(Succ(u1))), {"mk": pi([a], arrow(arrow(a, a, a), add_of))}, 1, "u_1")
    )
    inst = local("self", add_of, "instImplicit")
    target.add(
        Definition(
            "Add.add", ("u_1",), pi([a, inst], arrow(a, a, a)), lam([a, inst], Proj("Add", 0, inst)), "abbrev"
        )
    )
    nat_add = app(Const("Add", (ZERO,)), NAT)
    made = app(Const("Add.mk", (ZERO,)), NAT, Const("Nat.add"))
    target.add(Definition("instAddNat", (), nat_add, made, 2))

    def plus(left: Expr, right: Expr) -> Expr:
        return app(Const("Add.add", (ZERO,)), NAT, Const("instAddNat"), left, right)

    m = local("m", NAT)
    claim = pi([N, m], eq(NAT, plus(N, app(S, m)), app(S, plus(N, m))))
    target.add(Theorem("Nat.add_succ", (), claim, lam([N, m], refl(NAT, app(S, plus(N, m))))))
