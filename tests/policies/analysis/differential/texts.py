"""Every reading of a string test must agree: the shortcut, two automata, derivatives, and the decision procedure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bartizan.policies.evaluation.plan import language_of
from bartizan.policies.language import ast
from bartizan.policies.regular import Language
from bartizan.policies.regular.algebra import complement, reverse, word
from bartizan.policies.regular.answers import Empty, Interval, Nonempty
from bartizan.policies.regular.automata import Automata, runs
from bartizan.policies.regular.decide import decide
from bartizan.policies.regular.dfa import DFA
from bartizan.policies.regular.lengths import LengthSet, lengths
from bartizan.policies.regular.term import Term

from ...regular.meaning import by_derivatives

SPECIFIED: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
    "ieq": lambda text, other: _folded(text) == _folded(other),
}
"""Predicates that Python's own texts define."""


def _folded(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def readings(language: Language, text: str) -> Iterator[tuple[str, bool]]:
    """Whether ``text`` is in ``language``, by each engine."""
    term, only = language.term, word(text)
    yield "shortcut", language.matches(text)
    yield "automaton", DFA(term).matches(text)
    yield "small automaton", DFA(term, max_states=2).matches(text)
    yield "derivatives", by_derivatives(term, text)
    yield "automaton of the complement", not DFA(complement(term)).matches(text)
    yield "automaton of the reversal", DFA(reverse(term)).matches(text[::-1])
    automata = Automata()
    yield "automata of the analyses", automata.matches(term, runs(text))
    exactly = Interval(len(text), len(text))
    inside = decide([(term, True), (only, True)], exactly, automata=automata)
    outside = decide([(term, False), (only, True)], automata=automata)
    assert isinstance(inside, Nonempty | Empty) and isinstance(outside, Nonempty | Empty)
    yield "decided inside", inside == Nonempty(text)
    yield "decided outside", isinstance(outside, Empty)
    yield "decided not outside", outside != Nonempty(text)


def text_agrees(node: ast.StringTest, text: str) -> bool:
    """Whether ``text`` passes the test, on which every engine agrees."""
    language = language_of(node)
    found = dict(readings(language, text))
    assert len(set(found.values())) == 1, f"{node.predicate}{node.params} of {text!r}: {found}"
    specified = SPECIFIED.get(node.predicate)
    if specified is not None:
        assert specified(text, *node.params) == language.matches(text), f"{node} of {text!r}"
    return language.matches(text)


def near_misses(language: Language) -> list[str]:
    """Words of a language and of its complement, and what is one character away from them."""
    seeds = [w for w in (language.witness(), (~language).witness()) if w is not None]
    return list(dict.fromkeys([*seeds, *(near for seed in seeds for near in neighbours(seed))]))


def neighbours(text: str) -> Iterator[str]:
    """Texts that differ from ``text`` in one character: one less, one more, or another case."""
    for at in sorted({0, len(text) // 2, max(len(text) - 1, 0)}):
        yield text[:at] + text[at + 1 :]
        yield text[:at] + "a" + text[at:]
        yield text[:at] + text[at : at + 1].swapcase() + text[at + 1 :]
    yield text + "b"
    yield text + "\U0001f511"


def lengths_agree(terms: Iterable[tuple[Term, bool]], limit: int) -> None:
    """The lengths of the words of a conjunction are those of which the decision procedure finds one."""
    literals = list(terms)
    found = lengths(literals, limit)
    assert isinstance(found, LengthSet)
    for length in range(limit + 1):
        decided = decide(literals, Interval(length, length))
        assert isinstance(decided, Nonempty | Empty)
        assert (length in found) == isinstance(decided, Nonempty), f"length {length} of {literals}"
        if isinstance(decided, Nonempty):
            assert len(decided.word) == length
