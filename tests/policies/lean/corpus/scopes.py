"""Variables and constants that nothing binds or declares."""

from __future__ import annotations

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
    let,
    nat,
    pi,
    proj,
    sort,
)
from tests.policies.lean.corpus.prelude import NAT, NO, SUCC, TRIVIAL, YES, eq, refl, start

FAMILY = Family("scopes")
wrong, valid = FAMILY.wrong, FAMILY.valid


@valid
def bound() -> File:
    """Every variable is bound, through binders of all kinds, and one name is bound twice."""
    file = start("Nat")
    shadow = lam("x", NAT, lambda x: lam("x", NAT, lambda y: let("x", NAT, SUCC(y), lambda _: x)))
    return file.define("shadow", arrow(NAT, NAT, NAT), shadow)


@valid
def nothing_is_captured() -> File:
    """Substitution under a binder keeps the variables apart."""
    file = start("Nat", "Eq")
    const_ = lam("x", NAT, lambda x: lam("y", NAT, x))
    file.define("const", arrow(NAT, NAT, NAT), const_)
    statement = pi("y", NAT, lambda y: eq(NAT, app(const("const"), y, nat(5)), y))
    return file.theorem("fine", statement, lam("y", NAT, lambda y: refl(NAT, y)))


@wrong("scope")
def loose_value() -> File:
    """The value of a definition is a variable."""
    return start("Nat").define("x", NAT, bvar(0))


@wrong("scope")
def loose_type() -> File:
    """The type of a theorem is a variable."""
    return start("True").theorem("bad", bvar(0), TRIVIAL)


@wrong("scope")
def loose_by_one() -> File:
    """A function's body speaks of the binder around the declaration."""
    return start("Nat").define("f", arrow(NAT, NAT), Term("lam", ("x", NAT, bvar(1))))


@wrong("format")
def loose_by_far() -> File:
    """A function's body speaks of the binder 2^63 further out."""
    return start("Nat").define("f", arrow(NAT, NAT), Term("lam", ("x", NAT, bvar(2**63))))


@wrong("scope")
def loose_by_wraparound() -> File:
    """A variable's index is 2^32, which is 0 in 32 bits."""
    return start("Nat").define("f", arrow(NAT, NAT), Term("lam", ("x", NAT, bvar(2**32))))


@wrong("scope")
def loose_in_a_domain() -> File:
    """A binder's domain speaks of the binder itself."""
    return start("Nat").define("X", TYPE, Term("pi", ("x", bvar(0), NAT)))


@wrong("scope")
def loose_in_a_let() -> File:
    """A let's value speaks of the let itself."""
    return start("Nat").define("x", NAT, Term("let", ("x", NAT, bvar(0), bvar(0))))


@wrong("scope")
def loose_in_an_unused_let() -> File:
    """The value of a let that is never used speaks of nothing."""
    return start("Nat", "True").theorem("bad", YES, Term("let", ("x", NAT, bvar(3), TRIVIAL)))


@wrong("scope")
def loose_in_a_vanishing_argument() -> File:
    """A variable of nothing is the argument of a constant function."""
    return start("Nat", "True").theorem("bad", YES, app(lam("x", NAT, TRIVIAL), bvar(0)))


@wrong("scope")
def loose_in_a_projection() -> File:
    """A projection is from a variable that nothing binds."""
    return start("True", "And").theorem("bad", YES, proj("And", 0, bvar(0)))


@wrong("scope")
def proof_from_the_outer_context() -> File:
    """A proof of False is the variable that stands for nothing."""
    return start("False").theorem("bad", NO, bvar(0))


@wrong("scope")
def unknown_constant() -> File:
    """The proof is a constant that nothing declares."""
    return start("False").theorem("bad", NO, const("trust_me"))


@wrong("scope")
def unknown_constant_in_the_type() -> File:
    """The statement speaks of a constant that nothing declares."""
    return start("True").theorem("bad", const("Statement"), TRIVIAL)


@wrong("scope")
def unknown_constant_that_vanishes() -> File:
    """The argument of a constant function is a constant that nothing declares."""
    return start("Nat", "True").theorem("bad", YES, app(lam("x", NAT, TRIVIAL), const("nothing")))


