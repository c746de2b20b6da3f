"""What LangGraph injects into a tool is none of the model's arguments: not decided, not lost, not forged."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from langchain.tools import InjectedState, InjectedStore, ToolRuntime
from langchain_core.tools import InjectedToolArg, InjectedToolCallId, tool
from langgraph.store.memory import InMemoryStore

from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph.testing import calling

SEEN: dict[str, Any] = {}


@tool
def look(
    path: str,
    state: Annotated[dict[str, Any], InjectedState],
    history: Annotated[list[Any], InjectedState("messages")],
    store: Annotated[Any, InjectedStore()],
    runtime: ToolRuntime,
    call: Annotated[str, InjectedToolCallId],
) -> str:
    """Look with everything there is."""
    SEEN.update(state=state, history=history, store=store, runtime=runtime, call=call)
    return path


@pytest.mark.parametrize("kind", ["agent", "handmade"])
@pytest.mark.parametrize("tool_level", [False, True])
@pytest.mark.parametrize("forged", [False, True])
def test_injected_arguments_arrive_and_are_not_decided(
    world, make_guard, run, session_of, results, kind, tool_level, forged
) -> None:
    """The tool gets state, store, runtime and call id from LangGraph, even if the model wrote some of its own."""
    SEEN.clear()
    store = InMemoryStore()
    args: dict[str, Any] = {"path": "a"}
    if forged:
        args |= {"state": {"messages": []}, "store": "mine", "runtime": "mine", "call": "mine"}
    guard = make_guard(StaticProgram(allow=["look"]))
    tools = guard.tools([look]) if tool_level else [look]
    graph = getattr(world, kind)(calling(("look", args)), tools=tools, store=store)
    out = run(graph if tool_level else guard.wrap(graph), "Go.")
    assert results(out)[0].content == "a"
    assert SEEN["store"] is store and SEEN["call"] == "call-0"
    assert SEEN["history"] == SEEN["state"]["messages"] and SEEN["history"][0].content == "Go."
    assert isinstance(SEEN["runtime"], ToolRuntime)
    [event] = [e for e in session_of(guard).events if e.kind == "call"]
    assert dict(event.call.args) == {"path": "a"}


def test_other_injected_arguments_cannot_be_forged(world, make_guard, run, session_of) -> None:
    """An argument that is only marked as injected is neither decided nor taken from the model."""
    got: list[Any] = []

    @tool
    def sign(text: str, key: Annotated[str, InjectedToolArg] = "default") -> str:
        """Sign a text."""
        got.append(key)
        return text

    guard = make_guard(StaticProgram(allow=["sign"]))
    run(guard.wrap(world.agent(calling(("sign", {"text": "t", "key": "forged"})), tools=[sign])), "Go.")
    assert got == ["default"]
    [event] = [e for e in session_of(guard).events if e.kind == "call"]
    assert dict(event.call.args) == {"text": "t"}
