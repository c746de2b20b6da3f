"""What is written to the log: one plain JSON object for each thing that happened.

Every record has ``id`` (random, by which others refer to it), ``kind``, ``session`` and ``time``
(microseconds since the epoch). Calls appear by digest, texts and values by digest and length; their
content is there only where the guard was told to capture it, and results only as redacted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import fresh
from .approvals import Approval
from .canonical import JSON, canonical_json, digest_of, parse_json, scalar_text
from .correction import Attempt, Correction
from .decision import Decision, Inspection, Program, Reason, Request
from .types import Event, Missing, Raised, Session, Signal, ToolCall

Record = dict[str, JSON]


def decision(
    request: Request,
    verdict: Decision,
    session_id: str,
    version: int | None,
    program: Program,
    *,
    approval: str | None,
    correction: Correction | None,
    attempts: Sequence[Attempt],
    once: str,
    stages: Mapping[str, int],
    capture: bool,
    kind: str = "decision",
) -> Record:
    """One decision about one call. ``version`` is the session version it was based on (``None``: never loaded).

    Of a corrected call, ``call_digest`` is that of the call that may run.
    """
    record = {
        **_head(kind, session_id, request.now),
        **_call(request.call, capture),
        "version": version,
        "outcome": verdict.outcome.name,
        "reasons": reasons(verdict.reasons),
        "shadow": reasons(verdict.shadow),
        "policy": {"name": program.name, "hash": program.hash, "certificate": program.certificate},
        "principal": {"id": request.principal.id, "roles": sorted(request.principal.roles)},
        "signals": signals(request.signals),
        "approval": approval,
        "approved": request.approved,
        "once": once or None,
        "latency_us": dict(stages),
    }
    if verdict.nearest is not None:
        record["nearest_digest"] = verdict.nearest.digest
    if attempts:
        tried = [{"by": one.name, "came_of": one.came_of, "us": one.took} for one in attempts]
        record["correction"] = {"tried": tried, **_corrected(correction, capture)}
    return record


def _corrected(made: Correction | None, capture: bool) -> Record:
    """An edit: which arguments were changed by whom; to what, only where content is captured."""
    if made is None:
        return {}
    steps = [dict(step) if capture else {"op": step["op"], "path": step["path"]} for step in made.patch]
    return {
        "by": made.origin,
        "proposed_digest": made.proposed.digest,
        "patch": steps,
        "evidence": dict(made.evidence),
    }


def approval(asked: Approval, session: Session, capture: bool) -> Record:
    """A person is asked."""
    return {
        **_head("approval", session.id, asked.created),
        **_call(asked.call, capture),
        "approval": asked.id,
        "expires": asked.expires,
        "policy": {"hash": asked.policy},
    }


def resolution(answered: Approval, session: Session, answer: str, capture: bool) -> Record:
    """A person answered. ``call_digest`` is that of the call which may run: the edited one after an edit."""
    return {
        **_head("resolution", session.id, answered.resolved),
        **_call(answered.call, capture),
        "approval": answered.id,
        "answer": answer,
        "proposed_digest": answered.digest,
        "principal": {"id": answered.by},
        "policy": {"hash": answered.policy},
    }


def happened(
    kind: str,
    event: Event,
    inspection: Inspection | None,
    session: Session,
    *,
    cause: str | None,
    capture: bool,
) -> Record:
    """A result, or something observed: ``event`` as the session remembers it, after redaction."""
    record: Record = {
        **_head(kind, session.id, event.time),
        "event": event.kind,
        "version": session.version,
        "decision": cause,
        "is_error": event.is_error,
        "text": _content(event.text, event.text.encode(), capture),
        "value": None,
        "labels": {
            "default": event.labels.default,
            "exceptions": [list(exception) for exception in event.labels.exceptions],
        },
        "reasons": reasons(inspection.reasons) if inspection is not None else [],
        "shadow": reasons(inspection.shadow) if inspection is not None else [],
        "signals": signals(event.signals),
    }
    if event.value is not None:
        record["value"] = _content(event.value, canonical_json(event.value), capture)
    if event.call is not None:
        record.update(_call(event.call, capture))
    return record


def error(
    raised: Raised,
    call: ToolCall,
    session_id: str,
    now: int,
    *,
    cause: str | None,
    capture: bool,
) -> Record:
    """A tool raised: nobody knows how much of its work it had done. ``suspended``: it paused, to be run again."""
    text = scalar_text(raised.text)
    return {
        **_head("error", session_id, now),
        **_call(call, capture),
        "decision": cause,
        "error": scalar_text(raised.kind),
        "suspended": raised.suspended,
        "text": _content(text, text.encode(), capture),
    }


def superseded(record: Mapping[str, JSON], why: str) -> Record:
    """An earlier record took no effect: nothing ran, or was changed, on the strength of it."""
    return {
        **_head("superseded", record["session"], record["time"]),
        "superseded": record["id"],
        "reason": why,
    }


def reasons(found: tuple[Reason, ...]) -> list[JSON]:
    return [
        {
            "rule": reason.rule,
            "effect": reason.effect,
            "value": reason.value,
            "text": reason.text,
            "atoms": list(reason.atoms),
        }
        for reason in found
    ]


def signals(measured: Mapping[str, Signal]) -> Record:
    return {
        name: {"value": number(signal.value), "p_value": number(signal.p_value)}
        for name, signal in measured.items()
    }


def number(value: float | Missing) -> JSON:
    return {"missing": value.reason} if isinstance(value, Missing) else value


def _head(kind: str, session_id: str, now: int) -> Record:
    return {"id": fresh.token(8), "kind": kind, "session": session_id, "time": now}


def _call(call: ToolCall, capture: bool) -> Record:
    about: Record = {"call_id": call.id, "tool": call.tool, "call_digest": call.digest}
    if capture:
        about["args"] = parse_json(call.canonical)["args"]
    return about


def _content(content: Any, data: bytes, capture: bool) -> Record:
    about: Record = {"digest": digest_of(data), "bytes": len(data)}
    if capture:
        about["content"] = content
    return about
