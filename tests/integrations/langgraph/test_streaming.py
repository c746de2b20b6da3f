"""Streaming is as without a guard."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.tools import ToolRuntime
from langchain_core.tools import tool
from langgraph.types import Command

from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph.testing import calling

THREAD = {"configurable": {"thread_id": "t"}}
SCRIPT = calling(("tell", {"what": "news"}))
INPUT = {"messages": [("user", "Go.")]}


@pytest.fixture
def agents(world: Any, make_guard: Any) -> tuple[Any, Any]:
    """The same agent without and with a guard; its tool writes to the stream."""

    @tool
    def tell(what: str, runtime: ToolRuntime) -> str:
        """Tell what happens."""
        runtime.stream_writer({"telling": what})
        return f"told {what}"

    guard = make_guard(StaticProgram(allow=["tell"]))
    return world.agent(SCRIPT, tools=[tell]), guard.wrap(world.agent(SCRIPT, tools=[tell]))


def shape(value: Any) -> Any:
    """A streamed item without what differs from run to run."""
    if isinstance(value, dict):
        return {
            k: shape(v)
            for k, v in value.items()
            if k not in _RANDOM and not k.startswith(("langgraph_", "ls_"))
        }
    if isinstance(value, list | tuple):
        return [shape(item) for item in value]
    if hasattr(value, "content"):
        return (value.type, value.content)
    return value


_RANDOM = {"run_id", "parent_ids", "checkpoint_ns", "__pregel_checkpoint_ns", "id", "timestamp", "metadata"}
MODES = ["values", "updates", "messages", "custom", ["values", "updates", "messages", "custom"]]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_stream_modes_are_unharmed(agents, mode) -> None:
    """Every stream mode yields what it yields without a guard, synchronously."""
    plain, guarded = (list(agent.stream(INPUT, THREAD, stream_mode=mode)) for agent in agents)
    assert shape(guarded) == shape(plain)
    assert guarded


@pytest.mark.parametrize("mode", MODES, ids=str)
async def test_async_stream_modes_are_unharmed(agents, mode) -> None:
    """The same asynchronously."""
    plain, guarded = [
        [item async for item in agent.astream(INPUT, THREAD, stream_mode=mode)] for agent in agents
    ]
    assert shape(guarded) == shape(plain)
    assert guarded


async def test_events_are_unharmed(agents) -> None:
    """``astream_events`` tells of the same runs, tools included, in the same order."""

    async def told(agent: Any) -> list[tuple[str, str]]:
        return [(e["event"], e["name"]) async for e in agent.astream_events(INPUT, THREAD, version="v2")]

    plain, guarded = [await told(agent) for agent in agents]
    assert guarded == plain
    assert ("on_tool_start", "tell") in guarded and ("on_tool_end", "tell") in guarded


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_interrupt_is_streamed(world, guard, asynchronous) -> None:
    """The question of an approval arrives in the stream, and the stream goes on after the answer."""
    agent = guard.wrap(world.agent(calling(("pay", {"amount": 1}))))

    def updates(input: Any) -> list[Any]:
        if not asynchronous:
            return list(agent.stream(input, THREAD, stream_mode="updates"))

        async def collect() -> list[Any]:
            return [item async for item in agent.astream(input, THREAD, stream_mode="updates")]

        return asyncio.run(collect())

    assert any("__interrupt__" in update for update in updates(INPUT))
    after = updates(Command(resume={"type": "approve"}))
    assert [next(iter(update)) for update in after] == ["tools", "model"]


async def test_parallel_streams_do_not_meet(agents) -> None:
    """Many threads at once through one guard each get their own stream."""
    _, guarded = agents

    async def one(number: int) -> list[Any]:
        config = {"configurable": {"thread_id": str(number)}}
        return [item async for item in guarded.astream(INPUT, config, stream_mode="custom")]

    assert await asyncio.gather(*(one(n) for n in range(20))) == [[{"telling": "news"}]] * 20
