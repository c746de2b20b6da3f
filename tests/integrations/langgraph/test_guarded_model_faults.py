"""What goes wrong while a guarded model speaks, and who hears of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field
from tests.waiting import block_until, until

from bartizan.guard import Proposal, Refused
from bartizan.guard.stream.errors import UnknownFrame
from bartizan.guard.stream.setting import Limits
from bartizan.integrations.langgraph import Speech
from bartizan.integrations.langgraph.testing import ScriptedModel, StreamingModel, calling

from .speaking import LEAKS, PROGRAM, SECRET, SPEECH, Clamp, keys


@pytest.fixture
def guard(make_guard: Any) -> Any:
    return make_guard(PROGRAM, kernel={"proposers": [Clamp()]})


# --- what goes wrong


class _Fails(StreamingModel):
    """Breaks off after a few pieces."""

    error: Any = None

    def _pieces(self, answer: AIMessage) -> Iterator[AIMessageChunk]:
        yield AIMessageChunk(content="Well, ")
        raise self.error


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_the_model_raises_is_raised(guard, asynchronous) -> None:
    """The very exception, so that retries and fallbacks work as without a guard; what may leave has left before."""
    error = ConnectionError("lost")
    model = guard.model(_Fails(script=[AIMessage("x")], error=error), SPEECH)
    said = []

    def drain() -> None:
        for chunk in model.stream("Go."):
            said.append(chunk.text)

    async def adrain() -> None:
        async for chunk in model.astream("Go."):
            said.append(chunk.text)

    with pytest.raises(ConnectionError) as raised:
        await (adrain() if asynchronous else asyncio.to_thread(drain))
    assert raised.value is error
    assert "".join(said) == "Well, "


class _Thinks(StreamingModel):
    """Says a block that not everybody knows."""

    def _pieces(self, answer: AIMessage) -> Iterator[AIMessageChunk]:
        yield AIMessageChunk(content=[{"type": "thinking", "thinking": SECRET, "index": 0}])
        yield AIMessageChunk(content=[{"type": "text", "text": "Hello.", "index": 1}])
        yield AIMessageChunk(content=[], chunk_position="last")


def test_what_is_not_understood_ends_the_run(guard) -> None:
    """With the remedy in the error; with it, the block is dropped."""
    inner = _Thinks(script=[AIMessage("x")])
    with pytest.raises(UnknownFrame, match="ignored="):
        list(guard.model(inner, SPEECH).stream("Go."))
    dropped = guard.model(inner, Speech(rules=keys(), ignored=frozenset({"thinking"})))
    assert "".join(chunk.text for chunk in dropped.stream("Go.")) == "Hello."


class _Slow(StreamingModel):
    """Says something, then nothing for long."""

    said: list[str] = Field(default_factory=list)

    async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        self.said.append("open")
        try:
            yield ChatGenerationChunk(message=AIMessageChunk(content="Well, "))
            await asyncio.sleep(60)
        finally:
            self.said.append("closed")


async def test_a_model_that_says_nothing_for_too_long_is_cut_off(guard) -> None:
    """The stream ends as filtered, and the model's own stream is closed."""
    inner = _Slow(script=[])
    model = guard.model(inner, Speech(rules=keys(), limits=Limits(idle=2.0)))
    chunks = [chunk async for chunk in model.astream("Go.")]
    assert "".join(chunk.text for chunk in chunks) == "Well, "
    assert any(chunk.response_metadata.get("finish_reason") == "content_filter" for chunk in chunks)
    assert inner.said == ["open", "closed"]


async def test_a_consumer_that_goes_away_closes_the_model(guard) -> None:
    """Leaving the loop, or being cancelled, ends both sides at once."""
    inner = _Slow(script=[])
    model = guard.model(inner, SPEECH)
    stream = model.astream("Go.")
    assert (await anext(stream)).text == "Well, "
    await stream.aclose()
    assert inner.said == ["open", "closed"]

    async def listen() -> None:
        async for _ in model.astream("Go."):
            pass

    listening = asyncio.create_task(listen())
    await until(lambda: len(inner.said) == 3)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert inner.said == ["open", "closed"] * 2


def test_a_synchronous_consumer_that_goes_away_ends_the_thread(guard) -> None:
    """No thread is left reading."""
    model = guard.model(StreamingModel(script=[AIMessage("word " * 1000)]), SPEECH)
    stream = model.stream("Go.")
    next(stream)
    stream.close()
    block_until(lambda: all(thread.name != "bartizan-model" for thread in threading.enumerate()))


def test_more_than_one_answer_is_refused(guard) -> None:
    """Only the first would be looked at."""

    class Two(ScriptedModel):
        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            return ChatResult(generations=[ChatGeneration(message=LEAKS), ChatGeneration(message=LEAKS)])

    with pytest.raises(UnknownFrame, match="n=1"):
        guard.model(Two(script=[])).invoke("Go.")


async def test_the_callers_context_is_left_alone(guard) -> None:
    """Callbacks of the caller's own other runs go on as before."""
    from langchain_core.runnables.config import var_child_runnable_config

    before = var_child_runnable_config.get()
    async for _ in guard.model(StreamingModel(script=[LEAKS]), SPEECH).astream("Go."):
        assert var_child_runnable_config.get() is before
    assert var_child_runnable_config.get() is before


async def test_many_streams_do_not_meet(guard) -> None:
    """Each has its own text, synchronous and asynchronous ones together."""
    models = [guard.model(StreamingModel(script=[AIMessage(f"{n}: {SECRET}.")]), SPEECH) for n in range(16)]

    async def said(model: Any) -> str:
        return "".join([chunk.text async for chunk in model.astream("Go.")])

    streams = [said(model) for model in models]
    threads = [
        asyncio.to_thread(lambda m=model: "".join(c.text for c in m.stream("Go."))) for model in models
    ]
    assert await asyncio.gather(*streams, *threads) == [f"{n}: [key]." for n in range(16)] * 2


@pytest.mark.parametrize("proposer", ["crash", "hang", "garbage"])
def test_a_broken_proposer_leaves_the_stream_as_it_is(world, make_guard, run, results, proposer) -> None:
    """The call is passed on unchanged and denied at the tool."""

    class Broken:
        name = "broken"

        async def propose(self, refused: Refused) -> Any:
            if proposer == "crash":
                raise RuntimeError("no")
            if proposer == "hang":
                await asyncio.Event().wait()
            return [Proposal({"to": "eve"}, "x"), 7]

    guard = make_guard(PROGRAM, kernel={"proposers": [Broken()], "correct_within": 0.05})
    model = guard.model(StreamingModel(script=[calling(("pay", {"amount": 500}))]), SPEECH)
    out = run(guard.wrap(create_agent(model, world.tools)), "Go.")
    assert out["messages"][1].tool_calls[0]["args"] == {"amount": 500}
    assert [m.status for m in results(out)] == ["error"]
    assert isinstance(out["messages"][2], ToolMessage) and world.ran == []