@wrong("scope")
def anonymous_constant() -> File:
    """The proof is the anonymous constant."""
    return start("False").theorem("bad", NO, const(()))


@wrong("scope")
def constant_declared_later() -> File:
    """A theorem uses a lemma that is declared after it."""
    file = start("True").theorem("first", YES, const("second"))
    return file.theorem("second", YES, TRIVIAL)


@wrong("scope")
def prefix_of_a_name() -> File:
    """The proof is a constant whose name only begins like a declared one."""
    return start("True", "False").theorem("lemma.one", YES, TRIVIAL).theorem("bad", YES, const("lemma"))


@wrong("scope")
def component_with_a_dot() -> File:
    """The proof is a constant of one component, `True.intro`, and not the constructor of two."""
    return start("True").theorem("bad", YES, const(("True.intro",)))


@wrong("scope")
def number_for_a_text() -> File:
    """The proof is `h.1` with a number, and the declared lemma is `h.«1»` with a text."""
    return start("True").theorem(("h", "1"), YES, TRIVIAL).theorem("bad", YES, const(("h", 1)))


@wrong("scope")
def local_hypothesis_elsewhere() -> File:
    """A lemma's hypothesis is used outside of the lemma by its binder's name."""
    file = start("False").theorem("lemma", arrow(NO, NO), lam("h", NO, lambda h: h))
    return file.theorem("bad", NO, const("h"))


@wrong("type")
def projection_of_an_unknown_type() -> File:
    """A projection names a structure that nothing declares."""
    value = lam("h", YES, lambda h: proj("Pair", 0, h))
    return start("True").theorem("bad", arrow(YES, YES), value)


@wrong("scope")
def constructor_field_of_an_unknown_type() -> File:
    """A constructor's field is of a type that nothing declares."""
    return File().block(block(Type("T", TYPE, (("T.mk", arrow(const("Other"), const("T"))),))))


@wrong("scope")
def index_of_an_unknown_type() -> File:
    """An inductive type's index is of a type that nothing declares."""
    return File().block(block(Type("T", arrow(const("Other"), TYPE))))


@wrong("scope")
def variable_of_a_vanished_binder() -> File:
    """The type announced for a let's body speaks of the let's variable after it is gone."""
    return start("Nat").define("x", Term("pi", ("a", NAT, eq(NAT, bvar(1), bvar(0)))), lam("a", NAT, nat(0)))


@wrong("type")
def escaped_to_another_binder() -> File:
    """Under two binders the two variables are exchanged, and their types differ."""
    value = Term("lam", ("α", TYPE, Term("lam", ("p", PROP, bvar(1)))))
    return File().define("f", arrow(TYPE, PROP, PROP), value)


@wrong("type")
def the_same_term_under_two_binders() -> File:
    """One variable term is right under the first binder and wrong under the second, of another type."""
    first = Term("lam", ("n", NAT, app(SUCC, bvar(0))))
    second = Term("lam", ("n", PROP, app(SUCC, bvar(0))))
    pair = let("f", arrow(NAT, NAT), first, lambda f: let("g", arrow(PROP, NAT), second, lambda _: f))
    return start("Nat").define("f", arrow(NAT, NAT), pair)


@wrong("type")
def the_same_term_in_two_declarations() -> File:
    """One open term is right in a first declaration, and its variable has another type in the second."""
    file = start("Nat").define("f", arrow(NAT, NAT), Term("lam", ("x", NAT, app(SUCC, bvar(0)))))
    return file.define("g", arrow(sort(1), NAT), Term("lam", ("x", sort(1), app(SUCC, bvar(0)))))


@wrong("type")
def the_same_proof_under_two_hypotheses() -> File:
    """One proof term is right under the hypothesis True and is used under the hypothesis of another proposition."""
    use = lam("h", YES, lambda h: h)
    file = start("True", "False").define("keep", arrow(YES, YES), use)
    first = Term("lam", ("h", YES, app(const("keep"), bvar(0))))
    second = Term("lam", ("h", NO, app(const("keep"), bvar(0))))
    file.theorem("fine", arrow(YES, YES), first)
    return file.theorem("bad", arrow(NO, YES), second)
