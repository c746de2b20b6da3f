"""Re-deciding recorded sessions under a policy: pure, in order, over all cores.

**Open loop.** The model that made the calls is not asked again: it goes on as it did in the record, whatever the
policy would have answered. So each call is judged *given that everything before it happened as recorded*:
its own decision says what the policy does to it, and the decisions after it are about calls the model might
not have made. What counts as having happened is a choice (:data:`History`):

* ``"enforced"``: a call enters the history if the record let it go and the policy allows or escalates it (an
  escalation counts as approved); a denied call and its result leave no trace, as behind a real guard;
* ``"recorded"``: every call that the record let go enters the history, denied or not, with its result.

A call that the policy denies is told to its stages with ``"enforced"``, as a guard tells them.

With ``"enforced"`` a denial can make later calls look ungrounded (their arguments came from a result that the
policy withheld); with ``"recorded"`` no decision influences another. A call that the record refused, never
answered, or that the model only wrote as prose is decided and then forgotten.

Formats without times get one second between happenings, from a fixed start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import islice
from typing import Literal

from bartizan.guard.canonical import JSON
from bartizan.guard.decision import Decision, Outcome, Program, Reason, Request
from bartizan.guard.errors import MalformedCall
from bartizan.guard.session import Retention, remember
from bartizan.guard.types import Event, Session, ToolCall

from .pool import in_order
from .record import Call, Prompt, RecordedSession, Result, State, Text

History = Literal["enforced", "recorded"]
Programs = Mapping[str, Callable[[], Program]]
"""How to make the program for each suite; ``"*"`` is for every other one. They go to other processes: hashable
and picklable."""

START = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z: when a recording without times begins."""
SECOND = 1_000_000
CHUNK = 16
"""Sessions sent to a process at a time."""
_RETENTION = Retention()  # what a guard keeps unless told otherwise


@dataclass(frozen=True, slots=True)
class ReplayedCall:
    """A recorded call with the outcome it gets now. ``truth`` is the record's own labels, for scoring."""

    step: int
    tool: str
    args: JSON
    state: State
    outcome: Outcome
    reasons: tuple[Reason, ...]
    shadow: tuple[Reason, ...]
    truth: Mapping[str, JSON]
    nanoseconds: int = field(default=0, compare=False)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that determined the outcome, each once, sorted."""
        return tuple(sorted({reason.rule for reason in self.reasons}))


@dataclass(frozen=True, slots=True)
class ReplayedSession:
    id: str
    meta: Mapping[str, str]
    where: str
    calls: tuple[ReplayedCall, ...]


def replay_session(
    program: Program, recorded: RecordedSession, history: History = "enforced"
) -> ReplayedSession:
    """One session from its beginning. Never executes anything and never waits."""
    session = Session(recorded.id, state=program.initial())
    let_go: dict[int, ToolCall] = {}
    replayed: list[ReplayedCall] = []
    for item in recorded.happened:
        now = max(item.time if item.time is not None else START + SECOND * session.version, session.clock)
        if isinstance(item, Prompt):
            session = _after(program, session, Event("prompt", now, item.text))
        elif isinstance(item, Text):
            session = _after(program, session, Event("text", now, item.text))
        elif isinstance(item, Call):
            call, verdict = _decide(program, item, now, session)
            replayed.append(verdict)
            happened = history == "recorded" or verdict.outcome is not Outcome.DENY
            if call is not None and not happened and item.state != "text_only":
                session = _denied(program, session, call, verdict, now)
            if call is not None and item.let_go and happened:
                let_go[item.step] = call
                session = _after(program, session, Event("call", now, call=call))
        elif item.step is None or item.step in let_go:
            call = let_go[item.step] if item.step is not None else None
            session = _observe(program, session, item, call, now)
    return ReplayedSession(recorded.id, recorded.meta, recorded.where, tuple(replayed))


def replay(
    sessions: Iterable[RecordedSession],
    programs: Programs,
    *,
    jobs: int = 1,
    history: History = "enforced",
) -> Iterator[ReplayedSession]:
    """Every session whose suite has a program, in the order of ``sessions``, whatever ``jobs`` is.

    With several jobs, chunks go to processes of their own.
    """
    wanted = (session for session in sessions if program_of(programs, session) is not None)
    chunks = iter(lambda: list(islice(wanted, CHUNK)), [])
    for done in in_order(partial(_run, programs, history), chunks, jobs):
        yield from done


def program_of(programs: Programs, session: RecordedSession) -> Callable[[], Program] | None:
    """What decides this session: its suite's program, else the general one, else nothing."""
    return programs.get(session.meta.get("suite", "*"), programs.get("*"))


def _decide(program: Program, item: Call, now: int, session: Session) -> tuple[ToolCall | None, ReplayedCall]:
    start = time.perf_counter_ns()
    try:
        call = ToolCall.of(item.id, item.tool, item.args)
        decision = program.decide(Request(call, now), session)
    except MalformedCall as error:  # the guard refuses such a call before any policy sees it
        call = None
        decision = Decision(Outcome.DENY, (Reason("malformed-call", "deny", "E", str(error)),))
    spent = time.perf_counter_ns() - start
    return call, ReplayedCall(
        item.step,
        item.tool,
        item.args,
        item.state,
        decision.outcome,
        decision.reasons,
        decision.shadow,
        item.truth,
        spent,
    )


def _observe(program: Program, session: Session, item: Result, call: ToolCall | None, now: int) -> Session:
    event = Event("result", now, item.text, call, item.value, is_error=item.is_error)
    seen = program.inspect(event, session)
    return _after(program, session, replace(event, text=seen.text, value=seen.value, labels=seen.labels))


def _denied(program: Program, session: Session, call: ToolCall, verdict: ReplayedCall, now: int) -> Session:
    """The session that a denied call leaves behind: the same, but for the registers that hear of denials."""
    decision = Decision(verdict.outcome, verdict.reasons)
    return replace(session, state=program.denied(Request(call, now), decision, session))


def _after(program: Program, session: Session, event: Event) -> Session:
    """The session as the guard would keep it: same bounds, same registers."""
    return remember(session, event, program.advance(event, session), _RETENTION)


def decided(programs: Programs, session: RecordedSession, history: History) -> ReplayedSession:
    """A session under its suite's program, which there is."""
    make = program_of(programs, session)
    assert make is not None
    return replay_session(_compiled(make), session, history)


def _run(programs: Programs, history: History, sessions: Iterable[RecordedSession]) -> list[ReplayedSession]:
    """Runs in a worker process, or in this one."""
    return [decided(programs, session, history) for session in sessions]


@cache
def _compiled(make: Callable[[], Program]) -> Program:
    """Each program is compiled once per process."""
    return make()
