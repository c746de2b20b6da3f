"""Lines of JSON, read strictly: one object each, known keys, plain integers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from ..kernel.errors import KernelError

Source: TypeAlias = Path | bytes | str | Iterable[str]
Object: TypeAlias = dict[str, Any]

LONGEST_LINE = 1 << 24


def lines(source: Source, first: int = 1) -> Iterator[tuple[int, Object]]:
    """Each line's number, from ``first``, and its object. ``source``: a file's path, its content, or its lines.

    Raises:
        KernelError: a line is no JSON object, or is too long.
    """
    for number, text in enumerate(_texts(source, first), first):
        if len(text) > LONGEST_LINE:
            raise KernelError(f"the line has more than {LONGEST_LINE} characters", line=number)
        try:
            found = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise KernelError(f"not a line of JSON: {error}", line=number) from None
        if not isinstance(found, dict):
            raise KernelError("a line must be a JSON object", line=number)
        yield number, found


def _texts(source: Source, first: int) -> Iterator[str]:
    if isinstance(source, Path):
        source = source.read_bytes()
    if isinstance(source, bytes):
        source = _decode(source, first)
    if not isinstance(source, str):
        yield from source
        return
    texts = source.split("\n")  # not splitlines(): names may hold other line breaks
    yield from texts[:-1] if texts[-1] == "" else texts


def _decode(content: bytes, first: int) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise KernelError("not UTF-8", line=content.count(b"\n", 0, error.start) + first) from None


def _object(pairs: list[tuple[str, Any]]) -> Object:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is written twice")
    return found


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not an integer")


def _integer(text: str) -> int:
    if len(text) > 18:
        raise ValueError("a number of more than 18 digits")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_refuse, parse_constant=_refuse, parse_int=_integer
)
