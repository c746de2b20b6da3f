"""Chat models that say what a script says, whole or streaming: for tests and demonstrations without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult


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


class StreamingModel(ScriptedModel):
    """As :class:`ScriptedModel`, and streams: texts and arguments come in pieces of ``size`` characters.

    Like the models of LangChain's integrations it tells the callbacks of its run of each piece itself.
    """

    size: int = 3

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._generate(messages).generations[0].message
        assert isinstance(answer, AIMessage)
        for message in self._pieces(answer):
            chunk = ChatGenerationChunk(message=message)
            if run_manager is not None:
                run_manager.on_llm_new_token(message.text, chunk=chunk)
            yield chunk

    def _pieces(self, answer: AIMessage) -> Iterator[AIMessageChunk]:
        for text in self._cut(answer.text):
            yield AIMessageChunk(content=text)
        for index, call in enumerate(answer.tool_calls):
            began = tool_call_chunk(name=call["name"], args="", id=call["id"], index=index)
            yield AIMessageChunk(content="", tool_call_chunks=[began])
            for text in self._cut(json.dumps(call["args"])):
                yield AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(args=text, index=index)])
        reason = "tool_calls" if answer.tool_calls else "stop"
        yield AIMessageChunk(content="", response_metadata={"finish_reason": reason}, chunk_position="last")

    def _cut(self, text: str) -> list[str]:
        return [text[at : at + self.size] for at in range(0, len(text), self.size)]


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
