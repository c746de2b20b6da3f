"""Quotients: the four primitives are Lean's or are refused, and compute nothing but the lift of a made element."""

from __future__ import annotations

from collections.abc import Callable

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import PROP, TYPE, File, Fn, Term, app, arrow, const, lam, nat, pi, sort
from tests.policies.lean.corpus.prelude import NAT, NO, SUCC, YES, eq, refl, start

FAMILY = Family("quotients")
wrong, valid = FAMILY.wrong, FAMILY.valid


def over(result: Callable[[Term, Term], Term]) -> Term:
    """A product over a type and a relation on it."""
    return pi("α", sort("u"), lambda a: pi("r", arrow(a, a, PROP), lambda r: result(a, r)))


def quot(a: Term, r: Term) -> Term:
    return app(const("Quot", "u"), a, r)


def mk(a: Term, r: Term, x: Term) -> Term:
    return app(const("Quot.mk", "u"), a, r, x)


def lift(a: Term, r: Term, respects: bool = True) -> Term:
    def under(b: Term) -> Term:
        def function(f: Term) -> Term:
            equal = pi("x", a, lambda x: pi("y", a, lambda y: arrow(r(x, y), eq(b, f(x), f(y), "v"))))
            return arrow(equal, quot(a, r), b) if respects else arrow(quot(a, r), b)

        return pi("f", arrow(a, b), function)

    return pi("β", sort("v"), under)


def ind(a: Term, r: Term) -> Term:
    def under(b: Term) -> Term:
        return pi("mk", pi("x", a, lambda x: b(mk(a, r, x))), pi("q", quot(a, r), lambda q: b(q)))

    return pi("β", arrow(quot(a, r), PROP), under)


KINDS = {"Quot": "type", "Quot.mk": "ctor", "Quot.lift": "lift", "Quot.ind": "ind"}
LEVELS: dict[str, tuple[str, ...]] = {name: ("u", "v") if name == "Quot.lift" else ("u",) for name in KINDS}
TYPES = {
    "Quot": over(lambda a, r: sort("u")),
    "Quot.mk": over(lambda a, r: arrow(a, quot(a, r))),
    "Quot.lift": over(lift),
    "Quot.ind": over(ind),
}


def primitives(file: File, *names: str) -> File:
    """The primitives of these names; all in their order, if none is named."""
    for name in names or KINDS:
        file.quot(name, TYPES[name], KINDS[name], LEVELS[name])
    return file


def always() -> Term:
    return lam("a", NAT, lam("b", NAT, YES))


def lifted(value: Term, element: Term) -> Term:
    """The lift of a constant function to the numbers modulo everything."""
    function = lam("n", NAT, value)
    respects = lam("a", NAT, lam("b", NAT, lam("h", YES, refl(NAT, value))))
    return app(const("Quot.lift", 1, 1), NAT, always(), NAT, function, respects, element)


def made(number: Term) -> Term:
    return app(const("Quot.mk", 1), NAT, always(), number)


@valid
def computing() -> File:
    """The four primitives, and a lift that computes on a made element."""
    file = primitives(start("Nat", "True", "Eq"))
    return file.theorem("lifts", eq(NAT, lifted(nat(7), made(nat(1))), nat(7)), refl(NAT, nat(7)))


@wrong("type")
def made_elements_are_equal() -> File:
    """Two made elements that are related are said to be equal by computation: that takes an axiom."""
    file = primitives(start("Nat", "True", "Eq"))
    type_ = app(const("Quot", 1), NAT, always())
    return file.theorem("bad", eq(type_, made(nat(1)), made(nat(2))), refl(type_, made(nat(1))))


@wrong("type")
def lift_without_respect_for_the_relation() -> File:
    """The successor is lifted to the numbers modulo everything, with a proof of something else."""
    respects = lam("a", NAT, lam("b", NAT, lam("h", YES, lambda h: h)))
    value = app(const("Quot.lift", 1, 1), NAT, always(), NAT, SUCC, respects, made(nat(1)))
    return primitives(start("Nat", "True", "Eq")).define("x", NAT, value)


