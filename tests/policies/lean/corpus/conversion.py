"""Equations that computation does not give: what a too generous comparison of terms would let through."""

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
    let,
    nat,
    pi,
    proj,
)
from tests.policies.lean.corpus.prelude import (
    BOOL,
    FALSE,
    NAT,
    NO,
    SUCC,
    TRIVIAL,
    TRUE,
    YES,
    ZERO,
    eq,
    recurse,
    refl,
    start,
)

FAMILY = Family("conversion")
wrong, valid = FAMILY.wrong, FAMILY.valid

N2 = arrow(NAT, NAT, NAT)


@valid
def computations() -> File:
    """Beta, delta, iota, zeta, eta for functions and structures, and equal proofs."""
    file = start("Nat", "Bool", "True", "Eq", "Prod", "PUnit", "And")
    file.define("swap", arrow(N2, N2), _swap()).define("first", N2, lam("a", NAT, lambda a: lam("b", NAT, a)))
    once = app(const("swap"), const("first"), nat(1), nat(2))
    file.theorem("beta", eq(NAT, once, nat(2)), refl(NAT, nat(2)))
    f: Fn = lambda f: lam("x", NAT, lambda x: f(x))  # noqa: E731
    eta = pi("f", arrow(NAT, NAT), lambda g: eq(arrow(NAT, NAT), f(g), g))
    file.theorem("eta", eta, lam("f", arrow(NAT, NAT), lambda g: refl(arrow(NAT, NAT), g)))
    pair = app(const("Prod", 0, 0), NAT, NAT)
    again: Fn = lambda p: app(const("Prod.mk", 0, 0), NAT, NAT, proj("Prod", 0, p), proj("Prod", 1, p))  # noqa: E731
    file.theorem(
        "structure", pi("p", pair, lambda p: eq(pair, again(p), p)), lam("p", pair, lambda p: refl(pair, p))
    )
    units = pi("x", const("PUnit", 1), lambda x: eq(const("PUnit", 1), x, const("PUnit.unit", 1)))
    file.theorem("unit", units, lam("x", const("PUnit", 1), lambda x: refl(const("PUnit", 1), x)))
    zeta = let("n", NAT, nat(3), lambda n: SUCC(n))
    file.theorem("zeta", eq(NAT, zeta, nat(4)), refl(NAT, nat(4)))
    proofs = pi("p", PROP, lambda p: pi("a", p, lambda a: pi("b", p, lambda b: eq(p, a, b, 0))))
    proof = lam("p", PROP, lambda p: lam("a", p, lambda a: lam("b", p, refl(p, a, 0))))
    return file.theorem("irrelevance", proofs, proof)


def _swap() -> Term:
    return lam("f", N2, lambda f: lam("a", NAT, lambda a: lam("b", NAT, lambda b: f(b, a))))


def claim(
    name: str, sentence: str, left: Term, right: Term, *needs: str, type_: Term = NAT, by: Term | None = None
) -> None:
    """A member that proves `left = right` by reflexivity."""

    def make() -> File:
        file = start("Nat", "Bool", "Eq", *needs)
        file.define("swap", arrow(N2, N2), _swap()).define(
            "first", N2, lam("a", NAT, lambda a: lam("b", NAT, a))
        )
        file.define("one", NAT, nat(1)).define("uno", NAT, nat(1)).define("two", NAT, nat(2))
        return file.theorem("bad", eq(type_, left, right), refl(type_, left if by is None else by))

    FAMILY.add(name, sentence, make, "type")


def for_all(
    name: str,
    sentence: str,
    domain: Term,
    pair: Callable[[Term], tuple[Term, Term]],
    type_: Term,
    *needs: str,
) -> None:
    """A member that proves by reflexivity that two functions of a variable have equal values."""
    over: Fn = lambda x: eq(type_, *pair(x))  # noqa: E731
    proof: Fn = lambda x: refl(type_, pair(x)[0])  # noqa: E731
    FAMILY.add(
        name,
        sentence,
        lambda: start("Nat", "Bool", "Eq", *needs).theorem(
            "bad", pi("x", domain, over), lam("x", domain, proof)
        ),
        "type",
    )


