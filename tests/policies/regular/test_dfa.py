"""The run-time matcher: linear, bounded, safe to share."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from bartizan.policies.regular import regex
from bartizan.policies.regular.dfa import DFA
from bartizan.policies.regular.occurrences import Pattern, SpanFinder
from bartizan.policies.regular.parse import parse_regex

LONG = 64 * 1024


@pytest.mark.parametrize(
    ("pattern", "states"),
    [
        (r"(a+)+b", 4),
        (r"(a|aa)*c", 4),
        (r"(.*){20}x", 4),
        (r"^(a+)+$", 4),
        (r"(x+x+)+y", 5),
        (r"(a|a?)+$", 4),
        (r"([a-zA-Z]+)*\d", 4),
        (r"(.*a){12}$", 15),
        (r"(a?){200}a{200}", 210),
        (r"[a-z]{10,256}X", 15),
        (r"(a{1,256}b?){7}c", 40),
    ],
)
def test_patterns_that_explode_under_backtracking_stay_small(pattern: str, states: int) -> None:
    """A hostile text of 64 KiB is matched, and searched for spans, with a handful of states."""
    dfa = DFA(parse_regex(pattern).texts())
    text = "a" * LONG
    assert dfa.matches(text + "!") == dfa.matches(text + "!")
    assert dfa.state_count <= states
    spans = SpanFinder(parse_regex(pattern)).spans(text + "!")
    assert all(start < end for start, end in spans)


def test_a_full_table_changes_no_answer() -> None:
    """A pattern of 2^13 states is matched alike with tables of 1, 10 and 100,000; none outgrows its bound."""
    term = parse_regex("^(a|b)*a(a|b){12}$").words()
    tables = [DFA(term, max_states=size) for size in (1, 10, 100_000)]
    rng = random.Random(7)
    for _ in range(40):
        text = "".join(rng.choice("ab") for _ in range(rng.randrange(200)))
        expected = len(text) >= 13 and text[-13] == "a"
        assert [table.matches(text) for table in tables] == [expected] * 3
    assert [table.state_count <= table.max_states for table in tables] == [True] * 3


def test_a_full_table_changes_no_span() -> None:
    """Spans are the same when the automata's tables overflow."""
    pattern = parse_regex("a(a|b){9}b|b{3}")
    plain, small = SpanFinder(pattern), SpanFinder(pattern)
    for name in ("_anywhere", "_first", "_begins", "_ends", "_whole"):
        getattr(small, name).max_states = 2
    rng = random.Random(11)
    for _ in range(20):
        text = "".join(rng.choice("abc") for _ in range(300))
        assert small.spans(text) == plain.spans(text)


def test_a_starved_table_recovers_for_the_next_text() -> None:
    """A text that overflows the table does not slow down the texts after it: they start a fresh one."""
    dfa = DFA(parse_regex("^(a|b)*a(a|b){12}$").words(), max_states=64)
    rng = random.Random(3)
    dfa.matches("".join(rng.choice("ab") for _ in range(5000)))
    assert dfa.state_count == 64
    assert not dfa.matches("bbbb")
    assert dfa.state_count < 64


def test_a_full_table_keeps_no_further_states_alive() -> None:
    """What a long text needs beyond the table is dropped: the rows reach only as many states as the table holds."""
    dfa = DFA(parse_regex("^(a|b)*a(a|b){12}$").words(), max_states=64)
    start = dfa.start()
    rng = random.Random(4)
    dfa.matches("".join(rng.choice("ab") for _ in range(5000)))
    reached = {id(start): start}
    frontier = [start]
    while frontier:
        for target in frontier.pop().values():
            if id(target) not in reached:
                reached[id(target)] = target
                frontier.append(target)
    assert len(reached) == 64


def test_many_unusual_characters_do_not_grow_a_row_without_bound() -> None:
    """A state remembers a bounded number of characters, and still answers for all of them."""
    language = regex("^[^x]*$")
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    assert language.matches(text)
    assert not language.matches(text + "x")
    dfa = DFA(language.term)
    dfa.matches(text)
    assert len(dfa.start()) <= 256


def test_threads_share_an_automaton() -> None:
    """Eight threads that build one automaton at the same time all get the right answers."""
    term = parse_regex("^(a|b)*a(a|b){7}$").words()
    dfa = DFA(term, max_states=60)
    rng = random.Random(5)
    texts = ["".join(rng.choice("ab") for _ in range(60)) for _ in range(400)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(dfa.matches, texts))
    assert answers == [text[-8] == "a" for text in texts]


def test_spans_of_overlapping_vain_readings_are_found_without_rereading() -> None:
    """Where every start reads on to the end in vain, the spans are still found, and are right."""
    assert regex("a(.*b)?").spans("a" * 20_000) == [(i, i + 1) for i in range(20_000)]
    assert regex("a(.*b)?").spans("aaab" + "a" * 3) == [(0, 4), (4, 5), (5, 6), (6, 7)]


def test_the_empty_pattern_of_all_four_kinds_finds_nothing() -> None:
    """A pattern without any alternative has no occurrence and no text."""
    assert SpanFinder(Pattern()).spans("abc") == []
    assert not DFA(Pattern().texts()).matches("")
