"""Sets of lengths hold exactly the lengths that words have, and say so in intervals and a period."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.regular import host_under, path_under, prefix, regex, suffix
from bartizan.policies.regular.algebra import (
    complement,
    concat,
    intersection,
    letters,
    loop,
    star,
    union,
    word,
)
from bartizan.policies.regular.answers import Interval, Literal, Nonempty, Unknown
from bartizan.policies.regular.charset import chars
from bartizan.policies.regular.decide import decide
from bartizan.policies.regular.lengths import LengthSet, Tail, lengths
from bartizan.policies.regular.term import ANYTHING, EMPTY, Term

REPEATS = [0, 1, 2, 3, 5]


def _compound(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda pair: concat(*pair)),
        pairs.map(union),
        pairs.map(intersection),
        inner.map(complement),
        inner.map(star),
        st.builds(lambda body, count: loop(body, count, count), inner, st.sampled_from(REPEATS)),
    )


leaves = st.sampled_from([letters(chars("a")), letters(chars("ab")), word("aa"), word("b"), ANYTHING])
terms = st.recursive(leaves, _compound, max_leaves=7)
conjunctions = st.lists(st.tuples(terms, st.booleans()), max_size=3)


@given(conjunctions, st.integers(0, 60))
@settings(deadline=None, max_examples=200)
def test_a_length_is_inside_iff_a_word_has_it(literals: list[Literal], limit: int) -> None:
    """For every length up to the limit, and none beyond it, membership is what the decision procedure says."""
    found = lengths(literals, limit)
    assert isinstance(found, LengthSet)
    expected = [
        each for each in range(limit + 1) if isinstance(decide(literals, Interval(each, each)), Nonempty)
    ]
    assert [each for each in range(-1, limit + 50) if each in found] == expected
    assert found.minimum == (expected[0] if expected else None)
    assert bool(found) == bool(expected)
    for start in range(limit + 2):
        assert found.is_everything_from(start) == (set(range(start, limit + 1)) <= set(expected))


@given(conjunctions, st.integers(0, 60))
@settings(deadline=None, max_examples=200)
def test_the_representation_is_normal(literals: list[Literal], limit: int) -> None:
    """Intervals are in order with gaps between, the tail begins as early and repeats as soon as it can."""
    found = lengths(literals, limit)
    assert isinstance(found, LengthSet)
    ends = [end for interval in found.intervals for end in interval]
    assert ends == sorted(ends)
    assert all(low <= high <= limit for low, high in found.intervals)
    assert all(first[1] + 1 < second[0] for first, second in pairwise(found.intervals))
    if found.tail is not None:
        start, period, residues = found.tail.start, found.tail.period, set(found.tail.residues)
        assert residues <= set(range(period))
        assert residues
        assert all(high < start for _, high in found.intervals)
        if start:
            inside = any(low <= start - 1 <= high for low, high in found.intervals)
            assert inside != ((start - 1) % period in residues)
        for shorter in range(1, period):
            assert any(
                (each in residues) != ((each + shorter) % period in residues) for each in range(period)
            )


@pytest.mark.parametrize(
    ("literals", "expected"),
    [
        ([(EMPTY, True)], LengthSet(65536)),
        ([], LengthSet(65536, (), Tail(0, 1, (0,)))),
        ([(path_under("/srv").term, True)], LengthSet(65536, ((4, 4),), Tail(6, 1, (0,)))),
        ([(regex("^(ab)*$").term, True)], LengthSet(65536, (), Tail(0, 2, (0,)))),
        ([(regex("^x(ab)*$").term, True), (word("xab"), False)], LengthSet(65536, ((1, 1),), Tail(4, 2, (1,)))),
        ([(regex("^(aaa)*$").term, True), (regex("^(aa)*$").term, False)], LengthSet(65536, (), Tail(0, 6, (3,)))),
        ([(regex("^(.{2}|.{7,9})$").term, True)], LengthSet(65536, ((2, 2), (7, 9)))),
        ([(prefix("/srv/").term, True), (suffix("/x").term, True)], LengthSet(65536, (), Tail(6, 1, (0,)))),
        ([(host_under(["good.com"]).term, True)], LengthSet(65536, (), Tail(15, 1, (0,)))),
        ([(letters(chars("\n")), True)], LengthSet(65536, ((1, 1),))),
    ],
)  # fmt: skip
def test_sets_of_lengths(literals: list[Literal], expected: LengthSet) -> None:
    """Known languages have their lengths, as intervals and an arithmetic tail; unprintable words count too."""
    assert lengths(literals, 65536) == expected


def test_a_period_beyond_the_limit_is_listed() -> None:
    """Where no period shows up to the limit, the lengths are listed one by one."""
    found = lengths([(regex("^((a{17})*|(b{19})*|(c{23})*)$").term, True)], 1000)
    assert isinstance(found, LengthSet)
    assert found.tail is None
    expected = {each for step in (17, 19, 23) for each in range(0, 1001, step)}
    assert {each for each in range(1001) if each in found} == expected


def test_ends_meet_where_the_tail_begins() -> None:
    """An interval may run into the tail, or end before it."""
    found = LengthSet(100, ((2, 3), (5, 9)), Tail(10, 1, (0,)))
    assert [found.is_everything_from(each) for each in (2, 4, 5, 9, 10, 101)] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    gaps = LengthSet(100, ((0, 9),), Tail(10, 3, (0, 1)))
    assert [gaps.is_everything_from(each) for each in (0, 10, 99, 100)] == [False, False, True, True]


def test_a_small_budget_leaves_lengths_unknown() -> None:
    """Lengths are exact or not given."""
    literals = [(path_under("/srv").term, True)]
    assert lengths(literals, 65536, budget=20) == Unknown(20)
