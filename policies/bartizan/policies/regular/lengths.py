"""The lengths that the words of a language have: an ultimately periodic set of numbers, up to a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .answers import Literal, Unknown
from .automata import Automata
from .budget import DEFAULT_BUDGET, EXHAUSTED, Meter
from .product import DEAD, Product


@dataclass(frozen=True, slots=True)
class Tail:
    """The numbers n from ``start`` on for which ``n % period`` is one of ``residues``."""

    start: int
    period: int
    residues: tuple[int, ...]

    def __contains__(self, length: int) -> bool:
        return length >= self.start and length % self.period in self.residues


@dataclass(frozen=True, slots=True)
class LengthSet:
    """A set of lengths from 0 to ``limit``: those in one of ``intervals`` or in ``tail``.

    Equal sets with the same limit are equal values, if they were found periodic within it.

    Attributes:
        limit: lengths beyond it are not in the set, whatever the language holds.
        intervals: closed, in order, with gaps between them, all below the tail.
        tail: what the set is from some number on; None if nothing, or if no period showed up to the limit.
    """

    limit: int
    intervals: tuple[tuple[int, int], ...] = ()
    tail: Tail | None = None

    def __contains__(self, length: int) -> bool:
        if not 0 <= length <= self.limit:
            return False
        if self.tail is not None and length in self.tail:
            return True
        return any(low <= length <= high for low, high in self.intervals)

    def __bool__(self) -> bool:
        return self.minimum is not None

    @property
    def minimum(self) -> int | None:
        """The least length; None if there is none."""
        if self.intervals:
            return self.intervals[0][0]
        if self.tail is None:
            return None
        return min(
            self.tail.start + (each - self.tail.start) % self.tail.period for each in self.tail.residues
        )

    def is_everything_from(self, length: int) -> bool:
        """Whether every number from ``length`` to the limit is in the set."""
        end = self.limit + 1 if self.tail is None else self.tail.start
        if length < end and not any(low <= length and high == end - 1 for low, high in self.intervals):
            return False
        if self.tail is None:
            return True
        first = max(length, end)
        return all(each in self.tail for each in range(first, min(first + self.tail.period, self.limit + 1)))


def lengths(
    literals: Sequence[Literal], limit: int, budget: int = DEFAULT_BUDGET, automata: Automata | None = None
) -> LengthSet | Unknown:
    """The lengths, up to ``limit``, of the texts that satisfy ``literals``, printable or not.

    The other arguments are those of :func:`.decide.decide`.
    """
    automata = Automata() if automata is None else automata
    automata.begin(Meter(budget))
    try:
        product = Product(automata, literals)
        if product.start == DEAD:
            return LengthSet(limit)
        layers = product.layers(limit)
        inside = layers.up_to(limit)
    except EXHAUSTED:
        return Unknown(budget)
    if layers.cycle is None or layers.cycle > limit:
        return LengthSet(limit, _intervals(inside))
    return _periodic(limit, inside, layers.cycle)


def _periodic(limit: int, inside: list[bool], start: int) -> LengthSet:
    """The set of the numbers that ``inside`` marks, of which the part from ``start`` on repeats for ever."""
    whole = inside[start:]
    if not any(whole):
        return LengthSet(limit, _intervals(inside))
    period = next(
        each
        for each in range(1, len(whole) + 1)
        if len(whole) % each == 0 and whole == whole[:each] * (len(whole) // each)
    )
    repeated = {(start + offset) % period for offset in range(period) if whole[offset]}
    while start > 0 and inside[start - 1] == ((start - 1) % period in repeated):
        start -= 1
    return LengthSet(limit, _intervals(inside[:start]), Tail(start, period, tuple(sorted(repeated))))


def _intervals(inside: list[bool]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for length, each in enumerate(inside):
        if each and found and found[-1][1] == length - 1:
            found[-1] = (found[-1][0], length)
        elif each:
            found.append((length, length))
    return tuple(found)