_step = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: SUCC(ih)))
_two_bools = lam("b", BOOL, NAT)
claim(
    "beta-first",
    "The second argument is said to come out of the first projection.",
    app(const("first"), nat(1), nat(2)),
    nat(2),
)
claim(
    "beta-second",
    "Arguments that were swapped are said to be where they were.",
    app(const("swap"), const("first"), nat(1), nat(2)),
    nat(1),
)
claim(
    "capture",
    "A substituted variable is said to be captured.",
    lam("b", NAT, lambda b: lam("a", NAT, b)),
    lam("b", NAT, lambda b: lam("a", NAT, lambda a: a)),
    type_=N2,
)
claim("delta", "Two definitions of different values are said to be equal.", const("one"), const("two"))
claim("iota-base", "A recursion over zero is said to take a step.", recurse(ZERO, nat(4), _step), nat(5))
claim("iota-step", "A recursion over two is said to take one step.", recurse(nat(2), nat(4), _step), nat(5))
claim(
    "iota-branch",
    "The recursor of Bool is said to give the value for false at true.",
    app(const("Bool.rec", 1), _two_bools, nat(4), nat(5), TRUE),
    nat(4),
)
claim("zeta", "A let is said to have another value.", let("n", NAT, nat(3), lambda n: SUCC(n)), nat(3))
claim("constructors", "Two constructors are said to be equal.", TRUE, FALSE, type_=BOOL)
claim(
    "constructor-arguments",
    "Constructors of different arguments are said to be equal.",
    SUCC(nat(3)),
    SUCC(nat(4)),
)
claim("literal-and-constructor", "Five is said to be the successor of five.", nat(5), SUCC(nat(5)))
claim("literal-and-zero", "One is said to be zero.", nat(1), ZERO)
claim(
    "functions-by-one-value",
    "Two functions that agree at zero are said to be equal.",
    lam("n", NAT, lambda n: n),
    lam("n", NAT, ZERO),
    type_=arrow(NAT, NAT),
)
for_all(
    "eta-of-another",
    "A function after another is said to be the function.",
    arrow(NAT, NAT),
    lambda f: (lam("x", NAT, lambda x: f(SUCC(x))), f),
    arrow(NAT, NAT),
)
for_all(
    "eta-into-a-constant",
    "A constant function is said to be every function.",
    arrow(NAT, NAT),
    lambda f: (lam("x", NAT, f(ZERO)), f),
    arrow(NAT, NAT),
)
for_all("variable-and-literal", "A variable is said to be zero.", NAT, lambda n: (n, ZERO), NAT)
for_all("variable-and-successor", "A number is said to be its successor.", NAT, lambda n: (n, SUCC(n)), NAT)
for_all("bool-has-no-eta", "Every Bool is said to be true.", BOOL, lambda b: (b, TRUE), BOOL)
for_all(
    "branches-that-agree",
    "A choice between equal values is said to be the value, for a variable Bool.",
    BOOL,
    lambda b: (app(const("Bool.rec", 1), _two_bools, nat(4), nat(4), b), nat(4)),
    NAT,
)
for_all(
    "succ-outside",
    "A recursion on a variable is said to take a step.",
    NAT,
    lambda n: (recurse(n, nat(4), _step), SUCC(recurse(n, nat(4), _step))),
    NAT,
)
for_all(
    "true-is-the-proof",
    "A proposition is said to be its proof's type, True.",
    PROP,
    lambda p: (p, YES),
    PROP,
    "True",
)
for_all(
    "pair-of-swapped-fields",
    "A pair is said to be the pair of its fields in the other order.",
    app(const("Prod", 0, 0), NAT, NAT),
    lambda p: (app(const("Prod.mk", 0, 0), NAT, NAT, proj("Prod", 1, p), proj("Prod", 0, p)), p),
    app(const("Prod", 0, 0), NAT, NAT),
    "Prod",
)
for_all(
    "pair-of-one-field",
    "A pair is said to be the pair of its first field, twice.",
    app(const("Prod", 0, 0), NAT, NAT),
    lambda p: (app(const("Prod.mk", 0, 0), NAT, NAT, proj("Prod", 0, p), proj("Prod", 0, p)), p),
    app(const("Prod", 0, 0), NAT, NAT),
    "Prod",
)
for_all(
    "fields-exchanged",
    "The first field of a variable pair is said to be its second.",
    app(const("Prod", 0, 0), NAT, NAT),
    lambda p: (proj("Prod", 0, p), proj("Prod", 1, p)),
    NAT,
    "Prod",
)


