"""What is the OpenAI Agents SDK's own, with the door for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import (
    Agent,
    Runner,
    ToolOutputImage,
    ToolOutputText,
    function_tool,
)
from agents.testing import ScriptedModel, assistant_message, function_call
from agents.tool_context import ToolContext
from tests.integrations.adapters.openai_harness import QUIET, agent_of, calling, guarding

from bartizan.guard import Guard, MemoryAuditLog, Principal, ToolCall
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.openai_agents import OpenAIAgentsGuard
from bartizan.integrations.testing.harness import World, logged
from bartizan.policies import compile_policy

PRINTED = """version: 1
name: p
tools: {look: {args: {what: str}}}
rules:
  - {id: all, allow: [look]}
  - {id: hides, redact: [look], when: result.text.contains("'secret")}
"""


async def test_an_agent_as_a_tool_may_wait_for_a_person() -> None:
    """The inner agent's question reaches the application, and the call of the tool counts once."""
    world, audit = World(), MemoryAuditLog()
    inner = Agent(
        name="inner",
        model=ScriptedModel(
            [calling("pay", {"amount": 1, "to": "b"}, "inner"), [assistant_message("inner done")]]
        ),
        tools=[function_tool(world.tools[0])],
    )
    agent = agent_of(world, calling("ask", {"input": "x"}, "outer"), tools=[inner.as_tool("ask", "Ask.")])
    guard = OpenAIAgentsGuard(
        Guard(StaticProgram(allow=["ask"], escalate=["pay"]), audit=audit), session=lambda _: "s"
    )
    waiting = await Runner.run(guard.wrap(agent), "Go.", run_config=QUIET)
    assert (len(waiting.interruptions), world.ran) == (1, [])
    state = waiting.to_state()
    for item in state.get_interruptions():
        await guard.answer(state, item, "approve", session="s", by=Principal("carol"))
    result = await Runner.run(agent, state, run_config=QUIET)
    assert result.interruptions == []
    assert world.ran == [("pay", {"amount": 1, "to": "b"})]
    assert "inner done" in str(result.to_input_list())
    assert [record["tool"] for record in logged(audit, "error") if not record["suspended"]] == []


async def test_a_failure_policy_of_a_tool_is_kept_and_inspected() -> None:
    """What the tool's own policy says of an exception passes the guard; without one the exception ends the run."""
    world = World()

    def leak(context: Any, error: Exception) -> str:
        return f"failed with hunter2: {error}"

    program = StaticProgram(allow=["fail"], secrets=["hunter2"])
    script = calling("fail", {"why": "stand"})
    told = function_tool(world.tools[3], failure_error_function=leak)
    result = await Runner.run(
        guarding(program).wrap(agent_of(world, script, tools=[told])), "Go.", run_config=QUIET
    )
    assert "failed with [redacted]: cannot stand" in str(result.to_input_list())
    silent = function_tool(world.tools[3], failure_error_function=None)
    with pytest.raises(Exception, match="cannot stand"):
        await Runner.run(
            guarding(program).wrap(agent_of(world, script, tools=[silent])), "Go.", run_config=QUIET
        )


async def test_a_tool_that_asks_by_itself_still_does() -> None:
    """The tool's own ``needs_approval`` comes first; the guard is asked when it is answered, and may deny."""
    world = World()
    tool = function_tool(world.tools[0], needs_approval=True)
    for allow, ran in (["pay"], 1), ([], 0):
        world.ran.clear()
        guard = guarding(StaticProgram(allow=allow))
        agent = guard.wrap(agent_of(world, calling("pay", {"amount": 1, "to": "b"}), tools=[tool]))
        state = (await Runner.run(agent, "Go.", run_config=QUIET)).to_state()
        assert world.ran == []
        for item in state.get_interruptions():
            await guard.answer(state, item, "approve", session="s", by=Principal("carol"))
        await Runner.run(agent, state, run_config=QUIET)
        assert world.times("pay") == ran


async def test_duplicate_keys_are_one_reading() -> None:
    """Arguments that say a key twice run as they were decided, not as somebody else may read them."""
    world, audit = World(), MemoryAuditLog()
    guard = OpenAIAgentsGuard(Guard(StaticProgram(allow=["note"]), audit=audit), session=lambda _: "s")
    call = function_call("note", '{"text": "good", "text": "evil"}', call_id="c")
    await Runner.run(guard.wrap(agent_of(world, [call])), "Go.", run_config=QUIET)
    ran = [ToolCall.of("c", name, args).digest for name, args in world.ran]
    assert ran == [record["call_digest"] for record in logged(audit, "decision")][: len(ran)]


