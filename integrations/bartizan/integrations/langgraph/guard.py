"""The front door: a guard for LangGraph and LangChain agents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.pregel import Pregel

from bartizan.guard import Gatekeeper, Principal
from bartizan.guard.stream.rules import Score
from bartizan.integrations.portal import Portal

from .approvals import Desk, Steps
from .callbacks import RunObserver
from .door import Door, PrincipalOf, SessionOf
from .history import History, Prompts, spoken_by_user
from .mediation import Mediator
from .middleware import GuardMiddleware
from .model import GuardedModel
from .policy import name_of, program_of, speaks, text_rules
from .speech import Speech, Utterance
from .tools import guard_all
from .wrap import MARK, guard_nodes

log = logging.getLogger("bartizan.langgraph")

UNSPOKEN = (
    "the policy %s has rules on text, and they guard no model of this graph: build it with guard.model(model), or with "
    "guard.middleware(speech=Speech())"
)

G = TypeVar("G", bound=Pregel[Any, Any, Any, Any])


class LangGraphGuard:
    """Stands between a graph and its tools.

    ::

        guard = load_guard("policy.yaml", audit="audit/", store="sessions.db")
        agent = guard.wrap(create_agent(model, tools, checkpointer=checkpointer))
        agent.invoke({"messages": [("user", "Pay the rent.")]}, {"configurable": {"thread_id": "1"}})

    A *session* is a LangGraph thread (``thread_id``); without one it is a single run. ``session`` may derive it from
    the run's configuration instead. Sub-graphs and sub-agents that run inside a guarded tool belong to the session
    of that tool's call. ``principal`` says who asks and ``approver`` who answers an approval, both from the run's
    configuration, which the application fills and the agent cannot touch; without ``approver`` it is what the answer
    says of itself (``by``). ``prompts`` picks the user's own words from a conversation, see :mod:`.history`.
    ``unguarded`` says what becomes of a tool that starts without a decision, see :mod:`.callbacks`. ``score`` measures
    sentences of guarded models, for rules on text that ask for it.

    ``guard`` is one in this process, or a service (:func:`~.connect.connect_guard`): then approvals are answered with
    the client's ``approver_token``, whose owner has answered, whatever ``approver`` and ``by`` say.

    The kernel runs on an event loop and a thread of its own, started with the first call: ``invoke`` and ``ainvoke``
    work alike, in any thread and any loop. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        *,
        session: SessionOf | None = None,
        principal: PrincipalOf | None = None,
        approver: Callable[[RunnableConfig], Principal] | None = None,
        prompts: Prompts = spoken_by_user,
        unguarded: Literal["deny", "record"] = "deny",
        score: Score | None = None,
    ) -> None:
        self.guard = guard
        self._score = score
        self._speaks = False
        self.observer = RunObserver(self, unguarded)
        self._portal = Portal()
        mediator = Mediator(guard, History(guard, prompts), Desk(guard, self.observer, approver), Steps())
        self._door = Door(self._portal, mediator, self.observer, self, session, principal)

    def wrap(self, graph: G) -> G:
        """The graph, guarded: the recommended way.

        Every ToolNode that can be reached, in sub-graphs and in what nodes and tools refer to as well, is guarded at
        its innermost point. They are changed in place (a sub-graph held by a function cannot be copied), so the
        graph given is guarded from now on, too. Use the one returned: it also carries the callback handler that
        refuses unguarded tools and recognises a ``Command(resume=...)`` without interrupt id. Wrap the outermost
        graph. Wrapping twice is wrapping once.

        What models say is guarded by :meth:`model`; if the policy has rules on text and no model was guarded, a
        warning is logged.

        Raises :class:`~.errors.NothingToGuard` for a graph without a ToolNode, and
        :class:`~.errors.AlreadyGuarded` where another guard is in place.
        """
        if not isinstance(graph, Pregel):
            raise TypeError(f"expected a compiled graph, found {type(graph).__name__}: call .compile() first")
        guard_nodes(graph, self._door, self)
        if not self._speaks and speaks(self.guard):
            log.warning(UNSPOKEN, name_of(self.guard))
        attached = (graph.config or {}).get("callbacks")
        if isinstance(attached, list) and self.observer in attached:
            return graph
        return graph.with_config(callbacks=self.callbacks())

    def tools(self, tools: Sequence[BaseTool | Callable[..., Any]]) -> list[BaseTool]:
        """The tools, each guarded by itself: for tools that no ToolNode runs, or that other tools call."""
        return guard_all(tools, self._door, self)

    def middleware(self, speech: Speech | None = None) -> GuardMiddleware:
        """The guard as middleware for ``create_agent``; it must be listed last.

        With ``speech`` it guards the agent's model as :meth:`model` does, whichever model other middleware chooses.
        """
        guarded = partial(self.model, speech=speech) if speech is not None else None
        self._speaks = self._speaks or guarded is not None
        return GuardMiddleware(self._door, lambda node: getattr(node, MARK, None) is self, guarded)

    def model(self, model: BaseChatModel, speech: Speech | None = None) -> BaseChatModel:
        """The model, guarded: what it says leaves by the policy's rules on text, and its calls are reviewed.

        Streamed or not, nothing of it reaches callbacks, streams or the state before. Calls that may be corrected
        leave corrected, with a note that the guarded tool shows the agent; all others leave as they are, to be denied
        or asked about there: guard the tools, too. See :mod:`.model` and :class:`~.speech.Speech`.

        Raises :class:`~.errors.PolicyElsewhere` where the guard is a service and ``speech`` has no rules of its own.
        """
        self._speaks = True
        chosen = speech or Speech()
        if chosen.score is None:
            chosen = replace(chosen, score=self._score)
        if chosen.rules is None and program_of(self.guard) is None:
            text_rules(self.guard)  # raises: better now than when the model speaks

        def begin(messages: Sequence[BaseMessage], config: RunnableConfig) -> Utterance:
            rules = chosen.rules or text_rules(self.guard)
            return Utterance(chosen, rules, self._door.reviewer(config), messages)

        return GuardedModel.of(model, self._portal, begin)

    def callbacks(self) -> list[BaseCallbackHandler]:
        """The handler that ``wrap`` attaches, for graphs that are not wrapped."""
        return [self.observer]

    def close(self) -> None:
        """Finish what is being recorded and close log, store and thread. Blocks; see :meth:`aclose`."""
        self._portal.close(self.guard.aclose)

    async def aclose(self) -> None:
        """As :meth:`close`, from a coroutine."""
        await self._portal.aclose(self.guard.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def guard_tools(tools: Sequence[BaseTool | Callable[..., Any]], guard: LangGraphGuard) -> list[BaseTool]:
    """The tools, each guarded by itself. See :meth:`LangGraphGuard.tools`."""
    return guard.tools(tools)
