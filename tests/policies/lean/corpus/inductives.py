"""Inductive declarations whose shape is wrong: types, constructors, universes, and what the record says of them."""

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
    bvar,
    const,
    lam,
    nat,
    pi,
    sort,
)
from tests.policies.lean.corpus.prelude import BOOL, NAT, SUCC, TRUE, start

FAMILY = Family("inductives")
wrong, valid = FAMILY.wrong, FAMILY.valid

T = const("T")


def tree() -> dict[str, Any]:
    """A type with a parameter, an index, and plain and recursive fields."""

    def at(a: Term, n: Term) -> Term:
        return app(const("Tree"), a, n)

    def node(a: Term) -> Term:
        return pi("n", NAT, lambda n: pi("value", a, arrow(at(a, n), at(a, n), at(a, SUCC(n)))))

    made = (
        ("Tree.leaf", pi("α", TYPE, lambda a: at(a, nat(0)))),
        ("Tree.node", pi("α", TYPE, node)),
    )
    return block(Type("Tree", arrow(TYPE, NAT, TYPE), made), params=1)


@valid
def shapes() -> File:
    """Parameters, indices, universes and several types in one declaration, as they should be."""
    file = start("Nat", "Bool", "Eq", "Prod", "List", "PUnit", "And", "Or", "Exists", "Acc", "True", "False")
    file.block(tree())
    high = sort(("succ", ("succ", "u")))
    file.block(
        block(
            Type("Big", high, (("Big.mk", pi("α", sort(("succ", "u")), const("Big", "u"))),)), levels=("u",)
        )
    )
    prop = pi("α", sort(5), const("P"))
    return file.block(block(Type("P", PROP, (("P.mk", prop),)), large=False))


@valid
def empty() -> File:
    """A type without constructors."""
    return File().block(block(Type("T", TYPE)))


@valid
def mutual() -> File:
    """Trees and forests with a parameter and an index, fields behind arrows, and their two recursors."""

    def tree_of(a: Term, n: Term) -> Term:
        return app(const("Tree"), a, n)

    def forest(a: Term, n: Term) -> Term:
        return app(const("Forest"), a, n)

    def node(a: Term) -> Term:
        return pi("n", NAT, lambda n: pi("value", a, arrow(forest(a, n), tree_of(a, SUCC(n)))))

    def grow(a: Term) -> Term:
        many = pi("k", NAT, lambda k: tree_of(a, k))
        return pi("n", NAT, lambda n: arrow(many, BOOL, forest(a, n), forest(a, n)))

    trees = Type("Tree", arrow(TYPE, NAT, TYPE), (("Tree.node", pi("α", TYPE, node)),))
    made = (("Forest.nil", pi("α", TYPE, lambda a: forest(a, nat(0)))), ("Forest.grow", pi("α", TYPE, grow)))
    forests = Type("Forest", arrow(TYPE, NAT, TYPE), made)
    return start("Nat", "Bool").block(block(trees, forests, params=1))


@wrong("inductive")
def constructor_of_another_type() -> File:
    """A constructor makes a number."""
    return start("Nat").block(block(Type("T", TYPE, (("T.mk", arrow(NAT, NAT)),))))


@wrong("inductive")
def constructor_of_a_type() -> File:
    """A constructor makes a type."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["ctors"][0]["type"] = TYPE
    return File().block(made)


@wrong("type")
def constructor_whose_type_is_a_value() -> File:
    """A constructor's type is the number 3."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["ctors"][0]["type"] = nat(3)
    return start("Nat").block(made)


@wrong("inductive")
def constructor_behind_a_redex() -> File:
    """A constructor's type only reduces to the inductive type; Lean asks for the type itself."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["ctors"][0]["type"] = app(lam("α", TYPE, lambda a: a), T)
    return File().block(made)


@wrong("inductive")
def constructor_behind_an_alias() -> File:
    """A constructor makes the type under an alias of another declaration."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["ctors"][0]["type"] = app(const("Same"), T)
    return File().define("Same", arrow(TYPE, TYPE), lam("α", TYPE, lambda a: a)).block(made)


