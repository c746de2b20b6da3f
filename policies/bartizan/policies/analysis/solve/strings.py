"""The regular-language engine with a memory: what is asked again, in any question of an analysis, is looked up."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from ...regular.answers import Empty, Interval, Literal, Nonempty, Unknown
from ...regular.automata import Automata
from ...regular.decide import decide, words
from ...regular.language import Language
from ...regular.lengths import LengthSet, lengths
from ...regular.term import Term

_REMEMBERED = 200_000
_LAZY_ROUNDS = 12
_PAIR_STEPS = 5_000


@dataclass(frozen=True, slots=True)
class Conflict:
    """No text satisfies the literals of ``core``; with ``by_length``, none of the lengths that were asked about."""

    core: tuple[Literal, ...]
    by_length: bool


class Strings:
    """Decides conjunctions of (language, whether the text is in it), and remembers.

    Args:
        budget: steps of work for one conjunction.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._automata = Automata()
        self._languages: dict[Term, Language] = {}
        self._matches: dict[tuple[Term, str], bool] = {}
        self._answers: dict[Hashable, Any] = {}

    def matches(self, term: Term, word: str) -> bool:
        """Whether ``word`` is in the language of ``term``."""
        key = (term, word)
        found = self._matches.get(key)
        if found is None:
            language = self._languages.get(term)
            if language is None:
                language = self._languages[term] = Language.of(term)
            found = self._remember(self._matches, key, language.matches(word))
        return bool(found)

    def satisfies(self, word: str, literals: Sequence[Literal], low: int, high: int) -> bool:
        return low <= len(word) <= high and all(self.matches(term, word) == sign for term, sign in literals)

    def word(self, literals: Sequence[Literal], low: int, high: int) -> str | Conflict | None:
        """A text of ``low`` to ``high`` characters that satisfies ``literals``; None if the budget does not do.

        Most texts are not in most languages: what a text is not to be in is looked at where it matters only.
        """
        chosen = [literal for literal in literals if literal[1]]
        waiting = [literal for literal in literals if not literal[1]]
        for _ in range(_LAZY_ROUNDS):
            found = self._word(chosen, low, high)
            if not isinstance(found, str):
                break
            violated = [(term, sign) for term, sign in waiting if self.matches(term, found) != sign]
            if not violated:
                return found
            chosen += violated
            waiting = [literal for literal in waiting if literal not in violated]
        else:
            return self._word(literals, low, high)
        return found if found is not None or not waiting else self._word(literals, low, high)

    def _word(self, literals: Sequence[Literal], low: int, high: int) -> str | Conflict | None:
        key = ("word", frozenset(literals), low, high)
        if key not in self._answers:
            found = decide(literals, Interval(low, high), self._budget, self._automata)
            answer: str | Conflict | None = None
            if isinstance(found, Nonempty):
                answer = found.word
            elif isinstance(found, Empty):
                answer = Conflict(tuple(literals[index] for index in found.core), found.uses_length)
            self._remember(self._answers, key, answer)
        remembered: str | Conflict | None = self._answers[key]
        return remembered

    def are_disjoint(self, left: Term, right: Term) -> bool:
        """Whether two languages have no text in common, if that is easily found out."""
        key = ("disjoint", frozenset((left, right)))
        if key not in self._answers:
            budget = min(self._budget, _PAIR_STEPS)
            found = words([(left, True), (right, True)], budget=budget, automata=self._automata)
            self._remember(self._answers, key, found == [])
        return bool(self._answers[key])

    def words(self, literals: Sequence[Literal], low: int, high: int, count: int) -> list[str] | None:
        """The ``count`` most readable such texts, or all if there are fewer."""
        key = ("words", frozenset(literals), low, high, count)
        if key not in self._answers:
            found = words(literals, Interval(low, high), count, self._budget, self._automata)
            self._remember(self._answers, key, None if isinstance(found, Unknown) else found)
        remembered: list[str] | None = self._answers[key]
        return remembered

    def lengths(self, literals: Sequence[Literal], limit: int) -> LengthSet | None:
        """The lengths up to ``limit`` of the texts that satisfy ``literals``."""
        key = ("lengths", frozenset(literals), limit)
        if key not in self._answers:
            found = lengths(literals, limit, self._budget, self._automata)
            self._remember(self._answers, key, None if isinstance(found, Unknown) else found)
        remembered: LengthSet | None = self._answers[key]
        return remembered

    def _remember(self, memory: dict[Any, Any], key: Hashable, value: Any) -> Any:
        if len(memory) >= _REMEMBERED:
            memory.clear()
        memory[key] = value
        return value