@wrong("type")
def lift_at_a_variable() -> File:
    """The lift of a constant function at a variable element is said to be the constant."""
    type_ = app(const("Quot", 1), NAT, always())
    statement = pi("q", type_, lambda q: eq(NAT, lifted(nat(7), q), nat(7)))
    return primitives(start("Nat", "True", "Eq")).theorem(
        "bad", statement, lam("q", type_, refl(NAT, nat(7)))
    )


@wrong("type")
def lift_of_what_only_looks_made() -> File:
    """The lift of a constant function is said to compute at the value of an opaque function of three arguments."""
    type_ = app(const("Quot", 1), NAT, always())
    value = lam("a", NAT, lam("b", NAT, lam("c", NAT, lambda c: made(c))))
    file = primitives(start("Nat", "True", "Eq")).opaque("box", arrow(NAT, NAT, NAT, type_), value)
    element = app(const("box"), nat(1), nat(2), nat(3))
    return file.theorem("bad", eq(NAT, lifted(nat(7), element), nat(7)), refl(NAT, nat(7)))


@wrong("type")
def lift_of_another_value() -> File:
    """A lift is said to give another value than its function."""
    file = primitives(start("Nat", "True", "Eq"))
    return file.theorem("bad", eq(NAT, lifted(nat(7), made(nat(1))), nat(1)), refl(NAT, nat(1)))


@wrong("axiom")
def soundness_unasked() -> File:
    """The axiom that related elements are equal is declared, and nobody has allowed it."""
    return primitives(start("Eq")).axiom("Quot.sound", _sound(), ("u",))


def _sound() -> Term:
    def equal(a: Term, r: Term) -> Term:
        together: Fn = lambda x, y: arrow(r(x, y), eq(quot(a, r), mk(a, r, x), mk(a, r, y), "u"))  # noqa: E731
        return pi("x", a, lambda x: pi("y", a, lambda y: together(x, y)))

    return over(equal)


@wrong("axiom", axioms=("Quot.sound",))
def soundness_of_everything() -> File:
    """The allowed axiom says that all elements are equal, related or not."""

    def equal(a: Term, r: Term) -> Term:
        return pi("x", a, lambda x: pi("y", a, lambda y: eq(quot(a, r), mk(a, r, x), mk(a, r, y), "u")))

    return primitives(start("Eq")).axiom("Quot.sound", over(equal), ("u",))


FAMILY.twin(
    "sound",
    "Lean's axiom, allowed by its name.",
    lambda: primitives(start("Eq")).axiom("Quot.sound", _sound(), ("u",)),
    ("Quot.sound",),
)


def spoilt(
    name: str, sentence: str, primitive: str, type_: Term, levels: tuple[str, ...] | None = None
) -> None:
    """A member in which one primitive has another type; those before it are right."""

    def make() -> File:
        before = list(KINDS)[: list(KINDS).index(primitive)]
        file = start("Nat", "True", "False", "Eq")
        if before:
            primitives(file, *before)
        return file.quot(primitive, type_, KINDS[primitive], LEVELS[primitive] if levels is None else levels)

    FAMILY.add(f"spoilt-{name}", sentence, make, "quotient")


