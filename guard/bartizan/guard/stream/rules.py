"""What the stream stages know of a policy's rules on what a model says.

Where occurrences are is the policy's to find (:class:`Scanner`, an automaton); what is measured of a sentence, and
when that is too much, are :class:`ScoreRule`. The kernel knows neither patterns nor models.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from ..types import Missing


@dataclass(frozen=True, slots=True)
class Span:
    """Text that is decided. ``rules`` are empty if it may leave as it is; else ``instead`` leaves in its place.

    Not ``sure``: it grew too long to be held, and more of it may follow, for which ``instead`` is empty.
    """

    text: str
    rules: tuple[str, ...] = ()
    instead: str = ""
    sure: bool = True


class Scanner(Protocol):
    """Follows one text, and holds what could be the beginning of an occurrence.

    The texts of all spans and ``held`` are what was pushed. What leaves, in spans and their replacements, has no
    occurrence, wherever the text was cut. Raises ``ValueError`` for what is no text (lone surrogates).
    """

    @property
    def held(self) -> str: ...

    def push(self, text: str) -> Sequence[Span]: ...

    def finish(self) -> Sequence[Span]:
        """The rest: the text ends here."""
        ...

    def fork(self) -> Scanner:
        """Another one that goes on from here: for asking what would be, without saying it."""
        ...

    def drop(self) -> None:
        """Forget what is held: it was never said."""
        ...


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """A sentence is withheld when, of the last ``window`` ones, it and at least ``needed`` in all are above ``above``.

    A signal that is missing counts as above, unless ``missing`` says ``pass``. ``instead`` leaves in the place of a
    run of such sentences.
    """

    id: str
    signal: str
    above: float
    instead: str
    needed: int = 1
    window: int = 1
    missing: Literal["withhold", "pass"] = "withhold"
    reason: str = ""
    shadow: bool = False

    def reached(self, value: float | Missing) -> bool:
        if isinstance(value, Missing):
            return self.missing == "withhold"
        return not value <= self.above


class TextRules(Protocol):
    """A policy's rules on what a model says."""

    @property
    def scores(self) -> Sequence[ScoreRule]: ...

    def scanner(self) -> Scanner | None:
        """For one text from its beginning; None if no rule finds occurrences."""
        ...

    def watcher(self) -> Scanner | None:
        """The same for the rules in shadow mode, whose spans are told and not acted on."""
        ...


Score: TypeAlias = Callable[[str, str, str], Awaitable[float | Missing]]
"""``score(signal, sent, segment)``: what a monitor makes of a segment after what was sent, in [0, 1]."""
