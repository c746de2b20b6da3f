"""Terms whose types do not fit: the plain errors, and those that hide where a lazy checker does not look."""

from __future__ import annotations

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
    nat,
    pi,
    sort,
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
    refl,
    start,
)

FAMILY = Family("wrong-types")
wrong, valid = FAMILY.wrong, FAMILY.valid


@valid
def plain() -> File:
    """Terms of the right types in every place in which the members have a wrong one."""
    file = start("Nat", "Bool", "True", "False", "Eq")
    file.define("two", NAT, SUCC(nat(1)))
    file.define(
        "choose", arrow(BOOL, NAT), lam("b", BOOL, lambda b: let("n", NAT, nat(1), lambda n: SUCC(n)))
    )
    file.define("Alias", TYPE, NAT)
    file.define("aliased", const("Alias"), nat(3))
    file.opaque("hidden", NAT, nat(7))
    file.define("identity", pi("α", sort("u"), lambda a: arrow(a, a)), _identity(), ("u",))
    file.theorem("two_is", eq(NAT, const("two"), nat(2)), refl(NAT, nat(2)))
    file.theorem("kept", YES, mdata(app(const("identity", 0), YES, TRIVIAL)))
    return file.theorem("ignored", YES, app(lam("n", NAT, TRIVIAL), nat(5)))


def _identity() -> Term:
    return lam("α", sort("u"), lambda a: lam("x", a, lambda x: x))


@wrong("type")
def definition_of_another_type() -> File:
    """The value of a definition is a Bool where a Nat is announced."""
    return start("Nat", "Bool").define("n", NAT, TRUE)


@wrong("type")
def theorem_proved_by_another() -> File:
    """False is proved by the proof of True."""
    return start("True", "False").theorem("bad", NO, TRIVIAL)


@wrong("type")
def proof_of_a_false_equation() -> File:
    """The equation 0 = 1 is proved by reflexivity at 0."""
    return start("Nat", "Eq").theorem("bad", eq(NAT, nat(0), nat(1)), refl(NAT, nat(0)))


@wrong("type")
def true_is_false() -> File:
    """The equation true = false is proved by reflexivity."""
    return start("Bool", "Eq").theorem("bad", eq(BOOL, TRUE, FALSE), refl(BOOL, TRUE))


@wrong("type")
def opaque_of_another_type() -> File:
    """The value of an opaque constant has another type than announced."""
    return start("Nat", "Bool").opaque("n", NAT, TRUE)


@wrong("type")
def opaque_that_unfolds() -> File:
    """The proof needs the value of an opaque constant, which nobody may look at."""
    file = start("Nat", "Eq").opaque("n", NAT, nat(7))
    return file.theorem("bad", eq(NAT, const("n"), nat(7)), refl(NAT, nat(7)))


@wrong("type")
def theorem_of_a_type() -> File:
    """A theorem's statement is Nat, which is no proposition."""
    return start("Nat").theorem("bad", NAT, nat(0))


@wrong("type")
def theorem_of_prop() -> File:
    """A theorem's statement is Prop itself, which is no proposition."""
    return start("True").theorem("bad", PROP, YES)


@wrong("type")
def declared_type_is_a_value() -> File:
    """The type of a definition is the number 3, which is no type."""
    return start("Nat").define("x", nat(3), nat(3))


@wrong("type")
def declared_type_is_a_function() -> File:
    """The type of a definition is a function into types, not a type."""
    return start("Nat").define("x", lam("n", NAT, NAT), nat(3))


@wrong("type")
def number_applied() -> File:
    """A number is applied to an argument."""
    return start("Nat").define("x", NAT, app(nat(3), nat(4)))


@wrong("type")
def type_applied() -> File:
    """Nat, which takes no parameters, is applied."""
    return start("Nat").define("X", TYPE, app(NAT, nat(4)))


@wrong("type")
def argument_of_another_type() -> File:
    """`Nat.succ` is applied to a Bool."""
    return start("Nat", "Bool").define("x", NAT, SUCC(TRUE))


@wrong("type")
def argument_too_many() -> File:
    """`Nat.succ` is applied to two numbers."""
    return start("Nat").define("x", NAT, SUCC(nat(1), nat(2)))


@wrong("type")
def argument_too_few() -> File:
    """The function `Nat.succ` is given where a number is announced."""
    return start("Nat").define("x", NAT, SUCC)


@wrong("type")
def dependent_argument() -> File:
    """The second argument does not have the type that the first one chooses."""
    file = start("Nat", "Bool")
    file.define("identity", pi("α", sort("u"), lambda a: arrow(a, a)), _identity(), ("u",))
    return file.define("x", NAT, app(const("identity", 1), BOOL, nat(1)))


@wrong("type")
def binder_over_a_value() -> File:
    """The domain of a product is the number 3."""
    return start("Nat").define("X", TYPE, pi("x", nat(3), NAT))


@wrong("type")
def lambda_over_a_value() -> File:
    """The domain of a function is the number 3."""
    return start("Nat").define("f", arrow(NAT, NAT), lam("x", nat(3), nat(1)))


@wrong("type")
def product_into_a_value() -> File:
    """The codomain of a product is a number."""
    return start("Nat").define("X", TYPE, pi("x", NAT, nat(3)))