@wrong("type")
def types_without_a_difference() -> File:
    """Two types, Nat and Bool, are said to be equal."""
    return start("Nat", "Bool", "Eq").theorem("bad", eq(TYPE, NAT, BOOL, 2), refl(TYPE, NAT, 2))


@wrong("type")
def products_of_other_domains() -> File:
    """Two function types of different domains are said to be equal."""
    left, right = arrow(NAT, BOOL), arrow(BOOL, BOOL)
    return start("Nat", "Bool", "Eq").theorem("bad", eq(TYPE, left, right, 2), refl(TYPE, left, 2))


@wrong("type")
def products_of_other_codomains() -> File:
    """Two function types of different codomains are said to be equal."""
    left, right = arrow(NAT, BOOL), arrow(NAT, NAT)
    return start("Nat", "Bool", "Eq").theorem("bad", eq(TYPE, left, right, 2), refl(TYPE, left, 2))


@wrong("type")
def one_constant_at_two_levels() -> File:
    """An opaque type at two levels is said to be the same."""
    file = start("Eq", "PUnit")
    file.opaque("H", TYPE, const("PUnit", 1), ("u",))
    return file.theorem("bad", eq(TYPE, const("H", 1), const("H", 2), 2), refl(TYPE, const("H", 1), 2))


@wrong("type")
def opaque_constants_of_one_value() -> File:
    """Two opaque constants of the same value are said to be equal."""
    file = start("Nat", "Eq").opaque("a", NAT, nat(1)).opaque("b", NAT, nat(1))
    return file.theorem("bad", eq(NAT, const("a"), const("b")), refl(NAT, const("a")))


@wrong("type")
def unit_of_an_indexed_family() -> File:
    """An element of a family with one constructor is said to be that constructor, at another index."""
    made = app(const("T"), TRUE)
    file = start("Bool", "Eq").block(block(Type("T", arrow(BOOL, TYPE), (("T.mk", made),))))
    statement = pi("t", app(const("T"), TRUE), lambda t: eq(app(const("T"), TRUE), t, const("T.mk")))
    return file.theorem(
        "bad", statement, lam("t", app(const("T"), TRUE), lambda t: refl(app(const("T"), TRUE), t))
    )


@wrong("type")
def units_of_two_types() -> File:
    """The elements of two unit types are said to be the same thing."""
    file = start("Eq")
    for name in ("A", "B"):
        file.block(block(Type(name, TYPE, ((f"{name}.mk", const(name)),))))
    return file.define("x", const("A"), const("B.mk"))


@wrong("type")
def structures_of_two_types() -> File:
    """A structure is said to be another one's constructor over its own fields."""
    file = start("Nat", "Eq")
    for name in ("A", "B"):
        file.block(block(Type(name, TYPE, ((f"{name}.mk", pi("n", NAT, const(name))),))))
    statement = pi("a", const("A"), lambda a: eq(const("A"), a, app(const("B.mk"), proj("A", 0, a))))
    return file.theorem("bad", statement, lam("a", const("A"), lambda a: refl(const("A"), a)))


@wrong("type")
def sum_has_no_eta() -> File:
    """An element of a type with two constructors is said to be the first one over a field."""
    file = start("Nat", "Eq")
    file.block(block(Type("S", TYPE, (("S.l", pi("n", NAT, const("S"))), ("S.r", pi("n", NAT, const("S")))))))
    statement = pi("s", const("S"), lambda s: eq(const("S"), s, app(const("S.l"), ZERO)))
    return file.theorem("bad", statement, lam("s", const("S"), lambda s: refl(const("S"), s)))


@wrong("type")
def recursive_structure_has_no_eta() -> File:
    """An element of a type with one constructor, which has a field of the type, is said to be made of its fields."""
    file = start("Nat", "Eq")
    file.block(block(Type("T", TYPE, (("T.mk", pi("n", NAT, arrow(arrow(NAT, const("T")), const("T")))),))))
    again: Fn = lambda t: app(const("T.mk"), proj("T", 0, t), proj("T", 1, t))  # noqa: E731
    statement = pi("t", const("T"), lambda t: eq(const("T"), t, again(t)))
    return file.theorem("bad", statement, lam("t", const("T"), lambda t: refl(const("T"), t)))