@wrong("type")
def result_without_its_parameter() -> File:
    """A constructor's result lacks the parameter."""
    made = block(Type("T", arrow(TYPE, TYPE), (("T.mk", pi("α", TYPE, lambda a: app(T, a))),)), params=1)
    made["ctors"][0]["type"] = pi("α", TYPE, T)
    return File().block(made)


@wrong("inductive")
def result_at_another_parameter() -> File:
    """A constructor makes the type at Bool instead of at its parameter."""
    made = block(Type("T", arrow(TYPE, TYPE), (("T.mk", pi("α", TYPE, lambda a: app(T, a))),)), params=1)
    made["ctors"][0]["type"] = pi("α", TYPE, app(T, BOOL))
    return start("Bool").block(made)


@wrong("inductive")
def parameters_swapped() -> File:
    """A constructor's result has its two parameters swapped."""
    type_ = arrow(TYPE, TYPE, TYPE)
    made = pi("α", TYPE, lambda a: pi("β", TYPE, lambda b: app(T, b, a)))
    return File().block(block(Type("T", type_, (("T.mk", made),)), params=2))


@wrong("inductive")
def parameter_of_another_type() -> File:
    """A constructor takes a proposition where the type's parameter is a type."""
    made = block(Type("T", arrow(TYPE, TYPE), (("T.mk", pi("α", TYPE, lambda a: app(T, a))),)), params=1)
    made["ctors"][0]["type"] = pi("α", PROP, lambda a: app(T, NAT))
    return start("Nat").block(made)


@wrong("inductive")
def levels_swapped() -> File:
    """A constructor's result has its two levels swapped."""
    type_ = sort(("succ", ("max", "u", "v")))
    made = const("T", "v", "u")
    return File().block(block(Type("T", type_, (("T.mk", made),)), levels=("u", "v")))


@wrong("inductive")
def too_few_binders_for_the_parameters() -> File:
    """The record counts two parameters, and the type has one argument."""
    made = block(Type("T", arrow(TYPE, TYPE), (("T.mk", pi("α", TYPE, lambda a: app(T, a))),)), params=1)
    made["types"][0]["numParams"] = 2
    made["ctors"][0]["numParams"] = 2
    made["recs"][0]["numParams"] = 2
    return File().block(made)


@wrong("inductive")
def sort_missing() -> File:
    """The inductive type's type is a number type and not a sort."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["types"][0]["type"] = NAT
    return start("Nat").block(made)


@wrong("type")
def sort_of_a_value() -> File:
    """The inductive type's type is a number."""
    made = block(Type("T", TYPE))
    made["types"][0]["type"] = nat(1)
    return start("Nat").block(made)


@wrong("type")
def sort_ill_typed() -> File:
    """The inductive type's type has an ill-typed index."""
    made = block(Type("T", arrow(NAT, TYPE)))
    made["types"][0]["type"] = pi("n", app(NAT, NAT), TYPE)
    return start("Nat").block(made)


def too_high(name: str, sentence: str, type_: Term, field: Callable[[], Term], *levels: str) -> None:
    def make() -> File:
        self = const("T", *levels)
        return start("Nat", "Bool").block(
            block(Type("T", type_, (("T.mk", arrow(field(), self)),)), levels=levels)
        )

    FAMILY.add(f"field-too-high-{name}", sentence, make, "inductive")