@wrong("type")
def lambda_over_another_domain() -> File:
    """A function of Bool is given where a function of Nat is announced."""
    return start("Nat", "Bool").define("f", arrow(NAT, NAT), lam("x", BOOL, nat(0)))


@wrong("type")
def let_of_another_type() -> File:
    """The value of a let is a Bool where the let says Nat."""
    return start("Nat", "Bool").define("x", NAT, let("n", NAT, TRUE, lambda n: n))


@wrong("type")
def let_over_a_value() -> File:
    """The type of a let is a number."""
    return start("Nat").define("x", NAT, let("n", nat(3), nat(3), nat(1)))


@wrong("type")
def unused_let() -> File:
    """A let that is never used has an ill-typed value."""
    return start("Nat", "True").theorem("bad", YES, let("n", NAT, SUCC(SUCC), TRIVIAL))


@wrong("type")
def false_let() -> File:
    """A let claims a proof of False, and the body uses it."""
    return start("True", "False").theorem("bad", NO, let("h", NO, TRIVIAL, lambda h: h))


@wrong("type")
def vanishing_argument() -> File:
    """The ill-typed argument of a constant function disappears when the term is reduced."""
    return start("Nat", "True").theorem("bad", YES, app(lam("n", NAT, TRIVIAL), SUCC(SUCC)))


@wrong("type")
def vanishing_in_the_type() -> File:
    """The statement reduces to True, but an argument that disappears in it is ill-typed."""
    statement = app(lam("n", NAT, YES), SUCC(SUCC))
    return start("Nat", "True").theorem("bad", statement, TRIVIAL)


@wrong("type")
def vanishing_branch() -> File:
    """The branch of a recursor that is never taken is ill-typed."""
    value = app(const("Bool.rec", 1), lam("b", BOOL, NAT), SUCC(SUCC), nat(1), TRUE)
    return start("Nat", "Bool").define("x", NAT, value)


@wrong("type")
def hidden_in_metadata() -> File:
    """Metadata stand around an ill-typed term."""
    return start("True", "False").theorem("bad", NO, mdata(mdata(TRIVIAL)))


@wrong("type")
def annotated_by_a_redex() -> File:
    """An argument of type True is passed on as a proof of False by a function whose domain says False."""
    return start("True", "False").theorem("bad", NO, app(lam("h", NO, lambda h: h), TRIVIAL))


@wrong("type")
def statement_with_a_wrong_equation() -> File:
    """The statement compares a number with a Bool."""
    return start("Nat", "Bool", "Eq", "True").define("S", PROP, eq(NAT, nat(0), TRUE))


@wrong("type")
def motive_of_another_type() -> File:
    """The motive of a recursor is a function of Nat where Bool is eliminated."""
    value = app(const("Bool.rec", 1), lam("n", NAT, NAT), nat(0), nat(1), TRUE)
    return start("Nat", "Bool").define("x", NAT, value)


@wrong("type")
def minor_of_another_type() -> File:
    """The step of a recursion takes no hypothesis."""
    value = app(const("Nat.rec", 1), lam("n", NAT, NAT), nat(0), SUCC, nat(3))
    return start("Nat").define("x", NAT, value)


@wrong("type")
def proof_by_eliminating_the_wrong_thing() -> File:
    """False's recursor is given a proof of True."""
    value = app(const("False.rec", 0), lam("h", NO, NO), TRIVIAL)
    return start("True", "False").theorem("bad", NO, value)


@wrong("type")
def equation_in_the_wrong_direction() -> File:
    """A hypothesis a = b is passed on as b = a."""
    both = pi("a", NAT, lambda a: pi("b", NAT, lambda b: arrow(eq(NAT, a, b), eq(NAT, b, a))))
    proof = lam("a", NAT, lambda a: lam("b", NAT, lambda b: lam("h", eq(NAT, a, b), lambda h: h)))
    return start("Nat", "Eq").theorem("bad", both, proof)


@wrong("type")
def hypothesis_of_another_name() -> File:
    """Of two hypotheses the wrong one is used: the binder is off by one."""
    statement = pi("p", PROP, lambda p: pi("q", PROP, lambda q: arrow(p, q, p)))
    proof = lam(
        "p", PROP, lambda p: lam("q", PROP, lambda q: lam("a", p, lambda _: lam("b", q, lambda b: b)))
    )
    return File().theorem("bad", statement, proof)


@wrong("type")
def for_all_from_one() -> File:
    """A statement about every number is proved at one number."""
    statement = pi("n", NAT, lambda n: eq(NAT, n, ZERO))
    return start("Nat", "Eq").theorem("bad", statement, lam("n", NAT, refl(NAT, ZERO)))


@wrong("type")
def impossible_application_to_itself() -> File:
    """The term applies a variable to itself and would never stop reducing."""
    loop = lam("x", arrow(NAT, NAT), lambda x: app(x, x))
    return start("Nat").define("x", NAT, app(loop, loop))


@wrong("type")
def instantiated_in_the_wrong_universe() -> File:
    """A universe-polymorphic identity at Type is applied to a proposition."""
    file = start("True").define("identity", pi("α", sort("u"), lambda a: arrow(a, a)), _identity(), ("u",))
    return file.theorem("bad", YES, app(const("identity", 1), YES, TRIVIAL))
