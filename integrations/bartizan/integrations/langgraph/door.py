"""The caller's side: where tools run. Everything else about a call happens in :mod:`.mediation`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp

from bartizan.guard import ANONYMOUS, Enforcement, Principal, ToolCall, ToolResult
from bartizan.integrations.portal import Portal

from ..door import FAILED
from . import results
from .callbacks import RunObserver
from .corrections import Notice
from .grants import Grant, current, granted
from .mediation import NO_SESSION, UNREADABLE, Denial, Mediator
from .proposal import Proposal, from_config

SessionOf = Callable[[RunnableConfig], str]
PrincipalOf = Callable[[RunnableConfig], Principal]
Review = Callable[[ToolCall], Awaitable[tuple[Enforcement, Notice | None]]]

log = logging.getLogger("bartizan.langgraph")


@dataclass(frozen=True, slots=True)
class _Circumstances:
    session: str
    principal: Principal
    outer: Grant | None
    """The call inside whose execution this one is proposed."""


class _Execution:
    """One call at the caller's side: runs the tool when told to, and keeps what came of it.

    Whatever the tool raises is kept too, and leaves here as the very exception it was.
    """

    def __init__(self, owner: object, found: _Circumstances, tool_call_id: str, messages_key: str) -> None:
        self.once: str | None = None
        self.inside = found.outer.keys if found.outer is not None else frozenset[str]()
        self.output: results.Output = None
        self.given = ToolResult("")
        self.raised: Exception | None = None
        self._owner = owner
        self._session = found.session
        self._tool_call_id = tool_call_id
        self._messages_key = messages_key

    def grant(self, call: ToolCall) -> Grant:
        keys = self.inside if self.once is None else self.inside | {self.once}
        return Grant(self._owner, call, self._session, keys)

    def finished(self, call: ToolCall, output: results.Output) -> ToolResult:
        try:
            self.output = results.attributed(output, self._messages_key)
            self.given = results.to_result(self.output, self._tool_call_id)
        except Exception:
            log.exception("the output of %s could not be read: it is withheld", call.tool)
            self.output = results.error_message(UNREADABLE, call.tool, self._tool_call_id, {})
            self.given = ToolResult(UNREADABLE, None, True)
        return self.given

    def failed(self, error: Exception) -> Exception:
        self.raised = error
        # A coroutine cannot raise a StopIteration; the caller gets the original.
        return RuntimeError(repr(error)) if isinstance(error, StopIteration) else error


class Door:
    """Passes calls to the mediator, from synchronous and from asynchronous callers."""

    def __init__(
        self,
        portal: Portal,
        mediator: Mediator,
        observer: RunObserver,
        owner: object,
        session: SessionOf | None,
        principal: PrincipalOf | None,
    ) -> None:
        self._portal = portal
        self._mediator = mediator
        self._observer = observer
        self._owner = owner
        self._session = session
        self._principal = principal

    def call(
        self,
        propose: Callable[[], Proposal],
        tool: Callable[[ToolCall], results.Output],
        messages_key: str = "messages",
    ) -> results.Output | Denial:
        """Mediate a call; ``tool`` runs in this thread. Raises what the tool raises, and LangGraph's interrupts."""
        ready = self._ready(propose)
        if isinstance(ready, Denial):
            return ready
        proposal, found = ready
        execution = _Execution(self._owner, found, proposal.tool_call_id, messages_key)

        def run(call: ToolCall) -> ToolResult | Exception:
            with granted(execution.grant(call)):
                try:
                    output = tool(call)
                except Exception as error:  # noqa: BLE001 (all of them are handed on)
                    return execution.failed(error)
            return execution.finished(call, output)

        try:
            return self._portal.run(lambda send: self._mediate(proposal, found, execution, send), run)
        except Exception as error:  # noqa: BLE001 (told apart in _outcome)
            return self._outcome(error, execution)

    async def acall(
        self,
        propose: Callable[[], Proposal],
        tool: Callable[[ToolCall], Awaitable[results.Output]],
        messages_key: str = "messages",
    ) -> results.Output | Denial:
        """As :meth:`call`; ``tool`` is awaited in this task."""
        ready = self._ready(propose)
        if isinstance(ready, Denial):
            return ready
        proposal, found = ready
        execution = _Execution(self._owner, found, proposal.tool_call_id, messages_key)

        async def run(call: ToolCall) -> ToolResult | Exception:
            with granted(execution.grant(call)):
                try:
                    output = await tool(call)
                except Exception as error:  # noqa: BLE001 (all of them are handed on)
                    return execution.failed(error)
            return execution.finished(call, output)

        try:
            return await self._portal.arun(lambda send: self._mediate(proposal, found, execution, send), run)
        except Exception as error:  # noqa: BLE001 (told apart in _outcome)
            return self._outcome(error, execution)

    def reviewer(self, config: RunnableConfig) -> Review | None:
        """Reviews calls that a model is about to make in this run; None where the conversation cannot be read.

        What is returned runs on the guard's loop.
        """
        ready = self._ready(lambda: from_config("", {}, None, config))
        if isinstance(ready, Denial) or not ready[0].messages:
            return None
        proposal, found = ready

        async def review(call: ToolCall) -> tuple[Enforcement, Notice | None]:
            return await self._mediator.review(
                call,
                proposal,
                session=found.session,
                principal=found.principal,
                inside_tool=found.outer is not None,
            )

        return review

    async def _mediate(
        self, proposal: Proposal, found: _Circumstances, execution: _Execution, send: Any
    ) -> Any:
        return await self._mediator.mediate(
            proposal,
            execution,
            send,
            session=found.session,
            principal=found.principal,
            inside_tool=found.outer is not None,
        )

    def _ready(self, propose: Callable[[], Proposal]) -> tuple[Proposal, _Circumstances] | Denial:
        try:
            proposal = propose()
            outer = current(self._owner)
            session = outer.session if outer is not None else self._session_of(proposal)
            if session is None:
                return Denial(NO_SESSION, {"guard": {"outcome": "DENY", "rules": ["no-session"]}})
            principal = self._principal(proposal.config) if self._principal is not None else ANONYMOUS
            return proposal, _Circumstances(session, principal, outer)
        except Exception:
            log.exception("a call could not be brought before the guard: it is denied")
            return Denial(FAILED, {"guard": {"outcome": "DENY", "rules": ["internal-error"]}})

    def _session_of(self, proposal: Proposal) -> str | None:
        if self._session is not None:
            return self._session(proposal.config)
        thread = proposal.configurable.get("thread_id")
        if thread is not None:
            return str(thread)
        if proposal.run_id is not None:
            return f"run:{proposal.run_id}"
        root = self._observer.root_of(proposal.config)
        return f"run:{root}" if root is not None else proposal.fallback_session

    def _outcome(self, error: Exception, execution: _Execution) -> Denial:
        """What escaped from the mediation: the tool's or LangGraph's own exception, or a bug of the guard's."""
        if execution.raised is not None:
            raise execution.raised
        if isinstance(error, GraphBubbleUp):
            raise error
        log.error("a bug in the guard: the call is denied", exc_info=error)
        return Denial(FAILED, {"guard": {"outcome": "DENY", "rules": ["internal-error"]}})
