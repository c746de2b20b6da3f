"""Axioms that nobody allowed, in every dress: plain, unsafe, quotient primitives of another type, allowed names."""

from __future__ import annotations

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import PROP, TYPE, File, Term, app, arrow, const, lam, nat, pi, sort
from tests.policies.lean.corpus.prelude import BOOL, FALSE, NAT, NO, TRIVIAL, TRUE, YES, eq, refl, start

FAMILY = Family("axioms")
wrong, valid = FAMILY.wrong, FAMILY.valid


@valid
def without_axioms() -> File:
    """Assumptions are arguments, which needs no axiom."""
    return start("False").theorem("fine", arrow(NO, NO), lam("h", NO, lambda h: h))


def _propext() -> Term:
    def both(a: Term, b: Term) -> Term:
        return arrow(app(const("Iff"), a, b), eq(PROP, a, b))

    return pi("a", PROP, lambda a: pi("b", PROP, lambda b: both(a, b)))


def _iff() -> File:
    def intro(a: Term, b: Term) -> Term:
        return arrow(arrow(a, b), arrow(b, a), app(const("Iff"), a, b))

    made = pi("a", PROP, lambda a: pi("b", PROP, lambda b: intro(a, b)))
    return start("Eq", "False").block(
        block(Type("Iff", arrow(PROP, PROP, PROP), (("Iff.intro", made),)), params=2)
    )


FAMILY.twin(
    "allowed",
    "An axiom that the caller allows, as Lean states it.",
    lambda: _iff().axiom("propext", _propext()),
    ("propext",),
)


@wrong("axiom")
def of_false() -> File:
    """An axiom says False."""
    return start("False").axiom("bad", NO)


@wrong("axiom")
def of_everything() -> File:
    """An axiom gives an element of every type."""
    return File().axiom("sorryAx", pi("α", sort("u"), lambda a: a), ("u",))


@wrong("axiom")
def unused_axiom() -> File:
    """An axiom is declared and never used."""
    return start("True", "False").axiom("bad", NO).theorem("fine", YES, TRIVIAL)


@wrong("axiom")
def harmless() -> File:
    """An axiom says True: it is not allowed all the same."""
    return start("True").axiom("fine", YES)


@wrong("format")
def unsafe_one() -> File:
    """An axiom says of itself that it is unsafe."""
    return start("False").axiom("bad", NO, isUnsafe=True)


@wrong("axiom")
def propositional_extensionality_unasked() -> File:
    """Lean's axiom of propositional extensionality is declared, and the caller has not allowed it."""
    return _iff().axiom("propext", _propext())


@wrong("axiom", axioms=("propext",))
def of_another_name() -> File:
    """The caller allows one axiom, and the file declares another."""
    return start("False").axiom("propext'", NO)


@wrong("axiom", axioms=("propext",))
def of_another_spelling() -> File:
    """The caller allows an axiom, and the file's has the same letters under a namespace."""
    return start("False").axiom("Foo.propext", NO)


@wrong("axiom", axioms=("Quot.sound",))
def of_one_component() -> File:
    """The caller allows `Quot.sound`, and the file's axiom is one component with a dot in it."""
    return start("False").axiom(("Quot.sound",), NO)


@wrong("axiom", axioms=("propext",))
def allowed_name_with_another_statement() -> File:
    """The axiom has the name of the allowed one and says False."""
    return _iff().axiom("propext", NO)


@wrong("axiom", axioms=("propext",))
def allowed_name_with_level_parameter() -> File:
    """The axiom has the name of the allowed one and gives an element of every type."""
    return _iff().axiom("propext", pi("α", sort("u"), lambda a: a), ("u",))


@wrong("pinned", axioms=("propext",))
def allowed_statement_about_another_equality() -> File:
    """The axiom is Lean's to the letter, but what it calls equivalence holds of all propositions."""
    trivial = lam("a", PROP, lam("b", PROP, YES))
    file = start("Eq", "True").define("Iff", arrow(PROP, PROP, PROP), trivial)
    return file.axiom("propext", _propext())


@wrong("type", axioms=("bad",))
def allowed_but_ill_typed() -> File:
    """The caller allows the name, and the axiom's type is the number 3."""
    return start("Nat").axiom("bad", nat(3))


@wrong("format")
def unsafe_definition() -> File:
    """An unsafe definition proves False by itself."""
    return start("False").define("bad", NO, const("bad"), safety="unsafe")


@wrong("format")
def partial_definition() -> File:
    """A partial definition proves False by itself."""
    return start("False").define("bad", NO, const("bad"), safety="partial")


@wrong("format")
def unsafe_opaque() -> File:
    """An unsafe opaque constant stands for a proof of False."""
    return start("True", "False").opaque("bad", NO, TRIVIAL, isUnsafe=True)


@wrong("format")
def unsafe_but_right() -> File:
    """A definition is marked unsafe: whatever it is, it must not be used in a proof."""
    return start("Nat").define("n", NAT, nat(3), safety="unsafe")


@wrong("axiom")
def compiler_trust() -> File:
    """The compiler's word, on which native_decide rests, is declared as an axiom."""
    return start("Bool", "True", "Eq").axiom("Lean.trustCompiler", YES)


@wrong("type")
def reduction_by_the_compiler() -> File:
    """`Lean.reduceBool` is opaque here, and a proof expects it to compute."""
    file = start("Bool", "Eq").opaque("Lean.reduceBool", arrow(BOOL, BOOL), lam("b", BOOL, lambda b: b))
    file.define("c", BOOL, TRUE)
    value = app(const("Lean.reduceBool"), const("c"))
    return file.theorem("bad", eq(BOOL, value, FALSE), refl(BOOL, FALSE))


@wrong("axiom")
def type_of_types() -> File:
    """An axiom gives a type that nothing is known of."""
    return File().axiom("Secret", TYPE)
