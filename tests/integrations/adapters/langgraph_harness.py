"""LangGraph for the conformance suite: ``create_agent`` with LangChain's messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from bartizan.guard import ANONYMOUS, Answer, Guard, Principal
from bartizan.integrations.langgraph import LangGraphGuard
from bartizan.integrations.langgraph.testing import ScriptedModel, calling
from bartizan.integrations.testing.harness import NO_EXCEPTIONS, Came, Script, Tool

CONFIG = {"configurable": {"thread_id": "s"}}


class LangGraphConversation:
    def __init__(self, guard: LangGraphGuard, graph: Any, invoke: Callable[[Any, Any, Any], Any]) -> None:
        self._guard = guard
        self._graph = graph
        self._invoke = invoke
        self._config: Any = CONFIG
        self._answered: tuple[Any, Any] | None = None

    async def say(self, text: str) -> Came:
        return await self._run({"messages": [("user", text)]}, CONFIG)

    async def answer(
        self,
        answer: Answer,
        args: Mapping[str, Any] | None = None,
        *,
        but: Mapping[str, Answer] = NO_EXCEPTIONS,
    ) -> Came:
        state = await self._graph.aget_state(CONFIG)
        resume = Command(
            resume={
                asked.id: {
                    "type": but.get(asked.value["tool_call_id"], answer),
                    **({"args": args} if args is not None else {}),
                }
                for asked in state.interrupts
            }
        )
        self._answered = (resume, state.config)
        return await self._run(resume, CONFIG)

    async def wave_through(self) -> Came:
        raise AssertionError("asked only where has_own_approvals says so")

    async def resume_again(self) -> Came:
        assert self._answered is not None
        return await self._run(*self._answered)

    async def _run(self, input: Any, config: Any) -> Came:
        try:
            output = await self._invoke(self._graph, input, config)
        except Exception as error:  # noqa: BLE001 (whatever it is, the suite looks at it)
            return Came(error=error)
        read = {
            message.tool_call_id: str(message.content)
            for message in output["messages"]
            if isinstance(message, ToolMessage)
        }
        return Came(read, len(output.get("__interrupt__", ())))


class LangGraphHarness:
    edits = True
    has_own_approvals = False
    resumes = True

    def __init__(self, invoke: Callable[[Any, Any, Any], Any]) -> None:
        self._invoke = invoke

    def start(
        self,
        guard: Guard,
        tools: Sequence[Tool],
        script: Script,
        *,
        session: Callable[[], str] = lambda: "s",
        principal: Callable[[], Principal] = lambda: ANONYMOUS,
    ) -> LangGraphConversation:
        turns = [
            calling(*((call.tool, dict(call.args)) for call in turn), ids=[call.id for call in turn])
            for turn in script
        ]
        made = LangGraphGuard(guard, session=lambda _: session(), principal=lambda _: principal())
        agent = create_agent(
            ScriptedModel(script=turns),
            [tool(function) for function in tools],
            checkpointer=InMemorySaver(),
        )
        return LangGraphConversation(made, made.wrap(agent), self._invoke)


async def ainvoke(graph: Any, input: Any, config: Any) -> Any:
    return await graph.ainvoke(input, config)


async def invoke(graph: Any, input: Any, config: Any) -> Any:
    return await asyncio.to_thread(graph.invoke, input, config)
