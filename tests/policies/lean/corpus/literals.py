"""Literals and their arithmetic: without numbers, with forged numbers, with forged functions."""

from __future__ import annotations

from collections.abc import Callable

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import (
    PROP,
    TYPE,
    File,
    Fn,
    Term,
    app,
    arrow,
    const,
    lam,
    nat,
    pi,
    sort,
)
from tests.policies.lean.corpus.prelude import (
    BINARY,
    BLOCKS,
    BOOL,
    FALSE,
    NAT,
    SUCC,
    TRUE,
    YES,
    ZERO,
    add,
    eq,
    recurse,
    refl,
    start,
)

FAMILY = Family("literals")
wrong, valid = FAMILY.wrong, FAMILY.valid


def arithmetic() -> File:
    """Addition, multiplication and power as Lean defines them in effect."""
    file = start("Nat", "Bool", "Eq").define("Nat.add", BINARY, add())
    times: Fn = lambda n: lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: app(const("Nat.add"), ih, n)))  # noqa: E731
    file.define(
        "Nat.mul", BINARY, lam("n", NAT, lambda n: lam("m", NAT, lambda m: recurse(m, ZERO, times(n))))
    )
    power: Fn = lambda n: lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: app(const("Nat.mul"), ih, n)))  # noqa: E731
    return file.define(
        "Nat.pow", BINARY, lam("n", NAT, lambda n: lam("m", NAT, lambda m: recurse(m, nat(1), power(n))))
    )


def comparing() -> File:
    """Beside arithmetic, subtraction and comparison, which the kernel computes too."""
    file = arithmetic()
    file.define("Nat.pred", arrow(NAT, NAT), lam("n", NAT, lambda n: recurse(n, ZERO, _index())))
    less = lam("k", NAT, lam("ih", NAT, lambda ih: app(const("Nat.pred"), ih)))
    file.define("Nat.sub", BINARY, lam("n", NAT, lambda n: lam("m", NAT, lambda m: recurse(m, n, less))))
    test = arrow(NAT, BOOL)

    def below(ih: Term) -> Term:
        step = lam("j", NAT, lambda j: lam("_", BOOL, ih(j)))
        return lam("m", NAT, lambda m: recurse(m, FALSE, step, BOOL))

    again = lam("k", NAT, lam("ih", test, below))
    value = lam("n", NAT, lambda n: recurse(n, lam("m", NAT, TRUE), again, test))
    return file.define("Nat.ble", arrow(NAT, test), value)


def _index() -> Term:
    return lam("k", NAT, lambda k: lam("ih", NAT, k))


@valid
def comparisons() -> File:
    """Subtraction and comparison of numbers beyond every machine word."""
    file, big = comparing(), 2**70
    file.theorem(
        "less", eq(NAT, app(const("Nat.sub"), nat(big), nat(1)), nat(big - 1)), refl(NAT, nat(big - 1))
    )
    compared = app(const("Nat.ble"), nat(big), nat(big - 1))
    return file.theorem("not_below", eq(BOOL, compared, FALSE), refl(BOOL, FALSE))


@valid
def sums() -> File:
    """Literals are numbers, computed exactly beyond every machine word."""
    file = arithmetic()
    big = 2**64
    sum_ = app(const("Nat.add"), nat(big - 1), nat(1))
    file.theorem("sum", eq(NAT, sum_, nat(big)), refl(NAT, nat(big)))
    product = app(const("Nat.mul"), nat(big), nat(big))
    file.theorem("product", eq(NAT, product, nat(big * big)), refl(NAT, nat(big * big)))
    power = app(const("Nat.pow"), nat(2), nat(200))
    file.theorem("power", eq(NAT, power, nat(2**200)), refl(NAT, nat(2**200)))
    return file.theorem("successor", eq(NAT, SUCC(nat(big)), nat(big + 1)), refl(NAT, nat(big + 1)))


@valid
def other_arithmetic() -> File:
    """A function of the name of addition that is none is an ordinary definition."""
    file = start("Nat", "Eq").define("Nat.add", BINARY, lam("n", NAT, lambda n: lam("m", NAT, n)))
    sum_ = app(const("Nat.add"), nat(2), nat(3))
    return file.theorem("first", eq(NAT, sum_, nat(2)), refl(NAT, nat(2)))


