"""AuthZEN's subject, action and resource as a tool call, and what became of the call as AuthZEN's answer.

The mapping is the default of the COAZ binding for MCP (draft of August 2026): action ``tools/call``, resource of type
``tool``. ``docs/authzen.md`` has it as a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from bartizan.guard import Enforcement, MalformedCall, Outcome, Principal, ToolCall
from bartizan.guard.canonical import JSON
from bartizan.guard.messages import correction_message, denial_message
from bartizan.integrations.call_ids import named_by_content
from bartizan.integrations.export.common import timestamp

from .identity import Identity
from .problems import Problem

ACTION = "tools/call"
RESOURCE = "tool"
OBLIGATION = "rewrite_arguments"
OBLIGATIONS = ("custom",)
"""The types of obligations that an answer may have: ``rewrite_arguments`` is no registered one."""


class Unmapped(Exception):
    """A well-formed question about something that is no tool call: the answer is no."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, mapped. ``rewrites``: the asker said that it can replace arguments."""

    session: str
    call: ToolCall
    principal: Principal
    once: str | None = None
    review: bool = False
    rewrites: bool = False


def asked(body: JSON, identity: Identity) -> Asked:
    """Raises :class:`Problem` 400 for what is no question and 403 for another's; :class:`Unmapped`."""
    fields = _object(body, "the request")
    subject = _object(fields.get("subject"), "subject")
    action = _object(fields.get("action"), "action")
    resource = _object(fields.get("resource"), "resource")
    context = _object(fields.get("context", {}), "context")
    kind, who = _text(subject, "subject.type"), _text(subject, "subject.id")
    name, what, tool = (
        _text(action, "action.name"),
        _text(resource, "resource.type"),
        _text(resource, "resource.id"),
    )
    properties = {
        part: _object(given.get("properties", {}), f"{part}.properties")
        for part, given in (("subject", subject), ("action", action), ("resource", resource))
    }
    args = _object(properties["action"].get("arguments", {}), "action.properties.arguments")
    session = _optional(context, "context.session") or f"authzen:{kind}:{who}"
    principal = _principal(identity, who, properties["subject"])
    if name != ACTION or what != RESOURCE:
        raise Unmapped(f"expected the action {ACTION!r} on a resource of type {RESOURCE!r}")
    try:
        call = ToolCall.of(_optional(context, "context.call_id") or "", tool, args)
    except MalformedCall as error:
        raise Problem(400, str(error)) from error
    if not call.id:
        call = named_by_content(call, "authzen-")
    supported = context.get("obligations_supported", [])
    if not isinstance(supported, list):
        raise Problem(400, "context.obligations_supported: expected a list")
    review = context.get("review", False)
    if not isinstance(review, bool):
        raise Problem(400, "context.review: expected true or false")
    return Asked(session, call, principal, _optional(context, "context.once"), review, "custom" in supported)


def answer(question: Asked, granted: Enforcement, base: str) -> dict[str, JSON]:
    """``base`` is the URL at which the asker reaches the service."""
    decision, approval = granted.decision, granted.approval
    rewritten = granted.call.digest != question.call.digest
    allowed = decision.allowed and granted.result is None and (question.rewrites or not rewritten)
    rules = [reason.rule for reason in decision.reasons]
    context: dict[str, JSON] = {
        "outcome": decision.outcome.name.lower(),
        "policy": decision.policy,
        "digest": granted.call.digest,
        "reason": rules[0] if rules else decision.outcome.name.lower(),
        "reason_admin": {"en": "; ".join(f"{one.rule}: {one.text}".rstrip(": ") for one in decision.reasons)},
    }
    message = denial_message(granted) or correction_message(granted)
    if message:
        context["reason_user"] = {"en": message}
    if granted.record is not None:
        context["evaluation_id"] = granted.record
    if granted.verdict is not None and allowed:
        context["verdict"] = granted.verdict
    if decision.nearest is not None:
        context["nearest"] = decision.nearest.arguments()
    if decision.allowed and not allowed:
        context["reason"] = "already-executed" if granted.result is not None else "rewrite-not-supported"
    elif rewritten and allowed:
        context["obligations"] = [
            {
                "type": "custom",
                "id": OBLIGATION,
                "name": OBLIGATION,
                "arguments": granted.call.arguments(),
                "digest": granted.call.digest,
                "patch": [dict(step) for step in granted.correction.patch] if granted.correction else [],
            }
        ]
    if decision.outcome is Outcome.ESCALATE and approval is not None and approval.state == "pending":
        context["evaluation_id"] = approval.id
        context["reason"] = "approval_required"
        context["access_request"] = {
            "endpoint": f"{base}/access/v1/requests",
            "expires_at": rfc3339(approval.expires),
            "template": "approval",
        }
    return {"decision": allowed, "context": context}


def refusal(reason: str, detail: str) -> dict[str, JSON]:
    """The answer to what cannot be allowed whatever the policy says."""
    return {"decision": False, "context": {"reason": reason, "reason_admin": {"en": detail}}}


def error(problem: Problem) -> dict[str, JSON]:
    """One of several questions that could not be asked."""
    return {
        "decision": False,
        "context": {"error": {"status": problem.status, "message": problem.detail}},
    }


def rfc3339(microseconds: int) -> str:
    """A time as AuthZEN writes it, in milliseconds."""
    return timestamp(microseconds, "milliseconds")


def base_of(request: Request) -> str:
    """The URL at which the asker reaches the service, as it says itself."""
    return str(request.base_url).rstrip("/")


def _principal(identity: Identity, who: str, properties: Mapping[str, Any]) -> Principal:
    """Whom the question is about. It is never answered for somebody else than was meant: that is a 403."""
    if not identity.acts_for:
        return identity.asking_for(identity.principal if who == identity.principal.id else Principal(who))
    roles = properties.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise Problem(400, "subject.properties.roles: expected a list of texts")
    return identity.asking_for(Principal(who, frozenset(roles)))


def _object(value: JSON, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Problem(400, f"{where}: expected an object")
    return value


def _text(fields: Mapping[str, Any], where: str) -> str:
    value = fields.get(where.rsplit(".", 1)[1])
    if not isinstance(value, str) or not value:
        raise Problem(400, f"{where}: expected a text that is not empty")
    return value


def _optional(fields: Mapping[str, Any], where: str) -> str | None:
    return _text(fields, where) if fields.get(where.rsplit(".", 1)[1]) is not None else None
