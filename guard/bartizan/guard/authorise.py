"""From a proposed call to a recorded decision: hops 1 to 5 of the way of one call.

Nothing in here runs a tool. What leaves with an allowing decision is durable in the log and counted in the
session; whatever goes wrong leaves as a denial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from opentelemetry import context

from . import approvals, idempotency, reasons, records
from .approvals import Approval
from .clock import Stopwatch
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
    audit record.
    """

    decision: Decision
    call: ToolCall
    result: ToolResult | None = None
    approval: Approval | None = None
    record: str | None = None


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


class Authoriser:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def authorise(self, ask: Ask) -> Enforcement:
        """A decision within the deadline. Raises nothing but ``CancelledError``."""
        try:
            async with asyncio.timeout(self._parts.deadline):
                await self._measure_ahead(ask)
                return await self._parts.ledger.transact(ask.session, ask.program, partial(self._decide, ask))
        except Exception as error:  # noqa: BLE001 (whatever it is, a bug included, it denies)
            return self._refuse(ask, reason_of(error), error)

    async def _measure_ahead(self, ask: Ask) -> None:
        """Hop 2 for most calls, before the session's turn: monitors of parallel calls run side by side."""
        if ask.program.signals("call", ask.call.tool):
            session = await self._parts.ledger.load(ask.session, ask.program)
            approval = approvals.find(session, ask.call, ask.program.hash, self._parts.now(session))
            await self._signals(ask, approvals.granted(approval) or ask.call, session)

    async def _decide(self, ask: Ask, session: Session) -> Enforcement:
        """One attempt on one version of the session; a ``VersionConflict`` means: again, on a newer one."""
        program, now = ask.program, self._parts.now(session)
        ask.watch.lap("load")

        earlier = idempotency.earlier(session, ask.once, ask.call, program.hash) if ask.once else None
        if earlier is not None:
            return await self._again(ask, session, earlier)

        approval = approvals.find(session, ask.call, program.hash, now)
        edited_or_same = approvals.granted(approval)
        call, approved = edited_or_same or ask.call, edited_or_same is not None

        signals = await self._signals(ask, call, session)

        request = Request(call, now, ask.principal, signals, approved)
        if approval is not None and approval.state == "rejected":
            decision = reasons.denial(reasons.REJECTED, program.hash)
        else:
            decision = _checked(program.decide(request, session), approved)
        ask.watch.lap("decide")

        if decision.outcome is Outcome.ESCALATE:
            if (
                approval is not None and approval.state == "pending"
            ):  # the same question: asked, recorded before
                return Enforcement(decision, call, approval=approval)
            return await self._escalate(ask, request, decision, session)
        if not decision.allowed:
            return await self._record(ask, request, decision, session)

        event = Event("call", now, call=call, signals=signals, once=ask.once)
        after = remember(session, event, program.advance(event, session), self._parts.retention)
        if approval is not None:
            closed = replace(approval, state="used" if approved else "expired")
            after = replace(after, approvals={**after.approvals, closed.id: closed.to_json()})
        if ask.once:
            after = replace(after, once=idempotency.note(after, ask.once, ask.call))
        return await self._record(ask, request, decision, session, approval, after, (event,))

    async def _escalate(
        self, ask: Ask, request: Request, decision: Decision, session: Session
    ) -> Enforcement:
        """Ask a person: the approval is stored and recorded with the decision."""
        why = tuple((reason.rule, reason.text) for reason in decision.reasons)
        asked = approvals.ask(session, request.call, ask.program.hash, why, request.now, self._parts.ttl)
        kept = approvals.keep(session, asked)
        if kept is None:
            decision = reasons.denial(reasons.TOO_MANY_APPROVALS, ask.program.hash)
            return await self._record(ask, request, decision, session)
        after = replace(session, version=session.version + 1, approvals=kept)
        escalated = await self._record(ask, request, decision, session, asked, after)
        self._parts.telemetry.approval("pending")
        return escalated

    async def _again(self, ask: Ask, session: Session, earlier: idempotency.Earlier) -> Enforcement:
        """The call was let go before under its idempotency key."""
        program = ask.program
        request = Request(earlier.call, self._parts.now(session), ask.principal)
        if earlier.result is not None:
            decision = Decision(Outcome.ALLOW, (Reason(reasons.ALREADY_EXECUTED, "allow"),), program.hash)
            return self._told(ask, Enforcement(decision, earlier.call, earlier.result))
        if not earlier.suspended:
            return await self._record(
                ask, request, reasons.denial(reasons.ALREADY_EXECUTED, program.hash), session
            )
        decision = Decision(Outcome.ALLOW, (Reason(reasons.RESUMED, "allow"),), program.hash)
        after = replace(session, version=session.version + 1, once=idempotency.resumed(session, ask.once))
        return await self._record(ask, request, decision, session, None, after)

    async def _record(
        self,
        ask: Ask,
        request: Request,
        decision: Decision,
        session: Session,
        approval: Approval | None = None,
        after: Session | None = None,
        appended: tuple[Event, ...] = (),
    ) -> Enforcement:
        """Hop 5: when this returns the decision is durable, and the session has moved on (if it moves)."""
        entries = [self._entry(ask, request, decision, session, approval)]
        if approval is not None and decision.outcome is Outcome.ESCALATE:
            entries.append(records.approval(approval, session, self._parts.capture))
        await self._parts.ledger.write(entries, after, appended)
        ask.watch.lap("record")
        enforcement = Enforcement(decision, request.call, approval=approval, record=entries[0]["id"])
        return self._told(ask, enforcement, request.signals)

    def _refuse(self, ask: Ask, reason: str, error: Exception) -> Enforcement:
        """A denial for one of the guard's own reasons. It is recorded if the log still can."""
        self._parts.telemetry.failure(reason, error)
        try:
            decision = reasons.denial(reason, ask.program.hash)
            request = Request(ask.call, self._parts.clock(), ask.principal)
            entry = self._entry(ask, request, decision, None, None)
            self._parts.ledger.behind(self._parts.ledger.write([entry]))
            return self._told(ask, Enforcement(decision, ask.call, record=entry["id"]))
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
        self,
        ask: Ask,
        request: Request,
        decision: Decision,
        session: Session | None,
        approval: Approval | None,
    ) -> records.Record:
        return records.decision(
            request,
            decision,
            ask.session,
            session.version if session is not None else None,
            ask.program,
            approval=approval.id if approval is not None else None,
            once=ask.once,
            stages=ask.watch.microseconds(),
            capture=self._parts.capture,
        )

    def _told(
        self, ask: Ask, enforcement: Enforcement, signals: Mapping[str, Signal] | None = None
    ) -> Enforcement:
        """Tell telemetry, which has no say, and pass the answer on."""
        approval = enforcement.approval
        self._parts.telemetry.decision(
            DecisionRecord(
                call=enforcement.call,
                decision=enforcement.decision,
                session=ask.session,
                principal=ask.principal,
                policy_name=ask.program.name,
                policy_hash=ask.program.hash,
                started=ask.watch.started,
                stages=ask.watch.stages,
                signals=signals or {},
                approval=approval.id if approval is not None else None,
                record=enforcement.record,
                parent=ask.parent,
            )
        )
        return enforcement


def _checked(decision: Decision, approved: bool) -> Decision:
    """A program's answer, if it is one: anything else is a bug of the program's, and denies."""
    if not isinstance(decision, Decision):
        raise TypeError(f"expected decide to return a Decision, found {type(decision).__name__}")
    if decision.outcome is Outcome.CORRECT or (approved and decision.outcome is Outcome.ESCALATE):
        raise ValueError(
            f"expected a program to allow, deny, or escalate what is not approved; found {decision.outcome!r}"
        )
    return decision
