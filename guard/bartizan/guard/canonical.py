"""Strict JSON in, canonical JSON out.

*Strict*: UTF-8, no duplicate keys, no ``NaN`` or ``Infinity`` (nor a number that overflows to one), no
lone surrogates, at most :data:`MAX_DEPTH` levels, nothing after the value. *Canonical*: object keys
sorted by code point (which is also their UTF-8 byte order; RFC 8785 sorts by UTF-16 unit, the same
below U+10000), no whitespace, integers exact, floats by their shortest round-trip ``repr``. An integer
and a float are different values: ``1`` and ``1.0`` have different canonical bytes.

Two parsers that read one text differently are the classic way round a guard; whatever parsers could
disagree about is refused here, and everything downstream sees only what this module wrote.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, NoReturn, TypeAlias

from .errors import MalformedJSON

JSON: TypeAlias = Any
"""``None | bool | int | float | str | list[JSON] | dict[str, JSON]`` (``Any``: checkers cannot index a union)."""

MAX_DEPTH = 64
"""How many arrays and objects may be nested in each other."""

WRAPPED_DEPTH = MAX_DEPTH + 8
"""The same for what the kernel itself writes around a value of the full depth: records, stored events."""


def parse_json(text: str | bytes, *, max_depth: int = MAX_DEPTH) -> JSON:
    """The value of a strict JSON text. Raises :class:`MalformedJSON`."""
    try:
        decoded = isinstance(text, bytes)
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        elif not isinstance(text, str):
            raise MalformedJSON(f"expected JSON text as str or bytes, found {type(text).__name__}")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedJSON(
            f"expected UTF-8, found byte 0x{error.object[error.start]:02x} at offset {error.start}"
        ) from error
    except json.JSONDecodeError as error:
        raise MalformedJSON(
            f"expected JSON: {error.msg}, at line {error.lineno} column {error.colno}"
        ) from error
    except RecursionError as error:
        raise MalformedJSON(f"expected at most {max_depth} nested levels, found far more") from error
    except ValueError as error:  # an integer beyond the interpreter's digit limit
        raise MalformedJSON(f"expected JSON: {error}") from error
    # Else there is no letter and no escape that could be a lone surrogate, and too little to be deep.
    whole = "\\u" not in text and (decoded or text.isascii())
    if not whole or text.count("{") + text.count("[") > max_depth:
        _check(value, max_depth)
    return value


def canonical_json(value: JSON, *, max_depth: int = MAX_DEPTH) -> bytes:
    """The one canonical form of a value. Raises :class:`MalformedJSON` for what JSON cannot say exactly.

    A tuple is written as an array. A value read back from the result is written as the same bytes.
    """
    _check(value, max_depth)
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:  # an integer beyond the digit limit, a liar
        raise MalformedJSON(f"expected a JSON value: {error}") from error


def written_json(value: JSON) -> bytes:
    """As :func:`canonical_json`, for what this program has put together of parts that were checked one by one.

    It is not looked into again, which takes as long as writing it.
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedJSON(f"expected a JSON value: {error}") from error


def digest_of(data: bytes) -> str:
    """SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def scalar_text(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD: what UTF-8 can say of it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


_EXACT = frozenset({bool, int, type(None)})
"""Types whose every value JSON can say: nothing to look into."""


class _Refused(Exception):
    """What is wrong, and (innermost first) the way to where it is wrong."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.path: list[str] = []


def _check(value: JSON, max_depth: int) -> None:
    """Refuse what the standard codec would let through or coerce: depth, key types, surrogates, NaN."""
    try:
        _walk(value, max_depth)
    except _Refused as refused:
        raise MalformedJSON(f"{refused.problem}, at ${''.join(reversed(refused.path))}") from None


def _walk(value: JSON, levels: int) -> None:
    kind = type(value)
    if kind is str:
        if not value.isascii():
            _check_text(value)
    elif kind in _EXACT:
        return
    elif kind is float:
        if not math.isfinite(value):
            raise _Refused(f"expected a finite number, found {value!r}")
    elif kind is dict:
        if levels == 0:
            raise _Refused("expected fewer nested levels")
        for key, item in value.items():
            if type(key) is not str:
                raise _Refused(f"expected string keys, found {type(key).__name__} {key!r:.40}")
            if not key.isascii():
                _check_text(key)
            kind = type(item)
            if kind in _EXACT or (kind is str and item.isascii()):
                continue
            try:
                _walk(item, levels - 1)
            except _Refused as refused:
                refused.path.append(f".{key}")
                raise
    elif kind is list or kind is tuple:
        if levels == 0:
            raise _Refused("expected fewer nested levels")
        for index, item in enumerate(value):
            kind = type(item)
            if kind in _EXACT or (kind is str and item.isascii()):
                continue
            try:
                _walk(item, levels - 1)
            except _Refused as refused:
                refused.path.append(f"[{index}]")
                raise
    else:
        raise _Refused(f"expected null, bool, int, float, str, list or dict, found {kind.__name__}")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        unit = ord(text[error.start])
        raise _Refused(f"expected Unicode scalar values, found lone surrogate U+{unit:04X}") from None


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedJSON(f"expected distinct keys, found {key!r} twice in one object")
            seen.add(key)
    return result


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedJSON(f"expected a number that a 64-bit float can hold, found {text}")
    return value


def _constant(text: str) -> NoReturn:
    raise MalformedJSON(f"expected a number, found {text}")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
