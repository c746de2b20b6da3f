"""Pydantic AI for the conformance suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from tests.integrations.adapters.blocking import blocking

from bartizan.guard import Principal
from bartizan.integrations.pydantic_ai import PydanticAIGuard
from bartizan.integrations.testing.harness import Answers, Came, Conversation, Harness, Setup


def scripted(*turns: Sequence[ToolCallPart]) -> FunctionModel:
    """A model that calls what its script says: turn n is how often a model has spoken so far."""

    def speak(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        spoken = sum(isinstance(message, ModelResponse) for message in messages)
        return ModelResponse(turns[spoken] if spoken < len(turns) else [TextPart("done")])

    return FunctionModel(speak)


class PydanticAIConversation(Conversation):
    def __init__(self, guard: PydanticAIGuard, agent: Agent[None, Any], blocking: bool) -> None:
        self._guard = guard
        self._agent = agent
        self._blocking = blocking
        self._history: list[ModelMessage] = []
        self._requests = DeferredToolRequests()
        self._answered: tuple[list[ModelMessage], DeferredToolResults] | None = None

    async def say(self, text: str) -> Came:
        return await self._run(text)

    async def answer(self, answers: Answers) -> Came:
        approvals: Any = {
            call.tool_call_id: await self._guard.answer(
                call, answers.to(call.tool_call_id), session="s", by=Principal("carol"), args=answers.args
            )
            for call in self._requests.approvals
        }
        self._answered = self._history, DeferredToolResults(approvals=approvals)
        return await self.resume_again()

    async def wave_through(self) -> Came:
        self._answered = self._history, self._requests.build_results(approve_all=True)
        return await self.resume_again()

    async def resume_again(self) -> Came:
        assert self._answered is not None
        history, results = self._answered
        return await self._run(None, message_history=history, deferred_tool_results=results)

    async def _run(self, prompt: str | None, **options: Any) -> Came:
        options["conversation_id"] = "s"
        try:
            if self._blocking:
                result = await blocking(lambda: self._agent.run_sync(prompt, **options))
            else:
                result = await self._agent.run(prompt, **options)
        except Exception as error:  # noqa: BLE001 (whatever it is, the suite looks at it)
            return Came(error=error)
        self._history = result.all_messages()
        waits = isinstance(result.output, DeferredToolRequests)
        self._requests = result.output if waits else DeferredToolRequests()
        read = {
            part.tool_call_id: str(part.content)
            for message in self._history
            if isinstance(message, ModelRequest)
            for part in message.parts
            if isinstance(part, ToolReturnPart)
        }
        return Came(read, len(self._requests.approvals))


class PydanticAIHarness(Harness):
    edits = True
    has_own_approvals = True
    resumes = True

    def __init__(self, blocking: bool = False) -> None:
        self._blocking = blocking

    def start(self, setup: Setup) -> PydanticAIConversation:
        turns = [
            [ToolCallPart(call.tool, dict(call.args), call.id) for call in turn] for turn in setup.script
        ]
        made = PydanticAIGuard(
            setup.guard, session=lambda _: setup.session(), principal=lambda _: setup.principal(), patience=5
        )
        agent = Agent(
            scripted(*turns),
            tools=list(setup.tools),
            output_type=[str, DeferredToolRequests],
            capabilities=[made],
        )
        return PydanticAIConversation(made, agent, self._blocking)
