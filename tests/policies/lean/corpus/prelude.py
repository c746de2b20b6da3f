"""The inductive types that members start from: the same names and declarations as in Lean 4's own core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.forge import (
    PROP,
    TYPE,
    File,
    Level,
    Term,
    app,
    arrow,
    const,
    lam,
    nat,
    pi,
    sort,
)

NAT, ZERO, SUCC = const("Nat"), const("Nat.zero"), const("Nat.succ")
BOOL, TRUE, FALSE = const("Bool"), const("Bool.true"), const("Bool.false")
YES, NO, TRIVIAL = const("True"), const("False"), const("True.intro")


def eq(type_: Term, left: Term, right: Term, level: Level = 1) -> Term:
    return app(const("Eq", level), type_, left, right)


def refl(type_: Term, value: Term, level: Level = 1) -> Term:
    return app(const("Eq.refl", level), type_, value)


def _nat() -> dict[str, Any]:
    return block(Type("Nat", TYPE, (("Nat.zero", NAT), ("Nat.succ", pi("n", NAT, NAT)))))


def _bool() -> dict[str, Any]:
    return block(Type("Bool", TYPE, (("Bool.false", BOOL), ("Bool.true", BOOL))))


def _true() -> dict[str, Any]:
    return block(Type("True", PROP, (("True.intro", YES),)), k=True)


def _false() -> dict[str, Any]:
    return block(Type("False", PROP))


def _eq() -> dict[str, Any]:
    over = sort("u_1")
    type_ = pi("α", over, lambda a: arrow(a, a, PROP))
    made = pi("α", over, lambda a: pi("a", a, lambda x: eq(a, x, x, "u_1")))
    return block(Type("Eq", type_, (("Eq.refl", made),)), params=2, levels=("u_1",), k=True)


def _and() -> dict[str, Any]:
    def intro(a: Term, b: Term) -> Term:
        return pi("left", a, pi("right", b, app(const("And"), a, b)))

    made = pi("a", PROP, lambda a: pi("b", PROP, lambda b: intro(a, b)))
    return block(Type("And", arrow(PROP, PROP, PROP), (("And.intro", made),)), params=2)


def _or() -> dict[str, Any]:
    def made(pick: Callable[[Term, Term], Term]) -> Term:
        return pi("a", PROP, lambda a: pi("b", PROP, lambda b: pi("h", pick(a, b), app(const("Or"), a, b))))

    constructors = (("Or.inl", made(lambda a, _: a)), ("Or.inr", made(lambda _, b: b)))
    return block(Type("Or", arrow(PROP, PROP, PROP), constructors), params=2, large=False)


def _exists() -> dict[str, Any]:
    def under(result: Callable[[Term, Term], Term]) -> Term:
        return pi("α", sort("u"), lambda a: pi("p", arrow(a, PROP), lambda p: result(a, p)))

    def intro(a: Term, p: Term) -> Term:
        return pi("w", a, lambda w: pi("h", p(w), app(const("Exists", "u"), a, p)))

    type_ = under(lambda _, __: PROP)
    return block(
        Type("Exists", type_, (("Exists.intro", under(intro)),)), params=2, levels=("u",), large=False
    )


def _prod() -> dict[str, Any]:
    def under(result: Callable[[Term, Term], Term]) -> Term:
        return pi("α", sort(("succ", "u")), lambda a: pi("β", sort(("succ", "v")), lambda b: result(a, b)))

    def mk(a: Term, b: Term) -> Term:
        return pi("fst", a, pi("snd", b, app(const("Prod", "u", "v"), a, b)))

    type_ = under(lambda _, __: sort(("succ", ("max", "u", "v"))))
    return block(Type("Prod", type_, (("Prod.mk", under(mk)),)), params=2, levels=("u", "v"))


def _list() -> dict[str, Any]:
    def over(a: Term) -> Term:
        return app(const("List", "u"), a)

    def cons(a: Term) -> Term:
        return pi("head", a, pi("tail", over(a), over(a)))

    under = sort(("succ", "u"))
    constructors = (("List.nil", pi("α", under, over)), ("List.cons", pi("α", under, cons)))
    return block(Type("List", pi("α", under, under), constructors), params=1, levels=("u",))


def _punit() -> dict[str, Any]:
    made = const("PUnit", "u")
    return block(Type("PUnit", sort("u"), (("PUnit.unit", made),)), levels=("u",))


def _acc() -> dict[str, Any]:
    def under(result: Callable[[Term, Term], Term]) -> Term:
        return pi("α", sort("u"), lambda a: pi("r", arrow(a, a, PROP), lambda r: result(a, r)))

    def acc(a: Term, r: Term, x: Term) -> Term:
        return app(const("Acc", "u"), a, r, x)

    def intro(a: Term, r: Term) -> Term:
        return pi(
            "x", a, lambda x: pi("h", pi("y", a, lambda y: pi("hr", r(y, x), acc(a, r, y))), acc(a, r, x))
        )

    type_ = under(lambda a, _: pi("x", a, PROP))
    return block(Type("Acc", type_, (("Acc.intro", under(intro)),)), params=2, levels=("u",))


BLOCKS: dict[str, Callable[[], dict[str, Any]]] = {
    "Nat": _nat,
    "Bool": _bool,
    "True": _true,
    "False": _false,
    "Eq": _eq,
    "And": _and,
    "Or": _or,
    "Exists": _exists,
    "Prod": _prod,
    "List": _list,
    "PUnit": _punit,
    "Acc": _acc,
}


def start(*names: str) -> File:
    """A file that begins with these types."""
    file = File()
    for name in names:
        file.block(BLOCKS[name]())
    return file


# --- a few definitions, written by recursion alone


def recurse(on: Term, zero: Term, succ: Term, result: Term = NAT, level: Level = 1) -> Term:
    return app(const("Nat.rec", level), lam("x", NAT, result), zero, succ, on)


def add() -> Term:
    """`Nat.add` by recursion on its second argument, as in Lean 4."""
    step = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: SUCC(ih)))
    return lam("n", NAT, lambda n: lam("m", NAT, lambda m: recurse(m, n, step)))


BINARY = arrow(NAT, NAT, NAT)
ONE = nat(1)
