"""What the small doors share: the way of one call from a framework through a guard and back.

A door asks (:meth:`Door.ask`) and, if the call may go, runs it (:meth:`Door.run`). Neither lets anything through on a
failure: a guard that raises or does not answer, a session that cannot be told, arguments that strict JSON cannot say,
a result that cannot be recorded, each ends in a text for the model.

A call is let go once in a session under its id and arguments: a framework that runs it again (after an answer, a
crash, a second resume from the same state) gets the recorded result. So the ids of a session's calls must be the
model's own or otherwise unique, as the frameworks themselves expect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic_core import to_jsonable_python

from bartizan.guard import (
    ANONYMOUS,
    JSON,
    Answer,
    Approval,
    BartizanError,
    Enforcement,
    Gatekeeper,
    MalformedCall,
    Principal,
    Raised,
    ToolCall,
    ToolResult,
    canonical_json,
)
from bartizan.guard.messages import edit_message
from bartizan.guard.parts import detached

from .structures import both, reading, recalled, structure_of

log = logging.getLogger("bartizan.door")

FAILED = "This call was denied and has not been executed.\nThe guard could not decide about this call."
MALFORMED = "This call was denied and has not been executed.\nIts arguments are not strict JSON."
REJECTED = "This call was denied and has not been executed.\nA person was asked to approve this call and rejected it."
WITHHELD = "The tool ran, but its result was withheld because it could not be inspected or recorded."


class Unguarded(BartizanError):
    """A part of an agent would run beside the guard: it was refused before anything ran."""


C = TypeVar("C")  # what a framework knows of the run that a call belongs to
T = TypeVar("T")  # what a tool returns


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of asking for a call.

    ``call`` is the one that may run, perhaps not as it was proposed (then ``notice`` tells the agent). Without it
    ``text`` is what the model reads: why not, or (``earlier``) what the call answered when it ran before.
    ``approval`` is the open question to a person.
    """

    session: str = ""
    call: ToolCall | None = None
    text: str = FAILED
    notice: str = ""
    approval: Approval | None = None
    earlier: ToolResult | None = None
    record: str | None = None
    once: str | None = None


@dataclass(frozen=True, slots=True)
class Ran(Generic[T]):
    """What a tool returned, and what of it the model may see. ``said`` is its text as the model would read it."""

    output: T
    given: ToolResult
    shown: ToolResult
    notice: str
    said: str = ""

    def for_model(self) -> T | str:
        """The tool's own output if it may be seen as it is; else a text."""
        if self.shown == self.given and not self.notice:
            return self.output
        said, _ = both(self.said, self.given, self.shown)
        return f"{self.notice}\n{said}" if self.notice else said


