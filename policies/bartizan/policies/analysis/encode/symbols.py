"""Symbolic values: for each type of the language, where an expression has a value and which one.

A condition is a pair (true, false); where neither holds it is E. Every other value is a pair (defined, value).

Numbers stand for more than integers. A ``dec(k)`` is scaled by ``10**k``; times and durations are microseconds;
an enum's value is a code; an ``f64`` is the rank of the number among all finite binary64 numbers, so that order
and equality of floats are those of integers, exactly.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from ..formula import Formula, Number, Text

_SIGN = 1 << 63


@dataclass(frozen=True, slots=True)
class Condition:
    """T where ``true`` holds, F where ``false`` holds (never both), E elsewhere."""

    true: Formula
    false: Formula


@dataclass(frozen=True, slots=True)
class Amount:
    """An int, dec, time, duration, enum (by code) or f64 (by rank)."""

    defined: Formula
    number: Number


@dataclass(frozen=True, slots=True)
class String:
    """One of the leaves: that whose guard holds. Where ``defined`` holds, exactly one guard does."""

    defined: Formula
    leaves: tuple[tuple[Formula, Text | str], ...]


@dataclass(frozen=True, slots=True)
class Elements:
    """A list: ``items[i]`` is an element where ``i < length``. It has room for as many as an analysis needs."""

    defined: Formula
    length: Number
    items: tuple[Symbol, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """A record: each field with when it is there. A record itself always has a value where it is there."""

    fields: Mapping[str, tuple[Formula, Symbol]]


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value of type ``any``: nothing can be asked of it but where it comes from."""


Symbol = Condition | Amount | String | Elements | Fields | Opaque


def rank_of(value: float) -> int:
    """The rank of a finite float: 0 for zero, 1 for the smallest positive one, -1 for the largest negative one."""
    bits: int = struct.unpack(">Q", struct.pack(">d", value))[0]
    return bits if bits < _SIGN else _SIGN - bits


def float_of(rank: int) -> float:
    """The float of a rank."""
    value: float = struct.unpack(">d", struct.pack(">Q", abs(rank)))[0]
    return value if rank >= 0 else -value


LARGEST = rank_of(1.7976931348623157e308)
ONE = rank_of(1.0)
