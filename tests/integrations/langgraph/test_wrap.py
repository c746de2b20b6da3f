"""Finding and guarding the ToolNodes of a graph."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from bartizan.integrations.langgraph import AlreadyGuarded, NothingToGuard
from bartizan.integrations.langgraph.testing import calling
from bartizan.integrations.langgraph.wrap import tool_nodes

READ = calling(("read", {"path": "a"}))


def graph_of(node: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder.compile()


def test_wrapping_twice_guards_once(world, guard, run, results, events_of) -> None:
    """A graph wrapped again, or the one given to the first wrapping, is guarded once."""
    agent = world.agent(READ)
    wrapped = guard.wrap(agent)
    assert guard.wrap(wrapped) is wrapped
    assert results(run(guard.wrap(agent), "Go."))[0].content == "text of a"
    assert events_of(guard, "t", "call") == ["call read: "]


def test_the_graph_given_is_guarded_too(world, guard, run, results) -> None:
    """ToolNodes are guarded in place: going on with the original graph does not go round the guard."""
    agent = world.agent(calling(("wipe", {})))
    guard.wrap(agent)
    assert results(run(agent, "Go."))[0].artifact["guard"]["rules"] == ["default"]


def test_two_guards_for_one_node_are_refused(world, guard, make_guard) -> None:
    """A ToolNode that another guard guards is not guarded again, nor are the other nodes of that graph."""
    agent = world.agent(READ)
    guard.wrap(agent)
    fresh = ToolNode(world.tools)
    builder = StateGraph(MessagesState)
    builder.add_node("fresh", fresh)
    builder.add_node("agent", agent)
    builder.add_edge(START, "fresh")
    with pytest.raises(AlreadyGuarded):
        make_guard().wrap(builder.compile())
    guard.wrap(graph_of(fresh))


def test_a_graph_without_tools_is_an_error(guard) -> None:
    """A graph in which no ToolNode is found is refused, with its nodes' names."""
    with pytest.raises(NothingToGuard, match="node"):
        guard.wrap(graph_of(lambda state: state))


def test_a_graph_that_is_not_compiled_is_an_error(world, guard) -> None:
    """A builder is refused with the advice to compile it."""
    with pytest.raises(TypeError, match="compile"):
        guard.wrap(StateGraph(MessagesState))


class _Worker:
    """Holds its ToolNode as an attribute and is itself a node by its method."""

    def __init__(self, node: ToolNode) -> None:
        self.node = node

    def work(self, state: MessagesState) -> Any:
        return self.node.invoke(state)


def test_tool_nodes_are_found_wherever_they_are_held(world) -> None:
    """In closures, dictionaries, objects, sequences, bindings, helper functions, tools and entrypoints."""
    node = ToolNode(world.tools)
    held = {"one": node}

    def helper(state: Any) -> Any:
        return node.invoke(state)

    @entrypoint()
    def workflow(state: Any) -> Any:
        return node.invoke(state)

    graphs = [
        graph_of(node),
        graph_of(node.with_config(tags=["x"])),
        graph_of(RunnableLambda(lambda state: state) | node),
        graph_of(lambda state: node.invoke(state)),
        graph_of(lambda state: held["one"].invoke(state)),
        graph_of(lambda state: helper(state)),
        graph_of(_Worker(node).work),
        graph_of(graph_of(graph_of(node))),
        graph_of(RunnableLambda(helper)),
        workflow,
    ]
    assert [list(tool_nodes(graph)) for graph in graphs] == [[node]] * len(graphs)


def test_a_wrapped_graph_remains_a_graph(world, guard) -> None:
    """The wrapped graph is of the same kind, with the same nodes and the same checkpointer."""
    agent = world.agent(READ)
    wrapped = guard.wrap(agent)
    assert type(wrapped) is type(agent)
    assert wrapped.nodes.keys() == agent.nodes.keys()
    assert wrapped.checkpointer is agent.checkpointer
    assert wrapped.get_graph().draw_mermaid() == agent.get_graph().draw_mermaid()
