"""One call to be repaired: what may stand in the place of its arguments, and what each choice makes of every part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any as Json

from bartizan.guard import Request, Session, ToolCall

from ..edits import ABSENT, Alternative, Clamp, Drop, Listed, Opening
from ..edits.writing import write
from ..evaluation.scope import Scope
from ..language.types import F64, Dec
from ..language.values import E, Nonconforming, conform, scale_decimal
from ..program import Program
from ..provenance import Provenance
from .numbers import LARGEST, MAX_BITS, as_integer, double, rank
from .parts import Given

MAX_CHOICES = 4_096
"""Choices of alternatives that one part of a condition may depend on."""

KEEP = Alternative(None, 0, 0)
"""The value as it is."""

Choice = tuple[tuple[int, int], ...]
"""Openings and which of their alternatives, by number; those that are kept are left out."""


class TooWide(Exception):
    """A part depends on more choices than :data:`MAX_CHOICES`."""


@dataclass(slots=True)
class Place:
    """An opening in a call. ``options[0]`` is :data:`KEEP`; ``origin`` is the number, where it may be changed."""

    opening: Opening
    options: list[Alternative]
    origin: int | None = None
    above: tuple[int, ...] = ()


@dataclass(slots=True)
class Case:
    """A call, and everything about it that does not depend on a solver."""

    program: Program
    request: Request
    session: Session
    places: list[Place]
    base: Scope
    _scopes: dict[Choice, Scope] = field(default_factory=dict)
    _values: dict[tuple[Given, Choice], Json] = field(default_factory=dict)

    @classmethod
    def of(
        cls, program: Program, request: Request, session: Session, openings: Sequence[Opening]
    ) -> Case | None:
        """None for a call that does not conform to its tool, so that there is nothing to repair."""
        request = replace(request, approved=False)
        try:
            base = program.scope(request, session)
        except Nonconforming:
            return None
        places = [_place(opening, base) for opening in openings]
        for place in places:
            place.above = tuple(
                index
                for index, other in enumerate(openings)
                if isinstance(other, Drop)
                and len(other.path) < len(place.opening.path)
                and place.opening.path[: len(other.path)] == other.path
            )
        return cls(program, request, session, places, base)

    # --- parts

    def value(self, part: Given, choice: Choice = ()) -> Json:
        """The value of a part with these alternatives, and everything else as it is."""
        key = (part, choice)
        if key not in self._values:
            self._values[key] = self._evaluate(part, choice)
        return self._values[key]

    def choices(self, part: Given) -> list[Choice]:
        """Every choice among the alternatives that a part depends on."""
        return self.choices_among(part.fields)

    def choices_among(self, fields: Sequence[int]) -> list[Choice]:
        sizes = [len(self.places[index].options) for index in fields]
        total = 1
        for size in sizes:
            total *= size
            if total > MAX_CHOICES:
                raise TooWide
        return [
            tuple((index, number) for index, number in zip(fields, numbers, strict=True) if number)
            for numbers in product(*(range(size) for size in sizes))
        ]

    def stuck(self, part: Given) -> bool:
        """Whether the call as it was has the taint that the part asks for, so that no edit of it is without it."""
        return part.sticks and self.value(part) is not False

    def _evaluate(self, part: Given, choice: Choice) -> Json:
        if choice and self.stuck(part):
            return self.value(part)
        if part.own and len(choice) == 1:
            ((index, number),) = choice
            place = self.places[index]
            if isinstance(place.opening, Listed):
                position = place.options[number].position
                if position not in part.known:
                    part.known[position] = part.evaluate(self.scope(choice))
                return part.known[position]
        return part.evaluate(self.scope(choice))

    def scope(self, choice: Choice) -> Scope:
        """The scope of the call with these alternatives."""
        if not choice:
            return self.base
        found = self._scopes.get(choice)
        if found is None:
            typed, raw = self.base.inputs["args"], self.base.raw["args"]
            for index, number in choice:
                place = self.places[index]
                value, type_ = place.options[number].value, place.opening.type
                raw = _put(raw, place.opening.path, value)
                typed = _put(typed, place.opening.path, ABSENT if value is ABSENT else conform(value, type_))
            found = self._scopes[choice] = replace(
                self.base, inputs={**self.base.inputs, "args": typed}, raw={"args": raw}, bound=[]
            )
        return found

    def value_at(self, part: Given, index: int, number: int) -> Json:
        """The value of a part with another number in one place."""
        place = self.places[index]
        path, type_ = place.opening.path, place.opening.type
        typed = _put(self.base.inputs["args"], path, double(number) if isinstance(type_, F64) else number)
        raw = _put(self.base.raw["args"], path, self._written(place, number))
        return part.evaluate(
            replace(self.base, inputs={**self.base.inputs, "args": typed}, raw={"args": raw}, bound=[])
        )

    def said(self, index: int) -> set[int] | None:
        """The numbers that stand in the session, as numbers of a place; None if that cannot be told."""
        sources = self.base.sources()
        if not isinstance(sources, Provenance):
            return None
        type_ = self.places[index].opening.type
        found: set[int] = set()
        for number in sources.numbers():
            if isinstance(type_, F64):
                value = float(number)
                found |= {rank(value)} if abs(rank(value)) < LARGEST else set()
            else:
                scaled = scale_decimal(f"{number:f}", type_.digits if isinstance(type_, Dec) else 0)
                found |= {scaled} if isinstance(scaled, int) else set()
        return found

    # --- calls

    def call(self, choice: Choice, numbers: Mapping[int, int]) -> ToolCall:
        """The call with these alternatives and numbers."""
        args: Json = self.request.call.arguments()
        for index, number in numbers.items():
            place = self.places[index]
            if number != place.origin:
                args = _put(args, place.opening.path, self._written(place, number))
        for index, option in choice:
            place = self.places[index]
            args = _put(args, place.opening.path, place.options[option].value)
        return ToolCall.of(self.request.call.id, self.request.call.tool, args)

    def _written(self, place: Place, number: int) -> Json:
        path, type_ = place.opening.path, place.opening.type
        value = double(number) if isinstance(type_, F64) else number
        return write(value, type_, _get(self.base.raw["args"], path))

    def asked(self, call: ToolCall) -> Request:
        """The request for an edited call."""
        before = self.request.before or self.request.call
        return replace(self.request, call=call, before=None if call.digest == before.digest else before)

    def allows(self, call: ToolCall) -> bool:
        """Whether the program, asked from scratch, lets a call go without asking anybody."""
        return self.program.decide(self.asked(call), self.session).allowed

    def narrowed(self, kept: Mapping[int, list[int]]) -> None:
        """Keep only these of the alternatives."""
        for index, numbers in kept.items():
            self.places[index].options = [self.places[index].options[number] for number in numbers]
        self._scopes.clear()
        self._values = {key: value for key, value in self._values.items() if not key[1]}


def _place(opening: Opening, base: Scope) -> Place:
    raw, typed = _get(base.raw["args"], opening.path), _get(base.inputs["args"], opening.path)
    if raw is ABSENT or typed is ABSENT:
        return Place(opening, [KEEP])
    if isinstance(opening, Clamp):
        number = None if typed is E else as_integer(typed, opening.type)
        fits = number is not None and number.bit_length() <= MAX_BITS and opening.movable(number)
        return Place(opening, [KEEP], number if fits else None)
    return Place(opening, [KEEP, *opening.alternatives(raw)])


def _get(value: Json, path: Sequence[str]) -> Json:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return ABSENT
        value = value[name]
    return value


def _put(record: Json, path: Sequence[str], value: Json) -> Json:
    """A copy with the value at a path; as it is, where there is nothing at the path."""
    if not isinstance(record, Mapping) or path[0] not in record:
        return record
    if len(path) > 1:
        return {**record, path[0]: _put(record[path[0]], path[1:], value)}
    if value is ABSENT:
        return {name: item for name, item in record.items() if name != path[0]}
    return {**record, path[0]: value}


def signatures(case: Case, index: int, parts: Sequence[Given]) -> Iterator[tuple[Json, ...]]:
    """What parts that depend on one opening only say of each of its alternatives."""
    for number in range(len(case.places[index].options)):
        choice = ((index, number),) if number else ()
        yield tuple(case.value(part, choice) for part in parts)
