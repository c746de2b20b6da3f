"""Universe levels: wrong sums, slips of max and imax, undeclared and repeated parameters."""

from __future__ import annotations

from itertools import product

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import PROP, TYPE, File, Level, app, arrow, const, lam, pi, sort
from tests.policies.lean.corpus.prelude import BOOL, TRIVIAL, YES, start

FAMILY = Family("universes")
wrong, valid = FAMILY.wrong, FAMILY.valid


def cast(source: Level, target: Level, *levels: str) -> File:
    """A definition that is right if and only if the two levels are equal: the identity from one sort to the other."""
    return File().define(
        "cast", arrow(sort(source), sort(target)), lam("x", sort(source), lambda x: x), levels
    )


@valid
def sorts() -> File:
    """Each sort has the next one as its type, and products live where max and imax say."""
    file = File().define("A", sort(2), TYPE).define("B", sort(("succ", "u")), sort("u"), ("u",))
    file.define("C", PROP, pi("x", sort(7), pi("p", PROP, lambda p: p)))
    file.define("D", sort(("max", ("succ", "u"), ("succ", "v"))), arrow(sort("u"), sort("v")), ("u", "v"))
    over = arrow(sort("u"), sort("v"), sort(("imax", "u", "v")))
    file.define(
        "E", over, lam("α", sort("u"), lambda a: lam("β", sort("v"), lambda b: arrow(a, b))), ("u", "v")
    )
    return file.define("F", sort(2), arrow(TYPE, PROP, PROP))


EQUATIONS: list[tuple[str, Level, Level, tuple[str, ...]]] = [
    ("max-commutes", ("max", "u", "v"), ("max", "v", "u"), ("u", "v")),
    ("max-idempotent", ("max", "u", "u"), "u", ("u",)),
    ("max-absorbs", ("max", "u", ("max", "v", "u")), ("max", "u", "v"), ("u", "v")),
    ("max-associates", ("max", ("max", "u", "v"), "w"), ("max", "u", ("max", "v", "w")), ("u", "v", "w")),
    ("succ-over-max", ("succ", ("max", "u", "v")), ("max", ("succ", "u"), ("succ", "v")), ("u", "v")),
    ("imax-into-zero", ("imax", "u", 0), 0, ("u",)),
    ("imax-into-succ", ("imax", "u", ("succ", "v")), ("max", "u", ("succ", "v")), ("u", "v")),
    ("imax-diagonal", ("imax", "u", "u"), "u", ("u",)),
    ("imax-from-zero", ("imax", 0, "u"), "u", ("u",)),
    ("max-with-zero", ("max", 0, "u"), "u", ("u",)),
    ("numerals", ("max", 2, ("imax", 3, 1)), 3, ()),
]
for _name, _left, _right, _levels in EQUATIONS:
    FAMILY.twin(
        f"equal-{_name}",
        "A cast between two sorts whose levels are equal for every value of the parameters.",
        lambda left=_left, right=_right, levels=_levels: cast(left, right, *levels),  # type: ignore[misc]
    )

SLIPS: list[tuple[str, Level, Level, tuple[str, ...]]] = [
    ("type-in-type", 1, 0, ()),
    ("prop-in-type", 0, 1, ()),
    ("successor-dropped", ("succ", "u"), "u", ("u",)),
    ("successor-of-max-dropped", ("succ", ("max", "u", "v")), ("max", "u", "v"), ("u", "v")),
    ("successor-of-imax-dropped", ("succ", ("imax", "u", "v")), ("imax", "u", "v"), ("u", "v")),
    ("successor-of-imax-diagonal-dropped", ("succ", ("imax", "u", "u")), ("imax", "u", "u"), ("u",)),
    ("successors-of-imax-of-zero-dropped", ("succ", ("succ", ("imax", 0, "v"))), ("imax", 0, "v"), ("v",)),
    ("imax-taken-for-max", ("max", "u", "v"), ("imax", "u", "v"), ("u", "v")),
    ("imax-commuted", ("imax", "u", "v"), ("imax", "v", "u"), ("u", "v")),
    ("imax-right-forgotten", ("imax", "u", "v"), "v", ("u", "v")),
    ("imax-left-taken", ("imax", "u", "v"), "u", ("u", "v")),
    ("max-left-taken", ("max", "u", "v"), "u", ("u", "v")),
    ("max-right-taken", ("max", "u", "v"), "v", ("u", "v")),
    ("parameters-confused", "u", "v", ("u", "v")),
    ("imax-from-one", ("imax", 1, "u"), ("max", 1, "u"), ("u",)),
    ("imax-of-one-is-prop", ("imax", 1, 1), 0, ()),
    ("imax-of-zero-and-one-is-prop", ("imax", 0, 1), 0, ()),
    (
        "imax-reassociated",
        ("imax", ("imax", "u", "v"), "w"),
        ("imax", "u", ("max", "v", "w")),
        ("u", "v", "w"),
    ),
    ("imax-successor-inside", ("imax", ("succ", "u"), "v"), ("succ", ("imax", "u", "v")), ("u", "v")),
    ("max-of-successor", ("max", "u", ("succ", "u")), "u", ("u",)),
    ("successor-only-left", ("max", ("succ", "u"), "v"), ("succ", ("max", "u", "v")), ("u", "v")),
    (
        "imax-under-successor",
        ("succ", ("imax", "u", "v")),
        ("imax", ("succ", "u"), ("succ", "v")),
        ("u", "v"),
    ),
    ("two-imax", ("imax", 2, "u"), ("imax", 1, "u"), ("u",)),
]

