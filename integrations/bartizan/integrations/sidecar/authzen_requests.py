"""AuthZEN's access request and approval profile (draft of August 2026) over the guard's approvals.

A denial that a person may turn says where to ask. Asking gives a task, whose status is that of the approval; what it
ends in grants nothing by itself: the question is put again, and decided anew.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import Approval, MalformedJSON, StoreError
from bartizan.guard.canonical import JSON, canonical_json, parse_json

from .authzen_call import Unmapped, asked, base_of, rfc3339
from .problems import unavailable
from .service import Service
from .tenants import Tenant

_ERROR = "urn:openid:authzen:access-request:error:"

_STATUS = {
    "pending": "pending",
    "approved": "approved",
    "used": "approved",
    "rejected": "denied",
    "expired": "expired",
}


def routes(service: Service) -> list[BaseRoute]:
    """Asking for an approval, and what became of it."""

    async def submit(request: Request) -> Response:
        tenant, identity = service.asked(request, "decide")
        body = await service.json(request)
        try:
            question = asked(body, identity)
        except Unmapped as unmapped:
            return _refused(service, 400, "invalid_denial_binding", str(unmapped))
        denial = body.get("denial")
        if not isinstance(denial, Mapping):
            return _refused(service, 400, "invalid_denial_binding", "denial: expected an object")
        approval = await _approval(tenant, question.session, denial.get("evaluation_id"))
        bound = approval is not None and (approval.digest, approval.call_id) == (
            question.call.digest,
            question.call.id,
        )
        if approval is None or not bound or denial.get("expires_at") != rfc3339(approval.expires):
            detail = "expected evaluation_id and expires_at of the denial of exactly this call"
            return _refused(service, 400, "invalid_denial_binding", detail)
        if approval.state == "expired":
            return _refused(service, 400, "expired_denial", "the time to ask is over: put the question again")
        body = _task(request, question.session, approval)
        response = service.answer(body, 202 if approval.state == "pending" else 201)
        response.headers["location"] = body["task"]["status_endpoint"]
        return response

    async def status(request: Request) -> Response:
        tenant, _ = service.asked(request, "decide", "read")
        try:
            session, approval_id = _opened(request.path_params["task"])
        except ValueError:
            return _refused(service, 404, "unknown_task", "there is no such task")
        approval = await _approval(tenant, session, approval_id)
        if approval is None:
            return _refused(service, 404, "unknown_task", "there is no such task")
        response = service.answer(_task(request, session, approval))
        if approval.state == "pending":
            response.headers["retry-after"] = "2"
        return response

    return [
        Route("/access/v1/requests", submit, methods=["POST"]),
        Route("/access/v1/requests/{task}", status, methods=["GET"]),
    ]


async def _approval(tenant: Tenant, session: str, approval_id: JSON) -> Approval | None:
    try:
        found = await tenant.guard.approvals(session)
    except StoreError as error:
        raise unavailable("the sessions cannot be asked") from error
    return next((approval for approval in found if approval.id == approval_id), None)


def _task(request: Request, session: str, approval: Approval) -> dict[str, Any]:
    name = base64.urlsafe_b64encode(canonical_json([session, approval.id])).decode().rstrip("=")
    task = {
        "id": name,
        "status": _STATUS[approval.state],
        "status_endpoint": f"{base_of(request)}/access/v1/requests/{name}",
        "expires_at": rfc3339(approval.expires),
        "display": {"title": f"Approval of {approval.tool}"},
    }
    if task["status"] != "approved":
        return {"task": task}
    granted = {
        "id": approval.id,
        "approved_at": rfc3339(approval.resolved),
        "approved_until": rfc3339(approval.expires),
    }
    return {"task": task, "result": {"mode": "reevaluate", "approval": granted}}


def _opened(name: str) -> tuple[str, str]:
    """Raises ``ValueError`` for what is no task's name."""
    try:
        body = base64.b64decode(name + "=" * (-len(name) % 4), altchars=b"-_", validate=True)
        session, approval_id = parse_json(body)
    except (MalformedJSON, binascii.Error, TypeError) as error:
        raise ValueError("no task") from error
    if not isinstance(session, str) or not session or not isinstance(approval_id, str):
        raise ValueError("no task")
    return session, approval_id


def _refused(service: Service, status: int, error: str, detail: str) -> Response:
    body = {"type": _ERROR + error, "title": error.replace("_", " "), "status": status, "detail": detail}
    response = service.answer(body, status)
    response.headers["content-type"] = "application/problem+json"
    return response
