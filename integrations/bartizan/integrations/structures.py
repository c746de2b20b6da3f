"""What tools return, as JSON where it is some."""

from __future__ import annotations

from typing import Any

from bartizan.guard import JSON, MalformedJSON, canonical_json, parse_json


def structure_of(text: str) -> JSON:
    """The JSON object or array that a text is; ``None`` for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return parse_json(text)
    except MalformedJSON:
        return None


def as_json(value: Any) -> JSON:
    """The value as JSON, in a copy; ``None`` for what strict JSON cannot say."""
    try:
        return None if value is None else parse_json(canonical_json(value))
    except MalformedJSON:
        return None