spoilt("type-false", "The quotient type is declared as a proof of False.", "Quot", NO, ())
spoilt(
    "type-of-types",
    "The quotient type is declared as an element of every type.",
    "Quot",
    pi("α", sort("u"), lambda a: a),
)
spoilt("type-lower", "The quotient type is declared in Prop.", "Quot", over(lambda a, r: PROP))
spoilt(
    "type-in-another-universe",
    "The quotient type is declared one universe higher.",
    "Quot",
    over(lambda a, r: sort(("succ", "u"))),
)
spoilt(
    "type-level-missing",
    "The quotient type is declared without a level parameter.",
    "Quot",
    arrow(TYPE, TYPE),
    (),
)
spoilt("made-from-nothing", "The constructor of quotients takes no element.", "Quot.mk", over(quot))
spoilt("made-false", "The constructor of quotients is a proof of False.", "Quot.mk", NO, ())
spoilt(
    "made-undone",
    "The constructor of quotients gives the element back as it was.",
    "Quot.mk",
    over(lambda a, r: arrow(quot(a, r), a)),
)
spoilt(
    "lift-without-respect",
    "The lift asks for no respect of the relation.",
    "Quot.lift",
    over(lambda a, r: lift(a, r, respects=False)),
)
spoilt("lift-false", "The lift is a proof of False.", "Quot.lift", NO, ())
spoilt(
    "induction-for-nothing",
    "The induction principle asks for no proof about made elements.",
    "Quot.ind",
    over(lambda a, r: pi("β", arrow(quot(a, r), PROP), lambda b: pi("q", quot(a, r), lambda q: b(q)))),
)
spoilt(
    "induction-into-types",
    "The induction principle goes into types.",
    "Quot.ind",
    over(lambda a, r: pi("β", arrow(quot(a, r), TYPE), lambda b: pi("q", quot(a, r), lambda q: b(q)))),
)


@wrong("quotient")
def constructor_first() -> File:
    """The constructor of quotients is declared before the type, which is not there."""
    return primitives(start("Eq"), "Quot.mk")


@wrong("quotient")
def lift_before_the_constructor() -> File:
    """The lift is declared before the constructor."""
    return primitives(start("Eq"), "Quot", "Quot.lift")


@wrong("pinned")
def lift_without_equality() -> File:
    """The lift is declared where there is no equality."""
    return primitives(start("Nat"))


@wrong("pinned")
def lift_with_another_equality() -> File:
    """The equality of which the lift speaks holds of all elements."""
    both = pi("α", sort("u"), lambda a: arrow(a, a, PROP))
    trivial = lam("α", sort("u"), lambda a: lam("x", a, lam("y", a, YES)))
    return primitives(start("True").define("Eq", both, trivial, ("u",)))


@wrong("pinned")
def lift_with_a_second_proof_of_equality() -> File:
    """The equality of which the lift speaks has a constructor that makes all elements equal."""
    over_ = sort("u_1")

    def same(a: Term, x: Term, y: Term) -> Term:
        return app(const("Eq", "u_1"), a, x, y)

    constructors = (
        ("Eq.refl", pi("α", over_, lambda a: pi("x", a, lambda x: same(a, x, x)))),
        ("Eq.any", pi("α", over_, lambda a: pi("x", a, lambda x: pi("y", a, lambda y: same(a, x, y))))),
    )
    type_ = pi("α", over_, lambda a: arrow(a, a, PROP))
    return primitives(
        File().block(block(Type("Eq", type_, constructors), params=2, levels=("u_1",), large=False))
    )


@wrong("pinned")
def quotient_as_a_definition() -> File:
    """The quotient type's name is taken by a definition."""
    return start("Nat").define("Quot", TYPE, NAT)


@wrong("pinned")
def constructor_as_a_definition() -> File:
    """The name of the constructor of quotients is taken by a definition."""
    return primitives(start("Nat", "Eq"), "Quot").define("Quot.mk", NAT, nat(1))


@wrong("name")
def declared_twice() -> File:
    """The quotient type is declared twice."""
    return primitives(primitives(start("Eq"), "Quot"), "Quot")


@wrong("quotient")
def under_another_name() -> File:
    """A proof of False is declared as a constructor of quotients under a name of its own."""
    return primitives(start("Eq", "False"), "Quot").quot("bad", NO, "ctor", ())


@wrong("quotient")
def of_a_kind_that_there_is_not() -> File:
    """An axiom hides among the primitives under a kind that there is not."""
    return primitives(start("Eq", "False"), "Quot").quot("bad", NO, "sound", ())


@wrong("quotient")
def of_another_kind() -> File:
    """The quotient type says that it is the lift."""
    return start("Eq").quot("Quot", TYPES["Quot"], "lift", ("u",))
