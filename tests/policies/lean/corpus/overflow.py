"""What literals stand for: numbers of any size, written as numbers are, and nothing but numbers."""

from __future__ import annotations

from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import (
    File,
    Term,
    app,
    const,
    lam,
    nat,
    pi,
    text,
)
from tests.policies.lean.corpus.literals import arithmetic
from tests.policies.lean.corpus.prelude import (
    BOOL,
    NAT,
    NO,
    SUCC,
    YES,
    ZERO,
    eq,
    recurse,
    refl,
    start,
)

FAMILY = Family("overflow")
wrong, valid = FAMILY.wrong, FAMILY.valid


@valid
def large_numbers() -> File:
    """The sum 2^64 - 1 + 1 is 2^64."""
    left = app(const("Nat.add"), nat(2**64 - 1), nat(1))
    return arithmetic().theorem("good", eq(NAT, left, nat(2**64)), refl(NAT, nat(2**64)))


def overflow(name: str, sentence: str, left: Term, right: Term) -> None:
    FAMILY.add(
        name, sentence, lambda: arithmetic().theorem("bad", eq(NAT, left, right), refl(NAT, right)), "type"
    )


overflow("wraps-at-64", "The literal 2^64 is said to be 0.", nat(2**64), nat(0))
overflow("wraps-at-32", "The literal 2^32 is said to be 0.", nat(2**32), nat(0))
overflow(
    "wraps-when-signed",
    "The sum 2^63 - 1 + 1 is said to be 0.",
    app(const("Nat.add"), nat(2**63 - 1), nat(1)),
    nat(0),
)
overflow(
    "sum-wraps",
    "The sum 2^64 - 1 + 1 is said to be 0.",
    app(const("Nat.add"), nat(2**64 - 1), nat(1)),
    nat(0),
)
overflow(
    "product-wraps",
    "The product 2^32 * 2^32 is said to be 0.",
    app(const("Nat.mul"), nat(2**32), nat(2**32)),
    nat(0),
)
overflow(
    "product-rounds",
    "A product is said to be what binary64 makes of it.",
    app(const("Nat.mul"), nat(2**53 + 1), nat(1)),
    nat(2**53),
)
overflow("literal-rounds", "2^53 + 1 is said to be 2^53, as in binary64.", nat(2**53 + 1), nat(2**53))
overflow("power-wraps", "The power 2^64 is said to be 0.", app(const("Nat.pow"), nat(2), nat(64)), nat(0))
overflow("successor-wraps", "The successor of 2^64 - 1 is said to be 0.", SUCC(nat(2**64 - 1)), nat(0))
overflow(
    "large-literals-differ",
    "Two literals of a thousand digits differ in the last one.",
    nat(10**999),
    nat(10**999 + 1),
)


@wrong("type")
def long_literals_differ() -> File:
    """Two literals of six thousand digits, more than Python converts by default, differ in the last one."""
    digits = "1" + "0" * 5_998
    return start("Nat", "Eq").theorem(
        "bad", eq(NAT, nat(digits + "0"), nat(digits + "1")), refl(NAT, nat(digits + "0"))
    )


@wrong("type")
def long_literal_of_another_type() -> File:
    """A literal of six thousand digits, which a message would have to show, is given for a Bool."""
    return start("Nat", "Bool").define("x", BOOL, nat("7" * 6_000))


def misspelt(name: str, sentence: str, spelling: object) -> None:
    FAMILY.add(
        f"misspelt-{name}",
        sentence,
        lambda: start("Nat").define("x", NAT, Term("nat", (spelling,))),
        "format",
    )


misspelt("negative", "A literal is -1.", "-1")
misspelt("minus-zero", "A literal is -0.", "-0")
misspelt("plus", "A literal has a sign, which Python's `int` takes.", "+1")
misspelt("underscore", "A literal has an underscore, which Python's `int` takes.", "1_000")
misspelt("space", "A literal has spaces around it, which Python's `int` takes.", " 1 ")
misspelt("newline", "A literal ends in a line break, which Python's `int` takes.", "1\n")
misspelt("empty", "A literal is the empty text.", "")
misspelt("word", "A literal is a word.", "one")
misspelt("hexadecimal", "A literal is in hexadecimal.", "0x10")
misspelt("exponent", "A literal has an exponent.", "1e3")
misspelt("fraction", "A literal has a fraction.", "1.0")
misspelt("arabic-digits", "A literal is in Arabic-Indic digits, which Python's `int` takes.", "\u0663")
misspelt("fullwidth-digits", "A literal is in fullwidth digits, which Python's `int` takes.", "\uff13")
misspelt("superscript", "A literal is a superscript three, which `str.isdigit` takes.", "\u00b3")
misspelt("leading-zero", "A literal has a leading zero, so that one number has two spellings.", "007")
misspelt("number", "A literal is a JSON number, not a text.", 3)
misspelt("float", "A literal is a JSON number with a fraction.", 3.0)
misspelt("boolean", "A literal is true, which is 1 in Python.", True)
misspelt("null", "A literal is null.", None)
misspelt("list", "A literal is a list.", ["3"])


@wrong("literal")
def string_literal() -> File:
    """A text literal is given for a number: the kernel knows no texts."""
    return start("Nat").define("x", NAT, text("three"))


@wrong("literal")
def string_literal_alone() -> File:
    """A text literal stands in a file without String."""
    return start("True").theorem("bad", YES, app(lam("s", const("String"), const("True.intro")), text("")))


@wrong("type")
def literal_as_a_proof() -> File:
    """A literal is given for a proof of False."""
    return start("Nat", "False").theorem("bad", NO, nat(0))


@wrong("type")
def literal_as_a_bool() -> File:
    """The literal 1 is given for true."""
    return start("Nat", "Bool").define("b", BOOL, nat(1))


@wrong("type")
def recursion_over_a_literal() -> File:
    """A recursion over the literal 3 is said to take two steps."""
    step = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: SUCC(ih)))
    return start("Nat", "Eq").theorem("bad", eq(NAT, recurse(nat(3), ZERO, step), nat(2)), refl(NAT, nat(2)))


@wrong("type")
def predecessor_of_zero() -> File:
    """The literal 0 is said to be a successor."""
    exists = pi("n", NAT, lambda n: eq(NAT, nat(0), SUCC(n)))
    return start("Nat", "Eq").theorem("bad", exists, lam("n", NAT, refl(NAT, nat(0))))
