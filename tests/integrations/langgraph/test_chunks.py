"""What LangChain's chunks say is what is read, and of what is written LangChain makes the message that was said."""

from __future__ import annotations

import functools
import json
import operator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk
from tests.guard.stream.streams import Message, events_of, message_of, messages

from bartizan.guard.stream.errors import BrokenStream, UnknownFrame
from bartizan.guard.stream.events import End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from bartizan.integrations.langgraph.chunks import LangChainChunks

CUTS = st.lists(st.integers(0, 40), max_size=5)
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


def read(chunks: list[AIMessageChunk], **options: Any) -> list[StreamEvent]:
    reader = LangChainChunks(**options)
    return [*(event for chunk in chunks for event in reader.read(chunk)), *reader.end()]


def write(events: list[StreamEvent]) -> list[AIMessageChunk]:
    writer = LangChainChunks()
    return [chunk for event in events for chunk in writer.write(event)]


def joined(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """As LangChain joins them."""
    return functools.reduce(operator.add, chunks)


def piece(
    index: int | None, args: str, name: str | None = None, id: str | None = None, **more: Any
) -> AIMessageChunk:
    return AIMessageChunk(
        tool_call_chunks=[{"name": name, "args": args, "id": id, "index": index}], **{"content": "", **more}
    )


@settings(max_examples=150, deadline=None)
@given(messages(), CUTS)
def test_langchain_makes_of_what_is_written_what_was_said(message: Message, cuts: list[int]) -> None:
    """Joined by LangChain: the same texts, calls, reason and usage; and read again, the same events."""
    written = write(events_of(message, cuts, USAGE))
    whole = joined(written)
    for channel, found in {
        "content": whole.text,
        "refusal": whole.additional_kwargs.get("refusal", ""),
    }.items():
        assert found == "".join(part[1] for part in message.parts if part[0] == channel)
    said = [part for part in message.parts if part[0] == "call"]
    assert [("call", call["id"], call["name"], call["args"]) for call in whole.tool_calls] == [
        (*part[:3], json.loads(part[3])) for part in said
    ]
    assert whole.invalid_tool_calls == []
    assert whole.usage_metadata == USAGE
    assert whole.chunk_position == "last"
    assert message_of(read(written)) == message


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)),
        max_size=12,
    )
)
def test_calls_are_joined_as_langchain_joins_them(pieces: list[tuple[int, str]]) -> None:
    """Pieces of several calls side by side: every call that is read has the name, id and text of LangChain's own."""
    chunks = [piece(index, "", f"tool{index}", f"id{index}") for index in range(3)]
    chunks += [piece(index, text) for index, text in pieces]
    raw = joined(chunks)
    calls = [part[1:] for part in message_of(read(chunks)).parts]
    assert calls == [(one["id"], one["name"], one["args"]) for one in raw.tool_call_chunks]


ANTHROPIC = [
    AIMessageChunk(content=[], response_metadata={"model_name": "c", "model_provider": "anthropic"}),
    AIMessageChunk(content=[{"type": "thinking", "thinking": "hm", "index": 0}]),
    AIMessageChunk(content=[{"type": "text", "text": "Hi ", "index": 1}]),
    AIMessageChunk(content=[{"type": "text", "text": "you", "index": 1}]),
    piece(
        2, "", "pay", "t1", content=[{"type": "tool_use", "id": "t1", "name": "pay", "input": {}, "index": 2}]
    ),
    piece(
        2,
        '{"amount": 12',
        content=[{"type": "input_json_delta", "partial_json": '{"amount": 12', "index": 2}],
    ),
    piece(2, "00}", content=[{"type": "input_json_delta", "partial_json": "00}", "index": 2}]),
    AIMessageChunk(
        content=[],
        response_metadata={"stop_reason": "tool_use", "stop_sequence": None},
        usage_metadata=USAGE,
        chunk_position="last",
    ),
]


def test_anthropics_chunks_are_read() -> None:
    """Blocks that say a call again are not read twice; thinking is dropped where it may be."""
    events = read(ANTHROPIC, ignored={"thinking"})
    assert events == [
        TextDelta("Hi "), TextDelta("you"), ToolStart(0, "t1", "pay"), ToolArgs(0, '{"amount": 12'),
        ToolArgs(0, "00}"), ToolEnd(0), End("tool_calls", USAGE),
    ]  # fmt: skip
    with pytest.raises(UnknownFrame, match="'thinking'; name it in ignored="):
        read(ANTHROPIC)


def test_the_reason_is_written_as_it_was() -> None:
    """Under its provider's name and word, with the model's name; another reason than the one read in our own words."""
    reader = LangChainChunks({"thinking"})
    for chunk in ANTHROPIC:
        reader.read(chunk)
    [last] = reader.write(End("tool_calls"))
    assert last.response_metadata == {"model_name": "c", "stop_reason": "tool_use"}
    [last] = reader.write(End("aborted"))
    assert last.response_metadata == {"model_name": "c", "finish_reason": "content_filter"}