@wrong("type")
def proof_of_one_for_another() -> File:
    """The proof of one proposition is given for another, since all proofs are said to be equal."""
    file = start("True", "False", "Eq")
    statement = pi("h", NO, lambda h: eq(YES, TRIVIAL, h, 0))
    return file.theorem("bad", statement, lam("h", NO, refl(YES, TRIVIAL, 0)))


@wrong("type")
def equal_proofs_make_equal_data() -> File:
    """Two functions are said to give the same number, because both are given the same proof."""
    maker = arrow(YES, NAT)
    statement = pi("f", maker, lambda f: pi("g", maker, lambda g: eq(NAT, f(TRIVIAL), g(TRIVIAL))))
    proof = lam("f", maker, lambda f: lam("g", maker, refl(NAT, f(TRIVIAL))))
    return start("Nat", "True", "Eq").theorem("bad", statement, proof)


@wrong("type")
def theorem_for_its_statement() -> File:
    """A theorem, which is a proof, is said to be equal to the proposition that it proves."""
    file = start("True", "Eq").theorem("h", YES, TRIVIAL)
    return file.theorem("bad", eq(PROP, YES, const("h")), refl(PROP, YES))


@wrong("type")
def k_at_unequal_indices() -> File:
    """The recursor of equality is said to ignore an assumed proof that true = false."""
    picked: Fn = lambda a, h: app(const("Eq.rec", 1, 1), BOOL, TRUE, _motive(), a, FALSE, h)  # noqa: E731
    domain = eq(BOOL, TRUE, FALSE)
    statement = pi("a", NAT, lambda a: pi("h", domain, lambda h: eq(NAT, picked(a, h), a)))
    proof = lam("a", NAT, lambda a: lam("h", domain, refl(NAT, a)))
    return start("Nat", "Bool", "Eq").theorem("bad", statement, proof)


def _motive() -> Term:
    return lam("b", BOOL, lambda b: lam("e", eq(BOOL, TRUE, b), NAT))


@wrong("type")
def cast_along_a_false_equation() -> File:
    """A cast along an assumed equation Nat = Bool is said to vanish."""
    cast: Fn = lambda h: app(const("Eq.rec", 1, 2), TYPE, NAT, _carried(), nat(3), BOOL, h)  # noqa: E731
    domain = eq(TYPE, NAT, BOOL, 2)
    file = start("Nat", "Bool", "Eq")
    statement = pi("h", domain, lambda h: eq(BOOL, cast(h), TRUE))
    return file.theorem("bad", statement, lam("h", domain, refl(BOOL, TRUE)))


def _carried() -> Term:
    return lam("α", TYPE, lambda a: lam("e", eq(TYPE, NAT, a, 2), a))


def shared(name: str, *order: int) -> None:
    """A member that compares a definition with itself at other arguments, where its parts are shared."""

    def make() -> File:
        test = arrow(BOOL, BOOL)
        both = lam(
            "a", BOOL, lambda a: lam("b", BOOL, lambda b: app(const("Bool.rec", 1), _bools, FALSE, b, a))
        )
        file = start("Bool", "Eq").define("both", arrow(BOOL, BOOL, BOOL), both)

        def over(body: Fn, kind: Fn) -> Term:
            return kind(
                "f", test, lambda f: kind("g", test, lambda g: kind("h", test, lambda h: body(f, g, h)))
            )

        def asked(f: Term, g: Term, h: Term) -> Term:
            first, again = app(const("both"), f(TRUE), g(FALSE)), app(const("both"), f(FALSE), h(FALSE))
            return app(const("both"), first, app(const("both"), again, f(TRUE)))

        file.define("asked", arrow(test, test, test, BOOL), over(asked, lam))

        def claim_(f: Term, g: Term, h: Term) -> Term:
            others = [(f, g, h)[place] for place in order]
            return eq(BOOL, const("asked")(f, g, h), const("asked")(*others))

        proof = over(lambda f, g, h: refl(BOOL, const("asked")(f, g, h)), lam)
        return file.theorem("bad", over(claim_, pi), proof)

    sentence = (
        "A definition is said to be the same at its arguments in another order, where its parts are shared."
    )
    FAMILY.add(f"shared-{name}", sentence, make, "type")


_bools = lam("_", BOOL, BOOL)
shared("first-two-exchanged", 1, 0, 2)
shared("last-two-exchanged", 0, 2, 1)
shared("outer-two-exchanged", 2, 1, 0)
shared("one-twice", 0, 0, 2)
