"""Which byte may come next in a script of a call: decoding that can only write scripts.

A small automaton over what was written so far. Paths are those that may be edited, in order; values are JSON scalars,
and where the policy lists the values to choose from, one of those. What it lets through is read strictly all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bartizan.guard.canonical import canonical_json

from . import vocabulary
from .script import path_text

_DIGITS = tuple(b"0123456789")
_TEXT = tuple(b for b in range(0x20, 256) if b not in b'"\\;')
_ESCAPED = tuple(b'"\\bfnrtu')
_HEX = tuple(b"0123456789abcdefABCDEF")


class CallGrammar:
    """The scripts that edit these paths; ``values`` lists what a path may be set to (empty: any scalar)."""

    def __init__(self, editable: Mapping[str, Sequence[Any]]) -> None:
        self._editable = {
            path.encode(): tuple(canonical_json(v).replace(b";", b"\\u003b") for v in values)
            for path, values in sorted(editable.items(), key=lambda item: item[0].split("/"))
        }
        self._order = list(self._editable)

    def __call__(self, written: bytes) -> tuple[int, ...]:
        """The tokens that may follow; only the end where nothing else can."""
        last = written.rfind(b";") + 1
        part, before = written[last:], written[:last]
        path, equals, value = part.partition(b"=")
        if not before and part in (b"=", b"DENY"):
            return (vocabulary.END,)
        if equals and path in self._editable:
            return self._in_value(path, value)
        used = [edit.partition(b"=")[0] for edit in before.split(b";") if edit]
        first = self._order.index(used[-1]) + 1 if used and used[-1] in self._order else 0
        options = [name + b"=" for name in self._order[first:]]
        if not before:
            options += [b"=", b"DENY"]
        return _next(options, part) or (vocabulary.END,)

    def _in_value(self, path: bytes, value: bytes) -> tuple[int, ...]:
        more = (vocabulary.END, ord(";")) if path != self._order[-1] else (vocabulary.END,)
        if listed := self._editable[path]:
            return (*_next(listed, value), *(more if value in listed else ())) or (vocabulary.END,)
        allowed, complete = _scalar(value)
        return (*allowed, *(more if complete else ())) or (vocabulary.END,)


def paths(editable: Iterable[Sequence[str]]) -> list[str]:
    """Paths as the grammar and the scripts write them."""
    return [path_text(path) for path in editable]


def _next(options: Iterable[bytes], begun: bytes) -> tuple[int, ...]:
    at = len(begun)
    return tuple(sorted({option[at] for option in options if len(option) > at and option.startswith(begun)}))


def _scalar(value: bytes) -> tuple[tuple[int, ...], bool]:
    """What may follow in a JSON scalar, and whether it is complete."""
    if not value:
        return (*_DIGITS, *b'-"tfn'), False
    for word in (b"true", b"false", b"null"):
        if word.startswith(value):
            return tuple(word[len(value) : len(value) + 1]), value == word
    if value.startswith(b'"'):
        return _text(value[1:])
    return _number(value)


def _number(value: bytes) -> tuple[tuple[int, ...], bool]:
    digits, point, fraction = value.removeprefix(b"-").partition(b".")
    if not digits:
        return _DIGITS, False
    if point:
        return _DIGITS if len(fraction) < 12 else (), bool(fraction)
    return ((*_DIGITS, ord(".")) if digits != b"0" and len(digits) < 16 else (ord("."),)), True


def _text(value: bytes) -> tuple[tuple[int, ...], bool]:
    at = 0
    while at < len(value):
        if value[at] == ord('"'):
            return (), True
        if value[at] != ord("\\"):
            at += 1
        elif len(value) == at + 1:
            return _ESCAPED, False
        elif value[at + 1] == ord("u"):
            if len(value) < at + 6:
                return _HEX, False
            at += 6
        else:
            at += 2
    return (*_TEXT, ord('"'), ord("\\")), False