for _name, _left, _right, _levels in SLIPS:
    FAMILY.add(
        _name,
        f"A cast from the sort of level {_left} to that of level {_right} claims that the two levels are equal.",
        lambda left=_left, right=_right, levels=_levels: cast(left, right, *levels),  # type: ignore[misc]
        "type",
    )


@wrong("type")
def type_is_its_own_type() -> File:
    """Type is announced as an element of Type."""
    return File().define("U", TYPE, TYPE)


@wrong("type")
def sort_is_its_own_type() -> File:
    """The sort of level u is announced as an element of itself."""
    return File().define("U", sort("u"), sort("u"), ("u",))


@wrong("type")
def prop_is_a_proposition() -> File:
    """Prop is announced as a proposition."""
    return File().define("U", PROP, PROP)


@wrong("type")
def product_of_types_is_small() -> File:
    """The product of all types of Type into Type is announced in Type."""
    return File().define("X", TYPE, pi("α", TYPE, lambda a: arrow(a, a)))


@wrong("type")
def product_into_type_is_a_proposition() -> File:
    """A function type into Type is announced as a proposition: impredicativity is for Prop alone."""
    return File().define("X", PROP, arrow(PROP, TYPE))


@wrong("type")
def predicate_is_a_proposition() -> File:
    """The type of predicates, Prop -> Prop, is announced as a proposition."""
    return File().define("X", PROP, arrow(PROP, PROP))


@wrong("universe")
def undeclared_parameter() -> File:
    """The type speaks of a level parameter that the declaration does not have."""
    return File().define("X", sort(("succ", "v")), sort("v"), ("u",))


@wrong("universe")
def undeclared_parameter_in_the_value() -> File:
    """The value alone speaks of a level parameter that the declaration does not have."""
    file = start("True").define(
        "const", arrow(sort(("succ", "u")), PROP), lam("x", sort(("succ", "u")), YES), ("u",)
    )
    return file.theorem("bad", YES, app(lam("x", sort(("succ", "v")), TRIVIAL), sort("v")))


@wrong("universe")
def undeclared_parameter_of_a_constructor() -> File:
    """A constructor's type speaks of a level parameter that the inductive type does not have."""
    made = block(Type("Box", TYPE, (("Box.mk", const("Box")),)))
    made["ctors"][0]["type"] = arrow(const("PUnit", "w"), const("Box"))
    made["ctors"][0]["numFields"] = 1
    return start("PUnit").block(made)


@wrong("universe")
def repeated_parameter() -> File:
    """A declaration has two level parameters of one name."""
    return File().define("X", sort(("succ", "u")), sort("u"), ("u", "u"))


@wrong("universe")
def repeated_parameter_of_an_inductive() -> File:
    """An inductive type has two level parameters of one name."""
    made = block(Type("Box", sort(("succ", "u")), (("Box.mk", const("Box", "u", "u")),)), levels=("u", "u"))
    return File().block(made)


@wrong("universe")
def too_few_levels() -> File:
    """A constant with one level parameter is used without a level."""
    return start("PUnit").define("X", TYPE, const("PUnit"))


@wrong("universe")
def too_many_levels() -> File:
    """A constant with one level parameter is used with two levels."""
    return start("PUnit").define("X", TYPE, const("PUnit", 1, 1))


@wrong("universe")
def levels_for_a_constant_without_any() -> File:
    """A constant without level parameters is used with one."""
    return start("Bool").define("X", TYPE, const("Bool", 1))


@wrong("type")
def levels_swapped() -> File:
    """The two levels of a product type are swapped."""
    swapped = app(const("Prod", 0, 1), TYPE, BOOL)
    return start("Bool", "Prod").define("X", sort(2), swapped)


@wrong("type")
def polymorphic_constant_at_two_levels() -> File:
    """A constant at level 1 is given where the same constant at level 2 is asked."""
    file = start("PUnit")
    return file.define("x", const("PUnit", 2), const("PUnit.unit", 1))


@wrong("type")
def down_to_prop() -> File:
    """A type is made a proposition by a definition that claims imax u 0 + 1 = imax u 0, and used to prove False."""
    level: Level = ("imax", "u", 0)
    file = start("Bool", "False")
    down = lam("x", sort(("succ", level)), lambda x: x)
    file.define("down", arrow(sort(("succ", level)), sort(level)), down, ("u",))
    return file.define("BoolProp", PROP, app(const("down", 0), BOOL))


def same(left: Level, right: Level, names: tuple[str, ...], top: int = 3) -> bool:
    """Are two levels equal for every value of the parameters up to `top`? (For small levels that decides.)"""
    for values in product(range(top + 1), repeat=len(names)):
        known = dict(zip(names, values, strict=True))
        if evaluate(left, known) != evaluate(right, known):
            return False
    return True


def evaluate(level: Level, values: dict[str, int]) -> int:
    """The number that a level stands for."""
    if isinstance(level, int):
        return level
    if isinstance(level, str):
        return values[level]
    if level[0] == "succ":
        return evaluate(level[1], values) + 1
    left, right = evaluate(level[1], values), evaluate(level[2], values)
    return 0 if level[0] == "imax" and right == 0 else max(left, right)


def small_levels(names: tuple[str, ...] = ("u", "v")) -> list[Level]:
    """Every level of at most two operations over the parameters and zero."""
    atoms: list[Level] = [0, *names]
    once: list[Level] = [("succ", each) for each in atoms]
    once += [(word, a, b) for word in ("max", "imax") for a in atoms for b in atoms]
    twice: list[Level] = [("succ", each) for each in once]
    twice += [(word, a, b) for word in ("max", "imax") for a in once[:3] for b in (*atoms, *once)]
    return [*atoms, *once, *twice]
