"""Hostile questions end: with an answer that the run-time matcher confirms, or with Unknown."""

from __future__ import annotations

import pytest

from bartizan.policies.regular import contains, literal, path_under, prefix, regex, suffix
from bartizan.policies.regular.algebra import (
    complement,
    concat,
    intersection,
    letters,
    loop,
    sequence,
    star,
    union,
    word,
)
from bartizan.policies.regular.answers import ANY_LENGTH, Empty, Interval, Literal, Nonempty, Unknown
from bartizan.policies.regular.budget import DEFAULT_BUDGET
from bartizan.policies.regular.charset import EVERY, CharSet, chars
from bartizan.policies.regular.decide import decide, words
from bartizan.policies.regular.dfa import DFA
from bartizan.policies.regular.lengths import lengths
from bartizan.policies.regular.term import ANYTHING, Term


def full(pattern: str) -> Term:
    return regex(pattern, "full").term


def nested(depth: int, how: str) -> Term:
    """A term of ``depth`` loops or complements, each around the one before."""
    term = word("a")
    for index in range(depth):
        if how == "loops":
            term = star(concat(term, loop(word("b"), 0, 1)))
        else:
            term = complement(concat(term, word("ab"[index % 2])))
    return term


HARD = full("(a|b)*a(a|b){12}")
PAIRS = [
    sequence(letters(CharSet(((i * 16, i * 16 + 9),))), letters(CharSet(((i * 8 + 70_000, i * 8 + 70_005),))))
    for i in range(2048)
]

NONEMPTY, EMPTY, UNKNOWN = Nonempty, Empty, Unknown
QUESTIONS: list[tuple[str, list[Literal], Interval, type]] = [
    ("2^13 states", [(HARD, True)], Interval(5000, 5000), NONEMPTY),
    (
        "2^13 states, empty",
        [(regex("^[ab]*$").term, True), (HARD, False), (regex("a.{12}$").term, True)],
        ANY_LENGTH,
        EMPTY,
    ),
    ("two such, at one place", [(HARD, True), (full("(b|a)*b(a|b){12}"), True)], Interval(400, 500), EMPTY),
    (
        "three such",
        [(HARD, True), (full("(a|b)*b(a|b){13}"), False), (full("(a|b)*a(a|b){11}"), False)],
        ANY_LENGTH,
        NONEMPTY,
    ),
    (
        "2^17 states",
        [(full("(a|b)*a(a|b){16}"), True), (regex("a[ab]{16}$").term, False)],
        ANY_LENGTH,
        UNKNOWN,
    ),
    (
        "nested counters",
        [(full("((a{1,20}b{1,20}){1,6}c){1,8}"), True), (full("((a{1,19}b{1,20}){1,6}c){1,8}"), False)],
        ANY_LENGTH,
        NONEMPTY,
    ),
    ("nested counters, long", [(full("((a|b){1,20}c?){1,20}"), True)], Interval(421, 500), EMPTY),
    (
        "ten substrings, long",
        [(contains(char * 2 + "x").term, True) for char in "abcdefghij"],
        Interval(500, 500),
        NONEMPTY,
    ),
    ("64 loops deep", [(nested(64, "loops"), True), (full("[ab]*"), False)], ANY_LENGTH, EMPTY),
    (
        "64 complements deep",
        [(nested(64, "complements"), True), (prefix("a").term, True)],
        Interval(70, 80),
        NONEMPTY,
    ),
    (
        "a union of 4096 words",
        [(union(word(f"{i * 7919:08x}") for i in range(4096)), True), (full("[0-9a-f]{8}"), False)],
        ANY_LENGTH,
        EMPTY,
    ),
    (
        "a union of 2048 pairs of classes",
        [(union(PAIRS), True), (full("[^a]*"), False)],
        ANY_LENGTH,
        NONEMPTY,
    ),
    (
        "a union of 4096 loops",
        [(union(star(word(f"{i:x}")) for i in range(4096)), True)],
        Interval(60, 60),
        NONEMPTY,
    ),
    (
        "lengths that meet late",
        [(full("((a{251})*|(b{241})*|(c{239})*)"), True)],
        Interval(60_001, 60_100),
        NONEMPTY,
    ),
    (
        "a very long text",
        [
            (prefix("/srv/").term, True),
            (suffix("x").term, True),
            *((contains(f"/{i}").term, False) for i in range(4)),
        ],
        Interval(1 << 20, 1 << 20),
        NONEMPTY,
    ),
    (
        "searches for counted parts",
        [
            (regex("[a-z]{10,200}X").term, True),
            (regex("[a-y]{10,200}X").term, False),
            (regex("a.{50}b").term, False),
        ],
        Interval(100, None),
        NONEMPTY,
    ),
    (
        "a complement in a loop",
        [(star(complement(sequence(ANYTHING, word("ab"), loop(letters(EVERY), 6, 6)))), False)],
        ANY_LENGTH,
        EMPTY,
    ),
    (
        "characters of the last planes",
        [
            (prefix("\U00030000").term, True),
            (contains("\U0010ffff").term, True),
            (full("[\U0002ffff-\U0010ffff]*"), True),
        ],
        Interval(2, 5),
        NONEMPTY,
    ),
    (
        "no character is left",
        [(letters(CharSet(((0x30000, 0x10FFFF),))), True), (full("[^\U0002fffe-\U0010ffff]"), True)],
        ANY_LENGTH,
        EMPTY,
    ),
]


