"""The guard: every tool call passes ``enforce``, everything else that happens passes ``observe``.

``enforce`` is the way of one call: load the session, gather the signals its rules ask for, let the program
decide, write the decision down (log, then session), and only then run the tool; then the result takes the
same way back. Whatever fails on the way, fails closed: see :mod:`.reasons` for the one table.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from . import approvals, idempotency, messages, reasons, records
from .admit import Admission
from .approvals import Answer, Approval
from .audit import AuditLog, MemoryAuditLog
from .authorise import Ask, Authoriser, Enforcement
from .canonical import JSON, scalar_text
from .clock import now_us
from .correction import Corrector, Proposer
from .decision import Decision, Inspection, Outcome, Program
from .errors import AuditError, BartizanError, InternalError, StoreError, StoreUnavailable
from .gather import Gatherer, Monitor
from .given import check_call, check_event
from .ledger import Ledger
from .parts import Parts, detached, reason_of
from .session import InMemoryStore, Retention, SessionStore
from .telemetry import Telemetry
from .types import ANONYMOUS, Event, Principal, Raised, Session, ToolCall, ToolResult
from .verdict import Verdicts

Execute = Callable[[ToolCall], Awaitable[ToolResult]]


class Guard:
    """Stands between an agent and its tools.

    ``monitors`` maps signal names to what measures them. ``deadline`` (seconds) bounds everything before a tool
    runs, and again everything between its result and the agent; monitors get half of it. ``approval_ttl``
    (seconds) is how long a person may take. ``clock`` answers in microseconds since the epoch. Without
    ``store`` and ``audit`` both live in memory. ``capture_content`` writes arguments, and texts as redacted, to
    the log; otherwise it holds their digests.

    ``proposers`` are asked, in their order and for ``correct_within`` seconds altogether (at most half of what is left
    of ``deadline``), for another call in place of one that the program denies; see :mod:`.correction`. ``verdicts``
    signs what is let go, for executors elsewhere.

    ``program`` may be replaced at any time: a call on its way is finished by the program it started with.
    """

    def __init__(
        self,
        program: Program,
        *,
        store: SessionStore | None = None,
        audit: AuditLog | None = None,
        monitors: Mapping[str, Monitor] = MappingProxyType({}),
        telemetry: Telemetry | None = None,
        deadline: float = 2.0,
        approval_ttl: float = 3600.0,
        clock: Callable[[], int] = now_us,
        retention: Retention = Retention(),  # noqa: B008 (frozen)
        capture_content: bool = False,
        proposers: Sequence[Proposer] = (),
        correct_within: float = 0.25,
        verdicts: Verdicts | None = None,
    ) -> None:
        self.program = program
        self._parts = Parts(
            Ledger(InMemoryStore() if store is None else store, MemoryAuditLog() if audit is None else audit),
            Gatherer(monitors),
            Telemetry() if telemetry is None else telemetry,
            deadline,
            int(approval_ttl * 1e6),
            clock,
            retention,
            capture_content,
            Corrector(proposers, correct_within),
            verdicts,
        )
        self._authoriser = Authoriser(self._parts)
        self._admission = Admission(self._parts)

    async def enforce(
        self,
        call: ToolCall,
        execute: Execute,
        *,
        session: str,
        principal: Principal = ANONYMOUS,
        once: str | None = None,
        suspends: tuple[type[BaseException], ...] = (),
    ) -> Enforcement:
        """Decide a call and, if it is let go, run ``execute`` with the call that was decided.

        Exceptions of ``execute`` propagate unchanged after they were recorded. Nothing else raises but
        ``CancelledError``: a call that cannot be decided and recorded is denied. (What is no call at all, or no
        text as a key, is a ``TypeError`` before anything happens.)

        ``once`` is an idempotency key: a call let go under it before is not executed again, its recorded result
        is returned. ``suspends`` are exceptions by which a tool says that it paused and will be proposed again
        under the same key: that call is then resumed, not counted twice.
        """
        ask = self._ask(call, session, principal, once)
        granted = await self._authoriser.authorise(ask)  # hops 1 to 6: decided, and recorded before it runs
        if not granted.decision.allowed or granted.result is not None:
            return granted
        try:
            result = await execute(granted.call)  # hop 7
        except BaseException as error:
            raised = Raised.by(error, suspended=bool(ask.once) and isinstance(error, suspends))
            await self._admission.raised(ask, granted, raised, wait=isinstance(error, Exception))
            raise
        # And back: inspected, and recorded before it is read.
        shown = await self._admission.result(ask, granted, result)
        return replace(granted, result=shown)

    async def authorise(
        self,
        call: ToolCall,
        *,
        session: str,
        principal: Principal = ANONYMOUS,
        once: str | None = None,
    ) -> Enforcement:
        """Decide a call that somebody else executes: as :meth:`enforce`, without running it.

        What is let go is recorded and counted, and is the ``call`` of the answer, which may not be the one given. With
        ``verdicts`` the answer has a ``verdict``, by which the executor can tell. Give the result to :meth:`report`.
        """
        return await self._authoriser.authorise(self._ask(call, session, principal, once))

    async def report(
        self,
        call: ToolCall,
        outcome: ToolResult | Raised,
        *,
        session: str,
        record: str | None = None,
        once: str | None = None,
    ) -> ToolResult | None:
        """Take note of what became of a call that :meth:`authorise` let go: the second half of :meth:`enforce`.

        ``call`` is the one that was let go, ``record`` the id of its decision's record and ``once`` its key. Answers
        what the agent may see of a result, a fixed text in its place if it cannot be recorded; None for a tool that
        raised.
        """
        if not isinstance(outcome, ToolResult | Raised):
            raise TypeError(f"expected a ToolResult or Raised, found {type(outcome).__name__}")
        ask = self._ask(call, session, ANONYMOUS, once)
        granted = Enforcement(Decision(Outcome.ALLOW, ()), call, record=record)
        if isinstance(outcome, ToolResult):
            return await self._admission.result(ask, granted, outcome)
        suspended = outcome.suspended and bool(ask.once)
        await self._admission.raised(ask, granted, replace(outcome, suspended=suspended))
        return None

    async def review(self, call: ToolCall, *, session: str, principal: Principal = ANONYMOUS) -> Enforcement:
        """What would become of a call now, corrected if it may be: for calls that are still on their way to the agent.

        Nothing is let go: the call counts nowhere, and must be proposed to :meth:`enforce` or :meth:`authorise` before
        it runs. A denial or a correction is recorded, since the agent will see it, and a denial is told to the program
        (:meth:`.Program.denied`), since the agent tried. Raises as :meth:`enforce`.
        """
        return await self._authoriser.review(self._ask(call, session, principal, None))

    def _ask(self, call: ToolCall, session: str, principal: Principal, once: str | None) -> Ask:
        check_call(call, once)
        return Ask(self.program, call, session, principal, idempotency.key_of(once) if once else "")

    async def observe(
        self,
        kind: Literal["prompt", "text", "result"],
        text: str,
        *,
        session: str,
        call: ToolCall | None = None,
        value: JSON = None,
        is_error: bool = False,
    ) -> Inspection | None:
        """Take note of something that happened outside: a prompt, a final text, a result from elsewhere.

        For a result the answer says what of it may go on to the model. Raises ``StoreError`` or ``AuditError``
        if it cannot be recorded: a caller must not go on as if it had not happened.
        """
        check_event(kind, text, call)
        event = Event(kind, 0, scalar_text(text), call, detached(value), is_error=is_error)
        describe = partial(records.happened, "observation", cause=None, capture=self._parts.capture)
        try:
            async with self._recording("the event"):
                return await self._admission.admit(self.program, event, session, describe)
        except BartizanError:
            raise
        except Exception as error:
            self._parts.telemetry.failure(reasons.INTERNAL_ERROR, error)
            raise InternalError("the program or the guard failed; see the log of the process") from error

    async def resolve(
        self,
        approval_id: str,
        answer: Answer,
        *,
        session: str,
        by: Principal,
        args: Mapping[str, Any] | None = None,
    ) -> Approval:
        """Record a person's answer to a pending approval; ``args`` are the new arguments of an ``edit``.

        Nothing runs here: propose the call to :meth:`enforce` again. Raises a subclass of ``ApprovalError`` for
        an answer that cannot be taken, ``StoreError`` or ``AuditError`` for one that cannot be recorded.
        """
        program = self.program

        async def attempt(state: Session) -> Approval:
            answered = approvals.resolve(
                state, approval_id, answer, by=by, args=args, policy=program.hash, now=self._parts.now(state)
            )
            kept = {**state.approvals, answered.id: answered.to_json()}
            after = replace(state, version=state.version + 1, approvals=kept)
            await self._parts.ledger.write(
                [records.resolution(answered, state, answer, self._parts.capture)], after
            )
            return answered

        async with self._recording("the answer"):
            answered = await self._parts.ledger.transact(session, program, attempt)
        self._parts.telemetry.approval(answered.state, (answered.resolved - answered.created) / 1e6)
        return answered

    @asynccontextmanager
    async def _recording(self, what: str) -> AsyncIterator[None]:
        """Within the deadline. That log or store failed is counted before it is raised."""
        try:
            async with asyncio.timeout(self._parts.deadline):
                yield
        except TimeoutError as error:
            self._parts.telemetry.failure(reasons.DEADLINE, error)
            raise StoreUnavailable(f"{what} was not recorded within {self._parts.deadline} s") from error
        except (StoreError, AuditError) as error:
            self._parts.telemetry.failure(reason_of(error), error)
            raise

    async def session(self, session: str) -> Session:
        """What the guard remembers of a session: a new one where there is none. Raises ``StoreError``."""
        try:
            async with asyncio.timeout(self._parts.deadline):
                return await self._parts.ledger.load(session, self.program)
        except TimeoutError as error:
            raise StoreUnavailable(f"the session was not loaded within {self._parts.deadline} s") from error

    async def approvals(self, session: str) -> tuple[Approval, ...]:
        """The approvals of a session as they stand now, oldest first. Raises ``StoreError``."""
        state = await self.session(session)
        found = [Approval.from_json(record).at(self._parts.now(state)) for record in state.approvals.values()]
        return tuple(sorted(found, key=lambda approval: approval.created))

    denial_message = staticmethod(messages.denial_message)
    correction_message = staticmethod(messages.correction_message)

    async def aclose(self) -> None:
        """Finish what is still being recorded, then close the log, the store and the telemetry."""
        await self._parts.ledger.aclose(self._parts.deadline)
        await self._parts.telemetry.aclose(self._parts.deadline)
