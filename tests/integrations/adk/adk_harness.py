"""Google's ADK for the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

from bartizan.guard import Principal
from bartizan.integrations.adk import ADKGuard
from bartizan.integrations.adk.plugin import CONFIRMATION
from bartizan.integrations.testing.harness import Answers, Came, Conversation, Harness, Setup


def calling(name: str, args: Mapping[str, Any], id: str = "c") -> types.Part:
    return types.Part(function_call=types.FunctionCall(id=id, name=name, args=dict(args)))


class ScriptedLlm(BaseLlm):
    """Calls what its script says: turn n is how often a model has spoken so far, confirmations left out."""

    script: list[list[Any]]

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        spoken = sum(content.role == "model" for content in llm_request.contents)
        parts = self.script[spoken] if spoken < len(self.script) else [types.Part(text="done")]
        yield LlmResponse(
            content=types.Content(role="model", parts=[part.model_copy(deep=True) for part in parts])
        )


class ADKConversation(Conversation):
    def __init__(self, guard: ADKGuard, agent: LlmAgent) -> None:
        self._guard = guard
        self._runner = InMemoryRunner(app=App(name="app", root_agent=agent, plugins=[guard]))
        self._questions: list[types.FunctionCall] = []
        self._read: dict[str, str] = {}
        self._answered: types.Content | None = None

    async def say(self, text: str) -> Came:
        await self._runner.session_service.create_session(app_name="app", user_id="user", session_id="s")
        return await self._run(types.Content(role="user", parts=[types.Part(text=text)]))

    async def answer(self, answers: Answers) -> Came:
        parts = [
            await self._guard.answer(
                asked,
                answers.to((asked.args or {})["originalFunctionCall"]["id"]),
                session="s",
                by=Principal("carol"),
                args=answers.args,
            )
            for asked in self._questions
        ]
        self._answered = types.Content(role="user", parts=parts)
        return await self._run(self._answered)

    async def wave_through(self) -> Came:
        parts = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=asked.id,
                    name=CONFIRMATION,
                    response={"confirmed": True, "payload": {"approved": True}},
                )
            )
            for asked in self._questions
        ]
        return await self._run(types.Content(role="user", parts=parts))

    async def resume_again(self) -> Came:
        assert self._answered is not None
        return await self._run(self._answered)

    async def _run(self, message: types.Content) -> Came:
        self._questions = []
        try:
            async for event in self._runner.run_async(user_id="user", session_id="s", new_message=message):
                self._questions += [call for call in event.get_function_calls() if call.name == CONFIRMATION]
                for response in event.get_function_responses():
                    found = response.response or {}
                    self._read[response.id or ""] = str(found.get("result", found.get("error", found)))
        except Exception as error:  # noqa: BLE001 (whatever it is, the suite looks at it)
            return Came(dict(self._read), error=error)
        return Came(dict(self._read), len(self._questions))


class ADKHarness(Harness):
    edits = True
    has_own_approvals = True
    resumes = True

    def start(self, setup: Setup) -> ADKConversation:
        turns = [[calling(call.tool, call.args, call.id) for call in turn] for turn in setup.script]
        made = ADKGuard(
            setup.guard, session=lambda _: setup.session(), principal=lambda _: setup.principal(), patience=5
        )
        agent = LlmAgent(
            name="agent", model=ScriptedLlm(model="scripted", script=turns), tools=list(setup.tools)
        )
        return ADKConversation(made, agent)
