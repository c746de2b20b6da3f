"""Every numeric type as integers: those that are, as they are, and doubles in the order of their values."""

from __future__ import annotations

import struct
from typing import Any as Json

from ..edits.writing import EARLIEST, LATEST, NUMERIC
from ..language.types import F64, Duration, Time, Type

_SIGN = 1 << 63
LARGEST = 0x7FEF_FFFF_FFFF_FFFF
"""The largest finite double."""

MAX_BITS = 2_048
"""What is longer is not repaired: bisection would take a check a bit."""


def ordered(type_: Type) -> bool:
    """Whether the values of a type are numbers."""
    return isinstance(type_, NUMERIC)


def as_integer(value: Json, type_: Type) -> int:
    """The integer that stands for a value of a numeric type."""
    return rank(value) if isinstance(type_, F64) else int(value)


def rank(number: float) -> int:
    """The place of a double among all of them, counted from 0.0 (which is -0.0)."""
    bits = int(struct.unpack("<q", struct.pack("<d", number))[0]) & (_SIGN * 2 - 1)
    return _SIGN - bits if bits & _SIGN else bits


def double(place: int) -> float:
    """The double at a place: the inverse of :func:`rank`."""
    bits = place if place >= 0 else _SIGN - place
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def bounds(type_: Type) -> tuple[int | None, int | None]:
    """The least and the greatest integer that stands for a value of the type."""
    match type_:
        case F64():
            return -LARGEST, LARGEST
        case Time():
            return EARLIEST, LATEST
        case Duration():
            return 0, None
    return None, None
