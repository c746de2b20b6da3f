"""What a provider's frames say is what is read, what is written is what the provider's own client reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from bartizan.guard.stream.errors import BrokenStream, UnknownFrame
from bartizan.guard.stream.events import End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from bartizan.guard.stream.providers import AnthropicMessages, OpenAIChat, OpenAIResponses, Provider

from .streams import Message, events_of, message_of, messages

CUTS = st.lists(st.integers(0, 40), max_size=5)
RESPONSE_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def read(provider: Any, frames: list[dict[str, Any]]) -> list[StreamEvent]:
    events = [event for frame in frames for event in provider.read(json.loads(json.dumps(frame)))]
    return [*events, provider.end()] if isinstance(provider, OpenAIChat) else events


def write(provider: Provider, events: list[StreamEvent]) -> list[dict[str, Any]]:
    return [frame for event in events for frame in provider.write(event)]


@pytest.mark.parametrize("make", [OpenAIChat, OpenAIResponses, AnthropicMessages])
@settings(max_examples=200)
@given(data=st.data(), cuts=CUTS)
def test_what_is_written_reads_as_what_was_said(
    make: Callable[[], Provider], data: st.DataObject, cuts: list[int]
) -> None:
    """Texts, refusals, calls and the end, however they were cut; usage is passed on."""
    message = data.draw(messages(refusals=make is not AnthropicMessages))
    frames = write(make(), events_of(message, cuts, {"output_tokens": 3}))
    found = read(make(), frames)
    assert message_of(found) == message
    last = found[-1]
    assert isinstance(last, End)
    assert last.usage["output_tokens"] == 3
    again = write(make(), found)
    assert message_of(read(make(), again)) == message


@settings(max_examples=100)
@given(messages(), CUTS)
def test_openais_client_reads_the_chunks(message: Message, cuts: list[int]) -> None:
    """Its own types accept every frame, and joined as it joins them they are the message."""
    texts = {"content": "", "refusal": ""}
    calls: dict[int, list[str]] = {}
    for frame in write(OpenAIChat(), events_of(message, cuts)):
        chunk = ChatCompletionChunk.model_validate(frame, strict=True)
        for choice in chunk.choices:
            texts["content"] += choice.delta.content or ""
            texts["refusal"] += choice.delta.refusal or ""
            for call in choice.delta.tool_calls or []:
                assert call.function is not None
                if call.id:
                    calls[call.index] = [call.id, call.function.name or "", ""]
                calls[call.index][2] += call.function.arguments or ""
    for channel, text in texts.items():
        assert text == "".join(part[1] for part in message.parts if part[0] == channel)
    assert list(calls.values()) == [list(part[1:]) for part in message.parts if part[0] == "call"]
    assert list(calls) == list(range(len(calls)))


@settings(max_examples=100)
@given(messages(), CUTS)
def test_openais_client_reads_the_events(message: Message, cuts: list[int]) -> None:
    """Its own types accept every frame, numbered in order; the last holds the whole response."""
    frames = write(OpenAIResponses(), events_of(message, cuts))
    for number, frame in enumerate(frames):
        event = RESPONSE_EVENT.validate_python(frame)
        assert event.type == frame["type"]
        assert event.sequence_number == number
    whole = Response.model_validate(frames[-1]["response"])
    said: list[tuple[str, ...]] = []
    for item in whole.output:
        if item.type == "function_call":
            said.append(("call", item.call_id, item.name, item.arguments))
        else:
            assert item.type == "message"
            said += [
                ("refusal", p.refusal) if p.type == "refusal" else ("content", p.text) for p in item.content
            ]
    assert tuple(said) == message.parts


CHAT = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def chat(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {**CHAT, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **more}]}


def test_a_stream_of_openais_chat() -> None:
    """Two calls side by side, as servers send them; usage in a frame of its own."""
    frames = [
        chat({"role": "assistant", "content": ""}, logprobs=None),
        chat({"content": "Hi"}),
        chat({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        chat({"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{"}},
                             {"index": 0, "function": {"arguments": "{}"}}]}),
        chat({"tool_calls": [{"index": 1, "function": {"arguments": "}"}}]}),
        chat({}, "tool_calls"),
        {**CHAT, "choices": [], "usage": {"total_tokens": 9}},
    ]  # fmt: skip
    assert read(OpenAIChat(), frames) == [
        TextDelta("Hi"), ToolStart(0, "a", "f"), ToolStart(1, "b", "g"), ToolArgs(1, "{"), ToolArgs(0, "{}"),
        ToolArgs(1, "}"), ToolEnd(0), ToolEnd(1), End("tool_calls", {"total_tokens": 9}),
    ]  # fmt: skip


def test_a_call_that_hit_the_limit_has_no_end() -> None:
    """What was cut off is no call, whichever provider says so."""
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a": 1'}}
    events = read(OpenAIChat(), [chat({"tool_calls": [call]}), chat({}, "length")])
    assert [type(event) for event in events] == [ToolStart, ToolArgs, End]
    assert read(OpenAIChat(), [chat({"content": "Hi"})])[-1] == End("aborted")


BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
START = {
    "type": "message_start",
    "message": {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": None,
                "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}},
}  # fmt: skip


def delta(index: int, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": more}


def test_a_stream_of_anthropics() -> None:
    """Blocks in turn, thinking dropped on request, pings ignored."""
    frames = [
        START, {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        delta(0, type="thinking_delta", thinking="secret"), {"type": "content_block_stop", "index": 0},
        {**BLOCK, "index": 1}, delta(1, type="text_delta", text="Hi"), {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2,
         "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
        delta(2, type="input_json_delta", partial_json=""), delta(2, type="input_json_delta", partial_json='{"a":1}'),
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]  # fmt: skip
    assert read(AnthropicMessages({"thinking"}), frames) == [
        TextDelta("Hi"), ToolStart(2, "t", "f"), ToolArgs(2, '{"a":1}'), ToolEnd(2),
        End("tool_calls", {"input_tokens": 3, "output_tokens": 9}),
    ]  # fmt: skip
    with pytest.raises(UnknownFrame, match="thinking"):
        read(AnthropicMessages(), frames)


ITEM = {
    "type": "response.output_item.added",
    "output_index": 0,
    "item": {"type": "message", "id": "m", "content": []},
}


def block(**more: Any) -> dict[str, Any]:
    return {**BLOCK, "content_block": more}


def added(kind: str) -> dict[str, Any]:
    return {**ITEM, "item": {"type": kind}}


CUSTOM = {"index": 0, "id": "a", "type": "custom", "custom": {"input": "x"}}
NEGATIVE = {"index": -1, "id": "a", "function": {"name": "f"}}
UNKNOWN: list[tuple[Callable[[], Any], list[dict[str, Any]], str]] = [
    (OpenAIChat, [chat({"reasoning_content": "psst"})], "reasoning_content"),
    (OpenAIChat, [chat({"function_call": {"name": "f", "arguments": "{}"}})], "function_call"),
    (OpenAIChat, [{**CHAT, "choices": [{"index": 1, "delta": {"content": "x"}}]}], "n=1"),
    (OpenAIChat, [chat({"tool_calls": [CUSTOM]})], "custom"),
    (OpenAIChat, [chat({}, "eureka")], "eureka"),
    (OpenAIChat, [{**CHAT, "choices": "x"}], "list"),
    (OpenAIChat, [chat({"content": ["x"]})], "expected a text"),
    (OpenAIChat, [chat({"tool_calls": [NEGATIVE]})], "index"),
    (OpenAIChat, [{**CHAT, "tool": "x", "choices": []}], "'tool'"),
    (AnthropicMessages, [block(type="server_tool_use")], "server_tool_use"),
    (AnthropicMessages, [{"type": "new"}], "'new'"),
    (AnthropicMessages, [BLOCK, delta(0, type="input_json_delta", partial_json="{}")], "cannot hold"),
    (AnthropicMessages, [block(type="tool_use", id="t", name="f", input={"a": 1})], "'input'"),
    (OpenAIResponses, [added("mcp_call")], "mcp_call"),
    (OpenAIResponses, [{"type": "response.audio.delta", "delta": "x"}], "response.audio.delta"),
    (
        OpenAIResponses,
        [ITEM, {"type": "response.output_text.annotation.added", "output_index": 0}],
        "annotation",
    ),
]


@pytest.mark.parametrize(("make", "frames", "says"), UNKNOWN)
def test_what_is_not_known_is_not_passed_on(
    make: Callable[[], Any], frames: list[dict[str, Any]], says: str
) -> None:
    """The refusal names it."""
    with pytest.raises(UnknownFrame, match=says):
        read(make(), frames)


CALL = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
SAID = {"output_index": 0, "content_index": 0}
BROKEN: list[tuple[Callable[[], Any], list[dict[str, Any]]]] = [
    (OpenAIChat, [chat({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})]),
    (OpenAIChat, [chat({"tool_calls": [CALL]}), chat({"tool_calls": [CALL]})]),
    (OpenAIChat, [chat({}, "stop"), chat({"content": "x"})]),
    (OpenAIChat, [chat({}, "stop"), chat({}, "stop")]),
    (AnthropicMessages, [BLOCK, {**BLOCK, "index": 1}]),
    (AnthropicMessages, [BLOCK, delta(1, type="text_delta", text="x")]),
    (AnthropicMessages, [BLOCK, {"type": "message_stop"}]),
    (AnthropicMessages, [{"type": "message_stop"}, BLOCK]),
    (AnthropicMessages, [START, START]),
    (
        OpenAIResponses,
        [{"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "x"}],
    ),
    (OpenAIResponses, [ITEM, ITEM]),
    (
        OpenAIResponses,
        [ITEM, {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "x"}],
    ),
    (OpenAIResponses, [ITEM, {"type": "response.completed", "response": {}}]),
    (OpenAIResponses, [{"type": "error", "message": "x"}, ITEM]),
]


@pytest.mark.parametrize(("make", "frames"), BROKEN)
def test_what_makes_no_sense_is_refused(make: Callable[[], Any], frames: list[dict[str, Any]]) -> None:
    """Frames out of order, twice, after the end; a whole that is not what its deltas said."""
    with pytest.raises(BrokenStream):
        read(make(), frames)
