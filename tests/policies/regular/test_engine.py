"""Terms, derivatives, automaton and emptiness agree with a matcher that follows the definition of each operator.

Expressions are generated as plain tuples, so that the brute-force matcher reads what was asked for and not what
the normalising constructors made of it.
"""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.regular.algebra import (
    complement,
    concat,
    intersection,
    letters,
    loop,
    reverse,
    union,
    word,
)
from bartizan.policies.regular.answers import ANY_LENGTH
from bartizan.policies.regular.charset import EVERY, chars
from bartizan.policies.regular.derivative import Derivatives, derivative_classes
from bartizan.policies.regular.dfa import DFA
from bartizan.policies.regular.emptiness import Empty, Nonempty, Unknown, explore
from bartizan.policies.regular.term import ANYTHING, EMPTY, EPSILON, Term

from .meaning import Ast, build, by_derivatives, denotes

WORDS = ["".join(each) for length in range(5) for each in product("abc", repeat=length)]

LEAVES: list[Ast] = [
    *(("set", members) for members in ("", "a", "b", "ab")),
    ("not_set", "a"),
    ("word", ""),
    ("word", "ab"),
]


def _compound(inner: st.SearchStrategy[Ast]) -> st.SearchStrategy[Ast]:
    counts = st.integers(0, 3)
    return st.one_of(
        st.tuples(st.sampled_from(["concat", "union", "intersection"]), inner, inner),
        st.tuples(st.just("complement"), inner),
        st.tuples(st.just("loop"), inner, counts, st.none()),
        st.builds(lambda body, lower, more: ("loop", body, lower, lower + more), inner, counts, counts),
    )


expressions = st.recursive(st.sampled_from(LEAVES), _compound, max_leaves=6)


@given(expressions)
@settings(deadline=None, max_examples=300)
def test_automaton_and_derivatives_follow_the_definition(ast: Ast) -> None:
    """DFA, DFA with a table of two states, and plain derivatives accept exactly the words of the expression."""
    term = build(ast)
    full, tiny = DFA(term), DFA(term, max_states=2)
    for text in WORDS:
        expected = denotes(ast, text)
        assert full.matches(text) == expected
        assert tiny.matches(text) == expected
        assert by_derivatives(term, text) == expected


def test_all_small_expressions_follow_the_definition() -> None:
    """Exhaustively: every expression of at most four nodes accepts exactly its words of at most four letters."""
    by_size: dict[int, list[Ast]] = {1: [("set", "a"), ("set", "b"), ("word", "")]}
    for size in range(2, 5):
        unary = [
            each
            for inner in by_size[size - 1]
            for each in (
                ("complement", inner),
                ("loop", inner, 0, None),
                ("loop", inner, 1, 2),
                ("loop", inner, 2, 2),
            )
        ]
        binary = [
            (kind, left, right)
            for split in range(1, size - 1)
            for left in by_size[split]
            for right in by_size[size - 1 - split]
            for kind in ("concat", "union", "intersection")
        ]
        by_size[size] = unary + binary
    checked = 0
    words = [text for text in WORDS if "c" not in text]
    for asts in by_size.values():
        for ast in asts:
            dfa = DFA(build(ast))
            for text in words:
                assert dfa.matches(text) == denotes(ast, text), (ast, text)
                checked += 1
    assert checked > 15_000


@given(expressions)
@settings(deadline=None)
def test_reversal_reads_words_from_their_end(ast: Ast) -> None:
    """A word is in the reversed language iff its reversal is in the language."""
    reversed_dfa = DFA(reverse(build(ast)))
    assert all(reversed_dfa.matches(text[::-1]) == denotes(ast, text) for text in WORDS)


@given(expressions)
@settings(deadline=None)
def test_a_derivative_class_has_one_derivative(ast: Ast) -> None:
    """Characters of one class have the same derivative, and the classes cover every character."""
    term = build(ast)
    derivative = Derivatives()
    classes = derivative_classes(term)
    assert sum(len(members) for members in classes) == len(EVERY)
    for members in classes:
        ends = {derivative(term, code) for each in members.ranges for code in each}
        assert len(ends) == 1


