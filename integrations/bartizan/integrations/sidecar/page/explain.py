"""``POST /v1/explain``: how a call would be decided, and why. Nothing is recorded, counted or run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from bartizan.guard import (
    BartizanError,
    MalformedCall,
    Missing,
    Principal,
    Request,
    Session,
    Signal,
    ToolCall,
    now_us,
)
from bartizan.guard.canonical import JSON
from bartizan.guard.records import reasons
from bartizan.policies import PolicyError, Program, Source, check_policy, load_case, packs, prepare
from bartizan.policies.document.loading import load_document

from ...explanations import put_right
from ..problems import Problem
from ..service import Service
from .desk import Endpoint, Study, body_of, field, json_response, known, problem_of, program_of
from .origins import arguments_to_json, sources_to_json

_FIELDS = ("call", "session", "case", "policy", "approved", "principal", "signals", "nearest")
_NOBODY = Principal()


def explain(service: Service, study: Study) -> Endpoint:
    """How a call would be decided."""

    async def answer(request: HTTPRequest) -> Response:
        """A ``call`` in a ``session`` as it stands now, or a ``case`` as under a policy's ``tests:``.

        ``policy`` is the text of another policy to decide by; with ``nearest`` a denied call is put right.
        """
        tenant, _ = service.asked(request, "read", "approve")
        body = await body_of(service, request, *_FIELDS)
        live = program_of(tenant.guard)
        session: Session | None = None
        if "case" not in body and "session" in body:
            named = field(body, "session", str)
            if not named:
                raise Problem(422, "session: expected a session's name, found an empty text")
            try:
                session = await tenant.guard.session(named)
            except BartizanError as error:
                raise problem_of(error) from error
        return json_response(await study.do(partial(_explain, live, body, session)))

    return answer


def _explain(live: Program, body: Mapping[str, Any], session: Session | None) -> JSON:
    try:
        text = field(body, "policy", str, None)
        program = live if text is None else edited(live, text)
        request, session = _asked(program, body, session)
        explanation = program.explain(request, session, origins=False)
        found = arguments_to_json(request.call.args, session.events)
        answer = {
            "outcome": explanation.decision.outcome.name,
            "policy": {"name": program.name, "hash": program.hash, "live": program.hash == live.hash},
            "digest": request.call.digest,
            "canonical": request.call.canonical.decode(),
            "approved": request.approved,
            "reasons": reasons(explanation.decision.reasons),
            "shadow": reasons(explanation.decision.shadow),
            "rules": [
                {
                    "rule": rule.rule,
                    "effect": rule.effect,
                    "shadow": rule.shadow,
                    "value": rule.value,
                    "reason": rule.reason,
                    "atoms": [
                        {"text": atom, "value": value, "decides": atom in rule.determining}
                        for atom, value in rule.atoms
                    ],
                }
                for rule in explanation.rules
            ],
            **found,
            "sources": sources_to_json(found["arguments"], session.events),
            "changes": list(explanation.changes()),
        }
        if field(body, "nearest", bool, False):
            mine = program if text is not None else Program(live.policy)  # a solver is one thread's
            answer |= put_right(mine, request, session)
        return answer
    except PolicyError as error:
        raise Problem(422, str(error)) from error
    except MalformedCall as error:
        raise Problem(422, str(error)) from error


def edited(live: Program, text: str) -> Program:
    """Another policy, compiled in the place of the live one. Raises :class:`PolicyError`.

    It may include packs, and files that the live policy itself includes: reading any other file would show its text,
    as a problem with it, to whoever asked.
    """
    here = live.policy.source
    source = Source(here.file if here is not None else "<policy>", text)
    allowed = {*packs()} | ({*load_document(here).document.include} if here is not None else set())
    for name in load_document(source).document.include:
        if name not in allowed:
            raise Problem(
                422,
                f"include: expected a pack or a file that the policy in force includes, found {name!r:.80}",
            )
    return Program(check_policy(source, tuple(live.tools.values())))


def _asked(program: Program, body: Mapping[str, Any], session: Session | None) -> tuple[Request, Session]:
    if "case" in body:
        case = load_case(Source("<case>", field(body, "case", str)))
        if case.call is None:
            raise Problem(422, "case: only calls can be explained, and this case is about a result")
        return prepare(program, case)
    call = field(body, "call", dict)
    known(call, "call", "id", "tool", "args")
    made = ToolCall.of(field(call, "id", str, "explain"), field(call, "tool", str), field(call, "args", dict))
    if session is None:
        session = Session("", state=program.initial())
    elif "policy" in body:
        session = _replayed(program, session)
    signals = {name: _signal(name, value) for name, value in field(body, "signals", dict, {}).items()}
    return Request(
        made, max(now_us(), session.clock), _principal(body), signals, field(body, "approved", bool, False)
    ), session


def _replayed(program: Program, session: Session) -> Session:
    """The session as another policy would remember it: its registers made anew from the events that are kept."""
    again = Session(session.id, state=program.initial(), dropped=session.dropped)
    for event in session.events:
        state = program.advance(event, again)
        again = Session(
            session.id, again.version + 1, state, (*again.events, event), session.dropped, updated=event.time
        )
    return again


def _principal(body: Mapping[str, Any]) -> Principal:
    given = field(body, "principal", dict, {})
    known(given, "principal", "id", "roles")
    roles = field(given, "roles", list, [])
    if not all(isinstance(role, str) for role in roles):
        raise Problem(422, "principal.roles: expected texts")
    return Principal(field(given, "id", str, _NOBODY.id) or _NOBODY.id, frozenset(roles))


def _signal(name: str, value: object) -> Signal:
    """A measurement as records write it, or the bare value."""
    given = value if isinstance(value, Mapping) else {"value": value}
    p_value = given.get("p_value")
    uncalibrated = p_value is None or isinstance(p_value, Mapping)
    measured = _measured(name, given.get("value"))
    return Signal(name, measured) if uncalibrated else Signal(name, measured, _measured(name, p_value))


def _measured(name: str, value: object) -> float | Missing:
    if isinstance(value, Mapping):
        return Missing(str(value.get("missing", "not given")))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Problem(422, f"signals.{name:.60}: expected a number from 0 to 1")
    return float(value)
