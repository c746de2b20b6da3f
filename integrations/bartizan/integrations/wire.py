"""What a service and its clients say to each other: calls, answers and approvals as JSON values, both ways.

Standard library and kernel only. Decoding believes nothing: what is not exactly the shape that the other side writes
raises :class:`NotTheShape`, which names the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bartizan.guard import Approval, BartizanError, Decision, Enforcement, MalformedCall, Outcome, Reason
from bartizan.guard.canonical import JSON
from bartizan.guard.correction import Correction
from bartizan.guard.decision import Inspection
from bartizan.guard.messages import correction_message, denial_message
from bartizan.guard.types import ANONYMOUS, Labels, Principal, Raised, ToolCall, ToolResult

T = TypeVar("T")


class NotTheShape(BartizanError):
    """Well-formed JSON that is not what was expected: says where, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A call as a client proposes it. ``principal`` is for whom it asks, if it may ask for others."""

    session: str
    call: ToolCall
    once: str | None = None
    review: bool = False
    principal: Principal | None = None

    @classmethod
    def of(cls, body: JSON) -> Proposed:
        fields = _object(body, "the body", {"session", "call", "once", "review", "principal"})
        return cls(
            _text(fields, "session"),
            call_of(fields.get("call")),
            _text(fields, "once") if fields.get("once") is not None else None,
            _typed(fields, "review", bool, False),
            principal_of(fields.get("principal")),
        )

    def to_json(self) -> dict[str, JSON]:
        body: dict[str, JSON] = {"session": self.session, "call": call_to_json(self.call)}
        if self.once is not None:
            body["once"] = self.once
        if self.review:
            body["review"] = True
        if self.principal is not None:
            body["principal"] = principal_to_json(self.principal)
        return body


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of a call that was let go, as its executor reports it."""

    session: str
    call: ToolCall
    outcome: ToolResult | Raised
    record: str | None = None
    once: str | None = None

    @classmethod
    def of(cls, body: JSON, call_id: str) -> Outcomes:
        known = {"session", "call", "record", "once", "text", "value", "is_error", "raised", "suspended"}
        fields = _object(body, "the body", known)
        call = call_of(fields.get("call"))
        if call.id != call_id:
            raise NotTheShape(f"call.id: expected the id of the path, {call_id!r:.80}, found {call.id!r:.80}")
        outcome: ToolResult | Raised
        if fields.get("raised") is not None:
            outcome = Raised(
                _text(fields, "raised"),
                _typed(fields, "text", str, ""),
                _typed(fields, "suspended", bool, False),
            )
        else:
            outcome = _result_of(fields)
        optional = {name: _typed(fields, name, str, None) for name in ("record", "once")}
        return cls(_text(fields, "session"), call, outcome, optional["record"], optional["once"])

    def to_json(self) -> dict[str, JSON]:
        body: dict[str, JSON] = {"session": self.session, "call": call_to_json(self.call)}
        body |= {
            name: value for name, value in (("record", self.record), ("once", self.once)) if value is not None
        }
        if isinstance(self.outcome, Raised):
            body |= {
                "raised": self.outcome.kind,
                "text": self.outcome.text,
                "suspended": self.outcome.suspended,
            }
        else:
            body |= result_to_json(self.outcome)
        return body


def enforcement_to_json(answer: Enforcement) -> dict[str, JSON]:
    """An answer. What does not apply is left out."""
    decision = answer.decision
    body: dict[str, JSON] = {
        "outcome": decision.outcome.name.lower(),
        "allowed": decision.allowed,
        "call": call_to_json(answer.call),
        "digest": answer.call.digest,
        "reasons": _reasons_to_json(decision.reasons),
        "policy": decision.policy,
        "message": denial_message(decision, answer.approval)
        or correction_message(decision, answer.correction),
    }
    if decision.shadow:
        body["shadow"] = _reasons_to_json(decision.shadow)
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
        made = answer.correction
        body["correction"] = {
            "proposed": call_to_json(made.proposed),
            "origin": made.origin,
            "patch": [dict(step) for step in made.patch],
            "evidence": dict(made.evidence),
        }
    return body


def enforcement_of(body: JSON) -> Enforcement:
    """The answer that was written. Raises :class:`NotTheShape`, also if its digest is not that of its call."""
    fields = _object(body, "the answer", None)
    call = call_of(fields.get("call"))
    if fields.get("digest") != call.digest:
        raise NotTheShape("digest: expected that of the call beside it")
    outcome = _outcome_of(fields)
    nearest, correction = fields.get("nearest"), fields.get("correction")
    decision = Decision(
        outcome,
        _reasons_of(fields.get("reasons"), "reasons"),
        _typed(fields, "policy", str, ""),
        _reasons_of(fields.get("shadow", []), "shadow"),
        call_of(nearest) if nearest is not None else None,
    )
    if fields.get("allowed") is not decision.allowed:
        raise NotTheShape(f"allowed: expected {decision.allowed} for {outcome.name.lower()!r}")
    return Enforcement(
        decision,
        call,
        _result_of(_object(fields["result"], "result", None)) if fields.get("result") is not None else None,
        approval_of(fields["approval"]) if fields.get("approval") is not None else None,
        _typed(fields, "record", str, None),
        _correction_of(correction) if correction is not None else None,
        _typed(fields, "verdict", str, None),
    )


def call_to_json(call: ToolCall) -> dict[str, JSON]:
    return {"id": call.id, "tool": call.tool, "args": dict(call.args)}


