"""Decisions as Open Policy Agent logs them, for whoever collects those.

The event's members are those of OPA's decision log service API (openpolicyagent.org/docs/management-decision-logs):
``labels``, ``decision_id``, ``bundles``, ``path``, ``input``, ``result``, ``requested_by``, ``timestamp``, ``metrics``
and, for what the log does not hold, ``erased`` with the JSON pointers of it. The service takes them as one JSON
array, gzipped; an export has its elements, one a line.
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
            yield line(logged(found.entry.record, {"app": "bartizan", "id": found.log}))


def logged(record: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """A decision's record as an event; arguments that it does not hold are ``erased``."""
    asked: dict[str, Any] = {
        "session": record.get("session"),
        "tool": record.get("tool"),
        "call_id": record.get("call_id"),
        "call_digest": record.get("call_digest"),
        "principal": record.get("principal"),
        "review": record.get("kind") == "review",
    }
    event: dict[str, Any] = {
        "labels": dict(labels),
        "decision_id": record.get("id"),
        "bundles": {str(member(record, "policy", "name")): {"revision": member(record, "policy", "hash")}},
        "path": PATH,
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
            f"timer_{stage}_ns": microseconds * 1000
            for stage, microseconds in (record.get("latency_us") or {}).items()
        },
    }
    if "args" in record:
        asked["args"] = record["args"]
    else:
        event["erased"] = ["/input/args"]
    return event
