"""Projections that there are not: of types that are no structures, out of range, under another structure's name."""

from __future__ import annotations

from collections.abc import Callable

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import TYPE, File, Term, app, arrow, const, lam, nat, pi, proj, sort
from tests.policies.lean.corpus.prelude import BOOL, NAT, SUCC, TRUE, eq, refl, start

FAMILY = Family("projections")
wrong, valid = FAMILY.wrong, FAMILY.valid

PAIR = app(const("Prod", 0, 0), NAT, BOOL)


def out(field: int, result: Term, of: Term = PAIR, name: str = "Prod") -> File:
    return start("Nat", "Bool", "Prod", "Eq").define(
        "out", arrow(of, result), lam("p", of, lambda p: proj(name, field, p))
    )


@valid
def fields() -> File:
    """Both fields of a pair, of a variable and of a constructor, and a dependent one."""
    file = out(0, NAT).define("snd", arrow(PAIR, BOOL), lam("p", PAIR, lambda p: proj("Prod", 1, p)))
    made = app(const("Prod.mk", 0, 0), NAT, BOOL, nat(3), TRUE)
    file.theorem("computes", eq(NAT, proj("Prod", 0, made), nat(3)), refl(NAT, nat(3)))
    sigma = pi("α", TYPE, lambda a: pi("x", a, const("Any")))
    file.block(block(Type("Any", sort(2), (("Any.mk", sigma),))))
    value = lam("p", const("Any"), lambda p: proj("Any", 1, p))
    return file.define("element", pi("p", const("Any"), lambda p: proj("Any", 0, p)), value)


def bad(name: str, sentence: str, make: Callable[[], File], *kinds: str) -> None:
    FAMILY.add(name, sentence, make, *(kinds or ("type",)))


bad("out-of-range", "A pair's third field is projected.", lambda: out(2, NAT))
bad(
    "far-out-of-range",
    "A pair's field of number 2^32 is projected, which is 0 in 32 bits.",
    lambda: out(2**32, NAT),
)
bad(
    "further-out-of-range",
    "A pair's field of number 2^64 is projected, which is 0 in 64 bits.",
    lambda: out(2**64, NAT),
    "format",
)
bad(
    "negative",
    "A pair's field of number -1 is projected, which is the last one in Python.",
    lambda: out(-1, BOOL),
    "format",
)
bad("of-another-type", "A pair's first field is announced as a Bool.", lambda: out(0, BOOL))
bad("exchanged", "A pair's second field is announced as a number.", lambda: out(1, NAT))
bad("parameter", "A pair's parameter is taken for its first field.", lambda: out(0, TYPE))
bad("of-a-sum", "A field is projected out of a type with two constructors.", lambda: out(0, NAT, NAT, "Nat"))
bad("of-a-function", "A field is projected out of a function.", lambda: out(0, NAT, arrow(NAT, NAT)))
bad("of-a-type", "A field is projected out of a type.", lambda: out(0, NAT, TYPE))
bad(
    "under-another-name",
    "A pair's field is projected under the name of Nat.",
    lambda: out(0, NAT, PAIR, "Nat"),
)
bad(
    "under-the-name-of-a-constructor",
    "A field is projected under the name of the constructor.",
    lambda: out(0, NAT, PAIR, "Prod.mk"),
)
bad(
    "under-the-name-of-a-recursor",
    "A field is projected under the name of the recursor.",
    lambda: out(0, NAT, PAIR, "Prod.rec"),
)


@wrong("type")
def under_the_name_of_a_twin() -> File:
    """A field of one structure is projected under the name of another with the same fields."""
    file = start("Nat")
    for name in ("A", "B"):
        file.block(block(Type(name, TYPE, ((f"{name}.mk", pi("n", NAT, const(name))),))))
    return file.define("out", arrow(const("A"), NAT), lam("a", const("A"), lambda a: proj("B", 0, a)))


@wrong("type")
def of_a_constructor_of_a_twin() -> File:
    """A field is projected out of another structure's constructor, which would compute."""
    file = start("Nat", "Eq")
    for name in ("A", "B"):
        file.block(block(Type(name, TYPE, ((f"{name}.mk", pi("n", NAT, const(name))),))))
    value = proj("B", 0, app(const("A.mk"), nat(3)))
    return file.theorem("bad", eq(NAT, value, nat(3)), refl(NAT, nat(3)))


@wrong("type")
def of_a_family() -> File:
    """A field is projected out of an indexed family, which is no structure."""
    made = pi("n", NAT, lambda n: app(const("T"), SUCC(n)))
    file = start("Nat").block(block(Type("T", arrow(NAT, TYPE), (("T.mk", made),))))
    value = lam("n", NAT, lambda n: lam("t", app(const("T"), n), lambda t: proj("T", 0, t)))
    return file.define("out", pi("n", NAT, lambda n: arrow(app(const("T"), n), NAT)), value)


@wrong("type")
def of_an_empty_type() -> File:
    """A field is projected out of a type without constructors."""
    file = start("Nat").block(block(Type("T", TYPE)))
    return file.define("out", arrow(const("T"), NAT), lam("t", const("T"), lambda t: proj("T", 0, t)))


@wrong("type")
def of_a_unit() -> File:
    """A field is projected out of a structure without fields."""
    file = start("Nat").block(block(Type("T", TYPE, (("T.mk", const("T")),))))
    return file.define("out", arrow(const("T"), NAT), lam("t", const("T"), lambda t: proj("T", 0, t)))


@wrong("type")
def under_the_name_of_a_definition() -> File:
    """A field is projected under the name of an alias of the structure."""
    file = start("Nat", "Bool", "Prod").define("Pair", TYPE, PAIR)
    return file.define("out", arrow(PAIR, NAT), lam("p", PAIR, lambda p: proj("Pair", 0, p)))


@wrong("type")
def dependent_field_of_another() -> File:
    """The second field of a dependent pair is announced in the type that another pair holds."""
    any_ = const("Any")
    made = pi("α", TYPE, lambda a: pi("x", a, any_))
    file = File().block(block(Type("Any", sort(2), (("Any.mk", made),))))
    value = lam("p", any_, lambda p: lam("q", any_, lambda q: proj("Any", 1, p)))
    return file.define("out", pi("p", any_, lambda p: pi("q", any_, lambda q: proj("Any", 0, q))), value)


@wrong("type")
def two_fields_of_two_pairs() -> File:
    """A field of a constructor is said to be another field of it."""
    made = app(const("Prod.mk", 0, 0), NAT, NAT, nat(1), nat(2))
    file = start("Nat", "Prod", "Eq")
    return file.theorem("bad", eq(NAT, proj("Prod", 0, made), nat(2)), refl(NAT, nat(2)))
