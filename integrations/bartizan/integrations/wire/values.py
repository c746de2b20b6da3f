"""The kernel's values as JSON, one by one, both ways: ``x_to_json`` writes what ``x_of`` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bartizan.guard import Approval, MalformedCall, Reason
from bartizan.guard.canonical import JSON
from bartizan.guard.correction import Correction
from bartizan.guard.decision import Inspection
from bartizan.guard.records import reasons
from bartizan.guard.types import ANONYMOUS, Labels, Principal, ToolCall, ToolResult

from .shapes import NotTheShape, an_object, kind_of, typed


def call_to_json(call: ToolCall) -> dict[str, JSON]:
    return {"id": call.id, "tool": call.tool, "args": dict(call.args)}


def call_of(body: JSON) -> ToolCall:
    fields = an_object(body, "call", {"id", "tool", "args"})
    args = fields.get("args")
    if not isinstance(args, Mapping):
        raise NotTheShape(f"call.args: expected an object, found {kind_of(args)}")
    try:
        return ToolCall.of(typed(fields, "id", str), typed(fields, "tool", str), args)
    except MalformedCall as error:
        raise NotTheShape(f"call: {error}") from error


def result_to_json(result: ToolResult) -> dict[str, JSON]:
    return {"text": result.text, "value": result.value, "is_error": result.is_error}


def result_of(body: JSON, where: str = "the result") -> ToolResult:
    fields = an_object(body, where, None)
    return ToolResult(
        typed(fields, "text", str, ""), fields.get("value"), typed(fields, "is_error", bool, False)
    )


def labels_to_json(labels: Labels) -> dict[str, JSON]:
    return {"default": labels.default, "exceptions": [list(pair) for pair in labels.exceptions]}


def inspection_to_json(found: Inspection | None) -> dict[str, JSON]:
    if found is None:
        return {}
    return {
        "text": found.text,
        "value": found.value,
        "labels": labels_to_json(found.labels),
        "reasons": reasons(found.reasons),
        "shadow": reasons(found.shadow),
    }


def inspection_of(body: JSON) -> Inspection | None:
    fields = an_object(body, "the answer", None)
    if not fields:
        return None
    labels = an_object(fields.get("labels"), "labels", {"default", "exceptions"})
    try:
        exceptions = tuple((str(path), label) for path, label in labels.get("exceptions", ()))
        if {labels["default"], *(label for _, label in exceptions)} - {"trusted", "untrusted"}:
            raise ValueError
        made = Labels(labels["default"], exceptions)
    except (KeyError, TypeError, ValueError) as error:
        raise NotTheShape("labels: expected a default and exceptions") from error
    why, shadow = (reasons_of(fields.get(name, []), name) for name in ("reasons", "shadow"))
    return Inspection(typed(fields, "text", str), fields.get("value"), made, why, shadow)


def approval_to_json(approval: Approval) -> dict[str, JSON]:
    return approval.to_json()


def approval_of(body: JSON) -> Approval:
    try:
        return Approval.from_json(an_object(body, "approval", None))
    except (TypeError, ValueError, KeyError) as error:
        raise NotTheShape(f"approval: {error}") from error


def principal_to_json(principal: Principal) -> dict[str, JSON]:
    return {"id": principal.id, "roles": sorted(principal.roles)}


def principal_of(body: JSON) -> Principal | None:
    if body is None:
        return None
    fields = an_object(body, "principal", {"id", "roles"})
    roles = fields.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise NotTheShape("principal.roles: expected a list of texts")
    name = typed(fields, "id", str, ANONYMOUS.id)
    if not name:
        raise NotTheShape(
            "principal.id: expected a text, found an empty one; leave it out for an anonymous one"
        )
    return Principal(name, frozenset(roles))


def correction_to_json(made: Correction) -> dict[str, JSON]:
    return {
        "proposed": call_to_json(made.proposed),
        "origin": made.origin,
        "patch": [dict(step) for step in made.patch],
        "evidence": dict(made.evidence),
    }


def correction_of(body: JSON) -> Correction:
    fields = an_object(body, "correction", None)
    patch = fields.get("patch")
    if not isinstance(patch, list) or not all(isinstance(step, dict) for step in patch):
        raise NotTheShape("correction.patch: expected a JSON Patch")
    evidence = an_object(fields.get("evidence", {}), "correction.evidence", None)
    return Correction(call_of(fields.get("proposed")), typed(fields, "origin", str), tuple(patch), evidence)


def reasons_of(body: JSON, where: str) -> tuple[Reason, ...]:
    if not isinstance(body, list):
        raise NotTheShape(f"{where}: expected a list, found {kind_of(body)}")
    return tuple(_reason_of(an_object(each, where, None)) for each in body)


def _reason_of(fields: Mapping[str, Any]) -> Reason:
    atoms = typed(fields, "atoms", list, [])
    if not all(isinstance(atom, str) for atom in atoms):
        raise NotTheShape("atoms: expected texts")
    rule, effect, value, text = (typed(fields, name, str) for name in ("rule", "effect", "value", "text"))
    return Reason(rule, effect, value, text, tuple(atoms))
