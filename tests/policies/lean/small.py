"""A small environment for the kernel's tests: numbers, Bool, equality, connectives, pairs, lists, accessibility."""

from __future__ import annotations

from functools import cache

from bartizan.policies.lean.calculus.build import app, arrow, lam, local, pi
from bartizan.policies.lean.calculus.declarations import (
    Constructor,
    Declaration,
    Definition,
    Inductive,
    InductiveType,
    Theorem,
)
from bartizan.policies.lean.calculus.terms import (
    ONE,
    PROP,
    TYPE,
    Const,
    Expr,
    Level,
    Local,
    Max,
    Param,
    Sort,
    Succ,
)
from bartizan.policies.lean.kernel import Budget, Environment

NAT, NIL, S = Const("Nat"), Const("Nat.zero"), Const("Nat.succ")
BOOL, TRUE, FALSE = Const("Bool"), Const("Bool.true"), Const("Bool.false")
U, V = Param("u"), Param("v")


def fn(name: str, *args: Expr) -> Expr:
    """A constant without levels, applied."""
    return app(Const(name), *args)


def inductive(
    name: str, type: Expr, constructors: dict[str, Expr], params: int = 0, levels: str = ""
) -> Inductive:
    """A declaration of one type; ``levels`` are names separated by spaces."""
    made = tuple(Constructor(f"{name}.{each}", type) for each, type in constructors.items())
    return Inductive(tuple(levels.split()), params, (InductiveType(name, type, made),))


def eq(type: Expr, left: Expr, right: Expr, level: Level = ONE) -> Expr:
    """``left = right`` in ``type : Sort level``."""
    return app(Const("Eq", (level,)), type, left, right)


def refl(type: Expr, value: Expr, level: Level = ONE) -> Expr:
    """``Eq.refl value``."""
    return app(Const("Eq.refl", (level,)), type, value)


def nat_rec(result: Expr, zero: Expr, step: Expr, major: Expr, level: Level = ONE) -> Expr:
    """Recursion on a natural number with a constant motive."""
    return app(Const("Nat.rec", (level,)), lam([local("n", NAT)], result), zero, step, major)


def functions() -> list[Declaration]:
    """The functions on natural numbers, by recursion on their second argument."""
    m, n, k, ih = local("m", NAT), local("n", NAT), local("k", NAT), local("ih", NAT)
    more = local("ih", arrow(NAT, BOOL))
    binary, test = arrow(NAT, NAT, NAT), arrow(NAT, NAT, BOOL)

    def by(name: str, zero: Expr, step: Expr) -> Definition:
        return Definition(f"Nat.{name}", (), binary, lam([m, n], nat_rec(NAT, zero, lam([k, ih], step), n)))

    def compare(name: str, at_zero: Expr, zero_succ: Expr) -> Definition:
        to_bool = arrow(NAT, BOOL)
        ignored, kn = local("i", BOOL), local("k", NAT)
        first = lam([n], nat_rec(BOOL, at_zero, lam([kn, ignored], zero_succ), n))
        later = lam([k, more], lam([n], nat_rec(BOOL, FALSE, lam([kn, ignored], app(more, kn)), n)))
        return Definition(f"Nat.{name}", (), test, lam([m], nat_rec(to_bool, first, later, m)))

    return [
        Definition("Nat.pred", (), arrow(NAT, NAT), lam([n], nat_rec(NAT, NIL, lam([k, ih], k), n))),
        by("add", m, app(S, ih)),
        by("sub", m, fn("Nat.pred", ih)),
        by("mul", NIL, fn("Nat.add", ih, m)),
        by("pow", app(S, NIL), fn("Nat.mul", ih, m)),
        compare("beq", TRUE, FALSE),
        compare("ble", TRUE, TRUE),
    ]


def families() -> list[Declaration]:
    """Inductive types of each sort."""
    a, b = local("a", PROP), local("b", PROP)
    A, B = local("α", Sort(U), "implicit"), local("β", Sort(V))
    T, W = local("α", Sort(Succ(U))), local("β", Sort(Succ(V)))
    x, y = local("x", A), local("y", A)
    list_of = app(Const("List", (U,)), T)
    r = local("r", arrow(A, A, PROP))

    def acc(of: Expr) -> Expr:
        return app(Const("Acc", (U,)), A, r, of)

    return [
        inductive("Nat", TYPE, {"zero": NAT, "succ": arrow(NAT, NAT)}),
        inductive("Bool", TYPE, {"false": BOOL, "true": BOOL}),
        inductive("Eq", pi([A, x, y], PROP), {"refl": pi([A, x], eq(A, x, x, U))}, 2, "u"),
        inductive("False", PROP, {}),
        inductive("True", PROP, {"intro": Const("True")}),
        inductive("And", arrow(PROP, PROP, PROP), {"intro": pi([a, b], arrow(a, b, fn("And", a, b)))}, 2),
        inductive(
            "Or",
            arrow(PROP, PROP, PROP),
            {"inl": pi([a, b], arrow(a, fn("Or", a, b))), "inr": pi([a, b], arrow(b, fn("Or", a, b)))},
            2,
        ),
        inductive(
            "Prod",
            pi([T, W], Sort(Succ(Max(U, V)))),
            {"mk": pi([T, W], arrow(T, W, app(Const("Prod", (U, V)), T, W)))},
            2,
            "u v",
        ),
        inductive(
            "List",
            pi([T], Sort(Succ(U))),
            {"nil": pi([T], list_of), "cons": pi([T], arrow(T, list_of, list_of))},
            1,
            "u",
        ),
        inductive(
            "Acc",
            pi([A, r, x], PROP),
            {"intro": pi([A, r, x], arrow(pi([y], arrow(app(r, y, x), acc(y))), acc(x)))},
            2,
            "u",
        ),
        inductive("Unit", TYPE, {"mk": Const("Unit")}),
        inductive("Exists", pi([A], arrow(arrow(A, PROP), PROP)), {"intro": _exists(A)}, 2, "u"),
        Definition("id", ("u",), pi([A], arrow(A, A)), lam([A, x], x)),
        Definition("Type'", ("v",), pi([B], Sort(V)), lam([B], B)),
    ]


def _exists(A: Local) -> Expr:
    p = local("p", arrow(A, PROP))
    w = local("w", A)
    return pi([A, p, w], arrow(app(p, w), app(Const("Exists", (U,)), A, p)))


def theorem(statement: Expr, proof: Expr, name: str = "claim") -> Theorem:
    """A theorem without universe parameters."""
    return Theorem(name, (), statement, proof)


@cache
def base() -> Environment:
    """The environment of all these; do not add to it."""
    return Environment().add_all([*families(), *functions()])


def environment(steps: int = 2_000_000, axioms: tuple[str, ...] = ()) -> Environment:
    """A copy of :func:`base`, to add to."""
    return base().fork(Budget(steps=steps), axioms)
