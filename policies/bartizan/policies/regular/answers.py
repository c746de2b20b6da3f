"""What is asked of the engine and what it answers: lengths, a word, emptiness with its reason, or unknown."""

from __future__ import annotations

from dataclasses import dataclass

from .term import Term

Literal = tuple[Term, bool]
"""A language, and whether a text is to be in it (True) or not (False)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The lengths from ``low`` to ``high`` characters, both included; ``high`` None is unbounded.

    Raises:
        ValueError: ``low`` is negative, or ``high`` is less than ``low``.
    """

    low: int = 0
    high: int | None = None

    def __post_init__(self) -> None:
        if self.low < 0 or (self.high is not None and self.high < self.low):
            raise ValueError(f"expected 0 <= low <= high, found {self.low} and {self.high}")

    def __contains__(self, length: int) -> bool:
        return self.low <= length and (self.high is None or length <= self.high)

    @property
    def is_everything(self) -> bool:
        """Whether every length is inside."""
        return self.low == 0 and self.high is None


ANY_LENGTH = Interval()


@dataclass(frozen=True, slots=True)
class Nonempty:
    """There is such a text: ``word`` is printable if there is one that is, and then as short as possible."""

    word: str


@dataclass(frozen=True, slots=True)
class Empty:
    """There is no such text.

    Attributes:
        core: the indices of literals that already exclude each other, given ``lengths``. None can be left out,
            unless the budget ended before that was known.
        lengths: what is needed of the interval that was asked about: ``ANY_LENGTH`` if it plays no part.
        states: how many states of the product automaton of the literals looked at were seen.
    """

    core: tuple[int, ...]
    lengths: Interval
    states: int

    @property
    def uses_length(self) -> bool:
        """Whether the literals of the core do have a word in common, of another length."""
        return not self.lengths.is_everything


@dataclass(frozen=True, slots=True)
class Unknown:
    """The question was given up, undecided, after ``budget`` steps of work."""

    budget: int
