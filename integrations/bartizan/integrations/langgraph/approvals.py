"""Asking a person: from an escalated call to LangGraph's interrupt, and from a resume value back to an approval.

The interrupt of an approval bears an id made from the approval's, so an answer given by interrupt id (as LangGraph
asks for where several are pending) reaches exactly the approval it was given for. LangGraph's own ``interrupt()``
numbers the questions of a step instead and hands answers out in the order in which tools happen to ask again.

An answer without an id is taken only if the run was started with it and exactly one approval of the step was
pending before: an answer can never approve a call that was proposed after it was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph._internal._constants import (
    CONFIG_KEY_CHECKPOINTER,
    CONFIG_KEY_RESUME_MAP,
    CONFIG_KEY_SCRATCHPAD,
)
from langgraph.errors import GraphInterrupt
from langgraph.types import Interrupt

from bartizan.guard import (
    Approval,
    ApprovalError,
    Enforcement,
    Gatekeeper,
    MalformedCall,
    Principal,
)

from .answers import ANSWER_SCHEMA, Approve, Edit, Reject, read
from .callbacks import RunObserver
from .errors import InvalidAnswer
from .proposal import Proposal

GRACE = 0.5
"""Seconds for which a question waits for the other calls of its step to arrive."""


def can_ask(proposal: Proposal) -> bool:
    """Whether an interrupt can be raised here and resumed later: inside a graph, with a checkpointer."""
    found = proposal.configurable
    return bool(found.get(CONFIG_KEY_CHECKPOINTER)) and found.get(CONFIG_KEY_SCRATCHPAD) is not None


def question(enforcement: Enforcement, proposal: Proposal, policy: str) -> Interrupt:
    """The interrupt for a pending approval, in the shape of LangChain's human-in-the-loop middleware."""
    approval, decision, call = enforcement.approval, enforcement.decision, enforcement.call
    assert approval is not None  # an escalated call has one
    explanation = "\n".join(
        reason.text or f"Rule {reason.rule} asks for approval." for reason in decision.reasons
    )
    value = {
        "type": "tool_approval",
        "tool_call_id": proposal.tool_call_id,
        "name": call.tool,
        "args": call.arguments(),
        "description": f"{explanation}\n\nTool: {call.tool}\nArgs: {dict(call.args)}",
        "guard": {
            "approval_id": approval.id,
            "policy": {"name": policy, "hash": approval.policy},
            "rules": [reason.rule for reason in decision.reasons],
            "explanation": explanation,
            "expires": approval.expires,
        },
    }
    return Interrupt(value=value, id=interrupt_id(approval), response_schema=ANSWER_SCHEMA)


def interrupt_id(approval: Approval) -> str:
    """32 hexadecimal digits: the form by which LangGraph recognises the keys of a resume map."""
    return approval.id[:32]


class Desk:
    """Takes answers to approvals. Lives on the guard's event loop."""

    def __init__(
        self, guard: Gatekeeper, observer: RunObserver, approver: Callable[[RunnableConfig], Principal] | None
    ) -> None:
        self._guard = guard
        self._observer = observer
        self._approver = approver

    async def answer(self, enforcement: Enforcement, proposal: Proposal, session: str) -> str | None:
        """Record the answer to this approval if the run brought one.

        Returns what the person said to the model (perhaps nothing), ``None`` if there is no answer: then the
        question is to be asked. Raises :class:`InvalidAnswer`.
        """
        approval = enforcement.approval
        assert approval is not None
        given = self._keyed(approval, proposal)
        pending_before = enforcement.record is None  # the decision that asked was recorded in an earlier run
        if given is None and pending_before:
            given = await self._unkeyed(approval, proposal, session)
        if given is None:
            return None
        by = (
            self._approver(proposal.config)
            if self._approver is not None
            else Principal(given.by or "anonymous")
        )
        args = given.arguments(approval.tool) if isinstance(given, Edit) else None
        try:
            await self._guard.resolve(approval.id, given.type, session=session, by=by, args=args)
        except MalformedCall as error:
            raise InvalidAnswer(f"the edited arguments cannot be executed: {error}") from error
        except ApprovalError:  # answered elsewhere, expired, or the policy changed: the call is decided anew
            return ""
        return given.message or ""

    def _keyed(self, approval: Approval, proposal: Proposal) -> Approve | Edit | Reject | None:
        answers: Mapping[str, Any] = proposal.configurable.get(CONFIG_KEY_RESUME_MAP) or {}
        if interrupt_id(approval) not in answers:
            return None
        return read(answers[interrupt_id(approval)], approval_id=approval.id, tool=approval.tool)

    async def _unkeyed(
        self, approval: Approval, proposal: Proposal, session: str
    ) -> Approve | Edit | Reject | None:
        value = self._observer.resume_value(proposal.config)
        if value is None or _is_resume_map(value):
            return None
        together = proposal.siblings()
        pending = [
            other.id
            for other in await self._guard.approvals(session)
            if other.state == "pending" and other.call_id in together
        ]
        meant = value.get("approval_id") if isinstance(value, Mapping) else None
        if len(pending) > 1 and meant is None:
            raise InvalidAnswer(
                f"{len(pending)} calls of this step wait for approval: answer each by its interrupt id, "
                "Command(resume={interrupt.id: answer}), or name its approval_id in the answer"
            )
        if meant in pending and meant != approval.id:
            return None  # it is a sibling's
        answer = read(value, approval_id=approval.id, tool=approval.tool)
        self._observer.forget_resume_value(proposal.config)
        # Taken: an interrupt() inside the tool must not be answered with it, too.
        scratchpad = proposal.configurable.get(CONFIG_KEY_SCRATCHPAD)
        if scratchpad is not None:
            scratchpad.get_null_resume(True)
        return answer


def _is_resume_map(value: Any) -> bool:
    """Whether LangGraph reads a resume value as answers by interrupt id."""
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and len(key) == 32 and set(key) <= set("0123456789abcdef") for key in value
    )


@dataclass(slots=True)
class _Step:
    """The calls that LangGraph runs in one step, as far as they have arrived."""

    expected: int
    arrived: int = 0
    active: int = 0
    questions: dict[str, Interrupt] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def settled(self) -> bool:
        return self.active <= len(self.questions)


class Steps:
    """Makes the calls of one step ask together, and only when no other call of that step is still running.

    A hand-made ToolNode runs all calls of a message in one step. LangGraph ends the step with the first interrupt
    that any of them raises: calls still running would be cut off, other questions lost until the next run.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        self._steps: dict[str, _Step] = {}

    @asynccontextmanager
    async def taking_part(self, proposal: Proposal) -> AsyncIterator[_Step]:
        """While a call is decided and executed."""
        task = proposal.task or f"{id(proposal)}"
        step = self._steps.setdefault(task, _Step(proposal.together))
        step.arrived += 1
        step.active += 1
        try:
            yield step
        finally:
            step.active -= 1
            step.changed.set()
            if step.active == 0:
                self._steps.pop(task, None)

    async def ask(self, step: _Step, asked: Interrupt) -> GraphInterrupt:
        """The exception to raise, once the time has come: it carries the questions of all calls of the step."""
        step.questions[asked.id] = asked
        step.changed.set()
        while not (step.settled() and step.arrived >= step.expected):
            step.changed.clear()
            try:
                async with asyncio.timeout(self._grace if step.settled() else None):
                    await step.changed.wait()
            except TimeoutError:
                break
        return GraphInterrupt(tuple(step.questions.values()))
