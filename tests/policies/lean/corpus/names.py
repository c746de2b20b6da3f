"""Names that are declared twice, and declarations that refer to themselves."""

from __future__ import annotations

from typing import Any

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import PROP, TYPE, File, app, arrow, const, lam, let, nat, pi
from tests.policies.lean.corpus.prelude import BLOCKS, NAT, NO, SUCC, TRIVIAL, YES, eq, refl, start

FAMILY = Family("names")
wrong, valid = FAMILY.wrong, FAMILY.valid

T = const("T")


def unit(name: str = "T", maker: str = "T.mk") -> dict[str, Any]:
    return block(Type(name, TYPE, ((maker, const(name)),)))


@valid
def alike() -> File:
    """Names that look alike and are not the same."""
    file = start("Nat").define("a.b", NAT, nat(1)).define(("a.b",), NAT, nat(2))
    return file.define(("a", "1"), NAT, nat(3)).define(("a", 1), NAT, nat(4)).define("A.b", NAT, nat(5))


@wrong("name")
def two_definitions() -> File:
    """Two definitions of different values have one name."""
    return start("Nat").define("x", NAT, nat(1)).define("x", NAT, nat(2))


@wrong("name")
def the_same_definition_twice() -> File:
    """The very same definition is declared twice."""
    return start("Nat").define("x", NAT, nat(1)).define("x", NAT, nat(1))


@wrong("name")
def two_theorems() -> File:
    """A theorem takes the name of one with another statement."""
    return start("True").theorem("h", YES, TRIVIAL).theorem("h", arrow(YES, YES), lam("h", YES, lambda h: h))


@wrong("name")
def definition_of_a_type() -> File:
    """A definition takes the name of an inductive type."""
    return start("Nat", "List").define("List", TYPE, NAT)


@wrong("name")
def definition_of_a_constructor() -> File:
    """A definition takes the name of a constructor."""
    return start("Nat", "And").define("And.intro", NAT, nat(1))


@wrong("name")
def definition_of_a_recursor() -> File:
    """A definition takes the name of a recursor."""
    return start("Nat", "And").define("And.rec", NAT, nat(1))


@wrong("name")
def type_of_a_definition() -> File:
    """An inductive type takes the name of a definition."""
    return start("Nat").define("T", TYPE, NAT).block(unit())


@wrong("name")
def constructor_of_a_definition() -> File:
    """A constructor takes the name of a definition."""
    return start("Nat").define("T.mk", NAT, nat(1)).block(unit())


@wrong("name")
def recursor_of_a_definition() -> File:
    """A definition already has the name that the recursor gets."""
    return start("Nat").define("T.rec", NAT, nat(1)).block(unit())


@wrong("name")
def constructor_named_as_the_recursor() -> File:
    """A constructor has the name that the recursor gets."""
    return File().block(unit(maker="T.rec"))


@wrong("name")
def constructor_named_as_the_type() -> File:
    """A constructor has the name of its type."""
    return File().block(unit(maker="T"))


@wrong("name")
def two_constructors() -> File:
    """Two constructors of a type have one name."""
    return File().block(block(Type("T", TYPE, (("T.mk", T), ("T.mk", T)))))


@wrong("name")
def two_types_of_a_block() -> File:
    """Two types of one declaration have one name."""
    return File().block(block(Type("T", TYPE, (("T.a", T),)), Type("T", TYPE, (("T.b", T),))))


@wrong("name")
def constructors_of_two_types() -> File:
    """Two types of one declaration have a constructor of one name."""
    first, second = Type("A", TYPE, (("mk", const("A")),)), Type("B", TYPE, (("mk", const("B")),))
    return File().block(block(first, second))


@wrong("name")
def the_same_type_twice() -> File:
    """Nat is declared twice."""
    return start("Nat").block(BLOCKS["Nat"]())


@wrong("name")
def empty_redeclared_with_a_constructor() -> File:
    """False is declared again, with a proof."""
    made = block(Type("False", PROP, (("False.intro", NO),)), k=True)
    return start("False").block(made).theorem("bad", NO, const("False.intro"))


