"""A chat model whose words and calls pass the guard before anybody sees them.

The model behind is called by its own methods and without callbacks: no token of it reaches a callback, a tracer or
LangGraph's stream but those that the guard let leave. For all others the guarded model *is* the model: callbacks,
limits of rate, tags and profile are those of the model behind.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from contextvars import Context, copy_context
from typing import Any, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import (
    Runnable,
    RunnableBinding,
    RunnableConfig,
    RunnableParallel,
    RunnableSequence,
)
from langchain_core.runnables.config import ensure_config, var_child_runnable_config
from pydantic import PrivateAttr

from bartizan.guard.stream.errors import UnknownFrame
from bartizan.guard.stream.events import StreamEvent
from bartizan.integrations.portal import Portal

from .relay import Source, arelay, relay
from .speech import Utterance, joined

T = TypeVar("T")
Begin = Callable[[Sequence[BaseMessage], RunnableConfig], Utterance]

_TAKEN_OVER = (
    "name",
    "callbacks",
    "tags",
    "metadata",
    "verbose",
    "rate_limiter",
    "disable_streaming",
    "profile",
)


class GuardedModel(BaseChatModel):
    """Stands for ``inner``. Made by :meth:`LangGraphGuard.model`."""

    inner: BaseChatModel
    _portal: Portal = PrivateAttr()
    _begin: Begin = PrivateAttr()

    @classmethod
    def of(cls, inner: BaseChatModel, portal: Portal, begin: Begin) -> GuardedModel:
        if isinstance(inner, GuardedModel):
            return inner
        taken = {name: getattr(inner, name) for name in _TAKEN_OVER}
        guarded = cls(inner=inner, cache=False, custom_get_token_ids=inner.get_token_ids, **taken)
        guarded._portal, guarded._begin = portal, begin
        return guarded

    # --- speaking

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        utterance = self._begin(messages, ensure_config())
        context = _apart()
        if type(self.inner)._stream is not BaseChatModel._stream:
            pieces = _read(self.inner._stream(messages, stop=stop, **kwargs), utterance)
        else:
            result = context.run(self.inner._generate, messages, stop=stop, **kwargs)
            pieces = iter([utterance.chunks.read_message(_only(result))])
        yield from self._said(pieces, context, utterance)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        utterance = self._begin(messages, ensure_config())
        context = _apart()
        result = context.run(self.inner._generate, messages, stop=stop, **kwargs)
        said = self._said(iter([utterance.chunks.read_message(_only(result))]), context, utterance)
        return ChatResult(generations=[ChatGeneration(message=joined([_message(chunk) for chunk in said]))])

    def _said(
        self, pieces: Iterator[list[StreamEvent]], context: Context, utterance: Utterance
    ) -> Iterator[ChatGenerationChunk]:
        source = Source(pieces, context)
        for chunk in relay(self._portal, source, utterance.through(source)):
            yield ChatGenerationChunk(message=chunk)
        if source.failed is not None:
            raise source.failed

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        utterance = self._begin(messages, ensure_config())
        kind = type(self.inner)
        streams = kind._stream is not BaseChatModel._stream or kind._astream is not BaseChatModel._astream
        if streams:
            pieces = _aread(self.inner._astream(messages, stop=stop, **kwargs), utterance)
        else:
            pieces = self._whole(messages, stop, kwargs, utterance)
        async with aclosing(self._asaid(pieces, utterance)) as said:
            async for chunk in said:
                yield chunk

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        utterance = self._begin(messages, ensure_config())
        said = self._asaid(self._whole(messages, stop, kwargs, utterance), utterance)
        chunks = [_message(chunk) async for chunk in said]
        return ChatResult(generations=[ChatGeneration(message=joined(chunks))])

    async def _whole(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: dict[str, Any],
        utterance: Utterance,
    ) -> AsyncIterator[list[StreamEvent]]:
        result = await self.inner._agenerate(messages, stop=stop, **kwargs)
        yield utterance.chunks.read_message(_only(result))

    async def _asaid(
        self, pieces: AsyncIterator[list[StreamEvent]], utterance: Utterance
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        source = Source(pieces, _apart())
        async with aclosing(arelay(self._portal, source, utterance.through(source))) as chunks:
            async for chunk in chunks:
                yield ChatGenerationChunk(message=chunk)
        if source.failed is not None:
            raise source.failed

    # --- being the model behind

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        return self._guarded(self.inner.bind_tools(tools, **kwargs))

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        return self._guarded(self.inner.with_structured_output(schema, **kwargs))

    def _guarded(self, runnable: Runnable[Any, T]) -> Runnable[Any, T]:
        """What the model behind made of itself, with this one in its place."""
        found, guarded = _in_its_place(runnable, self.inner, self)
        if not found:
            raise TypeError(
                f"expected {type(self.inner).__name__} to bind itself as LangChain's models do, found "
                f"{type(runnable).__name__}: bind first, and guard the bound model's own chat model"
            )
        return cast("Runnable[Any, T]", guarded)

    @property
    def _llm_type(self) -> str:
        return self.inner._llm_type

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return dict(self.inner._identifying_params)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self.inner._get_ls_params(stop=stop, **kwargs)

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[Any] | None = None,
    ) -> int:
        return self.inner.get_num_tokens_from_messages(messages, tools)


def _in_its_place(runnable: Any, old: BaseChatModel, new: GuardedModel) -> tuple[bool, Any]:
    """The runnable with ``new`` for ``old``, at its beginning; and whether it was there."""
    if isinstance(runnable, BaseChatModel):
        other = runnable if runnable is not old else None
        return True, new if other is None else GuardedModel.of(other, new._portal, new._begin)
    if isinstance(runnable, RunnableBinding):
        found, bound = _in_its_place(runnable.bound, old, new)
        return found, runnable.model_copy(update={"bound": bound})
    if isinstance(runnable, RunnableSequence):
        found, first = _in_its_place(runnable.first, old, new)
        return found, runnable.model_copy(update={"first": first})
    if isinstance(runnable, RunnableParallel):
        replaced = {key: _in_its_place(step, old, new) for key, step in runnable.steps__.items()}
        found = any(was for was, _ in replaced.values())
        return found, runnable.model_copy(
            update={"steps__": {key: step for key, (_, step) in replaced.items()}}
        )
    return False, runnable


def _apart() -> Context:
    """The caller's context, in which whatever the model runs has no callbacks of the caller's."""
    context = copy_context()
    inherited = context.run(var_child_runnable_config.get)
    context.run(var_child_runnable_config.set, {**(inherited or {}), "callbacks": []})
    return context


def _read(chunks: Iterator[ChatGenerationChunk], utterance: Utterance) -> Iterator[list[StreamEvent]]:
    try:
        for chunk in chunks:
            yield utterance.chunks.read(_message(chunk))
        yield utterance.chunks.end()
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


async def _aread(
    chunks: AsyncIterator[ChatGenerationChunk], utterance: Utterance
) -> AsyncIterator[list[StreamEvent]]:
    async with aclosing(chunks) as open_chunks:  # type: ignore[type-var]
        async for chunk in open_chunks:
            yield utterance.chunks.read(_message(chunk))
        yield utterance.chunks.end()


def _message(chunk: ChatGenerationChunk) -> AIMessageChunk:
    """The chunk's message, with what is told of its generation beside it."""
    message = chunk.message
    if not isinstance(message, AIMessageChunk):
        raise UnknownFrame(f"expected a chunk of a model's message, found {type(message).__name__}")
    if not chunk.generation_info:
        return message
    return message.model_copy(
        update={"response_metadata": {**chunk.generation_info, **message.response_metadata}}
    )


def _only(result: ChatResult) -> AIMessage:
    if len(result.generations) != 1:
        raise UnknownFrame(f"expected one answer, found {len(result.generations)}: ask for n=1")
    [generation] = result.generations
    if not isinstance(generation.message, AIMessage):
        raise UnknownFrame(f"expected a model's message, found {type(generation.message).__name__}")
    if not generation.generation_info:
        return generation.message
    told = {**generation.generation_info, **generation.message.response_metadata}
    return generation.message.model_copy(update={"response_metadata": told})
