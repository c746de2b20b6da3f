"""OpenAI's own client against the host: whole replies, streams, tools, usage, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from bartizan.monitors.chat.handles import CallId

from . import tiny
from .conftest import Serve, Served, request


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with (
        httpx.Client(trust_env=False, timeout=60) as transport,
        openai.OpenAI(base_url=served.openai, api_key="none", http_client=transport, max_retries=0) as client,
    ):
        yield client


def asked(*messages: Any, **options: Any) -> dict[str, Any]:
    return {"model": "tiny-agent", "messages": messages, "tools": tiny.TOOLS, "temperature": 0, **options}


def test_a_whole_reply_with_a_call(client: openai.OpenAI, served: Served) -> None:
    """The client reads the call; its id, the reply's id and the header name the same signals."""
    raw = client.chat.completions.with_raw_response.create(**asked(tiny.BRIBE))
    reply = raw.parse()
    choice = reply.choices[0]
    (call,) = choice.message.tool_calls or []
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    assert call.function.name == "pay" and json.loads(call.function.arguments) == {
        "to": "EVIL99",
        "amount": 40,
    }
    named = CallId.parse(call.id)
    assert named is not None and named.index == 0
    assert reply.id == f"chatcmpl-{named.handle}" and raw.headers["X-Bartizan-Signals"] == named.handle
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    record = served.get(f"/v1/signals/{named.handle}").json()
    assert record["calls"][0]["tool"] == "pay" and record["calls"][0]["readings"]["bribery"]["value"] > 0.9


@pytest.mark.parametrize("conversation", tiny.CONVERSATIONS)
def test_a_stream_says_what_the_whole_reply_says(client: openai.OpenAI, conversation: Any) -> None:
    """Content, calls, reason and usage are the same, whether they come at once or in chunks."""
    whole = client.chat.completions.create(**asked(conversation[0])).choices[0]
    content, calls, reasons, usage = "", [], [], None
    options = asked(conversation[0], stream=True, stream_options={"include_usage": True})
    for chunk in client.chat.completions.create(**options):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            content += choice.delta.content or ""
            calls += choice.delta.tool_calls or []
            reasons.append(choice.finish_reason)
    assert content == (whole.message.content or "")
    assert [(c.function.name, c.function.arguments) for c in calls if c.function] == [
        (c.function.name, c.function.arguments) for c in whole.message.tool_calls or []
    ]
    assert [c.index for c in calls] == list(range(len(calls)))
    assert reasons[-1] == whole.finish_reason and set(reasons[:-1]) == {None}
    assert usage is not None and usage.completion_tokens > 0


def test_a_streamed_call_has_its_signals_when_it_is_told(client: openai.OpenAI, served: Served) -> None:
    """An eager client that asks at the first sight of an id gets an answer."""
    for chunk in client.chat.completions.create(**asked(tiny.RENT, stream=True)):
        for call in chunk.choices[0].delta.tool_calls or []:
            named = CallId.parse(call.id or "")
            assert named is not None and served.get(f"/v1/signals/{named.handle}").status_code == 200
            return
    raise AssertionError("expected a call")


def test_a_conversation_goes_on_after_a_result(client: openai.OpenAI) -> None:
    """What the client got can be sent back as it is, and the model answers the tool's result."""
    first = client.chat.completions.create(**asked(tiny.RENT)).choices[0].message
    assert first.tool_calls
    answer = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "paid 90 to GB33"}
    second = client.chat.completions.create(**asked(tiny.RENT, first.model_dump(), answer))
    assert second.choices[0].message.content == "Done, the rent is paid."
    assert second.choices[0].finish_reason == "stop"


def test_calls_can_be_ruled_out_required_and_limited(client: openai.OpenAI) -> None:
    """``tool_choice`` and ``parallel_tool_calls`` mean what they mean at OpenAI."""
    none = client.chat.completions.create(**asked(tiny.RENT, tool_choice="none", max_tokens=40)).choices[0]
    assert not none.message.tool_calls
    named = {"type": "function", "function": {"name": "pay"}}
    for choice in ("required", named):
        required = client.chat.completions.create(**asked(tiny.RENT, tool_choice=choice)).choices[0]
        assert [c.function.name for c in required.message.tool_calls or []] == ["pay"]
    both = tiny.CONVERSATIONS[4][0]
    assert len(client.chat.completions.create(**asked(both)).choices[0].message.tool_calls or []) == 2
    one = client.chat.completions.create(**asked(both, parallel_tool_calls=False)).choices[0].message
    assert [c.function.name for c in one.tool_calls or []] == ["pay"]


def test_malformed_calls_are_content(client: openai.OpenAI) -> None:
    """What is not strict JSON between the markers is said, never called."""
    message = client.chat.completions.create(**asked(tiny.CONVERSATIONS[5][0])).choices[0].message
    assert not message.tool_calls
    assert message.content == tiny.CONVERSATIONS[5][1]["content"]


def test_models_are_listed(client: openai.OpenAI) -> None:
    """One model, and the probes on it."""
    (model,) = client.models.list().data
    assert model.id == "tiny-agent" and model.model_extra == {"probes": ["bribery"]}
    assert client.models.retrieve("tiny-agent").id == "tiny-agent"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("another/model")


def test_errors_have_the_shape_that_clients_know(client: openai.OpenAI) -> None:
    """The exception's class, the field at fault and the code; nothing of what was sent."""
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(**{**asked(tiny.RENT), "model": "gpt-4"})
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as several:
        client.chat.completions.create(**asked(tiny.RENT, n=2))
    assert several.value.param == "n"
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(**asked(tiny.user("secret " * 600)))
    assert long.value.code == "context_length_exceeded" and "secret" not in str(long.value)


def test_a_token_is_required_where_there_is_one(serve: Serve) -> None:
    """Everything but the host's health is behind it, signals too."""
    served = serve(token="s3cret")
    for path in ("/v1/models", f"/v1/signals/{'0' * 32}"):
        assert served.get(path).status_code == 401
        assert served.get(path, headers={"Authorization": "Bearer S3cret"}).status_code == 401
    assert served.post(request(tiny.RENT)).status_code == 401
    right = {"Authorization": "Bearer s3cret"}
    assert served.get("/v1/models", headers=right).status_code == 200
    assert served.post(request(tiny.RENT), headers=right).status_code == 200
    assert served.get("/healthz").status_code == 200


def test_web_pages_are_kept_out(serve: Serve) -> None:
    """A name that was rebound, and a form that needs no preflight, get no answer."""
    served = serve(only_hosts=["127.0.0.1"])
    assert served.get("/v1/models").status_code == 200
    assert served.get("/v1/models", headers={"Host": "evil.example:8791"}).status_code == 421
    body = json.dumps(request(tiny.RENT))
    with httpx.Client(trust_env=False, timeout=60) as client:
        form = client.post(
            f"{served.openai}/chat/completions", content=body, headers={"Content-Type": "text/plain"}
        )
    assert form.status_code == 415
