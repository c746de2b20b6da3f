"""The AuthZEN Authorization API 1.0 (OpenID, final January 2026): evaluation, evaluations, metadata.

With the drafts of its profiles for obligations and for access requests (:mod:`.authzen_requests`). How a question
becomes a tool call is in :mod:`.authzen_call`; a denial is an answer, with status 200.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import Enforcement, Outcome
from bartizan.guard.canonical import JSON

from . import authzen_requests
from .authzen_call import OBLIGATIONS, Asked, Unmapped, answer, asked, base_of, error, refusal
from .identity import Identity
from .problems import Problem
from .service import Service
from .tenants import Tenant

PUBLIC = frozenset({"/.well-known/authzen-configuration"})
"""What anybody may ask for: where the endpoints are."""

_DEFAULTS = ("subject", "action", "resource", "context")

_STOPS: Mapping[str, Callable[[bool], bool]] = {
    "execute_all": lambda decision: False,
    "deny_on_first_deny": lambda decision: not decision,
    "permit_on_first_permit": lambda decision: decision,
}


def routes(service: Service) -> list[BaseRoute]:
    """The API's endpoints, and those of its profiles."""

    async def evaluation(request: Request) -> Response:
        tenant, identity = service.asked(request, "decide")
        body = await service.json(request)
        return _answered(service, request, await _evaluated(tenant, identity, body, base_of(request)))

    async def evaluations(request: Request) -> Response:
        """One after the other, in one go: the second sees what the first counted."""
        tenant, identity = service.asked(request, "decide")
        body = await service.json(request)
        if not isinstance(body, Mapping):
            raise Problem(400, "the request: expected an object")
        each = body.get("evaluations", [])
        most = service.config.limits.batch
        if not isinstance(each, list) or len(each) > most:
            raise Problem(400, f"evaluations: expected a list of at most {most}")
        base = base_of(request)
        if not each:  # as the API says: then it is one evaluation
            return _answered(service, request, await _evaluated(tenant, identity, body, base))
        stops, answers = _semantic(body.get("options", {})), []
        for one in each:
            try:
                answers.append(await _evaluated(tenant, identity, _with_defaults(one, body), base))
            except Problem as problem:
                answers.append(error(problem))
            if stops(answers[-1]["decision"]):
                break
        return _answered(service, request, {"evaluations": answers})

    async def metadata(request: Request) -> Response:
        base = base_of(request)
        return service.answer(
            {
                "policy_decision_point": base,
                "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
                "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
                "access_request_endpoint": f"{base}/access/v1/requests",
                "obligations_supported": list(OBLIGATIONS),
            }
        )

    return [
        Route("/access/v1/evaluation", evaluation, methods=["POST"]),
        Route("/access/v1/evaluations", evaluations, methods=["POST"]),
        Route("/.well-known/authzen-configuration", metadata, methods=["GET"]),
        *authzen_requests.routes(service),
    ]


async def put(tenant: Tenant, question: Asked) -> Enforcement:
    """The question, to the guard.

    For whoever cannot replace arguments it is first asked what would become of the call: a corrected call that will
    not run is not let go.
    """
    guard, session, principal = tenant.guard, question.session, question.principal
    if question.review or not question.rewrites:
        would = await guard.review(question.call, session=session, principal=principal)
        rewritten = would.decision.allowed and would.call.digest != question.call.digest
        if question.review or rewritten or would.decision.outcome is Outcome.DENY:
            return would
    granted = await guard.authorise(question.call, session=session, principal=principal, once=question.once)
    if granted.decision.outcome is Outcome.ESCALATE and granted.approval is not None:
        tenant.inbox.opened(session, granted.approval)
    return granted


async def _evaluated(tenant: Tenant, identity: Identity, body: JSON, base: str) -> dict[str, Any]:
    try:
        question = asked(body, identity)
    except Unmapped as unmapped:
        return refusal("not-a-tool-call", str(unmapped))
    return answer(question, await put(tenant, question), base)


def _with_defaults(one: JSON, body: Mapping[str, Any]) -> JSON:
    """What an evaluation does not say itself it has from the request; nothing is merged deeper than that."""
    if not isinstance(one, Mapping):
        return one
    return {**{part: body[part] for part in _DEFAULTS if part in body}, **one}


def _semantic(options: JSON) -> Callable[[bool], bool]:
    if not isinstance(options, Mapping):
        raise Problem(400, "options: expected an object")
    name = options.get("evaluations_semantic", "execute_all")
    if not isinstance(name, str) or name not in _STOPS:
        raise Problem(400, f"options.evaluations_semantic: expected one of {', '.join(_STOPS)}")
    return _STOPS[name]


def _answered(service: Service, request: Request, body: JSON) -> Response:
    response = service.answer(body)
    echo = request.headers.get("x-request-id")
    if echo is not None and echo.isascii() and echo.isprintable() and len(echo) <= 200:
        response.headers["x-request-id"] = echo
    return response
