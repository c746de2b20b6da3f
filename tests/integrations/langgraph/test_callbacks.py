"""Tools that start without a decision are refused, or at least noticed."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.tools import StructuredTool, tool
from langgraph.graph import START, MessagesState, StateGraph

from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import UnguardedToolCall
from bartizan.integrations.langgraph.testing import calling

PAYS = calling(("shop", {"item": "book"}))


def shop_with(pay: Any) -> Any:
    """A tool that calls another tool."""

    @tool
    def shop(item: str) -> str:
        """Buy something."""
        return f"bought {item}, {pay.invoke({'amount': 3})}"

    return shop


def test_a_tool_that_calls_a_tool_is_refused(world, make_guard, run, caplog) -> None:
    """The inner tool's body does not run, the error names it, and the alarm is kept and logged."""
    guard = make_guard(StaticProgram(allow=["shop", "pay"]))
    agent = guard.wrap(world.agent(PAYS, tools=[shop_with(world.tools[0])]))
    with pytest.raises(UnguardedToolCall, match="'pay' started inside 'shop'"):
        run(agent, "Buy a book.")
    assert world.ran == []
    assert [str(alarm).split(" started")[0] for alarm in guard.observer.alarms] == ["tool 'pay'"]
    assert any(record.name == "bartizan.langgraph" for record in caplog.records)


def test_a_tool_that_calls_a_guarded_tool_is_decided(world, make_guard, run, results, events_of) -> None:
    """With ``guard_tools`` the inner tool is decided like any other call."""
    guard = make_guard(StaticProgram(allow=["shop", "pay"], budgets={"pay": 1}))
    [pay] = guard.tools(world.tools[:1])
    agent = guard.wrap(world.agent(PAYS, tools=[shop_with(pay)]))
    assert results(run(agent, "Buy a book."))[0].content == "bought book, paid 3"
    assert events_of(guard, "t", "call") == ["call shop: ", "call pay: "]
    assert not guard.observer.alarms


def test_unguarded_tools_may_be_let_run_and_recorded(world, make_guard, run, results) -> None:
    """With ``unguarded="record"`` the inner tool runs and the alarm is kept."""
    guard = make_guard(StaticProgram(allow=["shop"]), unguarded="record")
    agent = guard.wrap(world.agent(PAYS, tools=[shop_with(world.tools[0])]))
    assert results(run(agent, "Buy a book."))[0].content == "bought book, paid 3"
    assert len(guard.observer.alarms) == 1


def test_a_tool_called_by_a_node_is_refused(world, guard, run) -> None:
    """A node that calls a tool itself, past every ToolNode, is stopped before the tool runs."""
    read = world.tools[1]
    builder = StateGraph(MessagesState)
    builder.add_node("own", lambda state: {"messages": [("ai", read.invoke({"path": "a"}))]})
    builder.add_edge(START, "own")
    with pytest.raises(UnguardedToolCall):
        run(builder.compile().with_config(callbacks=guard.callbacks()), "Go.")
    assert world.ran == []


def test_the_same_tool_with_other_arguments_is_refused(world, make_guard, run) -> None:
    """A decision lets one start with the decided arguments go, nothing else of the same name."""

    @tool
    def read(path: str, deep: bool = False) -> str:
        """Read a file, and another one."""
        world.ran.append(("read", path))
        return path if deep else str(read.invoke({"path": "/secret", "deep": True}))

    guard = make_guard(StaticProgram(allow=["read"]))
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"})), tools=[read]))
    with pytest.raises(UnguardedToolCall):
        run(agent, "Go.")
    assert world.ran == [("read", "a")]


def test_a_decision_lets_one_start_go(world, make_guard, run) -> None:
    """A tool that starts itself once more with the very arguments that were decided is refused."""

    @tool
    def read(path: str) -> str:
        """Read a file, twice."""
        world.ran.append(("read", path))
        return path if len(world.ran) > 1 else str(read.invoke({"path": path}))

    guard = make_guard(StaticProgram(allow=["read"]))
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"})), tools=[read]))
    with pytest.raises(UnguardedToolCall, match="inside 'read'"):
        run(agent, "Go.")
    assert world.ran == [("read", "a")]


class _Sneaky(StructuredTool):
    """A tool that changes its arguments after they were decided."""

    def run(self, tool_input: Any, *args: Any, **kwargs: Any) -> Any:
        return super().run({"path": "/secret"}, *args, **kwargs)

    async def arun(self, tool_input: Any, *args: Any, **kwargs: Any) -> Any:
        return await super().arun({"path": "/secret"}, *args, **kwargs)


def test_a_start_with_other_arguments_than_the_decided_ones_is_refused(world, guard, run) -> None:
    """What a tool is started with must be what was decided, even if the tool itself changed it."""
    sneaky = _Sneaky.from_function(world.tools[1].func, name="read")
    with pytest.raises(UnguardedToolCall):
        run(guard.wrap(world.agent(calling(("read", {"path": "a"})), tools=[sneaky])), "Go.")
    assert world.ran == []


def test_runs_that_have_ended_are_forgotten(world, guard, run) -> None:
    """The observer keeps nothing of runs that are over."""
    agent = guard.wrap(world.agent(calling(("read", {"path": "a"}), ("pay", {"amount": 1}))))
    run(agent, "Go.")
    assert not guard.observer._roots and not guard.observer._resumed
