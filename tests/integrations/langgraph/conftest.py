"""Real graphs with a scripted model, guarded by the real kernel with a tiny program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from bartizan.guard import Event, Guard, Session
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import LangGraphGuard
from bartizan.integrations.langgraph.approvals import Steps
from bartizan.integrations.langgraph.testing import ScriptedModel

Run = Callable[..., Any]
THREAD = {"configurable": {"thread_id": "t"}}


class World:
    """Tools with effects: what ran, in which order, with which arguments."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, Any]] = []

        @tool
        def pay(amount: int) -> str:
            """Pay an amount."""
            self.ran.append(("pay", amount))
            return f"paid {amount}"

        @tool
        def read(path: str) -> str:
            """Read a file."""
            self.ran.append(("read", path))
            return f"text of {path}"

        @tool
        def send(to: str) -> str:
            """Send a letter."""
            self.ran.append(("send", to))
            return f"sent to {to}"

        self.tools: list[BaseTool] = [pay, read, send]

    def agent(self, *script: AIMessage, **options: Any) -> Any:
        """An agent of ``create_agent``: each call is a step of its own."""
        tools = options.pop("tools", self.tools)
        options.setdefault("checkpointer", InMemorySaver())
        return create_agent(ScriptedModel(script=list(script)), tools, **options)

    def handmade(self, *script: AIMessage, **options: Any) -> Any:
        """A hand-made graph: one ToolNode runs all calls of a message in one step."""
        model = ScriptedModel(script=list(script))
        node = ToolNode(options.pop("tools", self.tools), **options.pop("node", {}))

        def ask(state: MessagesState) -> dict[str, Any]:
            return {"messages": [model.invoke(state["messages"])]}

        builder = StateGraph(MessagesState)
        builder.add_node("model", ask)
        builder.add_node("tools", node)
        builder.add_edge(START, "model")
        builder.add_conditional_edges("model", tools_condition)
        builder.add_edge("tools", "model")
        options.setdefault("checkpointer", InMemorySaver())
        return builder.compile(**options)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_guard() -> Iterator[Callable[..., LangGraphGuard]]:
    """``make_guard(program, **options)``: options of ``Guard`` under ``kernel``, the others of ``LangGraphGuard``."""
    made: list[LangGraphGuard] = []

    def make(program: Any = None, *, kernel: dict[str, Any] | None = None, **options: Any) -> LangGraphGuard:
        program = program or StaticProgram(allow=["read", "send"], escalate=["pay"])
        made.append(LangGraphGuard(Guard(program, **(kernel or {})), **options))
        # Half a second for calls of one step to arrive is not enough on a busy machine.
        made[-1]._door._mediator._steps = Steps(grace=5.0)
        return made[-1]

    yield make
    for guard in made:
        guard.close()


@pytest.fixture
def guard(make_guard: Callable[..., LangGraphGuard]) -> LangGraphGuard:
    """Reading and sending is allowed, paying needs approval, everything else is denied."""
    return make_guard()


@pytest.fixture(params=["invoke", "ainvoke"])
def run(request: pytest.FixtureRequest) -> Run:
    """``run(graph, input, config)``, once synchronously and once in a new event loop each time."""

    def invoke(graph: Any, input: Any, config: Any = None) -> Any:
        return graph.invoke(_input(input), config or THREAD)

    def ainvoke(graph: Any, input: Any, config: Any = None) -> Any:
        return asyncio.run(graph.ainvoke(_input(input), config or THREAD))

    return invoke if request.param == "invoke" else ainvoke


def _input(input: Any) -> Any:
    return {"messages": [("user", input)]} if isinstance(input, str) else input


@pytest.fixture
def session_of() -> Callable[..., Session]:
    """``session_of(guard, id)``: what the kernel remembers."""

    def load(guard: LangGraphGuard, session: str = "t") -> Session:
        return guard._portal.submit(guard.guard.session(session)).result()

    return load


@pytest.fixture
def events_of(session_of: Callable[..., Session]) -> Callable[..., list[str]]:
    """``events_of(guard, session, *kinds)``: the session's events as ``"kind tool: text"``."""

    def describe(event: Event) -> str:
        return f"{event.kind} {event.tool or '-'}: {event.text}"

    def events(guard: LangGraphGuard, session: str = "t", *kinds: str) -> list[str]:
        found = session_of(guard, session).events
        return [describe(event) for event in found if not kinds or event.kind in kinds]

    return events


@pytest.fixture
def results() -> Callable[[Any], list[ToolMessage]]:
    """The tool messages of a run's output."""

    def pick(output: Any) -> list[ToolMessage]:
        messages: list[BaseMessage] = output["messages"]
        return [message for message in messages if isinstance(message, ToolMessage)]

    return pick
