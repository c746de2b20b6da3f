"""Terms that are deep, wide or slow: the kernel refuses them, or what is wrong with them, without falling over.

The valid twins are of the same depth: depth alone is no fault where the budget allows it.
"""

from __future__ import annotations

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import (
    TYPE,
    File,
    Fn,
    Level,
    Term,
    app,
    arrow,
    bvar,
    const,
    lam,
    let,
    mdata,
    nat,
    pi,
    proj,
    sort,
)
from tests.policies.lean.corpus.literals import arithmetic
from tests.policies.lean.corpus.prelude import BINARY, BOOL, NAT, SUCC, TRUE, ZERO, eq, recurse, refl, start

FAMILY = Family("deep")
wrong, valid = FAMILY.wrong, FAMILY.valid

DEPTH = 5_000


def successors(count: int, bottom: Term = ZERO) -> tuple[File, Term]:
    """A file, and in it that many successors around `bottom`."""
    file = start("Nat", "Bool")
    return file, file.pile(bottom, count, SUCC)


@valid
def deep_successor() -> File:
    """The number five thousand, as as many successors."""
    file, top = successors(DEPTH)
    return file.define("deep", NAT, top)


def plus() -> tuple[File, Term]:
    """A sum that is shared in itself a hundred times: as a tree it would have 2^100 leaves."""
    file = start("Nat", "Bool").define("plus", BINARY, lam("a", NAT, lambda a: lam("b", NAT, a)))
    return file, file.pile(ZERO, 100, lambda below: app(const("plus"), below, below))


@valid
def wide_sharing() -> File:
    """A term that is shared in itself is checked once in each place."""
    file, top = plus()
    return file.define("shared", NAT, top)


@wrong("type")
def deep_and_of_another_type() -> File:
    """Five thousand successors are given for a Bool."""
    file, top = successors(DEPTH)
    return file.define("deep", BOOL, top)


@wrong("type")
def deep_with_a_wrong_bottom() -> File:
    """Under five thousand successors stands a Bool."""
    file, top = successors(DEPTH, TRUE)
    return file.define("deep", NAT, top)


@wrong("budget")
def too_deep() -> File:
    """Twenty-five thousand successors of a Bool, more than the budget of the tests allows."""
    file, top = successors(5 * DEPTH, TRUE)
    return file.define("deep", NAT, top)


@wrong("type")
def deep_functions() -> File:
    """A function of five thousand arguments is given for a number."""
    file = start("Nat")
    return file.define("deep", NAT, file.pile(ZERO, DEPTH, lambda below: lam("x", NAT, below)))


@wrong("budget", "type")
def deep_products() -> File:
    """A type of five thousand arguments ends in a number."""
    file = start("Nat")
    return file.define("deep", TYPE, file.pile(ZERO, DEPTH, lambda below: pi("x", NAT, below)))


@wrong("type")
def deep_domains() -> File:
    """A function takes a function takes a function, five thousand times, to a number that is no type."""
    file = start("Nat")
    return file.define("deep", TYPE, file.pile(ZERO, DEPTH, lambda below: pi("x", below, NAT)))


@wrong("budget", "type")
def deep_lets() -> File:
    """Five thousand lets stand around a Bool that is given for a number."""
    file = start("Nat", "Bool")
    return file.define("deep", NAT, file.pile(TRUE, DEPTH, lambda below: let("x", NAT, ZERO, below)))


@wrong("type")
def deep_let_values() -> File:
    """The value of a let is a let, five thousand times, of a Bool."""
    file = start("Nat", "Bool")
    return file.define("deep", NAT, file.pile(TRUE, DEPTH, lambda below: let("x", NAT, below, bvar(0))))


@wrong("type")
def deep_applications() -> File:
    """A number is applied to five thousand arguments."""
    file = start("Nat")
    return file.define("deep", NAT, file.pile(ZERO, DEPTH, lambda below: app(below, ZERO)))


@wrong("type")
def deep_redexes() -> File:
    """Five thousand identities are applied, one inside the other, to a Bool that is given for a number."""
    file, identity = start("Nat", "Bool"), lam("x", NAT, lambda x: x)
    return file.define("deep", NAT, file.pile(TRUE, DEPTH, identity))


@wrong("type")
def deep_projections() -> File:
    """The field of the field of the field of a variable, five thousand times, is said to be the variable."""
    loop = const("Loop")
    file = start("Eq").block(block(Type("Loop", TYPE, (("Loop.mk", pi("of", loop, loop)),))))
    top = file.pile(bvar(0), DEPTH, lambda below: proj("Loop", 0, below))
    statement = pi("x", loop, eq(loop, top, bvar(0)))
    return file.theorem("bad", statement, lam("x", loop, lambda x: refl(loop, x)))


@wrong("type")
def deep_metadata() -> File:
    """Metadata stand around metadata, five thousand times, and then a Bool for a number."""
    file = start("Nat", "Bool")
    return file.define("deep", NAT, file.pile(TRUE, DEPTH, mdata))


@wrong("type")
def deep_level() -> File:
    """A sort of level five thousand is given for one of the level below."""
    file = File()
    top = sort(file.pile_levels(0, DEPTH, lambda below: ("succ", below)))
    return file.define("deep", top, top)


