"""``/v1/approvals``: the questions that wait for a person, one question with all that belongs to it, and its answer."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from bartizan.guard import (
    Approval,
    ApprovalError,
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalResolved,
    BartizanError,
    Session,
    canonical_json,
    now_us,
    parse_json,
)
from bartizan.guard.approvals import Answer
from bartizan.guard.canonical import JSON

from ... import wire
from ..identity import Scope
from ..problems import Problem
from ..service import Service
from ..tenants import Tenant
from .desk import Endpoint, Study, body_of, field, json_response, problem_of
from .origins import arguments_to_json, sources_to_json

RECENT = 200, 2000
"""Records among which the decision behind an approval is looked for: at first, and then."""

SESSIONS = 200
"""Sessions whose questions are listed at once, the most urgent ones."""


_TYPES = {error: type for type, error in wire.NOT_TAKEN.items()}


class NotTaken(Problem):
    """An answer that cannot be taken any more. ``type`` tells programs why, as ``detail`` tells people."""

    def __init__(self, detail: str, type: str) -> None:
        super().__init__(409, detail)
        self.type = type

    @property
    def body(self) -> bytes:
        return canonical_json({**parse_json(super().body), "type": self.type})


def listing(service: Service) -> Endpoint:
    """Which questions there are."""

    async def answer(request: Request) -> Response:
        """All open approvals of the tenant, oldest first; those of one session with ``?session=``, closed ones too.

        Of a session whose name it knows an agent may see them, too: they are its own questions.
        """
        wanted = request.query_params.get("session")
        if wanted == "":
            raise Problem(400, "session: expected a session's name, found an empty text")
        scopes: tuple[Scope, ...] = ("read", "approve") if wanted is None else ("read", "approve", "decide")
        tenant, identity = service.asked(request, *scopes)
        try:
            sessions = [wanted] if wanted is not None else await tenant.inbox.sessions()
            listed = sessions[:SESSIONS]
            found = [(name, each) for name in listed for each in await tenant.guard.approvals(name)]
        except BartizanError as error:
            raise problem_of(error) from error
        shown = [pair for pair in found if wanted is not None or pair[1].state == "pending"]
        shown.sort(key=lambda pair: (pair[1].created, pair[1].id))
        you = {"name": identity.name, "approve": "approve" in identity.scopes}
        return json_response(
            {
                "now": now_us(),
                "you": you,
                "approvals": [_asked(tenant, *pair) for pair in shown],
                "further": len(sessions) - len(listed),
            }
        )

    return answer


def one(service: Service, study: Study) -> Endpoint:
    """One question, with what a person needs to decide it."""

    async def answer(request: Request) -> Response:
        """One approval, with who asks and where each argument came from."""
        tenant, _ = service.asked(request, "read", "approve")
        name, id = request.path_params["session"], request.path_params["approval"]
        try:
            session = await tenant.guard.session(name)
            found = next((each for each in await tenant.guard.approvals(name) if each.id == id), None)
            if found is None:
                raise Problem(404, f"session {name!r:.80} has no approval {id!r:.80}")
            record = await _decision(tenant, id)
        except BartizanError as error:
            raise problem_of(error) from error
        body = {
            **_asked(tenant, name, found),
            "now": now_us(),
            "asked": record,
            **await study.do(partial(_provenance, found, session)),
        }
        return json_response(body)

    return answer


def answering(service: Service) -> Endpoint:
    """A person's answer to one."""

    async def answer(request: Request) -> Response:
        """A person's answer. 409 for a question that is answered, expired or out of date: nothing was recorded."""
        tenant, identity = service.asked(request, "approve")
        name, id = request.path_params["session"], request.path_params["approval"]
        body = await body_of(service, request, "answer", "args")
        said = field(body, "answer", str)
        if said not in ("approve", "reject", "edit"):
            raise Problem(422, f"answer: expected 'approve', 'reject' or 'edit', found {said!r:.40}")
        args = field(body, "args", dict, None)
        if (said == "edit") is (args is None):
            raise Problem(422, "args: expected the edited arguments with 'edit', and with nothing else")
        try:
            answered = await tenant.guard.resolve(
                id, cast(Answer, said), session=name, by=identity.principal, args=args
            )
        except ApprovalNotFound as error:
            raise Problem(404, str(error)) from error
        except ApprovalError as error:
            if isinstance(error, ApprovalResolved | ApprovalExpired):
                tenant.inbox.closed(name, id)
            raise NotTaken(str(error), _TYPES.get(type(error), "approval-refused")) from error
        except BartizanError as error:
            raise problem_of(error) from error
        tenant.inbox.closed(name, id)
        return json_response(_asked(tenant, name, answered))

    return answer


def _asked(tenant: Tenant, session: str, approval: Approval) -> dict[str, JSON]:
    """``outdated``: another policy decides by now, so that no answer is taken."""
    outdated = approval.policy != tenant.guard.program.hash
    return {"session": session, "approval": approval.to_json(), "outdated": outdated}


async def _decision(tenant: Tenant, id: str) -> dict[str, Any] | None:
    """The decision that asked, if the feed still has it: it knows who asked, and what was measured."""
    for most in RECENT:
        for record in reversed(await tenant.feed.recent(most)):
            asked = record.get("kind") == "decision" and record.get("outcome") == "ESCALATE"
            if asked and record.get("approval") == id:
                return {
                    name: record.get(name) for name in ("id", "principal", "signals", "shadow", "reasons")
                }
    return None


def _provenance(approval: Approval, session: Session) -> dict[str, JSON]:
    before = [event for event in session.events if event.time <= approval.created]
    found = arguments_to_json(approval.call.args, before)
    return {**found, "sources": sources_to_json(found["arguments"], before), "dropped": session.dropped}
