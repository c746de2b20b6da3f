"""Sub-graphs and sub-agents: guarded wherever they can be reached, in the session of the whole run."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, Send

from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph.testing import calling

THREAD = {"configurable": {"thread_id": "t"}}
PAY = calling(("pay", {"amount": 3}))


def parent_of(node: Any, **options: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("worker", node)
    builder.add_edge(START, "worker")
    options.setdefault("checkpointer", InMemorySaver())
    return builder.compile(**options)


@pytest.fixture(params=["as-node", "in-function", "twice-nested", "in-list"])
def nested(request: pytest.FixtureRequest, world: Any) -> Any:
    """``nested(*script)``: an agent inside another graph, in each of the ways there are."""

    def build(*script: Any) -> Any:
        agent = world.agent(*script, checkpointer=None)
        if request.param == "as-node":
            return parent_of(agent)
        if request.param == "twice-nested":
            return parent_of(parent_of(agent, checkpointer=None))
        if request.param == "in-list":
            agents = {"one": agent}
            return parent_of(lambda state: agents["one"].invoke(state))

        def work(state: MessagesState) -> Any:
            return agent.invoke(state)

        return parent_of(work)

    return build


def test_calls_of_a_subgraph_are_decided_in_the_parents_session(
    nested, world, make_guard, run, events_of
) -> None:
    """A call inside a sub-graph is decided; the user's words of the parent count, and so does its thread."""
    guard = make_guard(StaticProgram(allow=["read"], deny=["pay"]))
    script = calling(("pay", {"amount": 3}), ("read", {"path": "a"}))
    run(guard.wrap(nested(script)), "Go.")
    assert world.ran == [("read", "a")]
    assert events_of(guard, "t", "prompt", "call") == ["prompt -: Go.", "call read: "]


def test_an_approval_inside_a_subgraph(nested, world, guard, run) -> None:
    """An interrupt from a sub-graph surfaces in the parent, and its answer finds the way back."""
    graph = guard.wrap(nested(PAY))
    [interrupt] = run(graph, "Pay 3.")["__interrupt__"]
    run(graph, Command(resume={interrupt.id: {"type": "approve"}}))
    assert world.ran == [("pay", 3)]


def test_an_approval_inside_a_subgraph_without_its_id(nested, world, guard, run) -> None:
    """The same, answered without the interrupt's id."""
    graph = guard.wrap(nested(PAY))
    run(graph, "Pay 3.")
    run(graph, Command(resume={"type": "approve"}))
    assert world.ran == [("pay", 3)]


def delegating(world: Any, *script: Any) -> Any:
    """An agent whose tool runs another agent on a task that the calling model has written."""
    worker = world.agent(*script, checkpointer=None)

    @tool
    def delegate(task: str) -> str:
        """Let another agent do it."""
        out = worker.invoke({"messages": [HumanMessage(task)]})
        return str(out["messages"][-1].content)

    return world.agent(calling(("delegate", {"task": "Pay GB33 now."})), tools=[delegate])


def test_an_agent_inside_a_tool_is_guarded(world, make_guard, run, events_of) -> None:
    """An agent that only a tool's function refers to is found, and its calls belong to the same session."""
    guard = make_guard(StaticProgram(allow=["delegate", "read"], deny=["pay"]))
    script = calling(("pay", {"amount": 3}), ("read", {"path": "a"}))
    run(guard.wrap(delegating(world, script)), "Go.")
    assert world.ran == [("read", "a")]
    assert events_of(guard, "t", "call") == ["call delegate: ", "call read: "]


def test_what_a_model_tells_a_sub_agent_are_not_the_users_words(world, make_guard, run, events_of) -> None:
    """The human message of an agent inside a tool was written by the calling model: it is no prompt."""
    guard = make_guard(StaticProgram(allow=["delegate", "read"]))
    run(guard.wrap(delegating(world, calling(("read", {"path": "a"})))), "Do your work.")
    assert events_of(guard, "t", "prompt") == ["prompt -: Do your work."]


def test_a_sub_agent_with_a_thread_of_its_own_stays_in_the_session(world, make_guard, run, results) -> None:
    """A sub-agent cannot start with a fresh budget by using another thread id."""
    worker = world.agent(calling(("read", {"path": "b"})))

    @tool
    def delegate(task: str) -> str:
        """Let another agent do it."""
        out = worker.invoke({"messages": [HumanMessage(task)]}, {"configurable": {"thread_id": task}})
        return str([m.content for m in out["messages"] if isinstance(m, ToolMessage)])

    guard = make_guard(StaticProgram(allow=["delegate", "read"], budgets={"read": 1}))
    script = calling(("read", {"path": "a"}), ids=["r"]), calling(("delegate", {"task": "new"}), ids=["d"])
    agent = guard.wrap(world.agent(*script, tools=[*world.tools, delegate]))
    out = run(agent, "Go.")
    assert world.ran == [("read", "a")]
    assert "budget" in results(out)[-1].content


@pytest.mark.parametrize("keyed", [True, False])
def test_an_approval_inside_an_agent_inside_a_tool(world, make_guard, run, results, keyed) -> None:
    """The interrupt surfaces through the tool; after the answer the tool is resumed and counted once."""
    guard = make_guard(StaticProgram(allow=["delegate"], escalate=["pay"], budgets={"delegate": 1}))
    agent = guard.wrap(delegating(world, PAY))
    [interrupt] = run(agent, "Go.")["__interrupt__"]
    assert interrupt.value["name"] == "pay"
    answer = {"type": "approve"}
    out = run(agent, Command(resume={interrupt.id: answer} if keyed else answer))
    assert world.ran == [("pay", 3)]
    assert results(out)[0].content == "done"


@pytest.mark.parametrize("written", ["message", "dict", "tuple", "send"])
def test_human_messages_that_a_tool_writes_are_not_the_users(
    world, make_guard, run, events_of, written
) -> None:
    """A hand-over tool that puts a task into the state as a human message does not make it the user's words."""
    task = "Pay GB33 now."

    @tool
    def hand_over(tool_call_id: Annotated[str, InjectedToolCallId]) -> Command:
        """Hand over to the other agent."""
        done = ToolMessage("handed over", tool_call_id=tool_call_id)
        message: Any = HumanMessage(task)
        if written == "dict":
            message = {"role": "user", "content": task}
        if written == "tuple":
            message = ("user", task)
        if written == "send":
            return Command(
                update={"messages": [done]},
                goto=[Send("other", {"messages": [message]})],
                graph=Command.PARENT,
            )
        return Command(update={"messages": [done, message]}, goto="other", graph=Command.PARENT)

    first = world.agent(calling(("hand_over", {})), tools=[hand_over], checkpointer=None)
    other = world.agent(
        calling(("read", {"path": "x"}), ids=["a"]), calling(("read", {"path": "x"}), ids=["b"])
    )
    builder = StateGraph(MessagesState)
    builder.add_node("first", first, destinations=("other",))
    builder.add_node("other", other)
    builder.add_edge(START, "first")
    guard = make_guard(StaticProgram(allow=["hand_over", "read"]))
    run(guard.wrap(builder.compile(checkpointer=InMemorySaver())), "Go.")
    assert world.ran
    assert events_of(guard, "t", "prompt") == ["prompt -: Go."]
    assert f"result hand_over: {task}" in events_of(guard, "t", "result") or written == "send"
