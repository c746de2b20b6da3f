"""The hull of observed values: the conditions of the language that all of them satisfy, by their type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any as Json
from typing import Final

from ...language.types import F64, Bool, Dec, Duration, Enum, Field, Int, List, Record, Str, Type
from ...language.values import E
from . import literals
from .options import Options
from .texts import in_common


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()
"""An optional field that was left out."""


@dataclass(frozen=True, slots=True)
class Conjunct:
    """One condition. ``place`` is the path that it is about, ``why`` a clause, ``count`` the values it rests on."""

    place: str
    text: str
    why: str
    count: int


def hull(fields: Record, values: Sequence[Mapping[str, Json]], options: Options) -> tuple[Conjunct, ...]:
    """What all observed arguments of a tool satisfy, argument by argument."""
    return tuple(_record(fields, values, "args", options, 0))


def _record(
    record: Record, values: Sequence[Mapping[str, Json]], path: str, options: Options, depth: int
) -> Iterator[Conjunct]:
    for name, declared in record.fields:
        here = [value.get(name, ABSENT) for value in values]
        yield from _field(declared, here, literals.field(path, name), options, depth)


def _field(
    declared: Field, values: Sequence[Json], path: str, options: Options, depth: int
) -> Iterator[Conjunct]:
    present = [value for value in values if value is not ABSENT]
    if not declared.optional:
        yield from _value(declared.type, present, path, options, depth)
    elif len(values) >= options.min_observations:
        total = len(values)
        if not present:
            yield Conjunct(path, f"!has({path})", "it was never given", total)
            return
        always = len(present) == total
        if always:
            yield Conjunct(path, f"has({path})", "it was always given", total)
        for found in _value(declared.type, present, path, options, depth):
            text = found.text if always else f"(!has({path}) || {_tight(found.text)})"
            yield replace(found, text=text)


def _tight(text: str) -> str:
    """As an operand of ``||``: ``&&`` binds tighter, but not everybody knows."""
    return f"({text})" if " && " in text else text


def _value(
    type_: Type, values: Sequence[Json], path: str, options: Options, depth: int
) -> Iterator[Conjunct]:
    """A value that is E once (over its bound, inexact) satisfies no condition: then there is none."""
    count = len(values)
    if isinstance(type_, Record):
        yield from _record(type_, values, path, options, depth)
        return
    if count < options.min_observations or any(value is E for value in values):
        return
    match type_:
        case Bool() if len(set(values)) == 1:
            text = path if values[0] else f"!{path}"
            yield Conjunct(path, text, f"it was always {'true' if values[0] else 'false'}", count)
        case Int() | Dec() | F64() | Duration():
            yield from _bounds(type_, values, path, options)
        case Enum(known):
            seen = [value for value in known if value in values]
            if len(seen) == 1:
                text = f"{path} == {literals.text_literal(seen[0])}"
                yield Conjunct(path, text, "it was always the same", count)
            elif len(seen) < len(known):
                text = f"{path} in {literals.texts_literal(seen)}"
                yield Conjunct(path, text, f"{len(seen)} of {len(known)} values occurred", count)
        case Str():
            common = in_common(values, options)
            if common is not None:
                before, after = common
                text = f"{before}{path}{after}"
                yield Conjunct(path, text, f"{len(set(values))} different texts occurred", count)
        case List(element):
            yield from _elements(element, values, path, options, depth)
        case _:
            return  # times go on, and of `any` nothing can be said


def _bounds(type_: Type, values: Sequence[Json], path: str, options: Options) -> Iterator[Conjunct]:
    low, high = min(values), max(values)
    if options.readable and isinstance(type_, Int | Dec):
        low, high = round_down(low), round_up(high)
    lowest, highest = literals.number_literal(low, type_), literals.number_literal(high, type_)
    if low == high and lowest is not None:
        yield Conjunct(path, f"{path} == {lowest}", "it was always the same", len(values))
        return
    if lowest is not None:
        yield Conjunct(path, f"{path} >= {lowest}", "the smallest that occurred", len(values))
    if highest is not None:
        yield Conjunct(path, f"{path} <= {highest}", "the largest that occurred", len(values))


def _elements(
    element: Type, values: Sequence[tuple[Json, ...]], path: str, options: Options, depth: int
) -> Iterator[Conjunct]:
    members = [member for value in values for member in value]
    if not members:
        yield Conjunct(path, f"size({path}) == 0", "it was always empty", len(values))
        return
    name = f"item{depth or ''}"
    found = list(_value(element, members, name, options, depth + 1))
    if found:
        body = " && ".join(each.text for each in found)
        why = "; ".join(dict.fromkeys(each.why for each in found))
        yield Conjunct(path, f"{path}.all({name}, {body})", f"of its elements: {why}", len(values))


def round_up(value: int) -> int:
    """The smallest of 0 and 1, 2 and 5 times the powers of ten (or their negatives) that is not below ``value``."""
    if value < 0:
        return -_largest_within(-value)
    return 0 if value == 0 else _smallest_beyond(value)


def round_down(value: int) -> int:
    """The largest such number that is not above ``value``."""
    return -round_up(-value)


def _steps() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _smallest_beyond(value: int) -> int:
    return next(step for step in _steps() if step >= value)


def _largest_within(value: int) -> int:
    last = 1
    for step in _steps():
        if step > value:
            return last
        last = step
    raise AssertionError("steps never end")
