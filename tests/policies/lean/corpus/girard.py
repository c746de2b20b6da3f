"""Girard's paradox, in Hurkens' form, with the one forbidden step in different places.

Source of the argument: A. Hurkens, "A simplification of Girard's paradox" (TLCA 1995). It needs a universe that
quantifies over itself. Each member pretends to have one in another way, and ends in a proof of False.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import (
    PROP,
    TYPE,
    File,
    Fn,
    Term,
    app,
    arrow,
    const,
    lam,
    pi,
    proj,
    sort,
)
from tests.policies.lean.corpus.prelude import NO, start

FAMILY = Family("girard")
wrong, valid = FAMILY.wrong, FAMILY.valid

Wrap = Callable[[Term], Term]


def _powerset(over: Term) -> Term:
    return arrow(over, PROP)


def paradox(
    file: File, domain: Term, universe: Term, up: Wrap = lambda x: x, product: Wrap | None = None
) -> File:
    """The paradox over `domain`, a small type whose elements stand for the types `up(element)`.

    `product(family)` is the announced code of the product over `domain` of a family of codes.
    """
    if product is None:
        body = pi("X", domain, lambda x: _into(up(x)))
        file.define("U", universe, body)
        u = const("U")
    else:
        file.define("U", universe, product(lam("X", domain, lambda x: _into(up(x)))))
        u = up(const("U"))
    code = const("U")
    sets = _powerset(_powerset(u))
    tau = lam(
        "t",
        sets,
        lambda t: lam(
            "X",
            domain,
            lambda x: lam(
                "f",
                arrow(_powerset(_powerset(up(x))), up(x)),
                lambda f: lam("p", _powerset(up(x)), lambda p: t(lam("s", u, lambda s: p(f(s(x, f)))))),
            ),
        ),
    )
    file.define("tau", arrow(sets, u), tau)
    file.define("sigma", arrow(u, sets), lam("s", u, lambda s: s(code, const("tau"))))
    loop: Fn = lambda y: app(const("tau"), app(const("sigma"), y))  # noqa: E731
    sigma, omega = const("sigma"), const("Omega")

    def inductive(p: Term, y: Term) -> Term:
        return app(sigma, y, p)

    delta = lam(
        "y", u, lambda y: arrow(pi("p", _powerset(u), lambda p: arrow(inductive(p, y), p(loop(y)))), NO)
    )
    file.define("Delta", _powerset(u), delta)
    every = lam("p", _powerset(u), lambda p: pi("x", u, lambda x: arrow(inductive(p, x), p(x))))
    file.define("Omega", u, app(const("tau"), every))
    closed: Fn = lambda p: pi("x", u, lambda x: arrow(inductive(p, x), p(x)))  # noqa: E731
    lemma = lam(
        "p",
        _powerset(u),
        lambda p: lam("h", closed(p), lambda h: h(omega, lam("x", u, lambda x: h(loop(x))))),
    )
    file.theorem("lemma1", pi("p", _powerset(u), lambda p: arrow(closed(p), p(omega))), lemma)
    statement = pi("p", _powerset(u), lambda p: arrow(inductive(p, omega), p(loop(omega))))
    file.define("D", PROP, statement)
    shifted: Fn = lambda p: lam("y", u, lambda y: p(loop(y)))  # noqa: E731
    refutes = lam(
        "x",
        u,
        lambda x: lam(
            "h2",
            inductive(const("Delta"), x),
            lambda h2: lam(
                "h3",
                pi("p", _powerset(u), lambda p: arrow(inductive(p, x), p(loop(x)))),
                lambda h3: h3(const("Delta"), h2, lam("p", _powerset(u), lambda p: h3(shifted(p)))),
            ),
        ),
    )
    file.theorem("lemma2", arrow(const("D"), NO), app(const("lemma1"), const("Delta"), refutes))
    proof = lam("p", _powerset(u), lambda p: app(const("lemma1"), shifted(p)))
    file.theorem("lemma3", const("D"), proof)
    return file.theorem("paradox", NO, app(const("lemma2"), const("lemma3")))


def _into(x: Term) -> Term:
    return arrow(arrow(_powerset(_powerset(x)), x), _powerset(_powerset(x)))


@valid
def universe_one_higher() -> File:
    """The same product over the types of Type is accepted where it belongs, one universe higher."""
    return start("False").define("U", sort(2), pi("X", TYPE, _into))


@wrong("type")
def type_in_type() -> File:
    """The product over all types of Type is announced in Type."""
    return paradox(start("False"), TYPE, TYPE)


@wrong("type")
def type_in_type_higher_up() -> File:
    """The product over all types of the sort of level 5 is announced in that sort."""
    return paradox(start("False"), sort(5), sort(5))


@wrong("type")
def one_universe_higher_all_along() -> File:
    """U is announced where it belongs, and then applied to itself as if it were one universe lower."""
    return paradox(start("False"), TYPE, sort(2))


@wrong("type")
def prop_as_a_set() -> File:
    """The product is over Prop and announced as a proposition, although its values are predicates."""
    return paradox(start("False"), PROP, PROP)


@wrong("inductive")
def boxed_types() -> File:
    """A structure in Type holds a type of Type, so that the product over it stays small."""
    box = block(Type("Box", TYPE, (("Box.mk", pi("of", TYPE, const("Box"))),)))
    return paradox(start("False").block(box), const("Box"), const("Box"), lambda x: proj("Box", 0, x), _box)


@wrong("inductive")
def boxed_types_by_imax() -> File:
    """A structure in the sort of level imax 1 1, which is that of Type, holds a type of Type."""
    box = block(Type("Box", sort(("imax", 1, 1)), (("Box.mk", pi("of", TYPE, const("Box"))),)))
    return paradox(start("False").block(box), const("Box"), const("Box"), lambda x: proj("Box", 0, x), _box)


@wrong("recursor")
def boxed_types_in_prop() -> File:
    """A proposition holds a type, which is allowed, and its recursor claims to give the type back."""
    box = block(Type("Box", PROP, (("Box.mk", pi("of", TYPE, const("Box"))),)))

    def up(x: Term) -> Term:
        return app(const("Box.rec", 2), lam("_", const("Box"), TYPE), lam("of", TYPE, lambda of: of), x)

    return paradox(start("False").block(box), const("Box"), const("Box"), up, _box)


@wrong("type")
def projected_out_of_prop() -> File:
    """A proposition holds a type, and a projection takes it out again."""
    box = block(Type("Box", PROP, (("Box.mk", pi("of", TYPE, const("Box"))),)), large=False)
    return paradox(start("False").block(box), const("Box"), const("Box"), lambda x: proj("Box", 0, x), _box)


@wrong("type")
def lowered_by_a_cast() -> File:
    """A polymorphic cast from a sort to the one below it is announced as the identity, and lowers the product."""
    file = start("False")
    higher = sort(("succ", ("imax", "u", "v")))
    lower = sort(("imax", "u", "v"))
    file.define("down", arrow(higher, lower), lam("x", higher, lambda x: x), ("u", "v"))
    return paradox(file, TYPE, TYPE, product=_lowered)


@wrong("axiom")
def forged_retract() -> File:
    """Axioms, which nobody allowed, say that Type is a retract of a small type."""
    file = start("False").axiom("Code", TYPE).axiom("up", arrow(const("Code"), TYPE))
    file.axiom("down", arrow(TYPE, const("Code")))
    return paradox(file, const("Code"), const("Code"), lambda x: app(const("up"), x), _down)


def _box(family: Term) -> Term:
    return app(const("Box.mk"), pi("X", const("Box"), lambda x: app(family, x)))


def _lowered(family: Term) -> Term:
    return app(const("down", 1, 1), pi("X", TYPE, lambda x: app(family, x)))


def _down(family: Term) -> Term:
    return app(const("down"), pi("X", const("Code"), lambda x: app(family, x)))
