"""What a service says of a call."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bartizan.guard import (
    ApprovalError,
    ApprovalExpired,
    ApprovalResolved,
    ApprovalSuperseded,
    Decision,
    Enforcement,
    Outcome,
)
from bartizan.guard.canonical import JSON
from bartizan.guard.messages import correction_message, denial_message
from bartizan.guard.records import reasons

from .shapes import NotTheShape, an_object, typed
from .values import (
    approval_of,
    approval_to_json,
    call_of,
    call_to_json,
    correction_of,
    correction_to_json,
    reasons_of,
    result_of,
    result_to_json,
)

NOT_TAKEN: Mapping[str, type[ApprovalError]] = MappingProxyType(
    {
        "approval-expired": ApprovalExpired,
        "approval-resolved": ApprovalResolved,
        "approval-superseded": ApprovalSuperseded,
    }
)
"""Why an answer to an approval is not taken: the ``type`` of the problem (RFC 9457) by which a service says it."""


def enforcement_to_json(answer: Enforcement) -> dict[str, JSON]:
    """An answer. What does not apply is left out."""
    decision = answer.decision
    body: dict[str, JSON] = {
        "outcome": decision.outcome.name.lower(),
        "allowed": decision.allowed,
        "call": call_to_json(answer.call),
        "digest": answer.call.digest,
        "reasons": reasons(decision.reasons),
        "policy": decision.policy,
        "message": denial_message(answer) or correction_message(answer),
    }
    if decision.shadow:
        body["shadow"] = reasons(decision.shadow)
    if decision.nearest is not None:
        body["nearest"] = call_to_json(decision.nearest)
    if answer.record is not None:
        body["record"] = answer.record
    if answer.verdict is not None:
        body["verdict"] = answer.verdict
    if answer.result is not None:
        body["result"] = result_to_json(answer.result)
    if answer.approval is not None:
        body["approval"] = approval_to_json(answer.approval)
    if answer.correction is not None:
        body["correction"] = correction_to_json(answer.correction)
    return body


def enforcement_of(body: JSON) -> Enforcement:
    """The answer that was written. Raises :class:`NotTheShape`, also if its digest is not that of its call."""
    fields = an_object(body, "the answer", None)
    call = call_of(fields.get("call"))
    if fields.get("digest") != call.digest:
        raise NotTheShape("digest: expected that of the call beside it")
    outcome = _outcome_of(fields)
    nearest, correction = fields.get("nearest"), fields.get("correction")
    decision = Decision(
        outcome,
        reasons_of(fields.get("reasons"), "reasons"),
        typed(fields, "policy", str, ""),
        reasons_of(fields.get("shadow", []), "shadow"),
        call_of(nearest) if nearest is not None else None,
    )
    if fields.get("allowed") is not decision.allowed:
        raise NotTheShape(f"allowed: expected {decision.allowed} for {outcome.name.lower()!r}")
    return Enforcement(
        decision,
        call,
        result_of(fields["result"], "result") if fields.get("result") is not None else None,
        approval_of(fields["approval"]) if fields.get("approval") is not None else None,
        typed(fields, "record", str, None),
        correction_of(correction) if correction is not None else None,
        typed(fields, "verdict", str, None),
    )


def _outcome_of(fields: Mapping[str, Any]) -> Outcome:
    name = typed(fields, "outcome", str)
    if name not in {outcome.name.lower() for outcome in Outcome}:
        raise NotTheShape(f"outcome: expected allow, correct, escalate or deny, found {name!r:.40}")
    return Outcome[name.upper()]