@wrong("type")
def deep_max() -> File:
    """A max of a max of a max, five thousand times, is one too low."""
    file = File()
    top = sort(file.pile_levels(1, DEPTH, lambda below: ("max", below, 1)))
    return file.define("deep", top, top)


@wrong("type")
def shared_max() -> File:
    """A max that is shared in itself a hundred times, 2^100 levels as a tree, is one too low."""
    file = File()
    top = sort(file.pile_levels(1, 100, lambda below: ("max", below, below)))
    return file.define("deep", top, top)


@wrong("budget")
def imax_of_many_parameters() -> File:
    """A level with forty parameters to the right of imax has 2^40 cases, and is compared with its successor."""
    names = tuple(f"u{count}" for count in range(40))
    level: Level = 0
    for name in names:
        level = ("imax", level, name)
    left, right = sort(("succ", level)), sort(level)
    return File().define("cast", arrow(left, right), lam("x", left, lambda x: x), names)


@wrong("format")
def deep_name() -> File:
    """A name has twenty-five thousand components, and the definition of that name is wrong."""
    return start("Nat", "Bool").define(("a",) * (5 * DEPTH), NAT, TRUE)


@wrong("type")
def shared_and_of_another_type() -> File:
    """A term of 2^100 leaves is given for a Bool."""
    file, top = plus()
    return file.define("shared", BOOL, top)


@wrong("type")
def wide_in_a_message() -> File:
    """A message about the term would have 8^12 parts."""
    function = body = ZERO
    for _ in range(8):
        function = lam("x", NAT, function)
    file = start("Nat", "Eq").opaque("f", arrow(*[NAT] * 9), function)
    for _ in range(12):
        body = app(const("f"), *[body] * 8)
    return file.theorem("bad", eq(NAT, body, SUCC(body)), refl(NAT, body))


@wrong("budget")
def ackermann() -> File:
    """Ackermann's function at (4, 4) is said to be 0, and nobody can wait for it."""
    file = start("Nat", "Eq")
    again: Fn = lambda f: lam("n", NAT, lambda n: recurse(n, f(nat(1)), lam("k", NAT, lambda _: f)))  # noqa: E731
    step = lam("m", NAT, lambda _: lam("f", arrow(NAT, NAT), again))
    value = lam("m", NAT, lambda m: recurse(m, SUCC, step, arrow(NAT, NAT)))
    file.define("ack", BINARY, value)
    return file.theorem("bad", eq(NAT, app(const("ack"), nat(4), nat(4)), ZERO), refl(NAT, ZERO))


@wrong("budget")
def long_recursion() -> File:
    """A recursion over the literal 10^9 is said to be another number than it is."""
    step = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: ih))
    value = recurse(nat(10**9), ZERO, step)
    return start("Nat", "Eq").theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


@wrong("budget")
def exponential_recursion() -> File:
    """A recursion that doubles itself sixty times is said to be another number than it is."""
    twice = lam("k", NAT, lambda _: lam("f", arrow(NAT, NAT), lambda f: lam("n", NAT, lambda n: f(f(n)))))
    value = app(recurse(nat(60), SUCC, twice, arrow(NAT, NAT)), ZERO)
    return start("Nat", "Eq").theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


def power(exponent: str) -> File:
    file = arithmetic()
    value = app(const("Nat.pow"), nat(2), nat(exponent))
    return file.theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


FAMILY.add(
    "power",
    "The power 2 ^ 10^12 is said to be 1, and has no room in memory.",
    lambda: power(str(10**12)),
    "budget",
)
FAMILY.add("higher-power", "The power 2 ^ 10^30 is said to be 1.", lambda: power(str(10**30)), "budget")
FAMILY.add(
    "highest-power", "The exponent itself has four thousand digits.", lambda: power("9" * 4_000), "budget"
)


@wrong("budget")
def tower_of_powers() -> File:
    """2 ^ 2 ^ 2 ^ 2 ^ 2 ^ 2 is said to be 1."""
    value = nat(2)
    for _ in range(5):
        value = app(const("Nat.pow"), nat(2), value)
    return arithmetic().theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


@wrong("budget")
def growing_products() -> File:
    """A number is multiplied by itself forty times, to 2^40 digits, and said to be 1."""
    square = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: app(const("Nat.mul"), ih, ih)))
    value = recurse(nat(40), nat(3), square)
    return arithmetic().theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


@wrong("budget")
def equations_inside_equations() -> File:
    """Each of five thousand casts must look at the one inside it before it can reduce; all are said to be 1."""
    file = start("Nat", "Eq")
    motive = lam("n", NAT, lambda n: lam("h", eq(NAT, ZERO, n), NAT))
    cast = app(const("Eq.rec", 1, 1), NAT, ZERO, motive, ZERO)
    top = file.pile(ZERO, DEPTH, lambda below: app(cast, below, app(bvar(0), below)))
    every = pi("n", NAT, lambda n: eq(NAT, ZERO, n))
    return file.theorem("bad", pi("p", every, eq(NAT, top, SUCC(ZERO))), lam("p", every, refl(NAT, ZERO)))
