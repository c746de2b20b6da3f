"""What is said of the elements of one list: an element of which two things are said that cannot both be so.

``exists`` that is true and ``all`` that is false speak of some element, ``all`` that is true and ``exists`` that is
false of every one. So the conditions inside, each with the value that it then has, are all about one element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any as Json

from ...policy import canonical_text

MOST = 64
"""Ways in which the conditions may be so, before they are too many."""


@dataclass(frozen=True, slots=True)
class Said:
    """A condition and its value."""

    condition: Json
    value: bool


Ways = list[tuple[Said, ...]]
"""Each way is a conjunction; what is said is so in one of them."""


def clashing(asked: Sequence[Said], excluded: Callable[[Sequence[Said]], bool]) -> Iterator[tuple[int, ...]]:
    """Positions of quantifiers over one list that cannot all have their values, as few as two where two are enough.

    ``excluded`` says whether conditions about one element cannot be so at once.
    """
    about: dict[str, list[int]] = {}
    for index, each in enumerate(asked):
        if each.condition["node"] == "Quantifier":
            about.setdefault(canonical_text(each.condition["over"]), []).append(index)
    for places in about.values():
        every = [place for place in places if not _is_some(asked[place])]
        for some in (place for place in places if _is_some(asked[place])):
            for chosen in [(place,) for place in every] + ([tuple(every)] if len(every) > 1 else []):
                places_ = (some, *chosen)
                if _clash([_inside(asked[place]) for place in places_], excluded):
                    yield tuple(sorted(places_))


def _is_some(each: Said) -> bool:
    return (each.condition["kind"] == "exists") is each.value


def _inside(each: Said) -> Said:
    return Said(each.condition["body"], each.value)


def _clash(conditions: Sequence[Said], excluded: Callable[[Sequence[Said]], bool]) -> bool:
    ways = [_ways(each) for each in conditions]
    number = 1
    for each in ways:
        number *= len(each)
    if number > MOST:
        return False
    return all(_contrary(way) or excluded(way) for way in (sum(each, ()) for each in product(*ways)))


def _contrary(way: Sequence[Said]) -> bool:
    said: dict[str, bool] = {}
    return any(said.setdefault(canonical_text(each.condition), each.value) is not each.value for each in way)


def _ways(each: Said) -> Ways:
    """How a condition can have its value, by the conditions that it is made of."""
    node, value = each.condition, each.value
    kind = node["node"]
    if kind == "Not":
        return _ways(Said(node["operand"], not value))
    if kind in ("And", "Or"):
        left, right = _ways(Said(node["left"], value)), _ways(Said(node["right"], value))
        if (kind == "And") is value:
            return [one + other for one, other in product(left, right)][: MOST + 1]
        return (left + right)[: MOST + 1]
    if kind == "Const":
        return [()] if node["value"] is value else []
    return [(each,)]
