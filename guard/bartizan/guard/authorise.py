"""From a proposed call to a recorded decision: hops 1 to 6 of the way of one call.

Nothing in here runs a tool. What leaves with an allowing decision is durable in the log and counted in the
session; whatever goes wrong leaves as a denial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from opentelemetry import context

from . import approvals, idempotency, reasons, records
from .approvals import Approval
from .clock import Stopwatch
from .correction import Attempt, Correction, Refused
from .decision import Decision, Outcome, Program, Reason, Request
from .parts import Parts, reason_of
from .session import remember
from .telemetry import DecisionRecord
from .types import Event, Principal, Session, Signal, ToolCall, ToolResult


@dataclass(frozen=True, slots=True)
class Enforcement:
    """What became of a call.

    ``call`` is the call that was decided, and executed if the decision allows it: the one given, or the one a
    person edited it to. ``result`` is the inspected (labelled, redacted) result; ``approval`` is the pending
    approval of an escalated call, or the one that let this call go; ``record`` is the id of the decision's
    audit record. ``correction`` says how a call was corrected to the one that was let go. ``verdict`` lets an executor
    elsewhere know that the call was let go (:mod:`.verdict`), if the guard has a key.
    """

    decision: Decision
    call: ToolCall
    result: ToolResult | None = None
    approval: Approval | None = None
    record: str | None = None
    correction: Correction | None = None
    verdict: str | None = None


@dataclass(slots=True)
class Ask:
    """One call on its way to a decision: what was asked, and what has been measured for it so far."""

    program: Program
    call: ToolCall
    session: str
    principal: Principal
    once: str
    signals: dict[str, Mapping[str, Signal]] = field(default_factory=dict)
    watch: Stopwatch = field(default_factory=Stopwatch)
    parent: context.Context = field(default_factory=context.get_current)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the program makes of a call on one version of its session, nothing of it recorded yet.

    ``request`` holds the call that is decided: the one asked about, the one a person edited it to, or the corrected.
    """

    request: Request
    decision: Decision
    approval: Approval | None = None
    correction: Correction | None = None
    attempts: tuple[Attempt, ...] = ()


