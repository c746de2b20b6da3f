"""YAML scalars: what an unquoted word means, and where each character of a value stands in the file.

Only ``true`` and ``false`` are booleans, only plain decimal digits are numbers. The words that YAML 1.1 and
1.2 read differently (``no``, ``010``, ``12:30``, ``.inf``, ...) are refused rather than guessed at.
"""

from __future__ import annotations

import re  # noqa: TID251 - fixed patterns over the policy's own text, at load time
from dataclasses import dataclass

MAX_DIGITS = 64

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_NUMBER_LIKE = (
    (re.compile(r"[-+]?0[0-9_]+"), "octal in YAML 1.1 and decimal in YAML 1.2"),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F_]+|[-+]?0[oO][0-7_]+|[-+]?0[bB][01_]+"), "not a decimal number"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a base-60 number in YAML 1.1"),
    (re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE), "not a finite number"),
    (
        re.compile(r"[-+]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"),
        "a number in an odd spelling",
    ),
)
_BOOLEAN_LIKE = {"yes", "no", "on", "off", "true", "false"}
_NULLS = {"", "~", "null", "Null", "NULL"}

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.|\r|\n)", re.DOTALL)
_LONG_ESCAPE = re.compile(r"\\U([0-9a-fA-F]{8})")
_NAMED = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_NAMED |= {"e": "\x1b", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029"}
_BLANK = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """An unquoted word that is refused: what it is, and what to write."""

    message: str
    help: str


def resolve(text: str) -> str | int | float | bool | Ambiguous | None:
    """The value of an unquoted scalar."""
    if text in _NULLS:
        return None
    if text in ("true", "false"):
        return text == "true"
    if text.lower() in _BOOLEAN_LIKE:
        meaning = "true" if text.lower() in ("yes", "on", "true") else "false"
        return Ambiguous(
            f"`{text}` is a boolean to some YAML readers", f'write {meaning}, or "{text}" for the text'
        )
    if len(text) > MAX_DIGITS:
        is_number = text.removeprefix("-")[:1].isdigit() and not text.strip("-0123456789_.:")
        return (
            Ambiguous(f"a number of more than {MAX_DIGITS} characters", "quote the text")
            if is_number
            else text
        )
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    for pattern, what in _NUMBER_LIKE:
        if pattern.fullmatch(text):
            help = f'write plain decimal digits, or "{text}" for the text'
            return Ambiguous(f"`{text}` is {what}", help)
    return text


def character_offsets(raw: str, start: int, style: str | None, value: str) -> tuple[int, ...] | None:
    """The file offset of every character of ``value``, or None where that cannot be told.

    ``raw`` is the scalar as it stands in the file from offset ``start``, in the YAML ``style`` (``None`` for
    plain, or one of ``' " | >``). Folding only ever drops white space, so aligning the other characters in
    order is exact.
    """
    if style in ("|", ">"):
        header = raw.find("\n") + 1
        units = _units(raw[header:], start + header, None)
    elif style in ("'", '"'):
        units = _units(raw[1:-1], start + 1, style)
    else:
        units = _units(raw, start, None)
    return _align(value, units)


def impossible_escape(text: str) -> int:
    """The offset of the first ``\\U........`` in ``text`` that is beyond U+10FFFF, or 0."""
    beyond = (found.start() for found in _LONG_ESCAPE.finditer(text) if int(found[1], 16) > 0x10FFFF)
    return next(beyond, 0)


def _units(raw: str, start: int, style: str | None) -> list[tuple[str, int]]:
    """The characters that ``raw`` spells, before line folding, each with its offset."""
    units: list[tuple[str, int]] = []
    index = 0
    while index < len(raw):
        width = 1
        character = raw[index]
        if style == "'" and raw.startswith("''", index):
            width = 2
        elif style == '"' and (escape := _ESCAPE.match(raw, index)):
            width = len(escape[0])
            character = _escaped(escape[1])
        if character:
            units.append((character, start + index))
        index += width
    return units


def _escaped(code: str) -> str:
    """The character of a double-quoted escape; an escaped line break is none."""
    if len(code) > 1 and code[0] in "xuU":
        number = int(code[1:], 16)
        return chr(number) if number <= 0x10FFFF else ""
    return "" if code[0] in "\r\n" else _NAMED.get(code, code)


def _align(value: str, units: list[tuple[str, int]]) -> tuple[int, ...] | None:
    offsets: list[int] = []
    at = 0
    for character in value:
        blank = at
        while blank < len(units) and units[blank][0] != character and units[blank][0] in _BLANK:
            blank += 1
        if blank < len(units) and units[blank][0] == character:
            at = blank
            offsets.append(units[at][1])
            at += 1
        elif character in " \n":  # a folded line break, or one that ends the text
            place = min(at, len(units) - 1)
            if place < 0:
                return None
            offsets.append(units[place][1])
        else:
            return None
    if any(character not in _BLANK for character, _ in units[at:]):
        return None
    return tuple(offsets)
