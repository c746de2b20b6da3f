"""The OpenAI Agents SDK for the conformance suite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents import Agent, RunConfig, Runner, RunState, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call

from bartizan.guard import ANONYMOUS, Answer, Guard, Principal
from bartizan.integrations.openai_agents import OpenAIAgentsGuard
from bartizan.integrations.testing.harness import NO_EXCEPTIONS, Came, Script, Tool

QUIET = RunConfig(tracing_disabled=True)


class OpenAIConversation:
    def __init__(self, guard: OpenAIAgentsGuard, agent: Agent[Any], blocking: bool) -> None:
        self._guard = guard
        self._agent = agent
        self._blocking = blocking
        self._result: Any = None
        self._answered = ""

    async def say(self, text: str) -> Came:
        return await self._run(text)

    async def answer(
        self,
        answer: Answer,
        args: Mapping[str, Any] | None = None,
        *,
        but: Mapping[str, Answer] = NO_EXCEPTIONS,
    ) -> Came:
        state = self._result.to_state()
        for item in state.get_interruptions():
            given = but.get(item.call_id or "", answer)
            await self._guard.answer(state, item, given, session="s", by=Principal("carol"), args=args)
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
                self._result = await asyncio.to_thread(_run_sync, self._agent, input)
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


class OpenAIHarness:
    edits = True
    has_own_approvals = True
    resumes = True

    def __init__(self, blocking: bool = False) -> None:
        self._blocking = blocking

    def start(
        self,
        guard: Guard,
        tools: Sequence[Tool],
        script: Script,
        *,
        session: Callable[[], str] = lambda: "s",
        principal: Callable[[], Principal] = lambda: ANONYMOUS,
    ) -> OpenAIConversation:
        turns = [
            [function_call(call.tool, json.dumps(call.args), call_id=call.id) for call in turn]
            for turn in script
        ]
        made = OpenAIAgentsGuard(
            guard, session=lambda _: session(), principal=lambda _: principal(), patience=5
        )
        done = [[assistant_message("done")]] * 3
        agent = Agent(
            name="agent",
            model=ScriptedModel([*turns, *done]),
            tools=[function_tool(function) for function in tools],
        )
        return OpenAIConversation(made, made.wrap(agent), self._blocking)


def _run_sync(agent: Agent[Any], input: Any) -> Any:
    """In a thread with an event loop of its own, which the SDK would leave open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return Runner.run_sync(agent, input, run_config=QUIET)
    finally:
        loop.close()
        asyncio.set_event_loop(None)
