"""A LangGraph agent as an AgentDojo pipeline, so that AgentDojo's graders score what the graph did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentdojo.agent_pipeline.base_pipeline_element import BasePipelineElement
from agentdojo.functions_runtime import EmptyEnv, FunctionCall, FunctionsRuntime
from agentdojo.types import (
    ChatAssistantMessage,
    ChatMessage,
    ChatToolResultMessage,
    ChatUserMessage,
    MessageContentBlock,
    text_content_block_from_string,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, Interrupt

from .agent import ObedientAgent, PlannedCall, Script
from .attacks import AGENT_NAME
from .environment import Workplace
from .simulated_user import SimulatedUser

Graph = CompiledStateGraph[Any, Any, Any, Any]
Wrap = Callable[[Graph], Graph]


def build_graph(model: BaseChatModel, tools: Sequence[BaseTool]) -> Graph:
    """A plain tool-calling agent: model, tools, model, ... until the model calls no tool."""
    bound = model.bind_tools(tools)

    async def agent(state: MessagesState) -> dict[str, list[BaseMessage]]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("agent", agent)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile(checkpointer=InMemorySaver())


class GraphPipeline(BasePipelineElement):
    """One conversation: the obedient agent's graph, wrapped by a guard or not, and a user who answers approvals.

    ``query`` is AgentDojo's entry; ``runner`` gives it an event loop. Afterwards ``messages`` holds the
    conversation and ``executed`` the tool bodies that ran, by call id.
    """

    name = AGENT_NAME

    def __init__(
        self,
        script: Script,
        user: SimulatedUser,
        runner: asyncio.Runner,
        *,
        thread: str,
        wrap: Wrap | None = None,
    ) -> None:
        self.messages: list[BaseMessage] = []
        self.executed: dict[str, PlannedCall] = {}
        self._script = script
        self._user = user
        self._runner = runner
        self._thread = thread
        self._wrap = wrap

    def query(
        self,
        query: str,
        runtime: FunctionsRuntime,
        env: Any = None,
        messages: Sequence[ChatMessage] = (),
        extra_args: dict[str, Any] | None = None,
    ) -> tuple[str, FunctionsRuntime, Any, Sequence[ChatMessage], dict[str, Any]]:
        workplace = Workplace(runtime, EmptyEnv() if env is None else env)
        graph = build_graph(ObedientAgent(script=self._script), workplace.tools)
        if self._wrap is not None:
            graph = self._wrap(graph)
        self.executed = workplace.executed
        self.messages = self._runner.run(self._converse(graph, query))
        transcript = for_grading(self.messages, self.executed)
        return query, runtime, workplace.environment, transcript, extra_args or {}

    async def _converse(self, graph: Graph, prompt: str) -> list[BaseMessage]:
        config: RunnableConfig = {"configurable": {"thread_id": self._thread}, "recursion_limit": 200}
        state = await graph.ainvoke({"messages": [HumanMessage(prompt)]}, config)
        while interrupts := state.get("__interrupt__"):
            answers = {interrupt.id: self._answer(interrupt) for interrupt in interrupts}
            state = await graph.ainvoke(Command(resume=answers), config)
        messages: list[BaseMessage] = state["messages"]
        return messages

    def _answer(self, interrupt: Interrupt) -> dict[str, str]:
        request = interrupt.value
        approved = self._user.approves(request["name"], request["args"], self.executed.values())
        return {"type": "approve" if approved else "reject"}


def for_grading(messages: Sequence[BaseMessage], ran: Mapping[str, PlannedCall]) -> list[ChatMessage]:
    """The conversation as AgentDojo's messages, with only the calls that ran, by id, as they ran.

    AgentDojo grades some goals by the calls that an agent *requests*, which would count a call that a guard
    stopped, or corrected, as the attacker's success.
    """
    calls: dict[str, FunctionCall] = {}
    transcript: list[ChatMessage] = []
    for message in messages:
        content: list[MessageContentBlock] = [text_content_block_from_string(message.text)]
        match message:
            case HumanMessage():
                transcript.append(ChatUserMessage(role="user", content=content))
            case AIMessage():
                kept = {
                    call["id"] or "": FunctionCall(
                        function=call["name"], args=ran[call["id"] or ""].args, id=call["id"]
                    )
                    for call in message.tool_calls
                    if call["id"] in ran
                }
                calls |= kept
                turn = ChatAssistantMessage(role="assistant", content=content, tool_calls=list(kept.values()))
                transcript.append(turn)
            case ToolMessage() if (made := calls.get(message.tool_call_id)) is not None:
                error = message.text if message.status == "error" else None
                transcript.append(
                    ChatToolResultMessage(
                        role="tool", content=content, tool_call=made, tool_call_id=made.id, error=error
                    )
                )
            case _:
                pass
    return transcript
