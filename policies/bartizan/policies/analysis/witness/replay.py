"""A test case in the real program: what happens, and the encoder's variables as they are when it happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any as Json

from pydantic import ValidationError

from bartizan.guard import Event, Outcome, Request, Session

from ...casework import DEFAULT_NOW, case_of, event_of, fold, request_of
from ...evaluation.scope import PastEvent, Scope, denied_scope, event_scope
from ...history import Denial
from ...language.types import ToolDecl
from ...language.values import conform, duration_text, parse_duration, parse_time
from ...program import Program
from ...provenance import Provenance
from .decode import time_text


@dataclass(frozen=True, slots=True)
class Result:
    """What the program makes of a case. ``outcome`` is None for a result, ``because`` the ids of the rules."""

    outcome: Outcome | None
    because: tuple[str, ...]
    text: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Staged:
    """A case, ready to happen: a request or a result event, in its session."""

    subject: Request | Event
    session: Session
    denials: tuple[Denial, ...] = ()

    def happen(self, program: Program) -> Result:
        if isinstance(self.subject, Request):
            decision = program.decide(self.subject, self.session)
            return Result(decision.outcome, tuple(reason.rule for reason in decision.reasons))
        seen = program.inspect(self.subject, self.session)
        return Result(None, tuple(r.rule for r in seen.reasons), seen.text, seen.labels.default)

    def scope(self, program: Program, decl: ToolDecl) -> Scope:
        """What the reference interpreter sees of it: the arguments as ``decl`` types them, and the whole history."""
        past: tuple[PastEvent, ...] = ()
        events = self.session.events
        for index in range(len(events) + 1):
            before = partial(Provenance.of, replace(self.session, events=events[:index]))
            for denial in self.denials:
                if denial.at == index:
                    tool, time = denial.event.tool, denial.event.time
                    scope = denied_scope(denial.event, denial.because, program.tools, before, {}, past)
                    past = (*past, PastEvent("denied", tool, time, scope))
            if index < len(events):
                event = events[index]
                scope = event_scope(event, program.tools, before, {}, past)
                past = (*past, PastEvent(event.kind, event.tool, event.time, scope))
        now = Provenance.of(self.session)
        if isinstance(self.subject, Event):
            scope = event_scope(self.subject, program.tools, lambda: now, {}, past)
            scope.inputs = {**scope.inputs, "tool": self.subject.tool}
            return scope
        request, args = self.subject, dict(self.subject.call.args)
        principal = {"id": request.principal.id, "roles": tuple(sorted(request.principal.roles))}
        inputs = {
            "args": conform(args, decl.args),
            "tool": decl.name,
            "now": request.now,
            "principal": principal,
        }
        return Scope(inputs, {"args": args}, request.now, request.signals, lambda: now, {}, past)


def stage(program: Program, case: Mapping[str, Json]) -> Staged:
    """Load a case as a policy's ``tests:`` does, and prepare it. Raises :class:`pydantic.ValidationError`."""
    loaded = case_of(case)
    made = fold(program, loaded)
    subject = request_of(loaded, made.now) if loaded.call is not None else event_of(loaded, made.now)
    return Staged(subject, made.session, made.denials)


def denials_hold(program: Program, case: Mapping[str, Json]) -> bool:
    """Whether the program denies what the case's history says that it does."""
    return not fold(program, case_of(case)).let_go


def is_expressible(case: Mapping[str, Json]) -> bool:
    """Whether a policy's test can say it (an empty principal's id, for one, it cannot)."""
    try:
        case_of(case)
    except ValidationError:
        return False
    return True


def past_calls(
    program: Program, case: Mapping[str, Json], principals: Sequence[Mapping[str, Json]] = ()
) -> list[Outcome]:
    """What the program makes of each call in the case's history, in its turn and without an approval.

    ``principals`` are who made them, in order; whoever is not given is the case's.
    """
    history = case.get("history", ())
    found: list[Outcome] = []
    for index, event in enumerate(history):
        if "call" in event:
            earlier = {k: case[k] for k in ("prompt", "principal") if k in case}
            if len(found) < len(principals):
                earlier["principal"] = principals[len(found)]
            if not earlier.get("principal", True):
                del earlier["principal"]
            past = [_before(other, event) for other in history[:index]]
            then = {k: event[k] for k in ("call", "signals") if k in event}
            when = _earlier(case, event)
            result = stage(program, earlier | when | then | {"history": past}).happen(program)
            assert result.outcome is not None
            found.append(result.outcome)
    return found


def _ago(event: Mapping[str, Json]) -> int:
    return parse_duration(event["at"]) if "at" in event else 0


def _before(other: Mapping[str, Json], event: Mapping[str, Json]) -> dict[str, Json]:
    """Another event, told from the time of ``event``."""
    told = {k: v for k, v in other.items() if k != "at"}
    gap = _ago(other) - _ago(event)
    return told | ({"at": duration_text(gap)} if gap > 0 else {})


def _earlier(case: Mapping[str, Json], event: Mapping[str, Json]) -> dict[str, Json]:
    now = parse_time(case["now"]) if "now" in case else DEFAULT_NOW
    return {"now": time_text(now - _ago(event))}


def expecting(case: Mapping[str, Json], result: Result) -> dict[str, Json]:
    """The case with what became of it: an entry of ``tests:`` that passes."""
    if result.outcome is None:
        return {**case, "expect": {"text": result.text, "label": result.label}}
    return {**case, "expect": result.outcome.name.lower(), "because": list(dict.fromkeys(result.because))}