@wrong("literal")
def without_numbers() -> File:
    """A literal stands in a file that declares no Nat."""
    return start("True").define("x", TYPE, app(lam("n", TYPE, YES), nat(3)))


@wrong("scope")
def before_numbers() -> File:
    """A literal stands before the declaration of Nat."""
    file = start("Eq").define("x", const("Nat"), nat(3))
    return file.block(BLOCKS["Nat"]())


def forged(name: str, sentence: str, numbers: Callable[[], File]) -> None:
    def make() -> File:
        return numbers().define("x", NAT, nat(3))

    FAMILY.add(f"forged-{name}", sentence, make, "pinned")


forged(
    "empty",
    "Nat is declared as a type without elements, and 3 as one of them.",
    lambda: File().block(block(Type("Nat", TYPE))),
)
forged(
    "unit",
    "Nat is declared with one element.",
    lambda: File().block(block(Type("Nat", TYPE, (("Nat.zero", NAT),)))),
)
forged("alias", "Nat is a definition.", lambda: start("Bool").define("Nat", TYPE, BOOL))
forged("opaque", "Nat is an opaque type.", lambda: start("Bool").opaque("Nat", TYPE, BOOL))
forged(
    "without-zero",
    "Nat is declared with a successor alone, so that it has no elements.",
    lambda: File().block(block(Type("Nat", TYPE, (("Nat.succ", arrow(NAT, NAT)),)))),
)
forged(
    "with-a-third",
    "Nat is declared with a third constructor, which no literal meets.",
    lambda: File().block(
        block(Type("Nat", TYPE, (("Nat.zero", NAT), ("Nat.succ", arrow(NAT, NAT)), ("Nat.inf", NAT))))
    ),
)
forged(
    "swapped",
    "Nat is declared with its constructors in the other order.",
    lambda: File().block(block(Type("Nat", TYPE, (("Nat.succ", arrow(NAT, NAT)), ("Nat.zero", NAT))))),
)
forged(
    "renamed",
    "Nat's zero and successor have exchanged names.",
    lambda: File().block(block(Type("Nat", TYPE, (("Nat.succ", NAT), ("Nat.zero", arrow(NAT, NAT)))))),
)
forged(
    "two-predecessors",
    "Nat's successor takes two numbers.",
    lambda: File().block(block(Type("Nat", TYPE, (("Nat.zero", NAT), ("Nat.succ", arrow(NAT, NAT, NAT)))))),
)
forged(
    "flat",
    "Nat's successor takes a Bool.",
    lambda: start("Bool").block(
        block(Type("Nat", TYPE, (("Nat.zero", NAT), ("Nat.succ", arrow(BOOL, NAT)))))
    ),
)
forged(
    "zero-with-a-field",
    "Nat's zero takes a number.",
    lambda: File().block(
        block(Type("Nat", TYPE, (("Nat.zero", arrow(NAT, NAT)), ("Nat.succ", arrow(NAT, NAT)))))
    ),
)
forged(
    "proposition",
    "Nat is declared as a proposition, so that all numbers are equal.",
    lambda: File().block(
        block(Type("Nat", PROP, (("Nat.zero", NAT), ("Nat.succ", arrow(NAT, NAT)))), large=False)
    ),
)


@wrong("pinned")
def forged_polymorphic() -> File:
    """Nat is declared with a level parameter."""
    self = const("Nat", "u")
    type_ = sort(("succ", "u"))
    made = block(Type("Nat", type_, (("Nat.zero", self), ("Nat.succ", arrow(self, self)))), levels=("u",))
    return File().block(made).define("x", const("Nat", 0), nat(3))


@wrong("pinned")
def forged_family() -> File:
    """Nat is declared with an index."""
    made = (("Nat.zero", app(NAT, YES)), ("Nat.succ", arrow(app(NAT, YES), app(NAT, YES))))
    file = start("True").block(block(Type("Nat", arrow(PROP, TYPE), made)))
    return file.define("x", app(NAT, YES), nat(3))


