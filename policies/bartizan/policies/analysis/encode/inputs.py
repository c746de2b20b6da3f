"""Symbols of what a policy looks at: arguments, the principal, events. With them, what makes them well-formed.

A value may conform to its type and yet be E: a decimal with too many digits, a float beyond binary64, a text or
list over its bound. Each such value has a flag for it (``args.amount has a value``), so that a proof covers it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from ...language.types import (
    F64,
    Any,
    Bool,
    Dec,
    Duration,
    Enum,
    Int,
    List,
    Record,
    Str,
    Time,
    Type,
)
from ..formula import FALSE, TRUE, Formula, Formulas
from .symbols import LARGEST, Amount, Condition, Elements, Fields, Opaque, String, Symbol

OFFSET = 86_399_999_999  # the largest offset from UTC that RFC 3339 text can have, in microseconds
EARLIEST = -62_135_596_800_000_000 - OFFSET  # 0001-01-01T00:00:00+23:59:59.999999, in microseconds
LATEST = 253_402_300_799_999_999 + OFFSET  # 9999-12-31T23:59:59.999999-23:59:59.999999


class Codes:
    """Enum values as numbers: one code for one text, whatever enum it is a value of."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._texts: list[str] = []

    def of(self, text: str) -> int:
        if text not in self._codes:
            self._codes[text] = len(self._texts)
            self._texts.append(text)
        return self._codes[text]

    def text(self, code: int) -> str:
        return self._texts[code]


@dataclass(frozen=True, slots=True)
class InputMaker:
    """Makes symbols of declared types. ``facts`` is told what is true of every well-formed value.

    ``known`` makes the flag that a value is within the bounds of its type; ``room`` says how many elements of the
    list at a path an analysis has to look at, at most.
    """

    formulas: Formulas
    codes: Codes
    facts: Callable[[Formula], None]
    known: Callable[[str], Formula]
    room: Callable[[str, List], int]

    def make(self, type_: Type, name: str, path: str) -> Symbol:
        """A free value of a type. ``path`` is where it stands, like ``args.rows[].to``; ``name`` is unique."""
        f = self.formulas
        match type_:
            case Bool():
                flag = f.flag(name)
                return Condition(flag, f.neg(flag))
            case Int():
                return Amount(TRUE, f.whole(name))
            case Dec():
                return Amount(self.known(has_value(name)), f.whole(name))
            case F64():
                number = f.whole(name)
                self.facts(f.between(-LARGEST, number, LARGEST))
                return Amount(self.known(has_value(name)), number)
            case Time():
                number = f.whole(name)
                self.facts(f.between(EARLIEST, number, LATEST))
                return Amount(TRUE, number)
            case Duration():
                number = f.whole(name)
                self.facts(f.between(0, number, None))
                return Amount(TRUE, number)
            case Enum(values):
                number = f.whole(name)
                self.facts(f.some(f.equal(number, f.constant(self.codes.of(value))) for value in values))
                return Amount(TRUE, number)
            case Str(limit):
                return String(self.known(has_value(name)), ((TRUE, f.text(name, limit)),))
            case List():
                return self._list(type_, name, path)
            case Record(fields):
                return Fields(
                    {
                        key: (
                            f.flag(is_there(name + step(key))) if field.optional else TRUE,
                            self.make(field.type, name + step(key), f"{path}.{key}"),
                        )
                        for key, field in fields
                    }
                )
            case Any():
                return Opaque()

    def _list(self, type_: List, name: str, path: str) -> Elements:
        f = self.formulas
        room = min(self.room(path, type_), type_.limit)
        length = f.whole(f"size({name})")
        self.facts(f.between(0, length, room))
        items = tuple(self.make(type_.element, f"{name}[{i}]", f"{path}[]") for i in range(room))
        return Elements(self.known(has_value(name)), length, items)


def undefined(type_: Type, formulas: Formulas) -> Symbol:
    """The symbol of a type that is E everywhere."""
    match type_:
        case Bool():
            return Condition(FALSE, FALSE)
        case Str():
            return String(FALSE, ())
        case List():
            return Elements(FALSE, formulas.constant(0), ())
        case Record():
            return Fields({})
        case Any():
            return Opaque()
        case _:
            return Amount(FALSE, formulas.constant(0))


def step(field: str) -> str:
    """A field in the name of a variable: ``.amount``, or ``["any text"]``, so that no two places share a name."""
    return f".{field}" if field.isidentifier() else f"[{json.dumps(field)}]"


def has_value(name: str) -> str:
    """The name of the flag: this value is within the bounds of its type."""
    return f"{name} has a value"


def is_there(name: str) -> str:
    """The name of the flag: this optional field is there."""
    return f"has({name})"