async def test_a_guard_that_never_answers_is_a_denial() -> None:
    """The door itself does not wait for ever."""

    class Silent(Guard):
        async def authorise(self, *args: Any, **options: Any) -> Any:
            await asyncio.Event().wait()

    world = World()
    guard = OpenAIAgentsGuard(Silent(StaticProgram(allow=["read"])), session=lambda _: "s", patience=0.02)
    result = await Runner.run(
        guard.wrap(agent_of(world, calling("read", {"path": "a"}))), "Go.", run_config=QUIET
    )
    assert world.ran == []
    assert "denied" in str(result.to_input_list())


async def test_content_other_than_text_is_kept() -> None:
    """An image reaches the model as it is; a text beside it that must be redacted takes its place."""

    def look(what: str) -> list[Any]:
        """Look at something."""
        return [ToolOutputText(text=f"a {what}"), ToolOutputImage(image_url="https://example.com/x.png")]

    for what, kept in ("cat", True), ("hunter2", False):
        agent = agent_of(World(), calling("look", {"what": what}), tools=[function_tool(look)])
        guard = guarding(StaticProgram(allow=["look"], secrets=["hunter2"]))
        shown = str((await Runner.run(guard.wrap(agent), "Go.", run_config=QUIET)).to_input_list()[-2:])
        assert ("x.png" in shown) is kept
        assert "hunter2" not in shown


async def test_what_python_prints_in_other_letters_is_inspected() -> None:
    """A value that the SDK prints is inspected as JSON, and printed as before where nothing is hidden."""

    def look(what: str) -> dict[str, str]:
        """Look at something."""
        return {"found": f"'{what}\n"}

    for what, told in ("cat", repr({"found": "'cat\n"})), ("secret", '{"found":"[redacted:hides]\\n"}'):
        agent = agent_of(World(), calling("look", {"what": what}), tools=[function_tool(look)])
        guard = OpenAIAgentsGuard(Guard(compile_policy(PRINTED)), session=lambda _: "s")
        result = await Runner.run(guard.wrap(agent), "Go.", run_config=QUIET)
        [output] = [item for item in result.to_input_list() if item.get("type") == "function_call_output"]
        assert output["output"] == told


async def test_streamed_runs_are_guarded() -> None:
    """``Runner.run_streamed`` runs tools by the same way, and asks by the same way."""
    world = World()
    guard = guarding(StaticProgram(escalate=["pay"], allow=["read"], secrets=["hunter2"]))
    together = [
        *calling("pay", {"amount": 1, "to": "b"}, "c1"),
        *calling("read", {"path": "hunter2"}, "c2"),
        *calling("note", {"text": "x"}, "c3"),
    ]
    result = Runner.run_streamed(guard.wrap(agent_of(world, together)), "Go.", run_config=QUIET)
    told = [event async for event in result.stream_events()]
    assert len(result.interruptions) == 1
    assert world.ran == [("read", {"path": "hunter2"})]
    outputs = [event.item.output for event in told if getattr(event, "name", "") == "tool_output"]
    assert sorted(text[:17] for text in outputs) == ["This call was den", "text of [redacted"]


async def test_sessions_that_use_the_same_ids_are_apart() -> None:
    """Two runs at once, whose models use one call id: each gets its own decision and its own result."""
    world, audit = World(), MemoryAuditLog()
    guard = OpenAIAgentsGuard(
        Guard(StaticProgram(allow=["read"], budgets={"read": 1}), audit=audit),
        session=lambda run: run.context,
    )
    runs = [
        Runner.run(
            guard.wrap(
                agent_of(world, calling("read", {"path": name}), calling("read", {"path": "more"}, "c2"))
            ),
            "Go.",
            context=name,
            run_config=QUIET,
        )
        for name in ("one", "two", "three")
    ]
    for name, result in zip(("one", "two", "three"), await asyncio.gather(*runs), strict=True):
        outputs = [
            item["output"] for item in result.to_input_list() if item.get("type") == "function_call_output"
        ]
        assert outputs[0] == f"text of {name}"
        assert "denied" in outputs[1]
    assert len(logged(audit, "decision")) == 6


async def test_what_was_let_go_for_one_call_is_not_for_another() -> None:
    """A decision kept for an invocation is good for exactly those arguments."""
    world = World()
    guard = guarding(StaticProgram(allow=["read"]))
    agent = guard.wrap(agent_of(world))
    tool = next(tool for tool in agent.tools if tool.name == "read")
    context = ToolContext(None, tool_name="read", tool_call_id="c", tool_arguments="{}")
    assert await tool.needs_approval(context, {"path": "decided"}, "c") is False
    guard.guard.program = StaticProgram()
    assert "denied" in await tool.on_invoke_tool(context, '{"path": "another"}')
    assert world.ran == []
