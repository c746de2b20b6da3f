"""Sessions as pure values: a program's own account of what has happened, without guard or store.

The kernel keeps sessions durably; tests of policies, replay and explanations only need this fold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any as Json

from bartizan.guard import (
    Event,
    Labels,
    Outcome,
    Program,
    Request,
    Session,
    Signal,
    ToolCall,
    canonical_json,
)


def begin(program: Program, id: str = "session") -> Session:
    """A new session of a program."""
    return Session(id, state=program.initial())


def record(program: Program, session: Session, event: Event) -> Session:
    """The session after an event that needs no inspection: a prompt, a call let go, a final text."""
    event = replace(event, time=max(event.time, session.clock))
    state = program.advance(event, session)
    return replace(session, version=session.version + 1, state=state, events=(*session.events, event))


def record_result(program: Program, session: Session, event: Event) -> Session:
    """The session after a result, labelled and redacted as the program says."""
    seen = program.inspect(event, session)
    return record(program, session, replace(event, text=seen.text, value=seen.value, labels=seen.labels))


@dataclass(frozen=True, slots=True)
class Denial:
    """A call that was denied, as stages see it: ``at`` is how many events there were before it."""

    at: int
    event: Event
    because: frozenset[str]


def record_denied(program: Program, session: Session, request: Request) -> tuple[Session, Denial] | None:
    """The session after a call that the program denies; None if it does not. It is no event of the session."""
    request = replace(request, now=max(request.now, session.clock))
    decision = program.decide(request, session)
    if decision.outcome is not Outcome.DENY:
        return None
    state = program.denied(request, decision, session)
    event = Event("call", request.now, call=request.call, signals=request.signals)
    denial = Denial(len(session.events), event, frozenset(reason.rule for reason in decision.reasons))
    return replace(session, version=session.version + 1, state=state, updated=request.now), denial


def prompt(text: str, time: int, signals: dict[str, Signal] | None = None) -> Event:
    return Event("prompt", time, text, signals=signals or {})


def result(
    call: ToolCall,
    time: int,
    *,
    text: str | None = None,
    value: Json = None,
    is_error: bool = False,
    signals: dict[str, Signal] | None = None,
) -> Event:
    """A result event; without a text the value's JSON stands for it."""
    if text is None:
        text = value if isinstance(value, str) else canonical_json(value).decode()
    return Event("result", time, text, call, value, Labels(), is_error, signals or {})
