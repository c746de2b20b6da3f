"""What was sent, read as strict JSON: every refusal names a place and what was expected there.

It never says what was found: that may be somebody's text.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, parse_json
from bartizan.guard.errors import MalformedJSON
from bartizan.monitors.errors import MonitorError


class Malformed(MonitorError):
    """What was expected, and where."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


def parse(body: bytes) -> JSON:
    """The value of a body. Raises :class:`Malformed`, as all of these do."""
    try:
        return parse_json(body, max_depth=WRAPPED_DEPTH)
    except MalformedJSON as error:
        cause = error.__cause__
        where = (
            f" at line {cause.lineno} column {cause.colno}" if isinstance(cause, json.JSONDecodeError) else ""
        )
        problem = "expected strict JSON in UTF-8: distinct keys, finite numbers, no lone surrogates, no deep nesting"
        raise Malformed(f"body{where}", problem) from None  # its message may quote the body


def an_object(
    found: JSON, place: str, needed: Collection[str], optional: Collection[str] = ()
) -> Mapping[str, Any]:
    """An object with the keys that are needed and no others than the optional ones."""
    if not isinstance(found, dict):
        raise Malformed(place, "expected an object")
    for key in sorted(needed - found.keys()):
        raise Malformed(place, f'expected the key "{key}", which is absent')
    known = {*needed, *optional}
    if not found.keys() <= known:
        raise Malformed(place, f"expected no other keys than {', '.join(sorted(known))}")
    return found


def a_list(found: JSON, place: str, least: int, most: int) -> list[JSON]:
    """A list of so many entries."""
    if not isinstance(found, list):
        raise Malformed(place, "expected a list")
    if not least <= len(found) <= most:
        raise Malformed(place, f"expected {least} to {most} entries, found {len(found)}")
    return found


def a_text(found: JSON, place: str, most: int | None = None) -> str:
    """A text of at most so many characters."""
    if not isinstance(found, str):
        raise Malformed(place, "expected a text")
    if most is not None and len(found) > most:
        raise Malformed(place, f"expected at most {most} characters, found {len(found)}")
    return found


def seconds(found: JSON, place: str) -> float | None:
    """Milliseconds above 0 as seconds; ``None`` where none were sent."""
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= 1e9:
        raise Malformed(place, "expected milliseconds above 0")
    return found / 1e3
