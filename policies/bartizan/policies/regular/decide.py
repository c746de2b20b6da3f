"""The decision procedure: is there a text in all of some languages and in none of others, of certain lengths?

Literals are looked at only when they matter: a text that satisfies some of them is tried on the rest, and those
that it violates are added (counterexample-guided; Clarke et al. 2000). A conflict is reduced to a core with
QuickXplain (Junker 2004).
"""

from __future__ import annotations

from collections.abc import Sequence

from .algebra import union, word
from .answers import ANY_LENGTH, Empty, Interval, Literal, Nonempty, Unknown
from .automata import Automata, Runs, runs
from .budget import DEFAULT_BUDGET, EXHAUSTED, Meter
from .product import Product, atoms
from .term import EMPTY, Term

_LAZY_ROUNDS = 8


def decide(
    literals: Sequence[Literal],
    lengths: Interval = ANY_LENGTH,
    budget: int = DEFAULT_BUDGET,
    automata: Automata | None = None,
) -> Nonempty | Empty | Unknown:
    """Whether some text is in every language of ``literals`` that is paired with True and in no other.

    Args:
        literals: (language, whether the text is in it).
        lengths: how many characters the text may have.
        budget: how many steps of about a microsecond to work before giving up; the core of an empty answer is
            minimised with another half of that.
        automata: what was learned from earlier questions; one for many questions makes them cheaper. What it
            holds changes no answer but ``Unknown``.
    """
    search = _Search(literals, automata, budget)
    try:
        text = search.solve(lengths)
    except EXHAUSTED:
        return Unknown(budget)
    return search.conflict(lengths, budget) if text is None else Nonempty(text)


def words(
    literals: Sequence[Literal],
    lengths: Interval = ANY_LENGTH,
    count: int = 1,
    budget: int = DEFAULT_BUDGET,
    automata: Automata | None = None,
) -> list[str] | Unknown:
    """The ``count`` most readable texts that satisfy ``literals``, best first; all of them if there are fewer.

    The arguments are those of :func:`decide`.
    """
    search = _Search(literals, automata, budget)
    found: list[str] = []
    try:
        while len(found) < count:
            another = search.solve(lengths, excluded=union(map(word, found)))
            if another is None:
                break
            found.append(another)
    except EXHAUSTED:
        return Unknown(budget)
    return found


class _Search:
    """One question: which literals are looked at so far, and what they leave."""

    def __init__(self, literals: Sequence[Literal], automata: Automata | None, budget: int) -> None:
        self._automata = Automata() if automata is None else automata
        self._automata.begin(Meter(budget))
        self._literals = literals
        self._rounds = 0
        self._gave_up = False
        self._states = 0
        self._looked_at: list[int] = []
        self._waiting: list[int] = []
        for index, literal in enumerate(literals):
            narrows = any(positive for _, positive in atoms(literal))
            (self._looked_at if narrows else self._waiting).append(index)

    def solve(self, lengths: Interval, excluded: Term = EMPTY) -> str | None:
        """The most readable text that satisfies every literal and is not in ``excluded``."""
        while True:
            text = self._find(self._looked_at, lengths, excluded)
            violated = [] if text is None else self._violated(runs(text))
            if not violated:
                return text
            self._rounds += 1
            added = self._waiting if self._rounds > _LAZY_ROUNDS else violated[: 1 << self._rounds]
            self._looked_at += added
            self._waiting = [index for index in self._waiting if index not in added]

    def _violated(self, text: Runs) -> list[int]:
        return [
            index
            for index in self._waiting
            if any(self._automata.matches(term, text) != sign for term, sign in atoms(self._literals[index]))
        ]

    def _find(self, chosen: Sequence[int], lengths: Interval, excluded: Term = EMPTY) -> str | None:
        product = Product(self._automata, [*(self._literals[index] for index in chosen), (excluded, False)])
        text = product.find(lengths)
        self._states = product.state_count
        return text

    def conflict(self, lengths: Interval, budget: int) -> Empty:
        """The answer for literals of which those looked at have no text."""
        states = self._states
        self._automata.begin(Meter(budget // 2))
        weakened = (ANY_LENGTH, Interval(lengths.low), Interval(0, lengths.high))
        for weaker in dict.fromkeys(weakened):
            if weaker != lengths and self._is_empty(self._looked_at, weaker):
                lengths = weaker
                break
        return Empty(tuple(sorted(self._core([], self._looked_at, lengths))), lengths, states)

    def _is_empty(self, chosen: Sequence[int], lengths: Interval) -> bool:
        if self._gave_up:
            return False
        try:
            return self._find(chosen, lengths) is None
        except EXHAUSTED:
            self._gave_up = True  # every literal that is still in question stays in the core
            return False

    def _core(
        self, kept: list[int], candidates: list[int], lengths: Interval, check: bool = False
    ) -> list[int]:
        """A minimal part of ``candidates`` that is empty together with ``kept`` (QuickXplain)."""
        if check and self._is_empty(kept, lengths):
            return []
        if len(candidates) <= 1:
            return candidates
        half = len(candidates) // 2
        first, second = candidates[:half], candidates[half:]
        of_second = self._core([*kept, *first], second, lengths, check=True)
        of_first = self._core([*kept, *of_second], first, lengths, check=bool(of_second))
        return [*of_first, *of_second]
