"""``GET /v1/sessions/{id}``: what a session remembers, and where the arguments of its calls came from."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from bartizan.guard import BartizanError, Session, now_us
from bartizan.guard.canonical import JSON
from bartizan.policies import Program

from ..problems import Problem
from ..service import Service
from .desk import Endpoint, Study, json_response, problem_of
from .origins import arguments_to_json, event_to_json


def session(service: Service, study: Study) -> Endpoint:
    """One session."""

    async def answer(request: Request) -> Response:
        """The whole session or, with ``?call=N``, the arguments of the call that is its event N."""
        tenant, _ = service.asked(request, "read", "approve")
        name = request.path_params["session"]
        try:
            found = await tenant.guard.session(name)
            approvals = await tenant.guard.approvals(name)
        except BartizanError as error:
            raise problem_of(error) from error
        if not found.version:
            raise Problem(404, f"there is no session {name!r:.80}")
        if (number := request.query_params.get("call")) is not None:
            return json_response(await study.do(partial(_call, found, number)))
        body = await study.do(partial(_session, found))
        program = tenant.guard.program
        now = max(now_us(), found.clock)
        body["stages"] = [*program.stages(found, now)] if isinstance(program, Program) else []
        body["approvals"] = [{**each.to_json(), "edited": each.edited} for each in approvals]
        return json_response(body)

    return answer


def _session(found: Session) -> dict[str, JSON]:
    return {
        "session": found.id,
        "version": found.version,
        "dropped": found.dropped,
        "updated": found.updated,
        "now": now_us(),
        "events": [event_to_json(event) for event in found.events],
    }


def _call(found: Session, number: str) -> dict[str, JSON]:
    """Only what happened before the call can have gone into it. ``number`` counts dropped events, too."""
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise Problem(422, f"call: expected the number of an event, found {number!r:.40}")
    index = int(number) - found.dropped
    event = found.events[index] if 0 <= index < len(found.events) else None
    if event is None or event.kind == "result" or event.call is None:
        raise Problem(404, f"event {number} of the session is no call, or is no longer kept")
    return {
        "call": int(number),
        "dropped": found.dropped,
        **arguments_to_json(event.call.args, found.events[:index]),
    }
