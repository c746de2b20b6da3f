"""LangGraph for the conformance suite: ``create_agent`` with LangChain's messages."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from bartizan.integrations.langgraph import LangGraphGuard
from bartizan.integrations.langgraph.testing import ScriptedModel, calling
from bartizan.integrations.testing.harness import Answers, Came, Conversation, Harness, Setup

CONFIG: Any = {"configurable": {"thread_id": "s"}}


class LangGraphConversation(Conversation):
    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._answered: tuple[Any, Any] | None = None

    async def say(self, text: str) -> Came:
        return await self._run({"messages": [("user", text)]}, CONFIG)

    async def answer(self, answers: Answers) -> Came:
        state = await self._graph.aget_state(CONFIG)
        resume: Any = Command(
            resume={
                asked.id: {
                    "type": answers.to(asked.value["tool_call_id"]),
                    **({"args": answers.args} if answers.args is not None else {}),
                }
                for asked in state.interrupts
            }
        )
        self._answered = (resume, state.config)
        return await self._run(resume, CONFIG)

    async def resume_again(self) -> Came:
        assert self._answered is not None
        return await self._run(*self._answered)

    async def _run(self, input: Any, config: Any) -> Came:
        try:
            output = await self._graph.ainvoke(input, config)
        except Exception as error:  # noqa: BLE001 (whatever it is, the suite looks at it)
            return Came(error=error)
        read = {
            message.tool_call_id: str(message.content)
            for message in output["messages"]
            if isinstance(message, ToolMessage)
        }
        return Came(read, len(output.get("__interrupt__", ())))


class LangGraphHarness(Harness):
    edits = True
    has_own_approvals = False
    resumes = True

    def start(self, setup: Setup) -> LangGraphConversation:
        turns = [
            calling(*((call.tool, dict(call.args)) for call in turn), ids=[call.id for call in turn])
            for turn in setup.script
        ]
        made = LangGraphGuard(
            setup.guard, session=lambda _: setup.session(), principal=lambda _: setup.principal()
        )
        agent = create_agent(
            ScriptedModel(script=turns),
            [tool(function) for function in setup.tools],
            checkpointer=InMemorySaver(),
        )
        return LangGraphConversation(made.wrap(agent))
