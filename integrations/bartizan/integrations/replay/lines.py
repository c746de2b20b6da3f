"""JSON lines with line numbers: plain, gzip or xz, one line in memory at a time."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TypeVar, cast

from bartizan.guard.canonical import JSON, parse_json
from bartizan.guard.errors import MalformedJSON

from .record import RecordError

MAX_LINE = 64 << 20
"""Bytes of one line; a longer one is refused, so that a broken file cannot fill the memory."""

_T = TypeVar("_T")

_NAMES = {
    str: "a string",
    int: "an integer",
    bool: "true or false",
    list: "an array",
    dict: "an object",
    float: "a number",
}


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Every non-empty line as ``("file:line", object)``. Raises :class:`RecordError` at the first bad one."""
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(MAX_LINE + 1):
                number += 1
                where = f"{path.name}:{number}"
                if len(line) > MAX_LINE:
                    raise RecordError(where, f"expected lines of at most {MAX_LINE} bytes")
                if not line.strip():
                    continue
                try:
                    value = parse_json(line)
                except MalformedJSON as error:
                    raise RecordError(where, f"expected one JSON object per line: {error}") from error
                if not isinstance(value, dict):
                    raise RecordError(where, f"expected a JSON object, found {_kind(value)}")
                yield where, value
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise RecordError(f"{path.name}:{number + 1}", f"cannot be read: {error}") from error


def count_lines(path: Path) -> int:
    """How many non-empty lines a readable file has; 0 where it cannot be read (reading it says why)."""
    try:
        with _open(path) as file:
            return sum(1 for line in file if line.strip())
    except (OSError, EOFError, lzma.LZMAError):
        return 0


def member(record: Mapping[str, JSON], name: str, kind: type[_T], where: str) -> _T:
    """``record[name]`` if it is of this kind; a :class:`RecordError` that says what it is otherwise."""
    if name not in record:
        raise RecordError(where, f"expected {name!r} ({_NAMES[kind]}), found only {_listed(record)}")
    value = record[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise RecordError(where, f"expected {name!r} to be {_NAMES[kind]}, found {_kind(value)}")
    return value


def optional(record: Mapping[str, JSON], name: str, kind: type[_T], where: str) -> _T | None:
    """Like :func:`member`; absent and ``null`` are ``None``."""
    return None if record.get(name) is None else member(record, name, kind, where)


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _kind(value: JSON) -> str:
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)


def _listed(record: Mapping[str, JSON]) -> str:
    names = sorted(record)[:8]
    return ", ".join(repr(name) for name in names) or "an empty object"
