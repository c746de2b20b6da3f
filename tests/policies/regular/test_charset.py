"""Sets of characters obey set algebra, and partitions tell apart exactly what their sets tell apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.policies.regular.charset import EVERY, LAST, NONE, CharSet, chars, partition, span

POINTS = [0, 1, 0x2F, 0x30, 0x41, 0x5A, 0x61, 0x7A, 0x7F, 0x80, 0xD7FF, 0xE000, 0xFFFF, 0x10000, LAST]

char_sets = st.lists(
    st.tuples(st.sampled_from(POINTS), st.sampled_from(POINTS)).map(lambda pair: (min(pair), max(pair))),
    max_size=4,
).map(lambda ranges: _join(ranges))


def _join(ranges: list[tuple[int, int]]) -> CharSet:
    result = NONE
    for start, end in ranges:
        result |= span(chr(start), chr(end))
    return result


def probes(*sets: CharSet) -> list[int]:
    """Every point where one of the sets may begin or end, and its neighbours."""
    ends = {point for members in sets for each in members.ranges for point in each} | set(POINTS)
    near = {point + step for point in ends for step in (-1, 0, 1)}
    return sorted(point for point in near if 0 <= point <= LAST and not 0xD800 <= point <= 0xDFFF)


@given(char_sets, char_sets)
def test_operators_are_set_operations(left: CharSet, right: CharSet) -> None:
    """Union, intersection, difference and complement hold exactly the characters that they should."""
    for code in probes(left, right):
        a, b = code in left, code in right
        assert (code in (left | right)) == (a or b)
        assert (code in (left & right)) == (a and b)
        assert (code in (left - right)) == (a and not b)
        assert (code in ~left) == (not a)


@given(char_sets, char_sets)
def test_equal_sets_have_equal_representations(left: CharSet, right: CharSet) -> None:
    """However a set is computed, its ranges are the same, so sets can be compared and hashed."""
    assert (left | right) == (right | left) == ~(~left & ~right)
    assert ~~left == left
    assert left | (left & right) == left


@given(st.lists(char_sets, max_size=5))
def test_partition_is_the_coarsest_that_refines_all_sets(sets: list[CharSet]) -> None:
    """Two characters share a class iff they are in the same sets; the classes cover every character once."""
    classes = partition(sets)
    assert sum(len(members) for members in classes) == len(EVERY)
    signature_of_class: dict[int, tuple[bool, ...]] = {}
    for code in probes(*sets):
        (index,) = [i for i, members in enumerate(classes) if code in members]
        signature = tuple(code in members for members in sets)
        assert signature_of_class.setdefault(index, signature) == signature
    assert len(set(signature_of_class.values())) == len(signature_of_class)


def test_surrogates_belong_to_no_set() -> None:
    """Lone surrogates are not characters: neither a range across them nor a complement contains them."""
    across = span("\ud000", "\uf000")
    for code in (0xD800, 0xDBFF, 0xDC00, 0xDFFF):
        assert code not in across
        assert code not in EVERY
        assert code not in ~across
        assert code not in ~NONE


def test_folding_touches_ascii_letters_only() -> None:
    """Folding adds the other case of ASCII letters; the Kelvin sign and dotless i stay alone."""
    assert chars("k").folded() == chars("kK")
    assert chars("Zé1").folded() == chars("zZé1")
    assert chars("\u212a\u0131").folded() == chars("\u212a\u0131")


def test_samples_are_members_and_readable_where_possible() -> None:
    """A sample is in its set, a letter if the set has one; the empty set has none."""
    assert chr(EVERY.sample()) == "a"
    assert chr((EVERY - span("a", "z")).sample()) == "0"
    assert chr(chars("/\x00").sample()) == "/"
    assert chars("\x00\x01").sample() == 0
    with pytest.raises(ValueError, match="no members"):
        NONE.sample()