too_high("type", "A type in Type has a field of type Type.", TYPE, lambda: TYPE)
too_high("higher-type", "A type in Type has a field of type Type 1.", TYPE, lambda: sort(2))
too_high("function", "A type in Type has a field that takes every type.", TYPE, lambda: arrow(TYPE, NAT))
too_high("imax", "A field's universe is hidden in imax 1 1.", TYPE, lambda: sort(("imax", 1, 1)))
too_high("max", "A field's universe is hidden in max 0 1.", TYPE, lambda: sort(("max", 0, 1)))
too_high(
    "parameter",
    "A type in the sort of level u + 1 has that sort as a field.",
    sort(("succ", "u")),
    lambda: sort(("succ", "u")),
    "u",
)
too_high(
    "other-parameter", "A field's level is not the type's.", sort(("succ", "u")), lambda: sort("v"), "u", "v"
)
too_high(
    "perhaps-prop",
    "A type in the sort of level u, which may be Prop, has data.",
    sort("u"),
    lambda: BOOL,
    "u",
)
too_high(
    "perhaps-prop-by-imax",
    "A type in the sort of level imax 1 u has data.",
    sort(("imax", 1, "u")),
    lambda: BOOL,
    "u",
)
too_high("under-an-arrow", "A field's codomain is too high.", TYPE, lambda: arrow(NAT, TYPE))


def lie(name: str, sentence: str, spoil: Callable[[dict[str, Any]], None], *kinds: str) -> None:
    """A member whose record says one thing that is not so of the valid `tree`."""

    def make() -> File:
        made = tree()
        spoil(made)
        return start("Nat").block(made)

    FAMILY.add(name, sentence, make, *(kinds or ("inductive",)))


