"""What is Pydantic AI's own, with the door for it, and what would run beside it, which is refused."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    ApprovalRequired,
    DeferredToolRequests,
    DeferredToolResults,
    ModelRetry,
    RunContext,
    ToolApproved,
    ToolDefinition,
    ToolFailed,
    ToolReturn,
    UserError,
    WebSearchTool,
)
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering, Hooks, NativeTool
from pydantic_ai.messages import ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import DeltaToolCall, FunctionModel
from pydantic_ai.toolsets import ExternalToolset, WrapperToolset
from tests.integrations.adapters.pydantic_ai_harness import scripted

from bartizan.guard import Guard, MemoryAuditLog, Principal, Proposal
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.pydantic_ai import PydanticAIGuard, Unguarded
from bartizan.integrations.testing.harness import World, logged


class Letter(BaseModel):
    to: str
    on: date


def _guard(program: StaticProgram, **options: Any) -> PydanticAIGuard:
    options.setdefault("session", lambda _: "s")
    return PydanticAIGuard(Guard(program), **options)


def _call(name: str, args: dict[str, Any], call_id: str = "c") -> list[ToolCallPart]:
    return [ToolCallPart(name, args, call_id)]


def _returns(result: Any) -> list[str]:
    return [
        str(part.content)
        for message in result.all_messages()
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    ]


async def test_native_and_external_tools_are_refused() -> None:
    """What the provider or the application runs ends the run before the model is asked, unless it is named."""
    external = ExternalToolset([ToolDefinition(name="outside")])
    for options, name in (
        ({"capabilities": [NativeTool(WebSearchTool())]}, "web_search"),
        ({"toolsets": [external]}, "outside"),
    ):
        mine = options.pop("capabilities", [])

        def agent(guard: PydanticAIGuard, mine: Any = mine, options: Any = options) -> Any:
            model = scripted()
            model.profile["supported_native_tools"] = frozenset({WebSearchTool})
            return Agent(
                model, output_type=[str, DeferredToolRequests], capabilities=[*mine, guard], **options
            )

        with pytest.raises(Unguarded, match=name):
            await agent(_guard(StaticProgram())).run("Go.")
        assert (await agent(_guard(StaticProgram(), unguarded=[name])).run("Go.")).output == "done"


async def test_a_wrapper_between_the_guard_and_the_tools_is_refused() -> None:
    """Another innermost capability that wraps tools after the guard could rewrite what was decided."""

    class Inner(AbstractCapability[Any]):
        def get_ordering(self) -> CapabilityOrdering:
            return CapabilityOrdering(position="innermost")

        def get_wrapper_toolset(self, toolset: Any) -> Any:
            return WrapperToolset(toolset)

    guard, world = _guard(StaticProgram(allow=["read"])), World()
    with pytest.raises(Unguarded, match="list the guard last"):
        await Agent(scripted(), tools=world.tools, capabilities=[guard, Inner()]).run("Go.")
    assert (
        await Agent(scripted(), tools=world.tools, capabilities=[Inner(), guard]).run("Go.")
    ).output == "done"


async def test_what_a_hook_rewrites_is_what_is_decided() -> None:
    """A hook of the application that changes the arguments changes them before the guard, wherever it is listed."""
    world, hooks = World(), Hooks()

    @hooks.on.before_tool_execute
    async def rewrite(ctx: Any, *, call: Any, tool_def: Any, args: dict[str, Any]) -> dict[str, Any]:
        return {**args, "amount": 5000}

    program = StaticProgram(allow=["pay"], limits={"amount": 100})
    script = _call("pay", {"amount": 1, "to": "bob"})
    agent = Agent(scripted(script), tools=world.tools, capabilities=[_guard(program), hooks])
    assert "denied" in _returns(await agent.run("Go."))[0]
    assert world.ran == []


async def test_arguments_are_decided_as_json_and_run_as_they_were_validated() -> None:
    """A tool with types of its own gets them, whether the call was changed or not."""
    ran: list[Any] = []

    async def post(letter: Letter, amount: int) -> str:
        ran.append((letter, amount))
        return "posted"

    class Clamp:
        name = "clamp"

        async def propose(self, refused: Any) -> list[Proposal]:
            return [Proposal({**refused.request.call.args, "amount": 100}, self.name)]

    for amount in (7, 5000):
        kernel = Guard(StaticProgram(allow=["post"], limits={"amount": 100}), proposers=[Clamp()])
        script = _call("post", {"letter": {"to": "bob", "on": "2026-01-02"}, "amount": amount})
        guard = PydanticAIGuard(kernel, session=lambda _: "s")
        await Agent(scripted(script), tools=[post], capabilities=[guard]).run("Go.")
    letter = Letter(to="bob", on=date(2026, 1, 2))
    assert ran == [(letter, 7), (letter, 100)]


async def test_an_edit_made_in_the_framework_is_decided_anew() -> None:
    """Arguments put in by ``ToolApproved`` are another call: it is asked about again."""
    world = World()
    guard = _guard(StaticProgram(escalate=["pay"]))
    agent = Agent(
        scripted(_call("pay", {"amount": 1, "to": "bob"})),
        tools=world.tools,
        output_type=[str, DeferredToolRequests],
        capabilities=[guard],
    )
    asked = await agent.run("Go.")
    await guard.answer(asked.output.approvals[0], "approve", session="s", by=Principal("carol"))
    forged = DeferredToolResults(approvals={"c": ToolApproved(override_args={"amount": 99, "to": "eve"})})
    again = await agent.run(message_history=asked.all_messages(), deferred_tool_results=forged)
    assert world.ran == []
    assert again.output.metadata["c"]["guard"]["args"] == {"amount": 99, "to": "eve"}


async def test_a_question_says_what_a_person_should_see() -> None:
    """The metadata of a deferred call names the approval, the arguments and the rules, as JSON."""
    agent = Agent(
        scripted(_call("pay", {"amount": 1, "to": "bob"})),
        tools=World().tools,
        output_type=[str, DeferredToolRequests],
        capabilities=[_guard(StaticProgram(escalate=["pay"]))],
    )
    asked = (await agent.run("Go.")).output.metadata["c"]["guard"]
    assert (asked["tool"], asked["args"]) == ("pay", {"amount": 1, "to": "bob"})
    assert [reason["rule"] for reason in asked["reasons"]] == ["ask"]
    assert json.loads(json.dumps(asked)) == asked


async def test_a_tool_that_asks_by_itself_is_suspended() -> None:
    """A tool that raises ``ApprovalRequired`` pauses, is resumed under its decision, and counts once."""
    audit, ran = MemoryAuditLog(), []

    async def ask(ctx: RunContext[None], what: str) -> str:
        if not ctx.tool_call_approved:
            raise ApprovalRequired
        ran.append(what)
        return "yes"

    guard = PydanticAIGuard(
        Guard(StaticProgram(allow=["ask"], budgets={"ask": 1}), audit=audit), session=lambda _: "s"
    )
    agent = Agent(
        scripted(_call("ask", {"what": "x"})),
        tools=[ask],
        output_type=[str, DeferredToolRequests],
        capabilities=[guard],
    )
    asked = await agent.run("Go.")
    results = DeferredToolResults(approvals={"c": True})
    done = await agent.run(message_history=asked.all_messages(), deferred_tool_results=results)
    assert (done.output, ran) == ("done", ["x"])
    assert [record["suspended"] for record in logged(audit, "error")] == [True]


async def test_retries_and_failures_of_a_tool_stay_the_frameworks() -> None:
    """``ModelRetry`` and ``ToolFailed`` mean to the agent what they mean without a guard."""

    async def shy(how: str) -> str:
        raise ModelRetry("once more") if how == "retry" else ToolFailed("it broke")

    for how, told in ("retry", "once more"), ("fail", "it broke"):
        texts = []
        for capabilities in ([], [_guard(StaticProgram(allow=["shy"]))]):
            agent = Agent(scripted(_call("shy", {"how": how})), tools=[shy], capabilities=capabilities)
            parts = [part for message in (await agent.run("Go.")).all_messages() for part in message.parts]
            texts.append([str(part.content) for part in parts if not isinstance(part, ToolCallPart)])
        assert texts[0] == texts[1]
        assert any(told in text for text in texts[1])


async def test_rich_results_are_kept_or_replaced_by_text() -> None:
    """A structured result reaches the model as it is; one that holds a secret as the text the guard shows."""

    def look(what: str) -> ToolReturn:
        return ToolReturn(return_value={"saw": what}, content=["beside", "hunter2" if what == "b" else "it"])

    for what, shown in ("a", "{'saw': 'a'}"), ("b", '{"saw":"b"}\nbeside\n[redacted]'):
        guard = _guard(StaticProgram(allow=["look"], secrets=["hunter2"]))
        agent = Agent(scripted(_call("look", {"what": what})), tools=[look], capabilities=[guard])
        result = await agent.run("Go.")
        assert _returns(result) == [shown]
        assert "hunter2" not in str(result.all_messages())


async def test_a_conversation_is_a_session() -> None:
    """Without ``session`` the conversation's id is the session, so a budget holds over runs of one conversation."""
    world = World()
    kernel = Guard(StaticProgram(allow=["read"], budgets={"read": 1}))
    for number, (thread, times) in enumerate([("one", 1), ("one", 1), ("two", 2)]):
        script = _call("read", {"path": "a"}, f"c{number}")
        agent = Agent(scripted(script), tools=world.tools, capabilities=[PydanticAIGuard(kernel)])
        await agent.run("Go.", conversation_id=thread)
        assert world.times("read") == times


async def test_streamed_runs_are_guarded() -> None:
    """``iter`` and ``run_stream`` run tools by the same way."""
    world = World()

    async def speak(messages: list[Any], info: Any) -> Any:
        if any(isinstance(part, ToolReturnPart) for message in messages for part in message.parts):
            yield "done"
        else:
            yield {0: DeltaToolCall("pay", '{"amount": 1, "to": "bob"}', tool_call_id="c")}

    agent = Agent(
        FunctionModel(stream_function=speak), tools=world.tools, capabilities=[_guard(StaticProgram())]
    )
    async with agent.run_stream("Go.") as result:
        assert await result.get_output() == "done"
    assert world.ran == []


async def test_an_agent_that_cannot_wait_ends_at_the_question() -> None:
    """Without ``DeferredToolRequests`` among its outputs the run ends with the framework's error, nothing ran."""
    world = World()
    agent = Agent(
        scripted(_call("pay", {"amount": 1, "to": "bob"})),
        tools=world.tools,
        capabilities=[_guard(StaticProgram(escalate=["pay"]))],
    )
    with pytest.raises(UserError, match="DeferredToolRequests"):
        await agent.run("Go.")
    assert world.ran == []
