"""A guarded Pydantic AI agent. Offline: a scripted model plays the agent. Run it with ``python``.

The user asks for one payment. The agent makes it, and a second one that an e-mail asked for.
"""

from __future__ import annotations

import asyncio

from desk import FIRST, PROMPT, SECOND, open_desk, pay, read_mail
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from bartizan.guard import Principal
from bartizan.integrations.pydantic_ai import PydanticAIGuard


def speak(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    spoken = sum(isinstance(message, ModelResponse) for message in messages)
    if spoken == 2:
        return ModelResponse([TextPart("done")])
    return ModelResponse([ToolCallPart(name, args) for name, args in (FIRST, SECOND)[spoken]])


async def main() -> None:
    guard = PydanticAIGuard(await open_desk("thread-1"))
    agent = Agent(
        FunctionModel(speak),
        tools=[read_mail, pay],
        output_type=[str, DeferredToolRequests],
        capabilities=[guard],
    )
    result = await agent.run(PROMPT, conversation_id="thread-1")
    asked = result.output
    assert isinstance(asked, DeferredToolRequests)
    answers = DeferredToolResults()
    for call in asked.approvals:
        about = asked.metadata[call.tool_call_id]["guard"]
        print(f"asked: may {about['tool']} run with {about['args']}? {about['reasons'][0]['text']}")
        answers.approvals[call.tool_call_id] = await guard.answer(
            call, "reject", session="thread-1", by=Principal("ann")
        )
    result = await agent.run(message_history=result.all_messages(), deferred_tool_results=answers)
    for message in result.all_messages():
        for part in message.parts:
            if isinstance(part, ToolReturnPart):
                print(f"tool: {part.content}")


asyncio.run(main())
