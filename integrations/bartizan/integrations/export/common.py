"""What the formats share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DECISIONS = frozenset({"decision", "review"})
"""Kinds of records that say what was decided; a review let nothing go."""


def timestamp(time: object, timespec: str = "microseconds") -> str:
    """RFC 3339 in UTC, of microseconds since the epoch."""
    if type(time) is not int:
        return ""
    return datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def line(value: Mapping[str, Any]) -> str:
    """A JSON object in one line."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def rules(record: Mapping[str, Any], name: str = "reasons") -> list[str]:
    """The rules among a record's reasons."""
    return [str(reason.get("rule")) for reason in record.get(name) or () if isinstance(reason, Mapping)]


def member(record: Mapping[str, Any], outer: str, inner: str) -> Any:
    """A member of a member, ``None`` where either is not there."""
    found = record.get(outer)
    return found.get(inner) if isinstance(found, Mapping) else None
