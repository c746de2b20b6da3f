"""Looking into frames: each look says where it is, and refuses what is not what it should be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..errors import UnknownFrame


def only(part: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Refuse keys that are not known, unless there is nothing under them."""
    for key, value in part.items():
        if key not in known and value not in (None, [], {}, ""):
            raise UnknownFrame(
                f"{where}: expected {', '.join(sorted(known))}, found {key!r:.80}; name it in ignored= to drop it"
            )


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UnknownFrame(f"{where}: expected an object, found {type(value).__name__}")
    return value


def text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise UnknownFrame(f"{where}: expected a text, found {type(value).__name__}")
    return value


def number(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnknownFrame(f"{where}: expected an index, found {value!r:.40}")
    return value
