"""Decisions as Open Policy Agent logs them, for whoever collects those.

The event's members are those of OPA's decision log service API (openpolicyagent.org/docs/management-decision-logs):
``labels``, ``decision_id``, ``bundles``, ``path``, ``input``, ``result``, ``requested_by``, ``timestamp``, ``metrics``
and, for what the log does not hold, ``erased`` with the JSON pointers of it. The service takes them as one JSON
array, gzipped; these are its elements, one a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bartizan.guard.audit import Found

from .common import DECISIONS, line, member, timestamp

PATH = "bartizan/decision"


def opa_lines(records: Iterable[Found], pointers: Mapping[str, str] = {}) -> Iterator[str]:
    """An event for every decision and review."""
    for found in records:
        if found.entry.record.get("kind") in DECISIONS:
            yield line(event(found))


def event(found: Found) -> dict[str, Any]:
    record = found.entry.record
    asked: dict[str, Any] = {
        "session": record.get("session"),
        "tool": record.get("tool"),
        "call_id": record.get("call_id"),
        "call_digest": record.get("call_digest"),
        "principal": record.get("principal"),
        "review": record.get("kind") == "review",
    }
    made: dict[str, Any] = {
        "labels": {"app": "bartizan", "id": found.log},
        "decision_id": record.get("id"),
        "path": PATH,
        "bundles": {str(member(record, "policy", "name")): {"revision": member(record, "policy", "hash")}},
        "input": asked,
        "result": {
            "allow": record.get("outcome") in ("ALLOW", "CORRECT"),
            "outcome": str(record.get("outcome")).lower(),
            "reasons": list(record.get("reasons") or ()),
            "shadow": list(record.get("shadow") or ()),
        },
        "requested_by": str(member(record, "principal", "id") or ""),
        "timestamp": timestamp(record.get("time")),
        "metrics": {
            f"timer_bartizan_{stage}_ns": microseconds * 1000
            for stage, microseconds in (record.get("latency_us") or {}).items()
        },
    }
    if "args" in record:
        asked["args"] = record["args"]
    else:
        made["erased"] = ["/input/args"]
    return made