def _set(part: str, place: int, key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def spoil(made: dict[str, Any]) -> None:
        made[part][place][key] = value

    return spoil


def _drop(part: str, place: int) -> Callable[[dict[str, Any]], None]:
    def spoil(made: dict[str, Any]) -> None:
        del made[part][place]

    return spoil


lie(
    "parameters-counted-wrong",
    "The type's record says it has no parameters.",
    _set("types", 0, "numParams", 0),
)
lie("indices-counted-wrong", "The type's record says it has two indices.", _set("types", 0, "numIndices", 2))
lie("indices-denied", "The type's record says it has no indices.", _set("types", 0, "numIndices", 0))
lie("constructors-unnamed", "The type's record lists no constructors.", _set("types", 0, "ctors", []))
lie(
    "constructors-swapped",
    "The type's record lists its constructors in another order.",
    _set("types", 0, "ctors", ["Tree.node", "Tree.leaf"]),
)
lie(
    "constructor-listed-twice",
    "The type's record lists one constructor twice.",
    _set("types", 0, "ctors", ["Tree.leaf", "Tree.leaf"]),
)
lie(
    "constructor-unknown",
    "The type's record lists a constructor that is not there.",
    _set("types", 0, "ctors", ["Tree.leaf", "Tree.other"]),
)
lie(
    "recursion-denied", "The type's record says that no field is recursive.", _set("types", 0, "isRec", False)
)
lie(
    "reflexivity-claimed",
    "The type's record says that a field is a function into the type.",
    _set("types", 0, "isReflexive", True),
)
lie("unsafe-type", "The type is declared unsafe.", _set("types", 0, "isUnsafe", True), "format")
lie("unsafe-constructor", "A constructor is declared unsafe.", _set("ctors", 1, "isUnsafe", True), "format")
lie("unsafe-recursor", "The recursor is declared unsafe.", _set("recs", 0, "isUnsafe", True), "format")
lie("nesting-claimed", "The type's record says that it is nested.", _set("types", 0, "numNested", 1))
lie(
    "block-of-others",
    "The type's record says that it is declared together with another type.",
    _set("types", 0, "all", ["Tree", "Nat"]),
)
lie(
    "level-claimed",
    "The type's record has a level parameter that its constructors lack.",
    _set("types", 0, "levelParams", ["u"]),
)
lie(
    "constructor-level-claimed",
    "A constructor has a level parameter that the type lacks.",
    _set("ctors", 0, "levelParams", ["u"]),
)
lie(
    "fields-counted-wrong",
    "A constructor's record says it has one field less.",
    _set("ctors", 1, "numFields", 3),
)
lie("fields-denied", "A constructor's record says it has no fields.", _set("ctors", 1, "numFields", 0))
lie(
    "constructor-parameters-counted-wrong",
    "A constructor's record says it has no parameters.",
    _set("ctors", 1, "numParams", 0),
)
lie("constructor-numbered-wrong", "Both constructors say they are the first.", _set("ctors", 1, "cidx", 0))
lie(
    "constructor-of-another",
    "A constructor's record says it belongs to Nat.",
    _set("ctors", 1, "induct", "Nat"),
)
lie("constructor-missing", "A constructor that the type lists is not declared.", _drop("ctors", 0))
lie("type-missing", "The constructors' type is not declared.", _drop("types", 0))


@wrong("inductive")
def constructor_smuggled_in() -> File:
    """A constructor is declared that the type does not list."""
    made = block(Type("T", TYPE, (("T.a", T),)))
    made["ctors"].append({**made["ctors"][0], "name": "T.b", "cidx": 1})
    return File().block(made)


@wrong("inductive")
def constructor_for_an_older_type() -> File:
    """A block adds a constructor to Bool, which was closed before."""
    made = block(Type("T", TYPE, (("T.a", T),)))
    made["ctors"].append(
        {**made["ctors"][0], "name": "Bool.other", "induct": "Bool", "type": BOOL, "cidx": 2}
    )
    return start("Bool").block(made)


@wrong("inductive")
def block_without_types() -> File:
    """A block declares nothing but a constructor."""
    made = block(Type("T", TYPE, (("T.a", T),)))
    return start("Bool").block({**made, "types": [], "recs": []})


@wrong("inductive")
def mutual_types_in_two_universes() -> File:
    """Two types of one declaration live in different sorts."""
    first = Type("A", TYPE, (("A.mk", const("A")),))
    second = Type("B", sort(2), (("B.mk", const("B")),))
    return File().block(block(first, second))


@wrong("inductive")
def constructor_of_the_other_type() -> File:
    """Of two types that are declared together, the constructor of the first makes an element of the second."""
    made = block(Type("A", TYPE, (("A.mk", const("A")),)), Type("B", TYPE))
    made["ctors"][0]["type"] = const("B")
    return File().block(made)


@wrong("inductive")
def mutual_prop_and_type() -> File:
    """A proposition and a type of data are declared together."""
    first = Type("A", PROP, (("A.mk", arrow(const("B"), const("A"))),))
    second = Type("B", TYPE, (("B.mk", arrow(const("A"), const("B"))),))
    return File().block(block(first, second))


@wrong("inductive")
def mutual_types_with_other_parameters() -> File:
    """Two types of one declaration have parameters of different types."""
    first = Type("A", arrow(TYPE, TYPE), (("A.mk", pi("α", TYPE, lambda a: app(const("A"), a))),))
    second = Type("B", arrow(TYPE, TYPE), ())
    made = block(first, second, params=1)
    made["types"][1]["type"] = arrow(PROP, TYPE)
    return File().block(made)


@wrong("scope")
def constructor_with_a_loose_variable() -> File:
    """A constructor's type speaks of a variable that nothing binds."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["ctors"][0]["type"] = Term("pi", ("a", bvar(0), T))
    made["ctors"][0]["numFields"] = 1
    return File().block(made)


@wrong("type")
def field_ill_typed() -> File:
    """A field's type applies Nat to a number."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["ctors"][0].update(type=arrow(app(NAT, nat(1)), T), numFields=1)
    return start("Nat").block(made)


@wrong("type")
def field_of_a_value() -> File:
    """A field's type is the value true."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["ctors"][0].update(type=arrow(TRUE, T), numFields=1)
    return start("Bool").block(made)


@wrong("type")
def index_ill_typed() -> File:
    """A constructor's result has a Bool as index where the type asks for a number."""
    made = block(Type("T", arrow(NAT, TYPE), (("T.mk", app(T, TRUE)),)))
    return start("Nat", "Bool").block(made)


@wrong("scope")
def nested_auxiliary_name() -> File:
    """A constructor takes an element of the nested type's auxiliary name, which nothing declares."""
    made = block(Type("T", TYPE, (("T.mk", T),)))
    made["ctors"][0].update(type=arrow(const("_nested.T_1"), T), numFields=1)
    return File().block(made)
