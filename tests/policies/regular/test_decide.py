"""The decision procedure agrees with trying every short text; its cores are minimal, its words readable."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.regular import contains, literal, one_of, path_under, prefix, regex, suffix
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
from bartizan.policies.regular.automata import Automata
from bartizan.policies.regular.charset import EVERY, chars
from bartizan.policies.regular.decide import decide, words
from bartizan.policies.regular.dfa import DFA
from bartizan.policies.regular.term import ANYTHING, EMPTY, Term

SRV = path_under("/srv").term
A, B = letters(chars("a")), letters(chars("b"))

# c stands for every character that the terms below do not name.
TEXTS = ["".join(each) for length in range(6) for each in product("abc", repeat=length)]

leaves = st.sampled_from(
    [A, B, letters(chars("ab")), letters(~chars("a")), word("ab"), word(""), ANYTHING]
)  # fmt: skip


def _compound(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    pairs = st.tuples(inner, inner)
    counts = st.integers(0, 2)
    return st.one_of(
        pairs.map(lambda pair: concat(*pair)),
        pairs.map(union),
        pairs.map(intersection),
        inner.map(complement),
        inner.map(star),
        st.builds(lambda body, lower, more: loop(body, lower, lower + more), inner, counts, counts),
    )


terms = st.recursive(leaves, _compound, max_leaves=6)
conjunctions = st.lists(st.tuples(terms, st.booleans()), max_size=5)
intervals = st.builds(
    lambda low, more: Interval(low, None if more is None else low + more),
    st.integers(0, 4),
    st.one_of(st.none(), st.integers(0, 3)),
)


@cache
def automaton(term: Term) -> DFA:
    """The run-time matcher of ``term``, which other tests compare with the definitions."""
    return DFA(term)


def satisfies(text: str, literals: list[Literal]) -> bool:
    """Whether ``text`` is in the positive languages and not in the negative ones."""
    return all(automaton(term).matches(text) == positive for term, positive in literals)


@given(conjunctions, intervals)
@settings(deadline=None, max_examples=400)
def test_answers_agree_with_trying_every_text(literals: list[Literal], lengths: Interval) -> None:
    """A word satisfies the literals and none in the interval is shorter; if there is no word, no text satisfies."""
    found = decide(literals, lengths)
    texts = [text for text in TEXTS if len(text) in lengths and satisfies(text, literals)]
    if isinstance(found, Nonempty):
        assert satisfies(found.word, literals)
        assert len(found.word) in lengths
        assert found.word.isprintable()
        assert all(len(found.word) <= len(text) for text in texts)
    else:
        assert isinstance(found, Empty)
        assert texts == []


@given(conjunctions, intervals)
@settings(deadline=None, max_examples=300)
def test_cores_are_empty_and_minimal(literals: list[Literal], lengths: Interval) -> None:
    """The literals of a core exclude each other, and without any one, or without its lengths, they do not."""
    found = decide(literals, lengths)
    if isinstance(found, Empty):
        core = [literals[index] for index in found.core]
        assert isinstance(decide(core, found.lengths), Empty)
        for left_out in range(len(core)):
            assert isinstance(decide(core[:left_out] + core[left_out + 1 :], found.lengths), Nonempty)
        assert found.lengths in (lengths, ANY_LENGTH, Interval(lengths.low), Interval(0, lengths.high))
        if found.uses_length:
            assert isinstance(decide(core), Nonempty)


@given(conjunctions, st.integers(0, 30))
@settings(deadline=None, max_examples=200)
def test_a_word_of_an_exact_length(literals: list[Literal], length: int) -> None:
    """For a single length, the word has that length, and there is one iff a term of that length has one."""
    found = decide(literals, Interval(length, length))
    of_length = loop(letters(EVERY), length, length)
    reference = decide([*literals, (of_length, True)])
    assert type(found) is type(reference)
    if isinstance(found, Nonempty):
        assert len(found.word) == length
        assert satisfies(found.word, literals)


@given(conjunctions, intervals, st.integers(0, 8))
@settings(deadline=None, max_examples=200)
def test_words_are_distinct_and_all_if_few(literals: list[Literal], lengths: Interval, count: int) -> None:
    """As many different words as asked for, the shortest first; fewer only if there are no others."""
    literals = [*literals, (star(letters(chars("ab"))), True), (loop(letters(EVERY), 0, 5), True)]
    found = words(literals, lengths, count)
    texts = [text for text in TEXTS if len(text) in lengths and satisfies(text, literals)]
    assert isinstance(found, list)
    assert len(set(found)) == len(found) == min(count, len(texts))
    assert set(found) <= set(texts)
    assert [len(text) for text in found] == sorted(map(len, texts))[:count]


@given(st.lists(st.tuples(conjunctions, intervals), min_size=2, max_size=4))
@settings(deadline=None, max_examples=100)
def test_what_was_learned_changes_no_answer(questions: list[tuple[list[Literal], Interval]]) -> None:
    """One memory for many questions gives the same words and cores as a fresh one for each."""
    automata = Automata()
    for literals, lengths in questions:
        fresh = decide(literals, lengths)
        learned = decide(literals, lengths, automata=automata)
        assert learned == fresh


@given(conjunctions, intervals, st.integers(0, 400))
@settings(deadline=None, max_examples=200)
def test_a_small_budget_may_leave_it_open_but_not_lie(
    literals: list[Literal], lengths: Interval, budget: int
) -> None:
    """Whatever the budget, an answer that is given is the right one, and its core, if larger, is empty."""
    found = decide(literals, lengths, budget)
    full = decide(literals, lengths)
    if isinstance(found, Empty):
        assert isinstance(full, Empty)
        assert isinstance(decide([literals[index] for index in found.core], found.lengths), Empty)
    elif isinstance(found, Nonempty):
        assert found == full
    else:
        assert found == Unknown(budget)


def test_a_forgetful_memory_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the memory is full it is dropped between two questions, and within none."""
    monkeypatch.setattr("bartizan.policies.regular.automata.MAX_REMEMBERED", 10)
    automata = Automata()
    literals = [(prefix("/a").term, True), (regex("^/[a-z]{1,9}$").term, True), (literal("/a").term, False)]
    assert [decide(literals, automata=automata) for _ in range(3)] == [Nonempty("/aa")] * 3
    assert words(literals, Interval(), 3, automata=automata) == ["/aa", "/ab", "/ac"]