@wrong("name")
def truth_redeclared() -> File:
    """A definition makes False an alias of True, after the type was declared."""
    return start("True", "False").define("False", PROP, YES).theorem("bad", NO, TRIVIAL)


@wrong("name", axioms=("h",))
def axiom_of_a_theorem() -> File:
    """An axiom takes the name of a theorem."""
    return start("True").theorem("h", YES, TRIVIAL).axiom("h", YES)


@wrong("name")
def anonymous() -> File:
    """A theorem has no name."""
    return start("True").theorem((), YES, TRIVIAL)


# --- declarations that refer to themselves


@wrong("scope")
def definition_by_itself() -> File:
    """A definition is its own value."""
    return start("Nat").define("loop", NAT, const("loop"))


@wrong("scope")
def theorem_by_itself() -> File:
    """A theorem is its own proof of False."""
    return start("False").theorem("bad", NO, const("bad"))


@wrong("scope")
def opaque_by_itself() -> File:
    """An opaque constant is its own value."""
    return start("False").opaque("bad", NO, const("bad"))


@wrong("scope")
def type_by_itself() -> File:
    """A definition's type is the definition itself."""
    return start("Nat").define("X", const("X"), NAT)


@wrong("scope")
def theorem_about_itself() -> File:
    """A theorem's statement speaks of the theorem."""
    return start("True", "Eq").theorem("h", eq(YES, const("h"), TRIVIAL, 0), refl(YES, TRIVIAL, 0))


@wrong("scope")
def recursion_without_a_recursor() -> File:
    """A function calls itself."""
    value = lam("n", NAT, lambda n: SUCC(app(const("f"), n)))
    return start("Nat").define("f", arrow(NAT, NAT), value)


@wrong("scope")
def two_in_a_circle() -> File:
    """Two theorems prove each other."""
    return start("False").theorem("a", NO, const("b")).theorem("b", NO, const("a"))


@wrong("scope")
def three_in_a_circle() -> File:
    """Three definitions refer to each other in a circle, and say so."""
    every: dict[str, Any] = {"all": ["a", "b", "c"]}
    file = start("False").define("a", NO, const("b"), **every).define("b", NO, const("c"), **every)
    return file.define("c", NO, const("a"), **every)


@wrong("scope")
def cycle_that_vanishes() -> File:
    """A definition mentions itself in an argument that disappears."""
    return start("Nat", "True").theorem("bad", YES, app(lam("h", YES, TRIVIAL), const("bad")))


@wrong("scope")
def cycle_through_a_let() -> File:
    """A definition mentions itself in a let that is not used."""
    return start("Nat").define("x", NAT, let("y", NAT, const("x"), nat(1)))


@wrong("scope")
def type_in_its_own_type() -> File:
    """An inductive type's index is of the type itself."""
    return File().block(block(Type("T", arrow(const("T"), TYPE))))


@wrong("scope")
def constructor_in_its_own_type() -> File:
    """A constructor's type speaks of the constructor."""
    made = pi("t", T, lambda t: pi("h", eq(T, t, const("T.mk")), T))
    return start("Eq").block(block(Type("T", TYPE, (("T.mk", made),))))


@wrong("scope")
def recursor_in_its_own_constructor() -> File:
    """A constructor's type speaks of the recursor of its type."""
    motive = lam("_", T, TYPE)
    made = pi("t", T, lambda t: arrow(app(const("T.rec", 2), motive, t), T))
    return File().block(block(Type("T", TYPE, (("T.mk", made),))))


@wrong("scope")
def type_of_a_later_block() -> File:
    """An inductive type has a field of a type that is declared after it."""
    first = block(Type("A", TYPE, (("A.mk", arrow(const("B"), const("A"))),)))
    second = block(Type("B", TYPE, (("B.mk", arrow(const("A"), const("B"))),)))
    return File().block(first).block(second)