class Door(Generic[C]):
    """Asks a guard on behalf of a framework.

    ``session`` and ``principal`` tell from the framework's own context whose call it is; the application fills that
    context, the agent cannot touch it. ``patience`` (seconds) bounds each of the guard's answers, for a guard that
    does not do so itself.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        session: Callable[[C], str],
        principal: Callable[[C], Principal] | None = None,
        patience: float = 30.0,
    ) -> None:
        self.guard = guard
        self._session = session
        self._principal = principal
        self._patience = patience
        self._behind: set[asyncio.Task[None]] = set()

    async def ask(self, context: C, call_id: str, tool: str, args: Mapping[str, Any] | str) -> Asked:
        """Whether a call may go. Raises nothing but ``CancelledError``."""
        try:
            session = self.session_of(context)
            principal = self._principal(context) if self._principal is not None else ANONYMOUS
            call = (
                ToolCall.parse(call_id, tool, args)
                if isinstance(args, str)
                else ToolCall.of(call_id, tool, args)
            )
            once = f"{call.id}/{call.digest}" if call.id else None
            async with asyncio.timeout(self._patience):
                answer = await self.guard.authorise(call, session=session, principal=principal, once=once)
            return self._asked(answer, session, once)
        except MalformedCall as error:
            log.warning("a call of %r is denied: %s", tool, error)
            return Asked(text=MALFORMED)
        except Exception:
            log.exception("a call of %r could not be decided: it is denied", tool)
            return Asked()

    async def run(
        self,
        asked: Asked,
        execute: Callable[[ToolCall], Awaitable[T]],
        read: Callable[[T], ToolResult],
        suspends: tuple[type[BaseException], ...] = (),
    ) -> Ran[T]:
        """Run a call that may go; ``read`` says what the model would read in what ``execute`` returns.

        Raises what ``execute`` raises, after it was recorded. ``suspends``: exceptions by which a tool pauses.
        """
        assert asked.call is not None  # Asked by ``ask``, and let go
        try:
            output = await execute(asked.call)
        except BaseException as error:
            raised = Raised.by(error, suspended=isinstance(error, suspends))
            recording = asyncio.ensure_future(self._raised(asked, asked.call, raised))
            self._behind.add(recording)  # the loop itself keeps only a weak reference
            recording.add_done_callback(self._behind.discard)
            if isinstance(error, Exception):
                await asyncio.wait({recording})
            raise
        try:
            own = read(output)
            given = replace(own, text=reading(own.text))
            async with asyncio.timeout(self._patience):
                shown = await self.guard.report(
                    asked.call, given, session=asked.session, record=asked.record, once=asked.once
                )
            return Ran(output, given, shown or ToolResult(WITHHELD, None, True), asked.notice, own.text)
        except Exception:
            log.exception("the result of %r could not be recorded: it is withheld", asked.call.tool)
            return Ran(output, ToolResult(""), ToolResult(WITHHELD, None, True), asked.notice)

    def session_of(self, context: C) -> str:
        """The session that a context belongs to. Raises ``ValueError`` for none."""
        session = self._session(context)
        if not isinstance(session, str) or not session:
            raise ValueError(f"expected the session's id as a non-empty text, found {session!r:.40}")
        return session

    async def answer(
        self,
        call_id: str,
        tool: str,
        answer: Answer,
        *,
        session: str,
        by: Principal,
        args: Mapping[str, Any] | None,
    ) -> None:
        """Tell the guard a person's answer about a call, if there is an open question about it.

        Raises ``StoreError``, and a subclass of ``ApprovalError`` for an answer that cannot be taken.
        """
        pending = [
            approval
            for approval in await self.guard.approvals(session)
            if (approval.call_id, approval.tool, approval.state) == (call_id, tool, "pending")
        ]
        if pending:
            await self.guard.resolve(pending[-1].id, answer, session=session, by=by, args=args)

    def _asked(self, answer: Enforcement, session: str, once: str | None) -> Asked:
        if not answer.decision.allowed:
            return Asked(session, text=self.guard.denial_message(answer), approval=answer.approval)
        if answer.result is not None:
            earlier = replace(answer.result, text=recalled(answer.result.text))
            return Asked(session, text=earlier.text, earlier=earlier)
        notice = edit_message(answer) or self.guard.correction_message(answer)
        return Asked(session, answer.call, "", notice, record=answer.record, once=once)

    async def _raised(self, asked: Asked, call: ToolCall, raised: Raised) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self.guard.report(
                    call, raised, session=asked.session, record=asked.record, once=asked.once
                )
        except Exception:
            log.exception("that %r raised could not be recorded", call.tool)


def question(approval: Approval) -> dict[str, JSON]:
    """What an approver's page needs to know of an open question, as JSON."""
    return {
        "approval_id": approval.id,
        "tool": approval.tool,
        "args": approval.call.arguments(),
        "reasons": [{"rule": rule, "text": text} for rule, text in approval.reasons],
        "expires": approval.expires,
    }


def read_output(output: Any) -> ToolResult:
    """A tool's output as a guard looks at it: a text as it is, anything else as JSON or, failing that, as it prints."""
    if isinstance(output, str):
        return ToolResult(output, structure_of(output))
    value = as_json(output)
    return ToolResult(canonical_json(value).decode() if value is not None else str(output), value)


def as_json(value: Any) -> JSON:
    """A value as strict JSON says it; None where it cannot."""
    try:
        return detached(to_jsonable_python(value))
    except (ValueError, TypeError):  # pydantic's errors are ValueErrors
        return None
