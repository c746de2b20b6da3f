"""Bartizan's own audit log, written with content capture, read back as sessions.

A decision that let its call go and has a result is an executed call; one without is a call that was never
answered; a denied or unanswered escalation is a refused one. Where an approval led to a second decision about
the same call, the second stands for both; a call that paused and was resumed is one call. Decisions that took no
effect (``superseded``) are left out. The outcome of that time is kept among the call's labels (``decided``,
``rules``), so that a replay can say what would change.

The log is read, not verified: ``bartizan audit verify`` does that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bartizan.guard.audit import query
from bartizan.guard.audit.segments import HEAD, segment_indices
from bartizan.guard.canonical import JSON
from bartizan.guard.errors import AuditTampered
from bartizan.guard.reasons import RESUMED

from .lines import member, optional
from .record import Call, Happening, Prompt, RecordedSession, RecordError, Result, State, Text
from .spool import Spool

_READ = frozenset({"decision", "result", "error", "observation", "superseded"})

_Rows = list[tuple[str, dict[str, JSON]]]


def is_audit_log(path: Path) -> bool:
    return path.is_dir() and (path / HEAD).is_file() and any(segment_indices(path))


def read_audit_log(path: Path) -> Iterator[RecordedSession]:
    """The sessions of a log's directory, in the order in which they began."""
    with Spool() as spool:
        try:
            for entry in query(path):
                if entry.record.get("kind") in _READ:
                    session = member(entry.record, "session", str, f"{path.name}:{entry.seq}")
                    spool.add(session, entry.seq, [f"{path.name}:{entry.seq}", dict(entry.record)])
        except AuditTampered as error:
            raise RecordError(path.name, str(error)) from error
        for session, rows in spool.groups():
            yield _session(session, [(where, record) for where, record in rows])


def _session(id: str, rows: _Rows) -> RecordedSession:
    skipped, resumed = _without_effect(rows), _resumed(rows)
    results: dict[JSON, dict[str, JSON]] = {}
    for _, record in rows:
        if record["kind"] in ("result", "error") and not record.get("suspended"):
            results[resumed.get(record.get("decision"), record.get("decision"))] = record
    happened: list[Happening] = []
    steps: dict[JSON, int] = {}
    for where, record in rows:
        kind, own = record["kind"], record.get("id")
        if kind == "decision" and own not in skipped and own not in resumed:
            steps[own] = len(steps)
            happened.append(_call(steps[own], record, results.get(own), where))
        elif kind in ("result", "error"):
            cause = resumed.get(record.get("decision"), record.get("decision"))
            if cause in steps and results.get(cause) is record:
                happened.append(_result(steps[cause], record, where))
        elif kind == "observation":
            happened.append(_observed(record, where))
    name = next((r["policy"]["name"] for _, r in rows if r.get("policy")), "none")
    return RecordedSession(id, {"suite": str(name)}, tuple(happened), rows[0][0])


def _without_effect(rows: _Rows) -> set[JSON]:
    """Decisions that were superseded, and escalations that were decided again after their approval."""
    superseded = {record.get("superseded") for _, record in rows if record["kind"] == "superseded"}
    by_approval: dict[JSON, JSON] = {}
    for _, record in rows:
        approval = record.get("approval")
        if record["kind"] == "decision" and approval is not None and record.get("id") not in superseded:
            if approval in by_approval:
                superseded.add(by_approval[approval])
            by_approval[approval] = record.get("id")
    return superseded


def _resumed(rows: _Rows) -> dict[JSON, JSON]:
    """Decisions that let a paused call go on, each with the decision that let it go first."""
    first: dict[JSON, JSON] = {}
    found: dict[JSON, JSON] = {}
    for _, record in rows:
        if record["kind"] == "decision" and record.get("once") is not None:
            if any(reason["rule"] == RESUMED for reason in record["reasons"]) and record["once"] in first:
                found[record.get("id")] = first[record["once"]]
            else:
                first[record["once"]] = record.get("id")
    return found


def _call(step: int, record: dict[str, JSON], result: dict[str, JSON] | None, where: str) -> Call:
    if "args" not in record:
        raise RecordError(
            where, "expected the call's 'args'; only a log with captured content can be replayed"
        )
    outcome = member(record, "outcome", str, where)
    state: State = "refused" if outcome in ("DENY", "ESCALATE") else "no_result"
    if state == "no_result" and result is not None:
        state = "error" if result["kind"] == "error" or result.get("is_error") else "executed"
    rules = [reason["rule"] for reason in member(record, "reasons", list, where)]
    return Call(
        step,
        member(record, "call_id", str, where),
        member(record, "tool", str, where),
        member(record, "args", dict, where),
        state,
        {"decided": outcome, "rules": rules},
        member(record, "time", int, where),
    )


def _result(step: int | None, record: dict[str, JSON], where: str) -> Result:
    failed = record["kind"] == "error" or bool(record.get("is_error"))
    value = optional(record, "value", dict, where) or {}
    return Result(
        step, _text(record, where), value.get("content"), failed, member(record, "time", int, where)
    )


def _observed(record: dict[str, JSON], where: str) -> Happening:
    event = member(record, "event", str, where)
    if event == "result":
        return _result(None, record, where)
    time = member(record, "time", int, where)
    return Prompt(_text(record, where), time) if event == "prompt" else Text(_text(record, where), time)


def _text(record: dict[str, JSON], where: str) -> str:
    text = member(record, "text", dict, where)
    if "content" not in text:
        raise RecordError(
            where, "expected the text's 'content'; only a log with captured content can be replayed"
        )
    return member(text, "content", str, where)