class Authoriser:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def authorise(self, ask: Ask) -> Enforcement:
        """A decision within the deadline. Raises nothing but ``CancelledError``."""
        return await self._within_deadline(ask, self._decide)

    async def review(self, ask: Ask) -> Enforcement:
        """What would become of a call now. Nothing is let go, counted or asked; a denial or a correction is recorded.

        Raises nothing but ``CancelledError``.
        """
        return await self._within_deadline(ask, self._review, reviewed=True)

    async def _within_deadline(
        self, ask: Ask, attempt: Callable[[Ask, Session], Awaitable[Enforcement]], *, reviewed: bool = False
    ) -> Enforcement:
        try:
            async with asyncio.timeout(self._parts.deadline):
                await self._measure_ahead(ask)
                return await self._parts.ledger.transact(ask.session, ask.program, partial(attempt, ask))
        except Exception as error:  # noqa: BLE001 (whatever it is, a bug included, it denies)
            return self._refuse(ask, reason_of(error), error, reviewed=reviewed)

    async def _review(self, ask: Ask, session: Session) -> Enforcement:
        ask.watch.lap("load")
        judged = await self._judge(ask, session)
        entry = self._entry(ask, judged, session, reviewed=True)
        if judged.decision.outcome in (Outcome.CORRECT, Outcome.DENY):
            await self._parts.ledger.write([entry], _after_denial(ask.program, judged, session))
        ask.watch.lap("record")
        return self._told(ask, judged, record=entry["id"], reviewed=True)

    async def _measure_ahead(self, ask: Ask) -> None:
        """Hop 2 for most calls, before the session's turn: monitors of parallel calls run side by side."""
        if ask.program.signals("call", ask.call.tool):
            session = await self._parts.ledger.load(ask.session, ask.program)
            approval = approvals.find(session, ask.call, ask.program.hash, self._parts.now(session))
            await self._signals(ask, approvals.granted(approval) or ask.call, session)

    async def _decide(self, ask: Ask, session: Session) -> Enforcement:
        """One attempt on one version of the session; a ``VersionConflict`` means: again, on a newer one."""
        program = ask.program
        ask.watch.lap("load")

        earlier = idempotency.earlier(session, ask.once, ask.call, program.hash) if ask.once else None
        if earlier is not None:
            return await self._again(ask, session, earlier)

        judged = await self._judge(ask, session)
        request, decision, approval = judged.request, judged.decision, judged.approval

        if decision.outcome is Outcome.ESCALATE:
            if approval is not None and approval.state == "pending":  # asked before, and recorded
                return Enforcement(decision, request.call, approval=approval)
            return await self._escalate(ask, judged, session)
        if not decision.allowed:
            after = _after_denial(program, judged, session)
            return await self._record(ask, replace(judged, approval=None), session, after)

        event = Event("call", request.now, call=request.call, signals=request.signals, once=ask.once)
        after = remember(session, event, program.advance(event, session), self._parts.retention)
        if approval is not None:
            closed = replace(approval, state="used" if request.approved else "expired")
            after = replace(after, approvals={**after.approvals, closed.id: closed.to_json()})
        if ask.once:
            after = replace(after, once=idempotency.note(after, ask.once, ask.call))
        return await self._record(ask, judged, session, after, (event,))

    async def _judge(self, ask: Ask, session: Session) -> _Judged:
        """Hops 2 to 5: signals, the program's decision and, where it denies, a correction."""
        program, now = ask.program, self._parts.now(session)
        approval = approvals.find(session, ask.call, program.hash, now)
        edited_or_same = approvals.granted(approval)
        call, approved = edited_or_same or ask.call, edited_or_same is not None

        signals = await self._signals(ask, call, session)
        request = Request(call, now, ask.principal, signals, approved)
        if approval is not None and approval.state == "rejected":
            ask.watch.lap("decide")
            return _Judged(request, reasons.denial(reasons.REJECTED, program.hash), approval)
        decision = _checked(program.decide(request, session), approved)
        ask.watch.lap("decide")
        judged = _Judged(request, decision, approval)
        if decision.outcome is Outcome.DENY and not approved and self._parts.corrector.proposers:
            judged = await self._corrected(ask, judged, session)
            ask.watch.lap("correct")
        return judged

    async def _corrected(self, ask: Ask, judged: _Judged, session: Session) -> _Judged:
        """The denied call corrected, if somebody knows how; else the denial, with the nearest call if one is known."""
        program, denied, requests = ask.program, judged.request, dict[str, Request]()

        async def decide(call: ToolCall) -> Decision:
            signals = await self._signals(ask, call, session)
            requests[call.digest] = request = replace(denied, call=call, signals=signals, before=denied.call)
            return _checked(program.decide(request, session), False)

        refused = Refused(denied, session, judged.decision, program)
        left = self._parts.deadline - ask.watch.total / 1e9
        found = await self._parts.corrector.correct(refused, decide, left / 2)
        if found.call is None:
            decision = replace(judged.decision, nearest=found.nearest or judged.decision.nearest)
            return replace(judged, decision=decision, attempts=found.attempts)
        decision = replace(judged.decision, outcome=Outcome.CORRECT)
        request = requests[found.call.digest]
        return _Judged(request, decision, judged.approval, found.correction, found.attempts)

    async def _escalate(self, ask: Ask, judged: _Judged, session: Session) -> Enforcement:
        """Ask a person: the approval is stored and recorded with the decision."""
        request, decision = judged.request, judged.decision
        why = tuple((reason.rule, reason.text) for reason in decision.reasons)
        asked = approvals.ask(session, request.call, ask.program.hash, why, request.now, self._parts.ttl)
        kept = approvals.keep(session, asked)
        if kept is None:
            denied = reasons.denial(reasons.TOO_MANY_APPROVALS, ask.program.hash)
            return await self._record(ask, _Judged(request, denied), session)
        after = replace(session, version=session.version + 1, approvals=kept)
        escalated = await self._record(ask, replace(judged, approval=asked), session, after)
        self._parts.telemetry.approval("pending")
        return escalated

    async def _again(self, ask: Ask, session: Session, earlier: idempotency.Earlier) -> Enforcement:
        """The call was let go before under its idempotency key."""
        program = ask.program
        request = Request(earlier.call, self._parts.now(session), ask.principal)
        if earlier.result is not None:
            decision = Decision(Outcome.ALLOW, (Reason(reasons.ALREADY_EXECUTED, "allow"),), program.hash)
            return self._told(ask, _Judged(request, decision), result=earlier.result)
        if not earlier.suspended:
            denied = reasons.denial(reasons.ALREADY_EXECUTED, program.hash)
            return await self._record(ask, _Judged(request, denied), session)
        decision = Decision(Outcome.ALLOW, (Reason(reasons.RESUMED, "allow"),), program.hash)
        after = replace(session, version=session.version + 1, once=idempotency.resumed(session, ask.once))
        return await self._record(ask, _Judged(request, decision), session, after)

    async def _record(
        self,
        ask: Ask,
        judged: _Judged,
        session: Session,
        after: Session | None = None,
        appended: tuple[Event, ...] = (),
    ) -> Enforcement:
        """Hop 6: when this returns the decision is durable, and the session has moved on (if it moves)."""
        entries = [self._entry(ask, judged, session)]
        if judged.approval is not None and judged.decision.outcome is Outcome.ESCALATE:
            entries.append(records.approval(judged.approval, session, self._parts.capture))
        await self._parts.ledger.write(entries, after, appended)
        ask.watch.lap("record")
        verdict = None
        if judged.decision.allowed and after is not None and self._parts.verdicts is not None:
            verdict = self._parts.verdicts.sign(judged.request, ask.program.hash, after)
        return self._told(ask, judged, record=entries[0]["id"], verdict=verdict)

    def _refuse(self, ask: Ask, reason: str, error: Exception, *, reviewed: bool = False) -> Enforcement:
        """A denial for one of the guard's own reasons. It is recorded if the log still can."""
        self._parts.telemetry.failure(reason, error)
        try:
            denied = reasons.denial(reason, ask.program.hash)
            judged = _Judged(Request(ask.call, self._parts.clock(), ask.principal), denied)
            entry = self._entry(ask, judged, None, reviewed=reviewed)
            self._parts.ledger.behind(self._parts.ledger.write([entry]))
            return self._told(ask, judged, record=entry["id"], reviewed=reviewed)
        except Exception as worse:  # noqa: BLE001 (a clock or program so broken that not even this can be said)
            self._parts.telemetry.failure(reasons.INTERNAL_ERROR, worse)
            return Enforcement(reasons.denial(reason, ""), ask.call)

    async def _signals(self, ask: Ask, call: ToolCall, session: Session) -> Mapping[str, Signal]:
        """The signals the program asks for on this call: measured once, however often it is decided."""
        if call.digest not in ask.signals:
            event = Event("call", self._parts.now(session), call=call)
            ask.signals[call.digest] = await self._parts.measure(ask.program, event, session)
            ask.watch.lap("signals")
        return ask.signals[call.digest]

    def _entry(
        self, ask: Ask, judged: _Judged, session: Session | None, *, reviewed: bool = False
    ) -> records.Record:
        return records.decision(
            judged.request,
            judged.decision,
            ask.session,
            session.version if session is not None else None,
            ask.program,
            approval=judged.approval.id if judged.approval is not None else None,
            correction=judged.correction,
            attempts=judged.attempts,
            once=ask.once,
            stages=ask.watch.microseconds(),
            capture=self._parts.capture,
            kind="review" if reviewed else "decision",
        )

    def _told(
        self,
        ask: Ask,
        judged: _Judged,
        *,
        result: ToolResult | None = None,
        record: str | None = None,
        verdict: str | None = None,
        reviewed: bool = False,
    ) -> Enforcement:
        """Tell telemetry, which has no say, and pass the answer on."""
        request, approval = judged.request, judged.approval
        self._parts.telemetry.decision(
            DecisionRecord(
                call=request.call,
                decision=judged.decision,
                session=ask.session,
                principal=ask.principal,
                policy_name=ask.program.name,
                policy_hash=ask.program.hash,
                policy_certificate=ask.program.certificate,
                started=ask.watch.started,
                stages=ask.watch.stages,
                signals=request.signals,
                approval=approval.id if approval is not None else None,
                record=record,
                correction=judged.correction,
                attempts=judged.attempts,
                reviewed=reviewed,
                parent=ask.parent,
            )
        )
        return Enforcement(
            judged.decision, request.call, result, approval, record, judged.correction, verdict
        )


def _after_denial(program: Program, judged: _Judged, session: Session) -> Session | None:
    """The session that a denied call leaves behind, if the program makes something of it.

    Only its own denials count, and only in its registers: what was denied is no event, takes no room and grounds
    nothing. A person's rejection, and a call that was corrected, are no denials.
    """
    rejected = judged.approval is not None and judged.approval.state == "rejected"
    if judged.decision.outcome is not Outcome.DENY or rejected:
        return None
    state = program.denied(judged.request, judged.decision, session)
    if state is session.state:
        return None
    updated = max(session.clock, judged.request.now)
    return replace(session, version=session.version + 1, state=state, updated=updated)


def _checked(decision: Decision, approved: bool) -> Decision:
    """A program's answer, if it is one: anything else is a bug of the program's, and denies."""
    if not isinstance(decision, Decision):
        raise TypeError(f"expected decide to return a Decision, found {type(decision).__name__}")
    if decision.outcome is Outcome.CORRECT or (approved and decision.outcome is Outcome.ESCALATE):
        raise ValueError(
            f"expected a program to allow, deny, or escalate what is not approved; found {decision.outcome!r}"
        )
    return decision
