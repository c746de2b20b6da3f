"""A guarded agent of Google's ADK. Offline: a scripted model plays the agent. Run it with ``python``.

The user asks for one payment. The agent makes it, and a second one that an e-mail asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from desk import FIRST, PROMPT, SECOND, open_desk, pay, read_mail
from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

from bartizan.guard import Principal
from bartizan.integrations.adk import ADKGuard

SESSION = "desk/ann/thread-1"


class Scripted(BaseLlm):
    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        spoken = sum(content.role == "model" for content in llm_request.contents)
        parts = [types.Part(text="done")]
        if spoken < 2:
            calls = (FIRST, SECOND)[spoken]
            parts = [
                types.Part(function_call=types.FunctionCall(name=name, args=args)) for name, args in calls
            ]
        yield LlmResponse(content=types.Content(role="model", parts=parts))


async def main() -> None:
    guard = ADKGuard(await open_desk(SESSION))
    agent = LlmAgent(name="desk", model=Scripted(model="scripted"), tools=[read_mail, pay])
    runner = InMemoryRunner(app=App(name="desk", root_agent=agent, plugins=[guard]))
    await runner.session_service.create_session(app_name="desk", user_id="ann", session_id="thread-1")

    message = types.Content(role="user", parts=[types.Part(text=PROMPT)])
    while message.parts:
        answers = []
        async for event in runner.run_async(user_id="ann", session_id="thread-1", new_message=message):
            for response in event.get_function_responses():
                print(f"tool: {response.response}")
            for asked in event.get_function_calls():
                if asked.name == "adk_request_confirmation":
                    about = asked.args["toolConfirmation"]["payload"]
                    print(
                        f"asked: may {about['tool']} run with {about['args']}? {about['reasons'][0]['text']}"
                    )
                    answers.append(await guard.answer(asked, "reject", session=SESSION, by=Principal("bob")))
        message = types.Content(role="user", parts=answers)


asyncio.run(main())
