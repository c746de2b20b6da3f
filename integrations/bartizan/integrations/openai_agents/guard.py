"""The front door: a guard for agents of the OpenAI Agents SDK."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from agents import Agent, AgentHooks, FunctionTool, Handoff, RunContextWrapper, RunState, Tool
from agents.exceptions import AgentsException
from agents.items import ToolApprovalItem

from bartizan.guard import Answer, Gatekeeper, Principal

from ..door import REJECTED, Door, Unguarded
from .tools import Invocations

log = logging.getLogger("bartizan.openai_agents")

MARK = "_bartizan_guard"


class OpenAIAgentsGuard:
    """Stands between agents and their function tools.

    ::

        guard = OpenAIAgentsGuard(Guard(program), session=lambda run: run.context.thread)
        agent = guard.wrap(agent)
        result = await Runner.run(agent, "Pay the rent.", context=context)

    ``session`` and ``principal`` tell from the run's context (``run.context`` is the object the application gave to
    the ``Runner``) whose call it is. ``unguarded`` names what may run beside the guard all the same: tools by name,
    ``"mcp_servers"``, ``"prompt"``; each is logged as a warning. Calls of function tools are always decided.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        *,
        session: Callable[[RunContextWrapper[Any]], str],
        principal: Callable[[RunContextWrapper[Any]], Principal] | None = None,
        unguarded: Collection[str] = (),
        patience: float = 30.0,
    ) -> None:
        self.guard = guard
        self._unguarded = frozenset(unguarded)
        self._door = Door(guard, session, principal, patience)
        self._invocations = Invocations(self._door)

    def wrap(self, agent: Agent[Any]) -> Agent[Any]:
        """The agent, guarded in place, with every agent it can hand over to or call as a tool.

        Raises :class:`Unguarded` for whatever would run beside the guard: hosted tools, computers, shells and other
        tools that are no function tools, MCP servers (put ``bartizan proxy`` in front of them), hosted prompts, and
        agents of other classes. Nothing is changed then. Wrapping twice is wrapping once.
        """
        reached: list[Agent[Any]] = []
        self._reach(agent, reached)
        for found in reached:
            found.tools = [self._guarded(tool) for tool in found.tools]
            if not isinstance(found.hooks, _Watch):
                found.hooks = _Watch(self, found.hooks)
        return agent

    async def answer(
        self,
        state: RunState[Any, Any],
        item: ToolApprovalItem,
        answer: Answer,
        *,
        session: str,
        by: Principal,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        """Answer an interruption: to the guard, which records who answered, then to the SDK's state.

        ``args`` are the new arguments of an ``"edit"``. ``state.approve`` alone only lets the SDK ask the guard again.
        Raises a subclass of ``ApprovalError`` for an answer that cannot be taken.
        """
        await self._door.answer(
            item.call_id or "", item.qualified_name or "", answer, session=session, by=by, args=args
        )
        if answer == "reject":
            state.reject(item, rejection_message=REJECTED)
        else:
            state.approve(item)

    def may_run(self, tool: Tool) -> bool:
        """Whether a tool that is about to run has this guard in front of it; a function tool always must."""
        if isinstance(tool, FunctionTool):
            return getattr(tool, MARK, None) is self
        return bool(_names(tool) & self._unguarded)

    def _reach(self, agent: Agent[Any], reached: list[Agent[Any]]) -> None:
        if any(agent is other for other in reached):
            return
        if type(agent) is not Agent:
            raise Unguarded(
                f"cannot guard {agent.name!r}: {type(agent).__name__} brings tools of its own; use an Agent"
            )
        marks = {getattr(tool, MARK, self) for tool in agent.tools}
        if marks - {self} or (isinstance(agent.hooks, _Watch) and agent.hooks.guard is not self):
            raise Unguarded(f"cannot guard {agent.name!r}: another guard is in place")
        if agent.mcp_servers:
            remedy = "put `bartizan proxy` in front of them"
            self._refuse({"mcp_servers"}, f"the MCP servers of {agent.name!r}", remedy)
        if agent.prompt is not None:
            self._refuse({"prompt"}, f"the hosted prompt of {agent.name!r}", "it may bring hosted tools")
        reached.append(agent)
        for tool in agent.tools:
            if not isinstance(tool, FunctionTool) or tool._is_codex_tool:
                remedy = "no call of it comes by here"
                self._refuse(_names(tool), f"{type(tool).__name__} {tool.name!r} of {agent.name!r}", remedy)
            elif isinstance(tool._agent_instance, Agent):
                self._reach(tool._agent_instance, reached)
        for handoff in agent.handoffs:
            target: object = handoff
            if isinstance(handoff, Handoff):
                target = handoff._agent_ref() if handoff._agent_ref is not None else None
            if not isinstance(target, Agent):
                raise Unguarded(
                    f"cannot guard what {agent.name!r} hands over to: use an Agent or handoff(agent)"
                )
            self._reach(target, reached)

    def _refuse(self, names: set[str], what: str, why: str) -> None:
        if names & self._unguarded:
            log.warning("%s is not guarded, as the application asked", what)
            return
        raise Unguarded(f"cannot guard {what}: {why}; name it in `unguarded` if it may run all the same")

    def _guarded(self, tool: Tool) -> Tool:
        if not isinstance(tool, FunctionTool) or self.may_run(tool):
            return tool
        guarded = self._invocations.guarded(tool)
        setattr(guarded, MARK, self)
        return guarded


class UnguardedTool(Unguarded, AgentsException):
    """A tool was about to run beside the guard: the run ended instead."""


class _Watch(AgentHooks[Any]):
    """Ends a run in which a tool is about to run beside the guard: one that was added after ``wrap``, say."""

    def __init__(self, guard: OpenAIAgentsGuard, inner: AgentHooks[Any] | None) -> None:
        self.guard = guard
        self._inner = inner
        for name in dir(AgentHooks):
            if inner is not None and name.startswith("on_") and name != "on_tool_start":
                setattr(self, name, getattr(inner, name))

    async def on_tool_start(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool) -> None:
        if not self.guard.may_run(tool):
            raise UnguardedTool(
                f"{tool.name!r} of {agent.name!r} would run beside the guard: wrap the agent again"
            )
        if self._inner is not None:
            await self._inner.on_tool_start(context, agent, tool)


def _names(tool: Tool) -> set[str]:
    return {tool.name, getattr(tool, "qualified_name", tool.name)}