def test_a_core_names_what_conflicts() -> None:
    """Of many literals, the core names the two that exclude each other, by their positions."""
    literals = [(prefix(f"/srv/{'a' * i}").term, True) for i in range(30)]
    literals[17] = (prefix("/etc").term, True)
    found = decide(literals)
    assert isinstance(found, Empty)
    assert len(found.core) == 2
    assert 17 in found.core


def test_lengths_in_a_core_are_weakened() -> None:
    """Of an interval, the core keeps the end that the conflict needs."""
    assert decide([(prefix("/srv/").term, True)], Interval(2, 4)) == Empty((0,), Interval(0, 4), 5)
    short = decide([(one_of(["a", "bb"]).term, True)], Interval(3, 9))
    assert isinstance(short, Empty)
    assert short.lengths == Interval(3, None)
    odd = decide([(regex("^(aa)*$").term, True)], Interval(5, 5))
    assert isinstance(odd, Empty)
    assert odd.lengths == Interval(5, 5)
    assert odd.uses_length


def test_intervals_that_hold_nothing_are_refused() -> None:
    """Negative or crossed ends are a mistake of the caller."""
    with pytest.raises(ValueError, match="low <= high"):
        Interval(3, 2)
    with pytest.raises(ValueError, match="low <= high"):
        Interval(-1, None)
    assert Interval(2, 2).is_everything is False
    assert 7 in Interval(7)


def test_no_literals_leave_everything() -> None:
    """Without literals every text will do, also one of a given length."""
    assert decide([]) == Nonempty("")
    assert decide([], Interval(3, 3)) == Nonempty("aaa")
    assert words([], count=4) == ["", "a", "b", "c"]
    assert words([], count=0) == []
    assert decide([(EMPTY, True), (ANYTHING, True)]) == Empty((0,), ANY_LENGTH, 0)
    assert decide([(ANYTHING, False)]) == Empty((0,), ANY_LENGTH, 0)
    assert words([(EMPTY, True)], count=3) == []


@pytest.mark.parametrize(
    ("literals", "lengths", "expected"),
    [
        ([(prefix("/srv/").term, True), (SRV, False)], ANY_LENGTH, "/srv/"),
        ([(prefix("/srv/").term, True), (suffix("/").term, False), (SRV, False)], ANY_LENGTH, "/srv/."),
        ([(path_under("/srv").term, True), (literal("/srv").term, False)], ANY_LENGTH, "/srv/a"),
        ([(path_under("/srv").term, True)], Interval(10, 12), "/srv/aaaaa"),
        ([(prefix("/").term, True), (suffix(".txt").term, True), (contains("x/").term, True)], ANY_LENGTH, "/x/.txt"),
        ([(suffix("é").term, True)], Interval(3, None), "aaé"),
        ([(word("a"), False), (word(""), False)], ANY_LENGTH, "b"),
        ([(letters(chars("\n/")), True)], ANY_LENGTH, "/"),
        ([(letters(chars("\n\x07")), True)], ANY_LENGTH, "\x07"),
        # a longer printable word is preferred to a shorter one with a control character
        ([(union((word("\n"), word("abc"))), True)], ANY_LENGTH, "abc"),
        ([(union((word("\n"), word("abc"))), True)], Interval(0, 2), "\n"),
        ([(union((word("\n"), star(word("ab")))), True), (word(""), False)], Interval(1, 1), "\n"),
        ([(sequence(star(letters(chars("\n"))), word("a")), True)], Interval(3, 3), "\n\na"),
        ([(letters(~chars("".join(map(chr, range(0x250))))), True)], ANY_LENGTH, "\u0391"),
    ],
)  # fmt: skip
def test_words_are_readable(literals: list[Literal], lengths: Interval, expected: str) -> None:
    """Printable before short, letters before other signs."""
    assert decide(literals, lengths) == Nonempty(expected)
