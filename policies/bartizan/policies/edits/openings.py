"""What each repair class makes of a value: the alternatives to it, or any number of its type."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any as Json
from typing import Final, final

from bartizan.guard import canonical_json

from ..language.types import F64, Dec, Int, Type
from ..language.values import E, Nonconforming, conform
from ..regular import Language


@final
class Absence:
    """The type of :data:`ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absence()
"""Where there is no value, and what a dropped argument becomes."""

_TEXT_OF_NUMBERS = frozenset("0123456789-.:+TZumshd")


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another value for an argument. ``position`` is its rank among those of one cost, from 1."""

    value: Json
    cost: int
    position: int


@dataclass(frozen=True, slots=True)
class Opening(ABC):
    """An argument that may be changed: where it is, its type, and what changing it costs."""

    pointer: str
    path: tuple[str, ...]
    type: Type
    cost: int

    def alternatives(self, value: Json) -> tuple[Alternative, ...]:
        """What may stand in the place of a value that is there. None of them is the value itself."""
        found = []
        for position, (other, cost) in enumerate(self._others(value), 1):
            if other is ABSENT or not same(other, value):
                found.append(Alternative(other, cost, position))
        return tuple(found)

    def admits(self, before: Json, after: Json) -> bool:
        """Whether a value may be replaced by another (:data:`ABSENT` for removed)."""
        others = self.alternatives(before)
        return any(
            after is other.value if other.value is ABSENT or after is ABSENT else same(after, other.value)
            for other in others
        )

    @property
    def ranks(self) -> bool:
        """Whether positions are a distance: an earlier one is nearer."""
        return False

    @abstractmethod
    def _others(self, value: Json) -> Iterator[tuple[Json, int]]:
        """What may stand in the place of a value, one after the other, with its cost; the value itself, too."""


@dataclass(frozen=True, slots=True)
class Clamp(Opening):
    """Another number of the type; the nearest is the best.

    It has the sign of the one before, and zero stays zero, unless ``crosses``: nobody who asked for 900 meant 0 or -50.
    Moments and durations have no sign that means anything.
    """

    crosses: bool = False

    def side(self, number: int | float) -> int:
        """On which side of zero another number must be: 1 above, -1 below, 0 on either or on none."""
        if self.crosses or not isinstance(self.type, Int | Dec | F64):
            return 0
        return (number > 0) - (number < 0)

    def movable(self, number: int | float) -> bool:
        """Whether there may be another number at all."""
        return number != 0 or self.crosses or not isinstance(self.type, Int | Dec | F64)

    def _others(self, value: Json) -> Iterator[tuple[Json, int]]:
        return iter(())  # numbers are not listed: the solver has all of them

    def admits(self, before: Json, after: Json) -> bool:
        was, would_be = self.number(before), self.number(after)
        if was is None or would_be is None or not self.movable(was):
            return False
        if (side := self.side(was)) and side * would_be <= 0:
            return False
        if isinstance(before, str) or isinstance(after, str):
            both = isinstance(before, str) and isinstance(after, str)
            return both and _TEXT_OF_NUMBERS.issuperset(after)
        whole = isinstance(self.type, Int) and isinstance(before, int)
        return isinstance(after, int) or not whole

    def number(self, value: Json) -> int | float | None:
        """The value of the type; None where there is none."""
        if value is ABSENT:
            return None
        try:
            number = conform(value, self.type)
        except Nonconforming:
            return None
        return None if number is E else number


@dataclass(frozen=True, slots=True)
class Listed(Opening):
    """One of these values, each with its cost."""

    values: tuple[tuple[Json, int], ...]

    @property
    def ranks(self) -> bool:
        return True

    def _others(self, value: Json) -> Iterator[tuple[Json, int]]:
        yield from self.values


class Drop(Opening):
    """Left out."""

    __slots__ = ()

    def _others(self, value: Json) -> Iterator[tuple[Json, int]]:
        yield ABSENT, self.cost


@dataclass(frozen=True, slots=True)
class Redact(Opening):
    """Every match of these replaced."""

    languages: tuple[Language, ...]
    replacement: str

    def _others(self, value: Json) -> Iterator[tuple[Json, int]]:
        if isinstance(value, str):
            for language in self.languages:
                value = _masked(value, language, self.replacement)
            yield value, self.cost


class Template(Opening):
    """What is made of the value by a pattern, and so still is the value in another dress."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reroot(Template):
    """The file of the same name under one of these directories."""

    roots: tuple[str, ...]

    def _others(self, value: Json) -> Iterator[tuple[Json, int]]:
        name = value.rpartition("/")[2] if isinstance(value, str) else ""
        if name in ("", ".", "..") or "\\" in name or not name.isprintable():
            return
        for root in self.roots:
            yield f"{root.rstrip('/')}/{name}", self.cost


@dataclass(frozen=True, slots=True)
class Upgrade(Template):
    """The same URL by a safer scheme, where it has the one that this replaces."""

    replaces: str
    scheme: str

    def _others(self, value: Json) -> Iterator[tuple[Json, int]]:
        if isinstance(value, str):
            scheme, separator, rest = value.partition("://")
            if separator and scheme.isascii() and scheme.lower() == self.replaces:
                yield f"{self.scheme}://{rest}", self.cost


@dataclass(frozen=True, slots=True)
class Append(Template):
    """With this at its end, unless it is in it already."""

    text: str

    def _others(self, value: Json) -> Iterator[tuple[Json, int]]:
        if isinstance(value, str) and self.text.strip() not in value:
            yield value + self.text, self.cost


def sticky_paths(openings: Iterable[Opening]) -> frozenset[tuple[str, ...]]:
    """The paths of arguments whose edited values are made of what they were, and of all that holds one of them."""
    made = [opening.path for opening in openings if isinstance(opening, Clamp | Template)]
    return frozenset(path[:length] for path in made for length in range(len(path) + 1))


def same(one: Json, other: Json) -> bool:
    """Whether two JSON values have the same canonical bytes: ``1``, ``1.0`` and ``true`` differ."""
    return canonical_json(one) == canonical_json(other)


def _masked(text: str, language: Language, replacement: str) -> str:
    parts, end = [], 0
    for start, stop in language.spans(text):
        parts += [text[end:start], replacement]
        end = stop
    return "".join([*parts, text[end:]])
