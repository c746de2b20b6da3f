"""Inductive types that occur to the left of an arrow in their own constructors, openly or hidden."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import (
    PROP,
    TYPE,
    File,
    Term,
    app,
    arrow,
    const,
    lam,
    let,
    mdata,
    pi,
    proj,
    sort,
)
from tests.policies.lean.corpus.prelude import BOOL, NAT, NO, TRUE, eq, start

FAMILY = Family("positivity")
wrong, valid = FAMILY.wrong, FAMILY.valid

BAD = const("Bad")


def holding(field: Term, *, in_: Term = TYPE, large: bool = True) -> dict[str, Any]:
    """A type `Bad` with one constructor, which takes one field; the recursor is as if no field were recursive."""
    made = pi("f", field, BAD)
    return block(Type("Bad", in_, (("Bad.mk", made),)), large=large)


@valid
def positive() -> File:
    """Recursive fields, also behind arrows from other types, and a function of the type beside it."""
    good = const("Good")
    made = (("Good.leaf", good), ("Good.node", arrow(NAT, good, arrow(NAT, BOOL, good), good)))
    file = start("Nat", "Bool").block(block(Type("Good", TYPE, made)))
    return file.define("use", TYPE, arrow(good, good))


@valid
def hidden_but_positive() -> File:
    """The field's type is an alias that unfolds to the type itself, as Lean allows."""
    good = const("Good")
    file = start("Nat").define("Same", arrow(TYPE, TYPE), lam("α", TYPE, lambda a: a))
    made = block(Type("Good", TYPE, (("Good.leaf", good), ("Good.node", arrow(good, good)))))
    return file.block(made)


def negative(name: str, sentence: str, field: Callable[[], Term], *needs: str, in_: Term = TYPE) -> None:
    FAMILY.add(name, sentence, lambda: start(*needs).block(holding(field(), in_=in_)), "inductive")


negative("function", "The type occurs as the domain of a field.", lambda: arrow(BAD, BAD))
negative(
    "into-nat",
    "The type occurs as the domain of a field with another codomain.",
    lambda: arrow(BAD, NAT),
    "Nat",
)
negative("into-false", "The field refutes the type itself.", lambda: arrow(BAD, NO), "False")
negative(
    "second-argument",
    "The type occurs in the domain of a later argument.",
    lambda: arrow(NAT, BAD, BAD),
    "Nat",
)
negative(
    "twice-negative",
    "The type is built from predicates on its predicates, which Coquand and Paulin showed to be contradictory.",
    lambda: arrow(arrow(BAD, PROP), PROP),
)
negative(
    "twice-negative-into-itself",
    "The type occurs to the left of two arrows whose result is the type itself.",
    lambda: arrow(arrow(BAD, NAT), BAD),
    "Nat",
)
negative(
    "thrice",
    "The type occurs to the left of three arrows.",
    lambda: arrow(arrow(arrow(BAD, NO), NO), NO),
    "False",
)
negative(
    "argument-of-argument",
    "The argument of a field takes the type.",
    lambda: arrow(arrow(NAT, BAD), BAD),
    "Nat",
)
negative(
    "proposition",
    "A proposition occurs as the domain of its own field.",
    lambda: arrow(BAD, NO),
    "False",
    in_=PROP,
)
negative(
    "impredicative",
    "The type occurs in a product over all propositions.",
    lambda: pi("p", PROP, lambda p: arrow(arrow(BAD, p), p)),
    in_=PROP,
)
negative(
    "in-a-let", "The domain is hidden in a let.", lambda: let("A", TYPE, BAD, lambda a: arrow(a, NO)), "False"
)
negative("in-metadata", "The domain is hidden in metadata.", lambda: arrow(mdata(BAD), NO), "False")
negative(
    "in-a-redex",
    "The field's type is a redex that makes the type the domain of an arrow.",
    lambda: app(lam("A", TYPE, lambda a: arrow(a, NO)), BAD),
    "False",
)
negative(
    "domain-in-a-redex",
    "The domain is a redex that reduces to the type.",
    lambda: arrow(app(lam("A", TYPE, lambda a: a), BAD), NO),
    "False",
)
negative(
    "under-a-binder-of-types",
    "The type occurs as the domain under a product over numbers.",
    lambda: pi("n", NAT, lambda _: arrow(BAD, NAT)),
    "Nat",
)
negative(
    "in-an-equation",
    "The type occurs in an equation in a field, as an argument of `Eq`.",
    lambda: pi("n", NAT, lambda _: eq(TYPE, BAD, BAD, 2)),
    "Nat",
    "Eq",
)
negative(
    "in-the-domain-of-an-equation",
    "A field's argument is an equation between elements of the type.",
    lambda: arrow(pi("x", BAD, lambda x: eq(BAD, x, x)), NAT),
    "Nat",
    "Eq",
)
negative(
    "in-a-branch",
    "A recursor picks, for true, the arrow that is negative.",
    lambda: app(const("Bool.rec", 2), lam("b", BOOL, TYPE), NAT, arrow(BAD, NAT), TRUE),
    "Nat",
    "Bool",
)