def call_of(body: JSON) -> ToolCall:
    fields = _object(body, "call", {"id", "tool", "args"})
    args = fields.get("args")
    if not isinstance(args, Mapping):
        raise NotTheShape(f"call.args: expected an object, found {_kind(args)}")
    try:
        return ToolCall.of(_typed(fields, "id", str), _typed(fields, "tool", str), args)
    except MalformedCall as error:
        raise NotTheShape(f"call: {error}") from error


def result_to_json(result: ToolResult) -> dict[str, JSON]:
    return {"text": result.text, "value": result.value, "is_error": result.is_error}


def result_of(body: JSON) -> ToolResult:
    return _result_of(_object(body, "the result", None))


def inspection_to_json(found: Inspection | None) -> dict[str, JSON]:
    if found is None:
        return {}
    return {
        "text": found.text,
        "value": found.value,
        "labels": {
            "default": found.labels.default,
            "exceptions": [list(pair) for pair in found.labels.exceptions],
        },
        "reasons": _reasons_to_json(found.reasons),
        "shadow": _reasons_to_json(found.shadow),
    }


def inspection_of(body: JSON) -> Inspection | None:
    fields = _object(body, "the answer", None)
    if not fields:
        return None
    labels = _object(fields.get("labels"), "labels", {"default", "exceptions"})
    try:
        exceptions = tuple((str(path), label) for path, label in labels.get("exceptions", ()))
        if {labels["default"], *(label for _, label in exceptions)} - {"trusted", "untrusted"}:
            raise ValueError
        made = Labels(labels["default"], exceptions)
    except (KeyError, TypeError, ValueError) as error:
        raise NotTheShape("labels: expected a default and exceptions") from error
    reasons, shadow = (_reasons_of(fields.get(name, []), name) for name in ("reasons", "shadow"))
    return Inspection(_typed(fields, "text", str), fields.get("value"), made, reasons, shadow)


def approval_to_json(approval: Approval) -> dict[str, JSON]:
    return approval.to_json()


def approval_of(body: JSON) -> Approval:
    try:
        return Approval.from_json(_object(body, "approval", None))
    except (TypeError, ValueError, KeyError) as error:
        raise NotTheShape(f"approval: {error}") from error


def principal_to_json(principal: Principal) -> dict[str, JSON]:
    return {"id": principal.id, "roles": sorted(principal.roles)}


def principal_of(body: JSON) -> Principal | None:
    if body is None:
        return None
    fields = _object(body, "principal", {"id", "roles"})
    roles = fields.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise NotTheShape("principal.roles: expected a list of texts")
    name = _typed(fields, "id", str, ANONYMOUS.id)
    if not name:
        raise NotTheShape(
            "principal.id: expected a text, found an empty one; leave it out for an anonymous one"
        )
    return Principal(name, frozenset(roles))


def _correction_of(body: JSON) -> Correction:
    fields = _object(body, "correction", None)
    patch = fields.get("patch")
    if not isinstance(patch, list) or not all(isinstance(step, dict) for step in patch):
        raise NotTheShape("correction.patch: expected a JSON Patch")
    evidence = _object(fields.get("evidence", {}), "correction.evidence", None)
    return Correction(call_of(fields.get("proposed")), _typed(fields, "origin", str), tuple(patch), evidence)


def _result_of(fields: Mapping[str, Any]) -> ToolResult:
    return ToolResult(
        _typed(fields, "text", str, ""), fields.get("value"), _typed(fields, "is_error", bool, False)
    )


def _outcome_of(fields: Mapping[str, Any]) -> Outcome:
    name = _typed(fields, "outcome", str)
    if name not in {outcome.name.lower() for outcome in Outcome}:
        raise NotTheShape(f"outcome: expected allow, correct, escalate or deny, found {name!r:.40}")
    return Outcome[name.upper()]


def _reasons_to_json(reasons: Iterable[Reason]) -> list[JSON]:
    return [
        {
            "rule": reason.rule,
            "effect": reason.effect,
            "value": reason.value,
            "text": reason.text,
            "atoms": list(reason.atoms),
        }
        for reason in reasons
    ]


def _reasons_of(body: JSON, where: str) -> tuple[Reason, ...]:
    if not isinstance(body, list):
        raise NotTheShape(f"{where}: expected a list, found {_kind(body)}")
    return tuple(_reason_of(_object(each, where, None)) for each in body)


def _reason_of(fields: Mapping[str, Any]) -> Reason:
    atoms = _typed(fields, "atoms", list, [])
    if not all(isinstance(atom, str) for atom in atoms):
        raise NotTheShape("atoms: expected texts")
    rule, effect, value, text = (_typed(fields, name, str) for name in ("rule", "effect", "value", "text"))
    return Reason(rule, effect, value, text, tuple(atoms))


def _object(body: JSON, where: str, known: set[str] | None) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise NotTheShape(f"{where}: expected an object, found {_kind(body)}")
    if known is not None and (unknown := set(body) - known):
        raise NotTheShape(f"{where}: expected only {', '.join(sorted(known))}; found {min(unknown)!r:.60}")
    return body


def _text(fields: Mapping[str, Any], name: str) -> str:
    text: str = _typed(fields, name, str)
    if not text:
        raise NotTheShape(f"{name}: expected a text, found an empty one")
    return text


_REQUIRED: Any = object()


def _typed(fields: Mapping[str, Any], name: str, kind: type[T], default: Any = _REQUIRED) -> Any:
    value = fields.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise NotTheShape(f"{name}: expected {_NAMES[kind]}, found {_kind(value)}")
    return value


_NAMES: Mapping[type, str] = {str: "a text", bool: "true or false", int: "a whole number", list: "a list"}


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {dict: "an object", list: "a list", str: "a text", bool: "true or false"}.get(
        type(value), "a number"
    )