@given(expressions)
@settings(deadline=None)
def test_a_term_has_finitely_many_derivatives(ast: Ast) -> None:
    """The closure under derivatives is reached, and is small for small expressions."""
    derivative = Derivatives()
    reached: set[Term] = set()
    frontier = [build(ast)]
    while frontier:
        term = frontier.pop()
        if term not in reached:
            reached.add(term)
            frontier += [derivative(term, members.sample()) for members in derivative_classes(term)]
        assert len(reached) < 3000


@given(expressions)
@settings(deadline=None)
def test_emptiness_is_sound_and_witnesses_are_shortest(ast: Ast) -> None:
    """A witness is a word and no shorter one exists; an empty language has no word."""
    found = explore(build(ast))
    words = [text for text in WORDS if denotes(ast, text)]
    if isinstance(found, Nonempty):
        assert denotes(ast, found.word)
        assert found.word.isprintable()
        assert all(len(found.word) <= len(text) for text in words)
    else:
        assert isinstance(found, Empty)
        assert words == []


@given(expressions, expressions)
@settings(deadline=None)
def test_boolean_laws_hold_as_languages(left: Ast, right: Ast) -> None:
    """De Morgan, absorption, and double complement: both sides differ in no word."""
    a, b = build(left), build(right)
    pairs = [
        (complement(union((a, b))), intersection((complement(a), complement(b)))),
        (union((a, intersection((a, b)))), a),
        (intersection((a, union((a, b)))), a),
        (complement(complement(a)), a),
        (concat(a, union((a, b))), union((concat(a, a), concat(a, b)))),
    ]
    for one, other in pairs:
        difference = union((intersection((one, complement(other))), intersection((other, complement(one)))))
        assert isinstance(explore(difference), Empty)


def test_units_and_zeros_are_recognised() -> None:
    """The normal form knows the empty language, the empty word and the language of everything."""
    a = word("a")
    assert union((a, EMPTY)) is a
    assert union((a, ANYTHING)) is ANYTHING
    assert intersection((a, ANYTHING)) is a
    assert intersection((a, EMPTY)) is EMPTY
    assert concat(a, EPSILON) is a
    assert concat(EMPTY, a) is EMPTY
    assert complement(EMPTY) is ANYTHING
    assert union((a, complement(a))) is ANYTHING
    assert intersection((a, complement(a))) is EMPTY
    assert union(()) is EMPTY
    assert intersection(()) is ANYTHING


def test_counters_in_a_search_are_merged() -> None:
    """Searching for [a-z]{10,200}X needs about ten states, not one for each pair of counters."""
    letter = letters(chars("abcdefghijklmnopqrstuvwxyz"))
    dfa = DFA(concat(ANYTHING, concat(loop(letter, 10, 200), word("X"))))
    assert dfa.matches("a" * 3000 + "X")
    assert dfa.state_count <= 15


def test_long_words_need_no_recursion() -> None:
    """Equality, reversal, printing and matching work on a word far longer than the recursion limit."""
    text = "ab" * 5000
    first, second = word(text), word(text)
    assert first is not second
    assert first == second
    assert first != word(text[:-1] + "c")
    assert reverse(first) == word(text[::-1])
    assert repr(first).endswith("...>")
    assert by_derivatives(first, text)


def test_an_exhausted_budget_is_unknown() -> None:
    """With too small a budget the answer is Unknown, neither empty nor not."""
    hard = concat(ANYTHING, concat(word("a"), loop(letters(chars("ab")), 12, 12)))
    assert explore(intersection((hard, complement(hard)))) == Empty((0,), ANY_LENGTH, 0)
    assert explore(intersection((hard, reverse(hard), complement(word("")))), budget=50) == Unknown(50)


def test_terms_print_in_regex_notation() -> None:
    """The text of a term is what one would write."""
    assert repr(union((word("ab"), complement(word("c"))))) == "<Union (ab|~(c))>"
    assert repr(loop(letters(chars("abc.")), 2, None)) == r"<Loop [\.a-c]{2,}>"
    assert repr(loop(word("ab"), 0, 1)) == "<Loop (ab)?>"
    assert (
        repr(intersection((word("a\n"), loop(letters(~chars("x")), 3, 3))))
        == r"<Intersection ([^x]{3}&a\u{a})>"
    )
    assert [repr(each) for each in (EMPTY, EPSILON, ANYTHING)] == [
        "<Chars []>",
        "<Epsilon ()>",
        "<Loop (?s:.*)>",
    ]