def miscomputed(
    name: str, sentence: str, value: Term, claimed: int | Term, arguments: tuple[int, int], type_: Term = NAT
) -> None:
    """A definition of an arithmetic name that is another function, and a theorem that the usual function would give."""

    def make() -> File:
        file = arithmetic() if name not in ("add", "mul", "pow") else start("Nat", "Bool", "Eq")
        if name in ("mul", "pow"):
            file.define("Nat.add", BINARY, add())
        file.define(f"Nat.{name}", arrow(NAT, NAT, type_), value)
        left = app(const(f"Nat.{name}"), *map(nat, arguments))
        right = nat(claimed) if isinstance(claimed, int) else claimed
        return file.theorem("bad", eq(type_, left, right), refl(type_, right))

    FAMILY.add(f"miscomputed-{name}", sentence, make, "type")


_first = lam("n", NAT, lambda n: lam("m", NAT, n))
_second = lam("n", NAT, lam("m", NAT, lambda m: m))
_never = lam("n", NAT, lam("m", NAT, FALSE))
_always = lam("n", NAT, lam("m", NAT, TRUE))
miscomputed("add", "Nat.add gives its first argument, and 2 + 3 = 5 is claimed.", _first, 5, (2, 3))
miscomputed("sub", "Nat.sub gives its first argument, and 5 - 3 = 2 is claimed.", _first, 2, (5, 3))
miscomputed("mul", "Nat.mul gives its second argument, and 2 * 3 = 6 is claimed.", _second, 6, (2, 3))
miscomputed("pow", "Nat.pow gives its first argument, and 2 ^ 3 = 8 is claimed.", _first, 8, (2, 3))
miscomputed("div", "Nat.div gives its first argument, and 6 / 2 = 3 is claimed.", _first, 3, (6, 2))
miscomputed("mod", "Nat.mod gives its first argument, and 7 % 2 = 1 is claimed.", _first, 1, (7, 2))
miscomputed("gcd", "Nat.gcd gives its first argument, and gcd 6 4 = 2 is claimed.", _first, 2, (6, 4))
miscomputed("beq", "Nat.beq is never true, and 3 = 3 is claimed to be so.", _never, TRUE, (3, 3), BOOL)
miscomputed("ble", "Nat.ble is never true, and 2 <= 3 is claimed to be so.", _never, TRUE, (2, 3), BOOL)
miscomputed("land", "Nat.land gives its first argument, and 6 & 3 = 2 is claimed.", _first, 2, (6, 3))
miscomputed("lor", "Nat.lor gives its first argument, and 6 | 3 = 7 is claimed.", _first, 7, (6, 3))
miscomputed("xor", "Nat.xor gives its first argument, and 6 ^ 3 = 5 is claimed.", _first, 5, (6, 3))
miscomputed(
    "shiftLeft", "Nat.shiftLeft gives its first argument, and 1 << 3 = 8 is claimed.", _first, 8, (1, 3)
)
miscomputed(
    "shiftRight", "Nat.shiftRight gives its first argument, and 8 >> 3 = 1 is claimed.", _first, 1, (8, 3)
)


@wrong("type")
def shift_by_a_forged_division() -> File:
    """Nat.shiftRight divides by two again and again, but Nat.div gives its first argument; 8 >> 3 = 1 is claimed."""
    halve = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: app(const("Nat.div"), ih, nat(2))))
    file = arithmetic().define("Nat.div", BINARY, _first)
    shift = lam("n", NAT, lambda n: lam("m", NAT, lambda m: recurse(m, n, halve)))
    file.define("Nat.shiftRight", BINARY, shift)
    left = app(const("Nat.shiftRight"), nat(8), nat(3))
    return file.theorem("bad", eq(NAT, left, nat(1)), refl(NAT, nat(1)))


@wrong("type")
def power_by_a_forged_product() -> File:
    """Nat.pow multiplies again and again, but Nat.mul adds; 2 ^ 3 = 8 is claimed."""
    by = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: app(const("Nat.mul"), ih, nat(2))))
    file = start("Nat", "Eq").define("Nat.add", BINARY, add()).define("Nat.mul", BINARY, add())
    file.define("Nat.pow", BINARY, lam("n", NAT, lam("m", NAT, lambda m: recurse(m, nat(1), by))))
    left = app(const("Nat.pow"), nat(2), nat(3))
    return file.theorem("bad", eq(NAT, left, nat(8)), refl(NAT, nat(8)))


def promised(name: str, sentence: str, statement: Term, proof: Term) -> None:
    """A division that gives its first argument, with a theorem of the name that lets division be computed."""

    def make() -> File:
        file = comparing()
        file.define("Nat.div", BINARY, _first).theorem("Nat.div.computed", statement, proof)
        left = app(const("Nat.div"), nat(6), nat(2))
        return file.theorem("bad", eq(NAT, left, nat(3)), refl(NAT, nat(3)))

    FAMILY.add(f"promised-{name}", sentence, make, "type")


