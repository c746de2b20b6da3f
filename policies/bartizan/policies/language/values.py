"""E, the third truth value, and how JSON arguments become values of their declared types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any as Json
from typing import Final, final

from .types import F64, Any, Bool, Dec, Duration, Enum, Int, List, Record, Str, Time, Type

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_NUMBER = 400
"""Characters of a text that may be a decimal or a duration."""

_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


@final
class Error:
    """The type of E. Refuses to be a Python truth value, so that E can never pass for true or false."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise TypeError("E is neither true nor false")

    def __repr__(self) -> str:
        return "E"


E: Final = Error()


class Nonconforming(Exception):
    """A value that does not have its declared type: ``path`` names the place (``args.to[2]``)."""

    def __init__(self, path: str, expected: str, found: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}")
        self.path, self.expected, self.found = path, expected, found


def parse_duration(text: str) -> int:
    """Microseconds of ``"90s"``, ``"15m"``, ``"24h"``, ``"7d"``, ``"1h30m"``. Raises ValueError."""
    if len(text) > LONGEST_NUMBER:  # an agent's may be a megabyte, and each part copies what follows it
        raise ValueError(f"a text of {len(text)} characters is not a duration")
    total, rest = 0, text
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        unit = next((u for u in ("us", "ms", "s", "m", "h", "d") if rest.startswith(u, digits)), None)
        if digits == 0 or unit is None or not rest[:digits].isascii():
            raise ValueError(f"{text!r} is not a duration like 90s, 15m, 24h or 7d")
        total += int(rest[:digits]) * _UNITS[unit]
        rest = rest[digits + len(unit) :]
    if not text:
        raise ValueError("an empty text is not a duration")
    return total


def duration_text(microseconds: int) -> str:
    """The shortest text that :func:`parse_duration` reads as this many (from 0)."""
    text, rest = "", microseconds
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_time(text: str) -> int:
    """Microseconds since the epoch of RFC 3339 text with an offset. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"{text!r} is not RFC 3339 with an offset, like 2026-01-31T12:00:00Z")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def scale_decimal(value: Json, digits: int) -> int | Error:
    """``value`` times ``10**digits``, exactly: more fraction digits (or no finite number) is E, never rounding.

    Takes an int, a finite float (by its shortest decimal text) or a decimal string.
    """
    if isinstance(value, int):
        return int(value * 10**digits)
    if isinstance(value, float) and not math.isfinite(value):
        return E
    text = repr(value) if isinstance(value, float) else value
    try:
        sign, figures, exponent = Decimal(text).as_tuple()
    except InvalidOperation:
        return E
    if not isinstance(exponent, int) or abs(exponent) > 400:
        return E
    shift = exponent + digits
    magnitude = int("".join(map(str, figures)))
    if shift < 0:
        magnitude, remainder = divmod(magnitude, 10**-shift)
        if remainder:
            return E
    else:
        magnitude *= 10**shift
    return int(-magnitude if sign else magnitude)


def _is_decimal(text: str) -> bool:
    whole, point, fraction = text.removeprefix("-").partition(".")
    plain = text.isascii() and whole.isdigit() and (not point or fraction.isdigit())
    return plain and len(text) <= LONGEST_NUMBER


def _describe(value: Json) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "an integer"}
    if value is None:
        return "null"
    return f"{names.get(type(value), 'a number')} ({str(value)[:40]!r})"


def conform(value: Json, type_: Type, path: str = "args") -> Json:
    """``value`` (parsed JSON) as a value of ``type_``.

    Raises :class:`Nonconforming` when it does not have the type. E marks what has the type and yet has
    no value in it: inexact decimals, non-finite floats, texts and lists over their bound.
    """
    match type_:  # what most values are of comes first: one class after the other is tried
        case Str(limit) if isinstance(value, str):
            return value if len(value) <= limit else E
        case Record() if isinstance(value, Mapping):
            return _conform_record(value, type_, path)
        case Int() if isinstance(value, int) and not isinstance(value, bool):
            return value
        case Int() if isinstance(value, float) and value.is_integer():
            return int(value)  # JSON has one kind of number: 5.0 is the integer 5
        case Any():
            return value
        case Bool() if isinstance(value, bool):
            return value
        case Dec(digits) if isinstance(value, (int, float)) and not isinstance(value, bool):
            return scale_decimal(value, digits)
        case Dec(digits) if isinstance(value, str) and _is_decimal(value):
            return scale_decimal(value, digits)
        case F64() if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                return E
            return number if math.isfinite(number) else E
        case Enum(values) if isinstance(value, str) and value in values:
            return value
        case Time() if isinstance(value, str):
            try:
                return parse_time(value)
            except ValueError as error:
                raise Nonconforming(path, "a time (RFC 3339 with an offset)", _describe(value)) from error
        case Duration() if isinstance(value, str):
            try:
                return parse_duration(value)
            except ValueError as error:
                raise Nonconforming(path, "a duration like 24h", _describe(value)) from error
        case List(element, limit) if isinstance(value, list):
            if len(value) > limit:
                return E
            return tuple(conform(item, element, f"{path}[{i}]") for i, item in enumerate(value))
        case _:
            raise Nonconforming(path, str(type_), _describe(value))


def _conform_record(value: Mapping[str, Json], record: Record, path: str) -> dict[str, Json]:
    declared = [name for name, _ in record.fields if name in value]
    if len(declared) != len(value):
        for key in value:
            if key in declared:
                continue
            raise Nonconforming(f"{path}.{key[:60]}", "no such field", "one that the tool does not declare")
    result = {}
    for name, field in record.fields:
        if name in value and not (field.optional and value[name] is None):
            result[name] = conform(value[name], field.type, f"{path}.{name}")
        elif not field.optional:
            raise Nonconforming(f"{path}.{name}", str(field.type), "nothing")
    return result
