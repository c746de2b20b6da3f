"""JSON lines and CSV: every record, whole or in columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bartizan.guard.audit import Found

from .common import line, member, rules, timestamp

COLUMNS = (
    "log", "seq", "time", "kind", "session", "tool", "call_id", "outcome", "rules", "shadow", "policy", "policy_hash",
    "principal", "approval", "answer", "corrected_by", "call_digest", "id", "hash",
)  # fmt: skip


def json_lines(records: Iterable[Found], pointers: Mapping[str, str] = {}) -> Iterator[str]:
    """Each record as it is, with its log and its hash."""
    for found in records:
        yield line({"log": found.log, "hash": found.entry.hash, "record": dict(found.entry.record)})


def csv_lines(records: Iterable[Found], pointers: Mapping[str, str] = {}) -> Iterator[str]:
    """A table with a heading (RFC 4180). What a spreadsheet would take for a formula begins with an apostrophe."""
    yield _row(COLUMNS)
    for found in records:
        record = found.entry.record
        yield _row(
            _cell(value)
            for value in (
                found.log,
                found.entry.seq,
                timestamp(record.get("time")),
                record.get("kind"),
                record.get("session"),
                record.get("tool"),
                record.get("call_id"),
                record.get("outcome"),
                " ".join(rules(record)),
                " ".join(rules(record, "shadow")),
                member(record, "policy", "name"),
                member(record, "policy", "hash"),
                member(record, "principal", "id"),
                record.get("approval"),
                record.get("answer"),
                member(record, "correction", "by"),
                record.get("call_digest"),
                record.get("id"),
                found.entry.hash,
            )
        )


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _row(cells: Iterable[str]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(cells)
    return file.getvalue()
