"""What the integration relies on beyond LangGraph's public interface.

When one of these tests fails after an upgrade, the integration must be reviewed before it may be used: a guard that
LangGraph no longer calls protects nothing.
"""

from __future__ import annotations

import inspect
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.tools import tool
from langgraph._internal import _constants
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt import tool_node as module
from langgraph.pregel._utils import is_xxh3_128_hexdigest
from langgraph.types import Interrupt

from bartizan.integrations.langgraph.middleware import INNERMOST
from bartizan.integrations.langgraph.results import SOURCE
from bartizan.integrations.langgraph.testing import ScriptedModel, calling


@tool
def read(path: str) -> str:
    """Read."""
    return path


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_a_tool_node_runs_tools_through_two_methods() -> None:
    """The signatures of the methods that are replaced."""
    node = ToolNode([read])
    assert parameters(node._execute_tool_sync) == ["request", "input_type", "config"]
    assert parameters(node._execute_tool_async) == ["request", "input_type", "config"]
    assert inspect.iscoroutinefunction(node._execute_tool_async)
    assert not inspect.iscoroutinefunction(node._execute_tool_sync)
    assert node._messages_key == "messages"


def test_tools_are_invoked_nowhere_else() -> None:
    """In the ToolNode's module only those two methods invoke a tool."""
    source = inspect.getsource(module)
    inside = inspect.getsource(ToolNode._execute_tool_sync) + inspect.getsource(ToolNode._execute_tool_async)
    assert source.count("tool.invoke(") + source.count("tool.ainvoke(") == 2
    assert inside.count("tool.invoke(") + inside.count("tool.ainvoke(") == 2


def test_all_ways_to_a_tool_lead_through_the_two_methods() -> None:
    """With and without wrappers, the methods are looked up on the node when a call is run."""
    for name, method in (("_run_one", "_execute_tool_sync"), ("_arun_one", "_execute_tool_async")):
        assert f"self.{method}(" in inspect.getsource(getattr(ToolNode, name))


async def test_the_replaced_methods_are_the_ones_that_run() -> None:
    """A method replaced on the node is called, in a bare node and below the wrappers of an agent."""
    seen: list[str] = []

    def sync(request: Any, input_type: Any, config: Any) -> Any:
        seen.append(f"sync {input_type}")
        return ToolNode._execute_tool_sync(node, request, input_type, config)

    async def asynchronous(request: Any, input_type: Any, config: Any) -> Any:
        seen.append(f"async {input_type}")
        return await ToolNode._execute_tool_async(node, request, input_type, config)

    agent = create_agent(ScriptedModel(script=[calling(("read", {"path": "a"}))]), [read])
    node = agent.nodes["tools"].bound
    assert isinstance(node, ToolNode)
    node._execute_tool_sync, node._execute_tool_async = sync, asynchronous
    agent.invoke({"messages": [("user", "x")]})
    await agent.ainvoke({"messages": [("user", "x")]})
    assert seen == ["sync tool_calls", "async tool_calls"]


def test_the_innermost_handler_is_the_tool_nodes_own() -> None:
    """What middleware is given to run is a closure over the node and the kind of its input."""
    for name in ("_run_one", "_arun_one"):
        codes = [
            c
            for c in getattr(ToolNode, name).__code__.co_consts
            if inspect.iscode(c) and c.co_name == "execute"
        ]
        assert [f"ToolNode.{name}.<locals>.execute" in INNERMOST for _ in codes] == [True]
        assert {"self", "input_type"} <= set(codes[0].co_freevars)


def test_injected_arguments_are_known() -> None:
    """The analysis that a ToolNode makes of a tool's injected arguments."""
    injected = module._get_all_injected_args(read)
    assert (injected.state, injected.store, injected.runtime, set(injected.all_injected_keys)) == (
        {},
        None,
        None,
        set(),
    )


def test_the_keys_of_a_running_step() -> None:
    """Where a step's configuration holds the checkpointer, the answers by id, and the pending answer."""
    assert _constants.CONFIG_KEY_CHECKPOINTER == "__pregel_checkpointer"
    assert _constants.CONFIG_KEY_RESUME_MAP == "__pregel_resume_map"
    assert _constants.CONFIG_KEY_SCRATCHPAD == "__pregel_scratchpad"
    assert _constants.CONFIG_KEY_READ == "__pregel_read"
    assert _constants.CONFIG_KEY_RUNTIME == "__pregel_runtime"
    assert _constants.PULL == "__pregel_pull"
    from langgraph._internal._scratchpad import PregelScratchpad

    assert "get_null_resume" in PregelScratchpad.__dataclass_fields__


def test_interrupts_may_have_ids_of_our_own() -> None:
    """An interrupt keeps the id it is given, and LangGraph takes 32 hexadecimal digits for the id of one."""
    assert Interrupt(value=1, id="0" * 32, response_schema={}).id == "0" * 32
    assert is_xxh3_128_hexdigest("0123456789abcdef" * 2)
    assert not is_xxh3_128_hexdigest("approve")


def test_langchain_marks_the_messages_it_writes_in_the_users_name() -> None:
    """Summaries carry ``lc_source``."""
    [message] = SummarizationMiddleware._build_new_messages("text")
    assert SOURCE in message.additional_kwargs