@wrong("inductive")
def behind_a_definition() -> File:
    """The domain is hidden behind a definition that makes its argument a domain."""
    file = start("Nat").define("Not", arrow(TYPE, TYPE), lam("α", TYPE, lambda a: arrow(a, NAT)))
    return file.block(holding(app(const("Not"), BAD)))


@wrong("inductive")
def behind_two_definitions() -> File:
    """The domain is hidden behind a definition of a definition."""
    file = start("Nat").define("Not", arrow(TYPE, TYPE), lam("α", TYPE, lambda a: arrow(a, NAT)))
    file.define("Hide", arrow(TYPE, TYPE), lam("α", TYPE, lambda a: app(const("Not"), a)))
    return file.block(holding(app(const("Hide"), BAD)))


@wrong("inductive")
def behind_an_opaque_name() -> File:
    """The type is given to an opaque function of types, of which nothing is known."""
    file = start("Nat").opaque("F", arrow(TYPE, TYPE), lam("α", TYPE, lambda a: arrow(a, NAT)))
    return file.block(holding(app(const("F"), BAD)))


@wrong("inductive")
def in_a_parameter_of_a_function_structure() -> File:
    """The type is nested in a structure that holds a function from its parameter."""
    fn = const("Fn")
    made = pi("α", TYPE, lambda a: pi("f", arrow(a, NO), app(fn, a)))
    file = start("False").block(block(Type("Fn", arrow(TYPE, TYPE), (("Fn.mk", made),)), params=1))
    return file.block(holding(app(fn, BAD)))


@wrong("inductive")
def in_its_own_index() -> File:
    """The result of a constructor has the type itself in its index."""
    type_ = arrow(TYPE, TYPE)
    made = app(BAD, app(BAD, NAT))
    return start("Nat").block(block(Type("Bad", type_, (("Bad.mk", made),))))


@wrong("inductive")
def in_the_index_of_a_field() -> File:
    """A recursive field has the type itself in its index."""
    made = pi("n", NAT, lambda _: arrow(app(BAD, app(BAD, NAT)), app(BAD, NAT)))
    return start("Nat").block(block(Type("Bad", arrow(TYPE, TYPE), (("Bad.mk", made),))))


@wrong("inductive")
def negative_in_a_mutual_type() -> File:
    """Of two mutual types, the first occurs as a domain in the second and the second as a field of the first."""
    first = Type("A", TYPE, (("A.mk", arrow(const("B"), const("A"))),))
    second = Type("B", TYPE, (("B.mk", arrow(arrow(const("A"), NO), const("B"))),))
    return start("False").block(block(first, second))


@wrong("inductive")
def with_a_parameter() -> File:
    """A parametrised type occurs as a domain at another parameter."""
    made = pi("α", TYPE, lambda a: pi("f", arrow(app(BAD, NAT), a), app(BAD, a)))
    return start("Nat").block(block(Type("Bad", arrow(TYPE, TYPE), (("Bad.mk", made),)), params=1))


@wrong("inductive")
def recursive_at_another_parameter() -> File:
    """A recursive field changes a parameter, which is the same in the whole declaration."""
    made = pi("α", TYPE, lambda a: pi("f", app(BAD, arrow(a, a)), app(BAD, a)))
    return File().block(block(Type("Bad", arrow(TYPE, TYPE), (("Bad.mk", made),)), params=1))


@wrong("inductive")
def recursive_at_another_level() -> File:
    """A recursive field has the type at another universe level."""
    made = pi("f", const("Bad", 0), const("Bad", "u"))
    found = block(Type("Bad", sort(("succ", ("succ", "u"))), (("Bad.mk", made),)), levels=("u",))
    found["types"][0]["isRec"] = True
    return File().block(found)


@wrong("inductive")
def through_a_projection() -> File:
    """The field's type is a projection out of a pair that holds an arrow from the type."""
    hold = block(Type("Hold", sort(2), (("Hold.mk", pi("of", TYPE, const("Hold"))),)))
    field = proj("Hold", 0, app(const("Hold.mk"), arrow(BAD, NAT)))
    return start("Nat").block(hold).block(holding(field))


@wrong("inductive")
def curry_with_its_use() -> File:
    """The self-refuting type of Curry's paradox, with the proof of False that it would give."""
    file = start("False").block(holding(arrow(BAD, NO)))
    unfold = app(
        const("Bad.rec", 1),
        lam("_", BAD, arrow(BAD, NO)),
        lam("f", arrow(BAD, NO), lambda f: f),
    )
    file.define("out", arrow(BAD, BAD, NO), unfold)
    file.define("selfless", arrow(BAD, NO), lam("x", BAD, lambda x: app(const("out"), x, x)))
    return file.theorem("bad", NO, app(const("selfless"), app(const("Bad.mk"), const("selfless"))))
