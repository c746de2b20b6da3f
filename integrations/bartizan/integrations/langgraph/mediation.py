"""The way of one call from LangGraph through the guard and back. Runs on the guard's event loop.

It is written once: the caller's side, synchronous or not, only runs the tool when it is told to (:mod:`.door`).
Whatever fails in here denies the call with a fixed text; only what belongs to LangGraph or to the tool (interrupts,
cancellation, the tool's own exceptions) and answers that cannot be understood get out as exceptions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakValueDictionary

from langchain_core.messages import BaseMessage, ToolMessage
from langgraph.errors import GraphBubbleUp

from bartizan.guard import Enforcement, Gatekeeper, MalformedCall, Outcome, Principal, ToolCall, ToolResult
from bartizan.guard.messages import edit_message

from ..door import FAILED, MALFORMED
from ..structures import passed, reading
from . import corrections, results
from .approvals import Desk, Steps, can_ask, question
from .history import History
from .policy import name_of
from .proposal import Proposal

log = logging.getLogger("bartizan.langgraph")

LOST = "This call already ran, but its outcome could not be restored; it was not executed twice."
NO_SESSION = (
    "This call was denied and has not been executed.\n"
    "The application runs this graph without a session: it must pass a thread_id in the run's configuration."
)
UNREADABLE = "The tool ran, but its result was withheld because it could not be inspected."
CANNOT_ASK = "It cannot be asked for here: the application must compile the graph with a checkpointer."

ALREADY_EXECUTED = "already-executed"
MAX_OUTPUTS = 256
"""How many outputs are kept to be returned again when a step with several calls is resumed in this process."""

MAX_ATTEMPTS = 4096
"""Of how many calls that raised it is known that they may be tried again."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A call that did not run, and what the model may read about it."""

    text: str
    artifact: dict[str, Any]


class Execution(Protocol):
    """The caller's side of one call: its key, the keys inside whose execution it was proposed, the tool's output."""

    once: str | None
    inside: frozenset[str]
    output: results.Output
    given: ToolResult


Run = Callable[[ToolCall], Awaitable[ToolResult | Exception]]


