"""Regular languages as values: match, combine, compare, ask for a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .algebra import complement, intersection, union
from .answers import Empty, Nonempty, Unknown
from .budget import DEFAULT_BUDGET
from .decide import decide
from .dfa import DFA
from .occurrences import Pattern, SpanFinder
from .term import Term


@dataclass(frozen=True, slots=True)
class Language:
    """A set of texts. Equal and hashed by its term, which is what the analyses work on.

    Attributes:
        term: the texts of the language, as a regular expression.
        pattern: what :meth:`spans` looks for. A search remembers its pattern without ``.*`` at both ends; for
            a language about whole texts, the only occurrence is the whole text.
        shortcut: a faster test for the same language (``str.startswith`` for a prefix), or None.
    """

    term: Term
    pattern: Pattern = field(compare=False, repr=False)
    shortcut: Callable[[str], bool] | None = field(default=None, compare=False, repr=False)
    _dfa: DFA = field(init=False, compare=False, repr=False)
    _finder: SpanFinder = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Both are filled in lazily, on first use.
        object.__setattr__(self, "_dfa", DFA(self.term))
        object.__setattr__(self, "_finder", SpanFinder(self.pattern))

    @classmethod
    def of(cls, term: Term, shortcut: Callable[[str], bool] | None = None) -> Language:
        """The language of ``term``, as a statement about whole texts."""
        return cls(term, Pattern(whole=term), shortcut)

    @classmethod
    def containing(cls, pattern: Pattern, shortcut: Callable[[str], bool] | None = None) -> Language:
        """The texts in which ``pattern`` occurs."""
        return cls(pattern.texts(), pattern, shortcut)

    def matches(self, text: str) -> bool:
        """Whether ``text``, as a whole, is in the language.

        Time is linear in the text, for every language.

        Raises:
            ValueError: ``text`` holds a lone surrogate, so that it is no text and in no language.
        """
        _require_scalars(text)
        return self.shortcut(text) if self.shortcut is not None else self._dfa.matches(text)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the pattern occurs: leftmost-longest, non-overlapping, non-empty (start, end) offsets.

        Of a search, the occurrences of its pattern; of a prefix or suffix, that part; of a language about
        whole texts, the whole text if it matches. If there are spans, the text matches.

        Raises:
            ValueError: ``text`` holds a lone surrogate.
        """
        _require_scalars(text)
        return self._finder.spans(text)

    def __or__(self, other: Language) -> Language:
        return Language(union((self.term, other.term)), self.pattern | other.pattern)

    def __and__(self, other: Language) -> Language:
        return Language.of(intersection((self.term, other.term)))

    def __invert__(self) -> Language:
        return Language.of(complement(self.term))

    def is_empty(self, budget: int = DEFAULT_BUDGET) -> bool | None:
        """Whether no text matches; None if ``budget`` steps of work do not suffice to tell."""
        found = decide([(self.term, True)], budget=budget)
        return None if isinstance(found, Unknown) else isinstance(found, Empty)

    def witness(self, budget: int = DEFAULT_BUDGET) -> str | None:
        """A text of the language: printable if there is one that is, and then the shortest.

        None if the language is empty, or if none was found within ``budget`` steps (:meth:`is_empty` tells).
        """
        found = decide([(self.term, True)], budget=budget)
        return found.word if isinstance(found, Nonempty) else None

    def includes(self, other: Language, budget: int = DEFAULT_BUDGET) -> bool | None:
        """Whether every text of ``other`` is in this language; None if ``budget`` steps do not suffice."""
        found = decide([(other.term, True), (self.term, False)], budget=budget)
        return None if isinstance(found, Unknown) else isinstance(found, Empty)


def _require_scalars(text: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"expected Unicode scalar values, found a lone surrogate at offset {error.start}"
            ) from None
