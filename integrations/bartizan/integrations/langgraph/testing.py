"""A chat model that says what a script says: for tests, examples and demonstrations without a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class ScriptedModel(BaseChatModel):
    """Answers with ``script[n]``, where n is how often a model has spoken in the conversation so far.

    It has no state, so a conversation can be continued in another process. Past the script it says ``"done"``.
    """

    script: list[AIMessage]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ScriptedModel:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        spoken = sum(isinstance(message, AIMessage) for message in messages)
        answer = self.script[spoken] if spoken < len(self.script) else AIMessage("done")
        return ChatResult(generations=[ChatGeneration(message=answer.model_copy(deep=True))])


def calling(*calls: tuple[str, dict[str, Any]], ids: Sequence[str] | None = None) -> AIMessage:
    """What a model says that calls tools: ``calling(("send", {"to": "bob"}))``. Ids are ``call-0``, ``call-1``, ..."""
    numbered = ids if ids is not None else [f"call-{number}" for number in range(len(calls))]
    return AIMessage(
        "",
        tool_calls=[
            {"name": name, "args": args, "id": id, "type": "tool_call"}
            for (name, args), id in zip(calls, numbered, strict=True)
        ],
    )
