"""Numbers, times and durations as the JSON that a tool expects, in the manner of the value that they replace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any as Json

from ..language.types import F64, Dec, Duration, Int, Time, Type
from ..language.values import duration_text, scale_decimal

NUMERIC = (Int, Dec, F64, Time, Duration)
"""The types whose values are ordered, and so can be clamped."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

EARLIEST = -62_135_510_400_000_000  # 0001-01-02 and 9999-12-30: any offset keeps the year within four digits
LATEST = 253_402_128_000_000_000


def write(value: Json, type_: Type, like: Json) -> Json:
    """A value of a numeric type as JSON: text where ``like`` is text, whole where it is whole and can be.

    ``conform(write(v, t, like), t) == v`` for every value that the type has.
    """
    match type_:
        case Dec(digits):
            return _decimal(value, digits, like)
        case Time():
            moment = _EPOCH + timedelta(microseconds=value)
            zone = datetime.fromisoformat(like).tzinfo if isinstance(like, str) else UTC
            return moment.astimezone(zone).isoformat()
        case Duration():
            return duration_text(value)
        case F64():
            whole = isinstance(like, int) and value.is_integer() and abs(value) < 2**53
            return int(value) if whole else value
        case _:
            return value


def _decimal(value: int, digits: int, like: Json) -> Json:
    whole, rest = divmod(value, 10**digits)
    if isinstance(like, int) and not rest:
        return whole
    exact = Decimal(value).scaleb(-digits) if abs(value) < 10**25 else None
    if exact is not None and not isinstance(like, str):
        number = float(exact)
        if scale_decimal(number, digits) == value:
            return number
    sign, (whole, rest) = "-" if value < 0 else "", divmod(abs(value), 10**digits)
    return f"{sign}{whole}.{rest:0{digits}d}" if digits else f"{sign}{whole}"