def _first_of(p: Term, m: Term, n: Term) -> Term:
    return arrow(p(m), p(app(const("Nat.div"), m, n)))


_predicates = arrow(NAT, PROP)
promised(
    "another-statement",
    "The theorem that lets division be computed says something else, which is true.",
    eq(NAT, nat(1), nat(1)),
    refl(NAT, nat(1)),
)
promised(
    "as-it-is",
    "The theorem that lets division be computed says truly that division gives its first argument.",
    pi(
        "m",
        NAT,
        lambda m: pi(
            "n", NAT, lambda n: pi("p", _predicates, lambda p: arrow(p(m), p(const("Nat.div")(m, n))))
        ),
    ),
    lam("m", NAT, lambda m: lam("n", NAT, lam("p", _predicates, lambda p: lam("h", p(m), lambda h: h)))),
)


def off(
    name: str, sentence: str, base: Callable[[Term], Term], step: Callable[[Term, Term], Term], claimed: int
) -> None:
    """An addition that is wrong in one place only."""

    def make() -> File:
        by: Fn = lambda n: lam("k", NAT, lambda k: lam("ih", NAT, lambda ih: step(k, ih)))  # noqa: E731
        value = lam("n", NAT, lambda n: lam("m", NAT, lambda m: recurse(m, base(n), by(n))))
        file = start("Nat", "Bool", "Eq").define("Nat.add", BINARY, value)
        left = app(const("Nat.add"), nat(2), nat(3))
        return file.theorem("bad", eq(NAT, left, nat(claimed)), refl(NAT, nat(claimed)))

    FAMILY.add(f"addition-{name}", sentence, make, "type")


off(
    "from-one",
    "Addition begins one too high, and 2 + 3 = 5 is claimed.",
    lambda n: SUCC(n),
    lambda k, ih: SUCC(ih),
    5,
)
off(
    "by-two",
    "Addition goes in steps of two, and 2 + 3 = 5 is claimed.",
    lambda n: n,
    lambda k, ih: SUCC(SUCC(ih)),
    5,
)
off("without-steps", "Addition takes no steps, and 2 + 3 = 5 is claimed.", lambda n: n, lambda k, ih: ih, 5)
off(
    "after-the-index",
    "Addition forgets its first argument after a step, and 2 + 3 = 5 is claimed.",
    lambda n: n,
    lambda k, ih: SUCC(k),
    5,
)


@wrong("type")
def addition_by_another_type() -> File:
    """Nat.add is a constant of type Nat, and 2 + 3 = 5 is claimed of it."""
    file = start("Nat", "Eq").define("Nat.add", NAT, nat(5))
    return file.theorem("bad", eq(NAT, app(const("Nat.add"), nat(2), nat(3)), nat(5)), refl(NAT, nat(5)))


@wrong("type")
def opaque_addition() -> File:
    """Nat.add is opaque, and 2 + 3 = 5 is claimed of it."""
    file = start("Nat", "Eq").opaque("Nat.add", BINARY, add())
    return file.theorem("bad", eq(NAT, app(const("Nat.add"), nat(2), nat(3)), nat(5)), refl(NAT, nat(5)))


@wrong("type")
def addition_of_one_component() -> File:
    """The function is named by one component, `Nat.add` with a dot in it, and 2 + 3 = 5 is claimed of it."""
    file = start("Nat", "Eq").define(("Nat.add",), BINARY, _first)
    return file.theorem("bad", eq(NAT, app(const(("Nat.add",)), nat(2), nat(3)), nat(5)), refl(NAT, nat(5)))


@wrong("pinned")
def tests_into_another_bool() -> File:
    """Bool's constructors have exchanged names, and the test of 3 = 3 is claimed to be the wrong one."""
    file = start("Nat", "Eq").block(block(Type("Bool", TYPE, (("Bool.true", BOOL), ("Bool.false", BOOL)))))
    file.define("Nat.beq", arrow(NAT, NAT, BOOL), _never)
    left = app(const("Nat.beq"), nat(3), nat(3))
    return file.theorem("bad", eq(BOOL, left, TRUE), refl(BOOL, TRUE))