def test_openais_chunks_are_read() -> None:
    """Chat: usage comes after the reason. Responses: blocks, and a status at the end."""
    chat = [
        AIMessageChunk("Hi"),
        piece(0, "", "f", "a"),
        piece(0, '{"x":1}', id="a"),
        AIMessageChunk(
            "", response_metadata={"finish_reason": "tool_calls", "logprobs": {"content": [{"token": "Hi"}]}}
        ),
        AIMessageChunk("", usage_metadata=USAGE),
    ]
    assert message_of(read(chat)) == Message((("content", "Hi"), ("call", "a", "f", '{"x":1}')), "tool_calls")
    responses = [
        AIMessageChunk(content=[], response_metadata={"id": "resp_1"}, id="resp_1"),
        AIMessageChunk(content=[{"type": "text", "text": "Hi", "index": 0}]),
        AIMessageChunk(content=[{"type": "text", "text": "", "id": "msg_0", "index": 0}]),
        piece(1, "", "f", "a", content=[{"type": "function_call", "name": "f", "call_id": "a", "index": 1}]),
        piece(1, "{}", content=[{"type": "function_call", "arguments": "{}", "index": 1}]),
        AIMessageChunk(content=[], response_metadata={"status": "completed"}, chunk_position="last"),
    ]  # fmt: skip
    assert message_of(read(responses)) == Message((("content", "Hi"), ("call", "a", "f", "{}")), "stop")


def test_what_was_cut_off_is_no_call() -> None:
    """LangChain would make a call of it, with what there is of its arguments; here it has no end and is not written."""
    cut = [
        piece(0, '{"amount": 12', "pay", "a"),
        AIMessageChunk("", response_metadata={"finish_reason": "length"}),
    ]
    assert joined(cut).tool_calls[0]["args"] == {"amount": 12}
    events = read(cut)
    assert [type(event) for event in events] == [ToolStart, ToolArgs, End]
    whole = joined(write(events))
    assert (whole.tool_calls, whole.invalid_tool_calls, whole.tool_call_chunks) == ([], [], [])


def test_a_call_without_index_is_whole() -> None:
    """Some providers send calls whole and unnumbered: LangChain joins those with no other, and so it is here."""
    chunks = [piece(None, '{"a":1}', "f", "x"), piece(None, '{"a":2}', "f", "y")]
    assert [part[1:] for part in message_of(read(chunks)).parts] == [
        ("x", "f", '{"a":1}'),
        ("y", "f", '{"a":2}'),
    ]
    assert read(chunks)[-1] == End("tool_calls")


def test_a_whole_message_is_read() -> None:
    """Calls are as they are; those listed as invalid have no end, whatever their text is."""
    message = AIMessage(
        [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}],
        tool_calls=[{"id": "a", "name": "f", "args": {"x": 1}, "type": "tool_call"}],
        invalid_tool_calls=[
            {"id": "b", "name": "g", "args": '{"x": 1}', "error": "no", "type": "invalid_tool_call"}
        ],
        response_metadata={"stop_reason": "tool_use"},
    )
    events = LangChainChunks().read_message(message)
    assert message_of(events) == Message((("content", "Hi"), ("call", "a", "f", '{"x": 1}')), "tool_calls")
    assert ToolStart(1, "b", "g") in events and ToolEnd(1) not in events


@pytest.mark.parametrize(
    "chunk",
    [
        AIMessageChunk(content=[{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}]),
        AIMessageChunk(content=[{"type": "input_json_delta", "partial_json": "{}", "index": 1}]),
        AIMessageChunk(content=[{"type": "tool_use", "id": "t", "name": "pay", "input": {"amount": 9}}]),
        AIMessageChunk(content=[{"type": "image_url", "image_url": {"url": "https://x"}}]),
        AIMessageChunk(content=[{"type": "text", "text": "a", "citations": [{"cited_text": "secret"}]}]),
        AIMessageChunk(content=[{"text": "a"}]),
        AIMessageChunk("", additional_kwargs={"function_call": {"name": "pay", "arguments": "{}"}}),
        AIMessageChunk("", additional_kwargs={"reasoning_content": "hm"}),
        AIMessageChunk("", response_metadata={"finish_reason": "because"}),
    ],
    ids=lambda chunk: str(chunk.content or chunk.additional_kwargs or chunk.response_metadata)[:40],
)  # fmt: skip
def test_what_is_not_known_is_not_passed_on(chunk: AIMessageChunk) -> None:
    """Blocks, fields and reasons that the reader does not know, and blocks of calls that are not told as calls."""
    with pytest.raises(UnknownFrame):
        LangChainChunks().read(chunk)


@pytest.mark.parametrize(
    "chunks",
    [
        [piece(0, "{}")],
        [piece(0, "{}", "f")],
        [piece(0, "", "f", "a"), piece(0, "{}", "g")],
        [piece(0, "", "f", "a"), piece(0, "{}", id="b")],
        [AIMessageChunk("", response_metadata={"finish_reason": "stop"}), AIMessageChunk("more")],
        [AIMessageChunk("", chunk_position="last"), AIMessageChunk("more")],
        [AIMessageChunk("", response_metadata={"finish_reason": r}) for r in ("stop", "length")],
    ],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(chunks: list[AIMessageChunk]) -> None:
    """Calls without a beginning, with two names or ids, and anything after the end."""
    with pytest.raises(BrokenStream):
        read(chunks)


def test_what_is_dropped_leaves_nothing_behind() -> None:
    """Ignored blocks and fields, log probabilities and a provider's ids are in no chunk that is written."""
    chunks = [
        AIMessageChunk(content=[{"type": "reasoning", "reasoning": "secret"}], additional_kwargs={"parsed": "secret"}),
        AIMessageChunk("Hi", response_metadata={"logprobs": ["secret"], "id": "secret"}, id="secret"),
    ]  # fmt: skip
    reader = LangChainChunks({"reasoning", "parsed"})
    events = [*(event for chunk in chunks for event in reader.read(chunk)), *reader.end()]
    written = [chunk for event in events for chunk in reader.write(event)]
    assert "secret" not in repr(written)
    assert joined(written).text == "Hi"