class Mediator:
    def __init__(self, guard: Gatekeeper, history: History, desk: Desk, steps: Steps) -> None:
        self._guard = guard
        self._history = history
        self._desk = desk
        self._steps = steps
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._outputs: OrderedDict[str, results.Output] = OrderedDict()
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def mediate(
        self,
        proposal: Proposal,
        execution: Execution,
        run: Run,
        *,
        session: str,
        principal: Principal,
        inside_tool: bool,
    ) -> results.Output | Denial:
        """What becomes of a proposed call: the tool's inspected output, or a denial.

        ``run`` executes a call at the caller's side; ``execution`` then holds the output. Raises LangGraph's control
        exceptions, the tool's exceptions, and ``CancelledError``.
        """
        try:
            call = proposal.call()
            await self._history.catch_up(session, proposal.messages, inside_tool=inside_tool)
        except MalformedCall:
            return Denial(MALFORMED, _artifact("malformed-call"))
        except Exception:
            log.exception("the conversation could not be reported: %s is denied", proposal.tool)
            return Denial(FAILED, _artifact("internal-error"))

        once = execution.once = proposal.once(call)
        async with self._alone(execution), self._steps.taking_part(proposal) as step:
            if once is not None and once in self._outputs:
                return self._outputs[once]
            remark, answered = "", set[str]()
            while True:
                enforcement = await self._enforce(call, once, run, session, principal)
                if enforcement.decision.outcome is not Outcome.ESCALATE:
                    break
                try:
                    said = await self._desk.answer(enforcement, proposal, session)
                except GraphBubbleUp:
                    raise
                except Exception:
                    log.exception(
                        "the answer to an approval could not be recorded: %s is denied", proposal.tool
                    )
                    return Denial(FAILED, _artifact("internal-error"))
                if said is not None:
                    if enforcement.approval is None or enforcement.approval.id in answered:
                        log.error("an answer to an approval has no effect: %s is denied", proposal.tool)
                        return Denial(FAILED, _artifact("internal-error"))
                    answered.add(enforcement.approval.id)
                    remark = said
                elif can_ask(proposal):
                    raise await self._steps.ask(step, question(enforcement, proposal, name_of(self._guard)))
                else:
                    return self._denied(enforcement, CANNOT_ASK)
            if enforcement.result is None:
                return self._denied(enforcement, f"The person says: {remark}" if remark else "")
            notices = corrections.notices(self._guard, enforcement, call, proposal)
            if enforcement.record is None:
                return self._replayed(enforcement.result, proposal, notices)
            output = await self._inspected(enforcement, execution, proposal, session, notices)
            if once is not None and proposal.together > 1:
                _remember(self._outputs, once, output, MAX_OUTPUTS)
            return output

    async def review(
        self, call: ToolCall, proposal: Proposal, *, session: str, principal: Principal, inside_tool: bool
    ) -> tuple[Enforcement, corrections.Notice | None]:
        """What would become of a call that a model is about to propose, and what it is to be told if it was corrected.

        Raises what ``Guard.observe`` raises: then nothing is known of the call.
        """
        await self._history.catch_up(session, proposal.messages, inside_tool=inside_tool)
        found = await self._guard.review(call, session=session, principal=principal)
        return found, corrections.described(self._guard, found)

    @asynccontextmanager
    async def _alone(self, execution: Execution) -> AsyncIterator[None]:
        """While no other call is under way in this process with the same key.

        LangGraph ends a step with the first call that raises, and leaves the others running. If it runs the step again
        meanwhile, they are proposed again: they wait for the outcome of the run that is under way. A call that is
        proposed by its own execution does not, it would wait for itself.
        """
        if execution.once is None or execution.once in execution.inside:
            yield
            return
        async with self._under_way.setdefault(execution.once, asyncio.Lock()):
            yield

    async def _enforce(
        self, call: ToolCall, once: str | None, run: Run, session: str, principal: Principal
    ) -> Enforcement:
        """Decide, and execute what is let go.

        A tool that raises may be retried (LangGraph's retry policies, retry middleware, a rerun of the step): each
        attempt has a key of its own, so it is decided and counted like a new call. A tool that pauses by an
        ``interrupt()`` of its own is resumed under its first decision.
        """
        attempt = self._attempts.get(once, 0) if once is not None else 0

        async def execute(granted: ToolCall) -> ToolResult:
            outcome = await run(granted)
            if isinstance(outcome, ToolResult):
                return outcome
            if once is not None and not isinstance(outcome, GraphBubbleUp):
                _remember(self._attempts, once, attempt + 1, MAX_ATTEMPTS)
            raise outcome

        return await self._guard.enforce(
            call,
            execute,
            session=session,
            principal=principal,
            once=f"{once}#{attempt}" if once is not None and attempt else once,
            suspends=(GraphBubbleUp,),
        )

    async def _inspected(
        self,
        enforcement: Enforcement,
        execution: Execution,
        proposal: Proposal,
        session: str,
        notices: list[corrections.Notice],
    ) -> results.Output:
        """The tool's output as the guard shows it, after what the agent is to be told about the call."""
        assert enforcement.result is not None
        shown, given = enforcement.result, execution.given
        tool_call_id = proposal.tool_call_id
        try:
            output = results.apply(
                execution.output, enforcement.call.tool, tool_call_id, given, shown, enforcement.record
            )
            output = await self._others_inspected(output, enforcement, proposal, session)
            if edited := edit_message(enforcement):
                output = results.annotated(output, tool_call_id, edited)
            return corrections.told(output, tool_call_id, notices)
        except Exception:
            log.exception("the result of %s could not be inspected: it is withheld", proposal.tool)
            return Denial(UNREADABLE, _artifact("internal-error", record=enforcement.record))

    async def _others_inspected(
        self, output: results.Output, enforcement: Enforcement, proposal: Proposal, session: str
    ) -> results.Output:
        """The messages an output carries besides the answering one are results of the same call."""
        answering = results.answering(output, proposal.tool_call_id)
        replaced: dict[int, BaseMessage] = {}
        for message in results.messages_in(output):
            text = results.text_of(message)
            if message is answering or not text:
                continue
            seen = reading(text)
            shown = await self._guard.observe("result", seen, session=session, call=enforcement.call)
            redacted = shown is not None and shown.text != seen
            changes: dict[str, Any] = {"content": passed(text, shown.text)} if shown and redacted else {}
            if isinstance(message, ToolMessage):
                marked = {**message.response_metadata, results.GUARDED: enforcement.record}
                changes["response_metadata"] = marked
            if changes:
                replaced[id(message)] = message.model_copy(update=changes)
        if not replaced:
            return output
        return results.map_messages(output, lambda message: replaced.get(id(message), message))

    def _replayed(
        self, result: ToolResult, proposal: Proposal, notices: list[corrections.Notice]
    ) -> results.Output | Denial:
        """The recorded result of a call that ran before this step was resumed, perhaps in another process."""
        message = results.rebuilt(result, proposal.tool, proposal.tool_call_id)
        if message is None:
            return Denial(LOST, _artifact(ALREADY_EXECUTED))
        return corrections.told(message, proposal.tool_call_id, notices)

    def _denied(self, enforcement: Enforcement, remark: str = "") -> Denial:
        text = self._guard.denial_message(enforcement)
        artifact = _artifact(
            *(reason.rule for reason in enforcement.decision.reasons),
            outcome=enforcement.decision.outcome.name,
            approval=enforcement.approval.id if enforcement.approval is not None else None,
            record=enforcement.record,
        )
        return Denial(f"{text}\n{remark}" if remark else text, artifact)


def _artifact(*rules: str, **more: Any) -> dict[str, Any]:
    """What a denial message carries for programs: not shown to the model."""
    return {"guard": {"outcome": "DENY", "rules": list(rules), **more}}


def _remember(memory: OrderedDict[str, Any], key: str, value: Any, at_most: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > at_most:
        memory.popitem(last=False)
