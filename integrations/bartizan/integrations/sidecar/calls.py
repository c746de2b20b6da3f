"""Calls, their results, and what else happens: the endpoints that an agent's side uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import AuditError, BartizanError, Enforcement, Outcome, Principal, StoreError
from bartizan.guard.canonical import JSON, written_json
from bartizan.integrations import wire

from .identity import Identity
from .named import named
from .problems import Problem, unavailable
from .service import Service
from .tenants import Tenant


def proposed(identity: Identity, body: JSON) -> tuple[wire.Proposed, Principal]:
    """A proposed call, and who asks. Raises :class:`Problem` 403 and 422."""
    identity.require("decide")
    try:
        asked = wire.Proposed.of(body)
    except wire.NotTheShape as error:
        raise Problem(422, str(error)) from error
    return asked, identity.asking_for(asked.principal)


async def decide(tenant: Tenant, asked: wire.Proposed, principal: Principal) -> Enforcement:
    """What becomes of it. Whoever looks into the inbox sees what a person is asked."""
    if asked.review:
        return await tenant.guard.review(asked.call, session=asked.session, principal=principal)
    answer = await tenant.guard.authorise(
        asked.call, session=asked.session, principal=principal, once=asked.once
    )
    if answer.decision.outcome is Outcome.ESCALATE and answer.approval is not None:
        tenant.inbox.opened(asked.session, answer.approval)
    return answer


def answered(answer: Enforcement) -> bytes:
    return written_json(wire.enforcement_to_json(answer))


def routes(service: Service) -> list[BaseRoute]:
    async def batch(request: Request) -> Response:
        """Calls one after the other: the second sees what the first counted. None is decided if one of them is none."""
        tenant, identity = service.asked(request, "decide")
        body = await service.json(request)
        calls = body.get("calls") if isinstance(body, Mapping) and set(body) == {"calls"} else None
        most = service.config.limits.batch
        if not isinstance(calls, list) or not 1 <= len(calls) <= most:
            raise Problem(422, f"expected only calls, a list of 1 to {most}")
        asked = [proposed(identity, each) for each in calls]
        answers = [wire.enforcement_to_json(await decide(tenant, *each)) for each in asked]
        return service.answer({"answers": cast(JSON, answers)})

    async def result(request: Request) -> Response:
        """What became of a call that was let go; answers what the model may see of it."""
        tenant, _ = service.asked(request, "decide")
        try:
            told = wire.Outcomes.of(await service.json(request), request.path_params["id"])
        except wire.NotTheShape as error:
            raise Problem(422, str(error)) from error
        shown = await tenant.guard.report(
            told.call, told.outcome, session=told.session, record=told.record, once=told.once
        )
        return service.answer(wire.result_to_json(shown) if shown is not None else {})

    async def event(request: Request) -> Response:
        """A prompt, a text, or a result from elsewhere. 503: it was not recorded, and the caller must not go on."""
        tenant, _ = service.asked(request, "decide")
        try:
            happened = _happened(await service.json(request))
        except wire.NotTheShape as error:
            raise Problem(422, str(error)) from error
        occurrence = happened.pop("occurrence")
        try:
            if occurrence is not None and await _held(tenant, happened) >= occurrence:
                return service.answer({})
            found = await tenant.guard.observe(**happened)
        except (StoreError, AuditError) as error:
            raise unavailable(
                "the event was not recorded: the agent must not go on as if nothing had happened"
            ) from error
        except BartizanError as error:
            raise unavailable("the guard failed; see the log of the service") from error
        return service.answer(wire.inspection_to_json(found))

    return [
        Route("/v1/batch", batch, methods=["POST"]),
        named("/v1/calls/{id:path}/result", result, "POST"),
        Route("/v1/events", event, methods=["POST"]),
    ]


async def _held(tenant: Tenant, happened: Mapping[str, Any]) -> int:
    """How many such events the session holds: a door that starts anew reports a conversation from its beginning."""
    session = await tenant.guard.session(happened["session"])
    about = happened["kind"], happened["text"], happened["call"]
    return sum((event.kind, event.text, event.call) == about for event in session.events)


def _happened(body: JSON) -> dict[str, Any]:
    known = {"session", "kind", "text", "call", "value", "is_error", "occurrence"}
    if not isinstance(body, Mapping) or set(body) - known:
        raise wire.NotTheShape(f"the body: expected an object with only {', '.join(sorted(known))}")
    kind, session, text = body.get("kind"), body.get("session"), body.get("text")
    if kind not in ("prompt", "text", "result"):
        raise wire.NotTheShape("kind: expected prompt, text or result")
    if not isinstance(session, str) or not session or not isinstance(text, str):
        raise wire.NotTheShape("session, text: expected texts, the session's not empty")
    if not isinstance(body.get("is_error", False), bool):
        raise wire.NotTheShape("is_error: expected true or false")
    occurrence = body.get("occurrence")
    if occurrence is not None and (type(occurrence) is not int or occurrence < 1):
        raise wire.NotTheShape("occurrence: expected a whole number above zero")
    return {
        "kind": cast(Literal["prompt", "text", "result"], kind),
        "session": session,
        "text": text,
        "call": wire.call_of(body["call"]) if body.get("call") is not None else None,
        "value": body.get("value"),
        "is_error": body.get("is_error", False),
        "occurrence": occurrence,
    }
