"""Tools that are guarded by themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.types import Command
from pydantic import BaseModel

from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import CallDenied, GuardedTool, guard_tools
from bartizan.integrations.langgraph.testing import calling

THREAD = {"configurable": {"thread_id": "t"}}


class Amount(BaseModel):
    """How much."""

    amount: int
    currency: str = "EUR"


class Custom(BaseTool):
    """A tool that is a class of its own."""

    name: str = "custom"
    description: str = "Do something custom."
    args_schema: type[BaseModel] = Amount
    response_format: str = "content_and_artifact"

    def _run(self, amount: int, currency: str = "EUR") -> tuple[str, dict[str, int]]:
        return f"{amount} {currency}", {"amount": amount}


def test_a_guarded_tool_looks_like_the_tool(world, guard) -> None:
    """Name, description, schema and response format are the tool's, so a model sees no difference."""
    for inner in [*world.tools, Custom()]:
        [guarded] = guard.tools([inner])
        assert convert_to_openai_tool(guarded) == convert_to_openai_tool(inner)
        assert (guarded.name, guarded.description, guarded.response_format) == (
            inner.name,
            inner.description,
            inner.response_format,
        )
        assert guarded.get_input_schema() is inner.get_input_schema() or guarded.args == inner.args


def test_functions_become_tools_and_guarded_tools_stay(guard) -> None:
    """A function is made a tool; guarding twice guards once."""

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    once = guard_tools([add], guard)
    assert [tool.name for tool in once] == ["add"] and isinstance(once[0], GuardedTool)
    assert guard_tools(once, guard) == once


@pytest.mark.parametrize("kind", ["agent", "handmade"])
def test_guarded_tools_in_an_unwrapped_graph(world, guard, run, results, events_of, kind) -> None:
    """Without wrapping the graph, its tools decide: allow, ask and deny."""
    script = calling(("read", {"path": "a"}), ("pay", {"amount": 1}))
    graph = getattr(world, kind)(script, tools=guard.tools(world.tools))
    [interrupt] = run(graph, "Go.")["__interrupt__"]
    out = run(graph, Command(resume={interrupt.id: {"type": "approve"}}))
    assert sorted(world.ran) == [("pay", 1), ("read", "a")]
    assert [m.content for m in results(out)] == ["text of a", "paid 1"]
    assert events_of(guard, "t", "prompt") == ["prompt -: Go."]
    assert len(events_of(guard, "t", "call")) == 2


def test_a_denied_tool_answers_with_an_error_message(world, make_guard, run, results) -> None:
    """In a graph a denied call is an error message, with the rules in its artifact."""
    guard = make_guard(StaticProgram(deny=["read"]))
    graph = world.agent(calling(("read", {"path": "a"})), tools=guard.tools(world.tools))
    [message] = results(run(graph, "Go."))
    assert world.ran == []
    assert message.status == "error" and message.artifact["guard"]["rules"] == ["forbidden"]


def test_a_guarded_tool_in_a_wrapped_graph_is_decided_once(world, guard, run, results, events_of) -> None:
    """Wrapping a graph whose tools are guarded does not count a call twice."""
    graph = world.agent(calling(("read", {"path": "a"})), tools=guard.tools(world.tools))
    [message] = results(run(guard.wrap(graph), "Go."))
    assert message.content == "text of a"
    assert events_of(guard, "t", "call") == ["call read: "]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_guarded_tool_called_by_code(world, guard, asynchronous) -> None:
    """Called with plain arguments it returns what the tool returns, and raises where it is denied."""

    def call(tool: Any, arguments: Any) -> Any:
        if asynchronous:
            return asyncio.run(tool.ainvoke(arguments, THREAD))
        return tool.invoke(arguments, THREAD)

    pay, read, _ = guard.tools(world.tools)
    assert call(read, {"path": "a"}) == "text of a"
    assert call(read, "b") == "text of b"
    with pytest.raises(CallDenied, match="checkpointer"):
        call(pay, {"amount": 1})
    assert world.ran == [("read", "a"), ("read", "b")]


def test_a_tool_call_message_gives_a_message(world, guard) -> None:
    """Called with a tool call it answers with a message, artifact included."""
    [custom] = guard.tools([Custom()])
    guard.guard.program = StaticProgram(allow=["custom"])
    call = {"name": "custom", "args": {"amount": 3}, "id": "1", "type": "tool_call"}
    message = custom.invoke(call, THREAD)
    assert isinstance(message, ToolMessage)
    assert (message.content, message.artifact, message.tool_call_id) == ("3 EUR", {"amount": 3}, "1")


def test_values_are_redacted_for_code_too(world, make_guard) -> None:
    """What code gets from a guarded tool is what the guard shows."""

    @tool
    def look() -> str:
        """Look."""
        return "the secret"

    guard = make_guard(StaticProgram(allow=["look"], secrets=["secret"]))
    [look_guarded] = guard.tools([look])
    assert look_guarded.invoke({}, THREAD) == "the [redacted]"


def test_without_a_session_a_tool_is_denied(world, guard) -> None:
    """A tool called outside a graph needs a thread id, or the guard a way to name the session."""
    with pytest.raises(CallDenied, match="thread_id"):
        guard.tools(world.tools)[1].invoke({"path": "a"})
    assert world.ran == []


def test_an_asynchronous_tool_stays_asynchronous(guard, make_guard) -> None:
    """A tool with only a coroutine runs in the caller's loop."""
    loops: list[Any] = []

    async def look(path: str) -> str:
        """Look."""
        loops.append(asyncio.get_running_loop())
        return path

    guard = make_guard(StaticProgram(allow=["look"]))
    [guarded] = guard.tools([StructuredTool.from_function(coroutine=look, name="look", description="Look.")])

    async def main() -> bool:
        assert await guarded.ainvoke({"path": "a"}, THREAD) == "a"
        return loops == [asyncio.get_running_loop()]

    assert asyncio.run(main())
