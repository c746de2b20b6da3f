"""What would run beside the door for the OpenAI Agents SDK is refused; what it wraps, it wraps once."""

from __future__ import annotations

from typing import Any

import pytest
from agents import (
    Agent,
    AgentHooks,
    CodeInterpreterTool,
    FileSearchTool,
    HostedMCPTool,
    LocalShellTool,
    Runner,
    WebSearchTool,
    function_tool,
    handoff,
)
from agents.mcp import MCPServerStdio
from agents.testing import ScriptedModel, assistant_message
from tests.integrations.adapters.openai_harness import QUIET, agent_of, calling, guarding

from bartizan.guard import Guard, MemoryAuditLog
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.openai_agents import OpenAIAgentsGuard, Unguarded
from bartizan.integrations.testing.harness import World, logged


@pytest.mark.parametrize(
    "tool",
    [
        WebSearchTool(),
        CodeInterpreterTool(tool_config={"type": "code_interpreter", "container": {"type": "auto"}}),
        FileSearchTool(vector_store_ids=["v"]),
        LocalShellTool(executor=lambda _: ""),
        HostedMCPTool(
            tool_config={
                "type": "mcp",
                "server_label": "x",
                "server_url": "https://example.com",
                "require_approval": "never",
            }
        ),
    ],
    ids=lambda tool: type(tool).__name__,
)
def test_tools_that_run_beside_the_guard_are_refused(tool: Any) -> None:
    """Hosted tools and local ones that are no function tools are refused by name, and nothing is changed."""
    agent = agent_of(World(), tools=[tool])
    with pytest.raises(Unguarded, match=tool.name):
        guarding(StaticProgram()).wrap(agent)
    assert (agent.tools, agent.hooks) == ([tool], None)


def test_an_exception_to_the_rule_is_named_and_logged(caplog: Any) -> None:
    """What the application names may stay, with a warning."""
    agent = agent_of(World(), tools=[WebSearchTool()])
    guarding(StaticProgram(), unguarded=["web_search"]).wrap(agent)
    assert "web_search" in caplog.text


def test_what_else_brings_tools_is_refused() -> None:
    """MCP servers, hosted prompts, hand-overs to an unknown agent, and agents of another class."""

    class Custom(Agent[Any]):
        pass

    unknown = handoff(Agent(name="gone"))
    unknown._agent_ref = None
    for agent in (
        Agent(name="a", mcp_servers=[MCPServerStdio(params={"command": "true"})]),
        Agent(name="a", prompt={"id": "p"}),
        Agent(name="a", handoffs=[unknown]),
        Custom(name="a"),
        Agent(name="a", handoffs=[Agent(name="b", tools=[WebSearchTool()])]),
    ):
        with pytest.raises(Unguarded):
            guarding(StaticProgram()).wrap(agent)


async def test_wrapping_twice_is_wrapping_once() -> None:
    """The same guard is put in place once; another one is refused."""
    world, audit = World(), MemoryAuditLog()
    guard = OpenAIAgentsGuard(Guard(StaticProgram(allow=["read"]), audit=audit), session=lambda _: "s")
    agent = guard.wrap(guard.wrap(agent_of(world, calling("read", {"path": "a"}))))
    await Runner.run(agent, "Go.", run_config=QUIET)
    assert len(logged(audit, "decision")) == 1
    for shared in (agent, Agent(name="other", tools=agent.tools)):
        with pytest.raises(Unguarded, match="another guard"):
            guarding(StaticProgram()).wrap(shared)


async def test_a_tool_added_later_does_not_run() -> None:
    """A tool put into the list after ``wrap`` ends the run before it starts."""
    world = World()
    agent = guarding(StaticProgram(allow=["pay"])).wrap(
        agent_of(world, calling("pay", {"amount": 1, "to": "b"}), tools=[])
    )
    agent.tools.append(function_tool(world.tools[0]))
    with pytest.raises(Unguarded, match="pay"):
        await Runner.run(agent, "Go.", run_config=QUIET)
    assert world.ran == []


async def test_agents_handed_over_to_are_guarded() -> None:
    """The agent at the end of a hand-over stands behind the same guard."""
    world = World()
    other = Agent(
        name="other",
        model=ScriptedModel([calling("pay", {"amount": 1, "to": "b"}, "c2"), [assistant_message("done")]]),
        tools=[function_tool(world.tools[0])],
    )
    agent = agent_of(world, calling("transfer_to_other", {}), handoffs=[handoff(other)])
    result = await Runner.run(guarding(StaticProgram()).wrap(agent), "Go.", run_config=QUIET)
    assert world.ran == []
    assert "denied" in str(result.to_input_list())


async def test_hooks_of_the_agent_are_kept() -> None:
    """The agent's own hooks hear of everything, as without a guard."""
    heard: list[str] = []

    class Hooks(AgentHooks[Any]):
        async def on_start(self, *args: Any) -> None:
            heard.append("start")

        async def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
            heard.append(tool.name)

        async def on_tool_end(self, context: Any, agent: Any, tool: Any, result: Any) -> None:
            heard.append(result)

    agent = agent_of(World(), calling("read", {"path": "a"}), hooks=Hooks())
    await Runner.run(guarding(StaticProgram(allow=["read"])).wrap(agent), "Go.", run_config=QUIET)
    assert heard == ["start", "read", "text of a"]


async def test_no_function_tool_is_an_exception() -> None:
    """A function tool that shares its name with what may run unguarded is guarded all the same."""
    world = World()
    script = calling("pay", {"amount": 1, "to": "b"})
    guard = guarding(StaticProgram(), unguarded=["pay"])
    result = await Runner.run(guard.wrap(agent_of(world, script)), "Go.", run_config=QUIET)
    assert world.ran == []
    assert "denied" in str(result.to_input_list())
