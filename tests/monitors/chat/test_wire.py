"""Requests: what is served is read exactly, what is not is refused by name, and nothing is repeated in an error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.monitors.chat.errors import BadRequest
from bartizan.monitors.chat.wire import for_template, read_request

from . import tiny

USER = {"role": "user", "content": "x"}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_a", "type": "function", "function": {"name": "pay", "arguments": '{"to": "GB33"}'}}
    ],
}
ANSWER = {"role": "tool", "tool_call_id": "call_a", "content": "paid"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"n": True}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"functions": []}, "functions"),
        ({"best_of": 3}, "best_of"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "0"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop.0"),
        ({"stop": ["x" * 257]}, "stop.0"),
        ({"seed": 2**64}, "seed"),
        ({"stream": 1}, "stream"),
        ({"stream_options": {"include_all": True}}, "stream_options.include_all"),
        ({"tool_choice": "any"}, None),
        ({"tool_choice": "required"}, "tools"),
        (
            {"tools": tiny.TOOLS, "tool_choice": {"type": "function", "function": {"name": "no"}}},
            "tool_choice",
        ),
        ({"tools": tiny.TOOLS * 2}, "tools"),
        ({"tools": [tiny.function("a b")]}, "tools.0.function.name"),
        ({"tools": [tiny.function(f"t{n}") for n in range(129)]}, "tools"),
        ({"messages": []}, "messages"),
        ({"messages": [USER] * 2049}, "messages"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": None}]}, None),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            None,
        ),
        ({"messages": [{**USER, "secret": 1}]}, "messages.0.user.secret"),
        ({"messages": [ANSWER]}, "messages.0.tool_call_id"),
        ({"messages": [ANSWER, CALLED]}, "messages.0.tool_call_id"),
    ],
)
def test_what_is_not_served_is_refused(fields: dict[str, Any], param: str | None) -> None:
    """With the field that is at fault, as OpenAI names it."""
    with pytest.raises(BadRequest) as refused:
        read_request(body(**fields))
    assert refused.value.status == 400
    if param is not None:
        assert refused.value.param == param


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b'{"model": "m", "model": "m", "messages": []}',
        b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 1e999}',
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
def test_what_is_not_strict_json_is_refused(data: bytes) -> None:
    """Invalid UTF-8, duplicate keys, lone surrogates, numbers that are none, endless nesting."""
    with pytest.raises(BadRequest):
        read_request(data)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING, st.sampled_from(["messages", "tools", "tool_choice", "stop", "stream_options", "seed"]))
def test_anything_at_all_is_read_or_refused(value: Any, field: str) -> None:
    """No value in any field does anything but pass or be a BadRequest."""
    with contextlib.suppress(BadRequest):
        assert read_request(body(**{field: value})).model == "m"


def test_errors_repeat_nothing_of_the_request() -> None:
    """A request's texts do not travel on into logs by way of errors."""
    for fields in ({"messages": [{"role": "user", "content": {"secret": 1}}]}, {"temperature": "secret"},
                   {"stop": ["secret" * 100]}, {"tools": [tiny.function("secret name")]}):  # fmt: skip
        with pytest.raises(BadRequest) as refused:
            read_request(body(**fields))
        assert "secret" not in refused.value.message
    with pytest.raises(BadRequest) as refused:
        read_request(b'{"secret": 1, "secret": 2}')
    assert "secret" not in refused.value.message


def test_what_changes_nothing_is_taken() -> None:
    """Nulls, neutral values and fields for OpenAI's own bookkeeping."""
    found = read_request(body(n=1, user="u", metadata={"a": "b"}, store=False, logit_bias={}, temperature=None,
                              frequency_penalty=0.0, response_format={"type": "text"}, stop="a"))  # fmt: skip
    assert (found.stop, found.temperature, found.stream) == (["a"], None, False)


def test_templates_never_see_a_handle() -> None:
    """Ids become numbers of nine characters; arguments become objects; parts become one text."""
    handled = json.loads(json.dumps(CALLED).replace("call_a", f"call_{'ab' * 16}_0"))
    answer = {**ANSWER, "tool_call_id": f"call_{'ab' * 16}_0", "content": [{"type": "text", "text": "paid"}]}
    messages = [{"role": "developer", "content": "d"}, USER, handled, answer]
    shown = for_template(read_request(body(messages=messages)).messages)
    assert "ab" * 16 not in json.dumps(shown)
    assert [message["role"] for message in shown] == ["system", "user", "assistant", "tool"]
    (call,) = shown[2]["tool_calls"]
    assert call["function"]["arguments"] == {"to": "GB33"}
    assert shown[3] == {"role": "tool", "name": "pay", "tool_call_id": call["id"], "content": "paid"}
    assert len(call["id"]) == 9 and call["id"].isalnum()


@pytest.mark.parametrize("arguments", ["", "[]", "{", '{"a": 1, "a": 2}', "null", '"{}"'])
def test_arguments_of_earlier_calls_are_objects(arguments: str) -> None:
    """What no call of this host could have been is refused, with its place."""
    called = json.loads(json.dumps(CALLED))
    called["tool_calls"][0]["function"]["arguments"] = arguments
    with pytest.raises(BadRequest) as refused:
        for_template(read_request(body(messages=[USER, called])).messages)
    assert refused.value.param == "messages.1.tool_calls.0.function.arguments"