@pytest.mark.parametrize(
    ("literals", "interval", "kind"), [each[1:] for each in QUESTIONS], ids=[each[0] for each in QUESTIONS]
)
def test_hostile_questions_end(literals: list[Literal], interval: Interval, kind: type) -> None:
    """The answer is as it should be, or honestly unknown, and a text is confirmed by the run-time matcher."""
    found = decide(literals, interval)
    assert type(found) is kind
    if isinstance(found, Nonempty):
        assert len(found.word) in interval
        assert all(DFA(term).matches(found.word) == positive for term, positive in literals)


def test_terms_nested_beyond_recursion_are_unknown() -> None:
    """Thousands of nested loops end in Unknown, not in an error."""
    term = word("a")
    for _ in range(3000):
        term = loop(concat(term, word("b")), 2, 3)
    assert decide([(term, True), (prefix("b").term, True)]) == Unknown(DEFAULT_BUDGET)
    assert words([(term, True)], count=2) == Unknown(DEFAULT_BUDGET)
    assert lengths([(term, True)], 100) == Unknown(DEFAULT_BUDGET)


def test_five_hundred_rules_cost_what_matters() -> None:
    """Of 500 negative prefixes, those that the text does not begin with are not explored."""
    positive = (full("/a/[a-z0-9]+/.*"), True)
    literals = [positive, *((prefix(f"/a/{i}/").term, False) for i in range(500))]
    assert decide(literals, budget=5000) == Nonempty("/a/a/")
    alone = [positive, *((literal(f"/a/{char}/").term, False) for char in "abcdefghijklmnopqrstuvwxyz")]
    assert decide(alone) == Nonempty("/a/0/")


def test_a_thousand_exceptions_that_all_matter() -> None:
    """A thousand equalities exhaust the texts of three digits; but for one, that one is found."""
    digits = (full("[0-9]{3}"), True)
    exceptions = [(word(f"{i:03}"), False) for i in range(1000)]
    assert isinstance(decide([digits, *exceptions]), Empty)
    assert decide([digits, *exceptions[:617], *exceptions[618:]]) == Nonempty("617")
    assert words([digits, *exceptions[3:]], count=5) == ["000", "001", "002"]


def test_every_conjunct_of_an_intersection_counts() -> None:
    """Intersections and complements are taken apart, whatever their nesting."""
    both = intersection((path_under("/srv").term, complement(contains("a").term)))
    assert decide([(complement(complement(both)), True), (literal("/srv").term, False)]) == Nonempty("/srv/b")
    assert isinstance(decide([(complement(both), False), (contains("a").term, True)]), Empty)
    found = decide([(both, False), (path_under("/srv").term, True), (literal("/srv/b").term, True)])
    assert isinstance(found, Empty)
    assert found.core == (0, 2)
    assert decide([(letters(chars("ab")), True), (both, False)]) == Nonempty("a")
