"""The OpenAI Agents SDK for the conformance suite."""

from __future__ import annotations

import json
from typing import Any

from agents import Agent, RunConfig, Runner, RunState, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call
from tests.integrations.adapters.blocking import blocking

from bartizan.guard import Guard, Principal
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.openai_agents import OpenAIAgentsGuard
from bartizan.integrations.testing.harness import Answers, Came, Conversation, Harness, Setup, World

QUIET = RunConfig(tracing_disabled=True)


class OpenAIConversation(Conversation):
    def __init__(self, guard: OpenAIAgentsGuard, agent: Agent[Any], blocking: bool) -> None:
        self._guard = guard
        self._agent = agent
        self._blocking = blocking
        self._result: Any = None
        self._answered = ""

    async def say(self, text: str) -> Came:
        return await self._run(text)

    async def answer(self, answers: Answers) -> Came:
        state = self._result.to_state()
        for item in state.get_interruptions():
            given, by = answers.to(item.call_id or ""), Principal("carol")
            await self._guard.answer(state, item, given, session="s", by=by, args=answers.args)
        self._answered = state.to_string()
        return await self._run(await RunState.from_string(self._agent, self._answered))

    async def wave_through(self) -> Came:
        state = self._result.to_state()
        for item in state.get_interruptions():
            state.approve(item, always_approve=True)
        return await self._run(state)

    async def resume_again(self) -> Came:
        return await self._run(await RunState.from_string(self._agent, self._answered))

    async def _run(self, input: Any) -> Came:
        try:
            if self._blocking:
                self._result = await blocking(lambda: Runner.run_sync(self._agent, input, run_config=QUIET))
            else:
                self._result = await Runner.run(self._agent, input, run_config=QUIET)
        except Exception as error:  # noqa: BLE001 (whatever it is, the suite looks at it)
            return Came(error=error)
        read = {
            item["call_id"]: item["output"]
            for item in self._result.to_input_list()
            if item.get("type") == "function_call_output"
        }
        return Came(read, len(self._result.interruptions))


class OpenAIHarness(Harness):
    edits = True
    has_own_approvals = True
    resumes = True

    def __init__(self, blocking: bool = False) -> None:
        self._blocking = blocking

    def start(self, setup: Setup) -> OpenAIConversation:
        turns = [
            [function_call(call.tool, json.dumps(call.args), call_id=call.id) for call in turn]
            for turn in setup.script
        ]
        made = OpenAIAgentsGuard(
            setup.guard, session=lambda _: setup.session(), principal=lambda _: setup.principal(), patience=5
        )
        done = [[assistant_message("done")]] * 3
        agent = Agent(
            name="agent",
            model=ScriptedModel([*turns, *done]),
            tools=[function_tool(function) for function in setup.tools],
        )
        return OpenAIConversation(made, made.wrap(agent), self._blocking)


def guarding(program: StaticProgram, **options: Any) -> OpenAIAgentsGuard:
    """A guard over a session ``"s"``."""
    return OpenAIAgentsGuard(Guard(program), session=lambda _: "s", **options)


def agent_of(world: World, *script: Any, **options: Any) -> Agent[Any]:
    """An agent with the world's tools, whose model says the script's turns and then is done."""
    options.setdefault("tools", [function_tool(function) for function in world.tools])
    return Agent(name="agent", model=ScriptedModel([*script, [assistant_message("done")]]), **options)


def calling(name: str, args: dict[str, Any], call_id: str = "c") -> list[Any]:
    """A turn with one call."""
    return [function_call(name, json.dumps(args), call_id=call_id)]
