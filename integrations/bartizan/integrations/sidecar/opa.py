"""Decisions in the shape of the Open Policy Agent's data API, and the decision log in the shape of its logs.

For users who ask an OPA now: ``POST /v1/data/bartizan/decision`` and ``/v1/data/bartizan/allow``. Any other document is
undefined, which its clients take for a denial.
"""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import StoreError
from bartizan.guard.canonical import JSON
from bartizan.integrations import wire
from bartizan.integrations.export.common import DECISIONS
from bartizan.integrations.export.opa import logged

from .authzen import put
from .authzen_call import Asked
from .identity import Identity
from .problems import Problem, unavailable
from .service import Service

_MOST = 1000


def routes(service: Service) -> list[BaseRoute]:
    """The data API, and the log."""

    async def data(request: Request) -> Response:
        tenant, identity = service.asked(request, "decide")
        body = await service.json(request)
        if not isinstance(body, Mapping) or not isinstance(body.get("input"), Mapping):
            raise Problem(400, "expected an object with input, an object")
        document = request.path_params["path"].strip("/")
        if document not in ("bartizan", "bartizan/decision", "bartizan/allow"):
            return service.answer({"decision_id": secrets.token_hex(8)})
        try:
            question = _question(body["input"], identity, document)
        except wire.NotTheShape as error:
            raise Problem(400, f"input.{error}") from error
        granted = await put(tenant, question)
        said = wire.enforcement_to_json(granted)
        allow = granted.decision.allowed and granted.result is None
        allow = allow and (question.rewrites or granted.call.digest == question.call.digest)
        decision = {**said, "allow": allow}
        results: dict[str, JSON] = {
            "bartizan": {"allow": allow, "decision": decision},
            "bartizan/decision": decision,
            "bartizan/allow": allow,
        }
        return service.answer(
            {"decision_id": granted.record or secrets.token_hex(8), "result": results[document]}
        )

    async def logs(request: Request) -> Response:
        """The latest decisions of the tenant, oldest first; compressed for who takes that."""
        tenant, _ = service.asked(request, "read")
        recent = request.query_params.get("recent", "100")
        if not recent.isascii() or not recent.isdigit() or len(recent) > 6:
            raise Problem(400, "recent: expected a whole number")
        try:
            records = await tenant.feed.recent(min(int(recent), _MOST))
        except StoreError as error:
            raise unavailable("the decision stream cannot be asked") from error
        labels = {"app": "bartizan", "tenant": tenant.name, "worker": str(service.worker)}
        response = service.answer([logged(one, labels) for one in records if one.get("kind") in DECISIONS])
        if "gzip" in request.headers.get("accept-encoding", ""):
            packed = gzip.compress(bytes(response.body), 5)
            headers = {"content-encoding": "gzip", "vary": "accept-encoding"}
            return Response(packed, 200, headers, "application/json")
        return response

    return [
        Route("/v1/data/{path:path}", data, methods=["POST"]),
        Route("/v1/logs", logs, methods=["GET"]),
    ]


def _question(given: Mapping[str, Any], identity: Identity, document: str) -> Asked:
    """The input: as for ``/v1/calls``, or with the call's ``tool``, ``args`` and ``id`` beside ``session``.

    A corrected call is allowed only with ``"rewrites": true``: who looks at ``allow`` alone would run the other one.
    """
    body = dict(given)
    rewrites = body.pop("rewrites", False)
    if not isinstance(rewrites, bool):
        raise wire.NotTheShape("rewrites: expected true or false")
    if "call" not in body:
        body["call"] = {
            "id": body.pop("id", None) or "opa",
            "tool": body.pop("tool", None),
            "args": body.pop("args", {}),
        }
    proposed = wire.Proposed.of(body)
    return Asked(
        proposed.session,
        proposed.call,
        identity.asking_for(proposed.principal),
        proposed.once,
        proposed.review,
        rewrites and document != "bartizan/allow",
    )
