"""Putting the guard into a compiled graph, innermost: around the one method that runs a tool.

A ToolNode runs every tool call through ``_execute_tool_sync`` or ``_execute_tool_async``, *inside* all tool-call
wrappers and middleware. Both are replaced on the node itself, so whatever rewrites a call does so before it is
decided, in whatever order middleware is listed; and a node without wrappers keeps its own error handling, which a
wrapper of any kind would change. These are private methods: ``tests/integrations/langgraph/test_contract.py``
says what is relied on, and fails when a release changes it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.pregel import Pregel

from bartizan.guard import ToolCall

from . import results
from .door import Door
from .errors import AlreadyGuarded, NothingToGuard
from .mediation import Denial
from .proposal import from_request

MARK = "_bartizan_guard"
"""Attribute of a guarded ToolNode: the guard it belongs to."""


def guard_nodes(graph: Pregel[Any, Any, Any, Any], door: Door, owner: object) -> int:
    """Guard every ToolNode that can be reached from a graph; returns how many there are.

    Nodes guarded by the same owner before are left as they are. Raises :class:`NothingToGuard` and
    :class:`AlreadyGuarded`, the latter before any node is changed.
    """
    nodes = list(tool_nodes(graph))
    if not nodes:
        raise NothingToGuard(
            f"expected a graph with at least one ToolNode, found none among the nodes {sorted(graph.nodes)} and what "
            "they refer to: guard the tools themselves with guard_tools()"
        )
    for node in nodes:
        if getattr(node, MARK, owner) is not owner:
            raise AlreadyGuarded(f"ToolNode {node.name!r} is guarded by another guard already")
    for node in nodes:
        if getattr(node, MARK, None) is None:
            _guard_node(node, door, owner)
    return len(nodes)


def _guard_node(node: ToolNode, door: Door, owner: object) -> None:
    execute, aexecute = node._execute_tool_sync, node._execute_tool_async
    key = node._messages_key

    def _execute_tool_sync(
        request: ToolCallRequest, input_type: Any, config: RunnableConfig
    ) -> results.Output:
        return as_message(
            door.call(
                lambda: from_request(request, input_type, key),
                lambda call: execute(decided(request, call), input_type, config),
                key,
            ),
            request,
        )

    async def _execute_tool_async(
        request: ToolCallRequest, input_type: Any, config: RunnableConfig
    ) -> results.Output:
        return as_message(
            await door.acall(
                lambda: from_request(request, input_type, key),
                lambda call: aexecute(decided(request, call), input_type, config),
                key,
            ),
            request,
        )

    setattr(node, "_execute_tool_sync", _execute_tool_sync)  # noqa: B010 (mypy: not a method any more)
    setattr(node, "_execute_tool_async", _execute_tool_async)  # noqa: B010
    setattr(node, MARK, owner)


def decided(request: ToolCallRequest, call: ToolCall) -> ToolCallRequest:
    """The request with exactly the tool's name and the arguments that were decided."""
    return request.override(tool_call={**request.tool_call, "name": call.tool, "args": call.arguments()})


def as_message(outcome: results.Output | Denial, request: ToolCallRequest) -> results.Output:
    """A denial as the error message that answers the call; anything else as it is."""
    if not isinstance(outcome, Denial):
        return outcome
    record = outcome.artifact["guard"].get("record")
    call = request.tool_call
    return results.error_message(
        outcome.text, call["name"], call["id"] or "", {results.GUARDED: record}, outcome.artifact
    )


def tool_nodes(graph: Pregel[Any, Any, Any, Any]) -> Iterator[ToolNode]:
    """Every ToolNode reachable from a graph: in its nodes, in sub-graphs, and in what functions and tools refer to.

    What a function refers to is looked up in its closure and globals, as LangGraph itself looks for sub-graphs. A
    graph that is only built or found while running cannot be seen here; the callback handler that ``wrap`` attaches
    refuses the tools it starts.
    """
    seen: set[int] = set()
    queue: list[Any] = [graph]
    while queue:
        item = queue.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, ToolNode):
            yield item
        queue.extend(_parts(item))


def _parts(item: Any) -> Iterator[Any]:
    """What an object consists of or refers to, as far as tools may be in it."""
    if isinstance(item, Pregel):
        for node in item.nodes.values():
            yield node.bound
            yield from node.subgraphs
    elif isinstance(item, ToolNode):
        yield from item.tools_by_name.values()
    elif isinstance(item, BaseTool):
        yield from _worth_a_look([*vars(item).values()])
    elif isinstance(item, Runnable):
        for name in ("bound", "steps", "steps__", "func", "afunc", "deps", "runnables", "default"):
            yield from _worth_a_look([getattr(item, name, None)])
    elif _is_function(item):
        yield from _worth_a_look(_referred_to(item))


def _worth_a_look(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Runnable | BaseTool) or _is_function(value):
            yield value
        elif isinstance(value, Mapping):
            yield from (held for held in value.values() if isinstance(held, Runnable) or _is_function(held))
        elif isinstance(value, list | tuple | set | frozenset):
            yield from (held for held in value if isinstance(held, Runnable) or _is_function(held))


def _is_function(value: Any) -> bool:
    return isinstance(value, FunctionType | MethodType)


def _referred_to(function: Any) -> list[Any]:
    """What a function finds in its closure, in its module and (a method) on its object."""
    held = (
        list(vars(function.__self__).values())
        if hasattr(getattr(function, "__self__", None), "__dict__")
        else []
    )
    function = inspect.unwrap(getattr(function, "__func__", function))
    try:
        found = inspect.getclosurevars(function)
    except (TypeError, ValueError):  # not a Python function, or a recursive one that is still being built
        return held
    same_module = [
        value
        for value in (*found.nonlocals.values(), *found.globals.values())
        if not _is_function(value) or value.__module__ == function.__module__
    ]
    return [*held, *same_module]
