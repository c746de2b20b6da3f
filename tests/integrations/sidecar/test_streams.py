"""``/v1/streams``: a model's stream through the service, as events, as JSON and over a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integrations.sidecar.duplex import Duplex
from tests.integrations.sidecar.serving import Running, written
from tests.waiting import PATIENCE
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from bartizan.guard.stream.errors import BrokenStream
from bartizan.guard.testing.stream_bodies import (
    Message,
    ProviderName,
    frames_of,
    letters,
    message_of,
    randomly,
    read_frames,
    whole,
)
from bartizan.guard.testing.stream_parity import stream_parity
from bartizan.integrations.sidecar.sse import EventReader, event

__all__ = ["stream_parity"]  # a fixture

POLICY = """
version: 1
name: speaking
tools:
  pay: {args: {amount: int}, effect: destructive}
  send: {args: {to: str}, effect: write}
  wipe: {args: {}, effect: destructive}
rules:
  - {id: ordinary, allow: [pay, send]}
  - {id: ask, escalate: [send]}
  - {id: much, deny: [pay], when: args.amount > 100, reason: At most 100.}
repair:
  pay: {amount: clamp}
text:
  - {id: keys, redact: 'sk-[a-z]+'}
"""
SAID = Message(
    "The key is sk-abc, keep it.",
    (("c1", "pay", '{"amount": 500}'), ("c2", "wipe", "{}"), ("c3", "pay", '{"amount": 5}')),
    "tool_calls",
)
LEFT = Message(
    "The key is [redacted], keep it.",
    (("c1", "pay", '{"amount":100}'), ("c3", "pay", '{"amount":5}')),
    "tool_calls",
)
AGENT = {"authorization": "Bearer agent-token"}
PROVIDERS: list[ProviderName] = ["openai-chat", "openai-responses", "anthropic"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with speaking(tmp_path_factory.mktemp("streams"), body=20_000) as running:
        yield running


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Running]:
    """With places for two streams."""
    with speaking(tmp_path, streams=2) as running:
        yield running


@contextmanager
def speaking(directory: Path, **limits: int) -> Iterator[Running]:
    tenant = {"policy": "policy.yaml", "correct_within": 60.0, "deadline": 120.0}
    with Running(written(directory, POLICY, tenants={"default": tenant}, limits=limits)) as running:
        yield running
    assert "Traceback" not in running.log


def query(provider: str, **more: str) -> str:
    return "&".join(
        f"{name}={value}" for name, value in {"session": "s", "provider": provider, **more}.items()
    )


def socket_address(service: Running, asked: str) -> str:
    host, port = service.address
    return f"ws://{host}:{port}/v1/streams?{asked}"


async def through(
    service: Running,
    provider: ProviderName,
    frames: AsyncIterator[dict[str, Any]] | list[dict[str, Any]],
    **more: str,
) -> list[tuple[str, Any]]:
    """What comes back for frames that are sent one by one, in chunks of their own."""

    async def upload(duplex: Duplex) -> None:
        if isinstance(frames, list):
            for frame in frames:
                await duplex.tell(frame)
        else:
            async for frame in frames:
                await duplex.tell(frame)
        if provider == "openai-chat":
            await duplex.tell("[DONE]")
        await duplex.end()

    async with Duplex.to(service.address, query(provider, **more)) as duplex:
        uploading = asyncio.create_task(upload(duplex))
        found = [frame async for frame in duplex.frames()]
        await asyncio.gather(uploading, return_exceptions=True)
    return found


def said(provider: ProviderName, found: list[tuple[str, Any]]) -> Message:
    frames = [data for name, data in found if data != "[DONE]" and name != "bartizan.notes"]
    return message_of(read_frames(provider, frames))


@pytest.mark.parametrize("cut", [whole, letters, randomly(1)], ids=["whole", "letters", "random"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_text_and_calls_leave_corrected(service: Running, provider: ProviderName, cut: Any) -> None:
    """A secret is redacted, a call corrected, a denied one withheld, and the rest passes, in any pieces."""
    found = await through(service, provider, frames_of(provider, SAID, cut), notes="true")
    assert said(provider, found) == LEFT
    [notes] = [data for name, data in found if name == "bartizan.notes"]
    assert {(note["kind"], *note["rules"]) for note in notes} == {
        ("redacted", "keys"), ("corrected", "much"), ("denied", "default"),
    }  # fmt: skip
    assert "sk-abc" not in json.dumps(found)
    if provider == "openai-chat":
        assert found[-1] == ("", "[DONE]")
    else:
        assert all(name == data["type"] for name, data in found if name != "bartizan.notes")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_all_frames_at_once_as_json(service: Running, provider: ProviderName) -> None:
    """The same as JSON: frames in, frames and notes out."""
    body = {"session": "s", "provider": provider, "frames": frames_of(provider, SAID, whole)}
    status, answer = await asyncio.to_thread(service.ask, "/v1/streams", body)
    assert status == 200 and message_of(read_frames(provider, answer["frames"])) == LEFT
    assert {note["kind"] for note in answer["notes"]} == {"redacted", "corrected", "denied"}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_same_over_a_websocket(service: Running, provider: ProviderName) -> None:
    """A frame a message, both ways, and a close when it is over."""
    address = socket_address(service, query(provider, notes="true"))
    async with connect(address, additional_headers=AGENT) as socket:
        for frame in frames_of(provider, SAID, randomly(2)):
            await socket.send(json.dumps(frame))
        if provider == "openai-chat":
            await socket.send("[DONE]")
        found = [message async for message in socket]  # until it is closed, with 1000
    assert socket.close_code == 1000
    frames = [json.loads(one) for one in found if one != "[DONE]"]
    assert message_of(read_frames(provider, [one for one in frames if "bartizan.notes" not in one])) == LEFT
    assert sum("bartizan.notes" in one for one in frames) == 1


async def test_a_stream_is_the_same_however_it_comes(service: Running, stream_parity: Any) -> None:
    """The kernel's parity suite, with the service as the gateway."""

    async def gateway(
        frames: AsyncIterator[dict[str, Any]], provider: ProviderName, stream: bool
    ) -> AsyncIterator[Any]:
        for _, data in await through(service, provider, frames):
            if data != "[DONE]":
                yield data

    assert await stream_parity.check(gateway, streams_only=True) > 50


async def test_it_answers_while_it_is_asked(service: Running) -> None:
    """What cannot become an occurrence leaves before more is said."""
    first, *rest = frames_of("openai-chat", Message("Hello. How are you?"), lambda text: [text[:6], text[6:]])
    async with (
        Duplex.to(service.address, query("openai-chat")) as duplex,
        aclosing(duplex.frames()) as frames,
    ):
        await duplex.tell(first)
        _, got = await anext(frames)
        assert got["choices"][0]["delta"]["content"].startswith("Hello")
        for frame in rest:
            await duplex.tell(frame)
        await duplex.tell("[DONE]")
        await duplex.end()
        assert [data async for _, data in frames][-1] == "[DONE]"


@pytest.mark.parametrize(
    ("escalated", "calls"), [("withhold", ()), ("pass", (("c1", "send", '{"to":"bob"}'),))]
)
async def test_a_call_that_needs_a_person_is_passed_on_only_if_asked(
    service: Running, escalated: str, calls: Any
) -> None:
    """An escalated call is withheld, or left to an executor that is guarded itself."""
    message = Message("", (("c1", "send", '{"to":"bob"}'),), "tool_calls")
    found = await through(
        service, "openai-chat", frames_of("openai-chat", message, whole), escalated=escalated
    )
    left = said("openai-chat", found)
    assert left == Message("", calls, "tool_calls" if calls else "stop")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_hopeless_call_ends_the_stream_if_that_is_asked(
    service: Running, provider: ProviderName
) -> None:
    """Before the model has said the rest; a call that can be corrected is none."""
    calls = (("c1", "pay", '{"amount": 500}'), ("c2", "wipe", "{}"))
    frames = frames_of(provider, Message("Hello.", calls, "tool_calls"), letters)
    last = next(at for at, frame in enumerate(frames) if "wipe" in json.dumps(frame))
    async with Duplex.to(service.address, query(provider, hopeless="end", notes="true")) as duplex:
        for frame in frames[: last + 1]:
            await duplex.tell(frame)
        found = [frame async for frame in duplex.frames()]
    whole_before = provider != "openai-chat"  # which says at the end of all calls that each of them is whole
    calls = (("c1", "pay", '{"amount":100}'),) if whole_before else ()
    assert said(provider, found) == Message("Hello.", calls, "filtered")
    [notes] = [data for name, data in found if name == "bartizan.notes"]
    assert [note["kind"] for note in notes] == ["corrected"] * whole_before + ["hopeless"]


CUT_OFF = frames_of("openai-chat", Message("Hello."), whole)[:1]
BROKEN: dict[str, list[bytes]] = {
    "nothing": [],
    "cut off": [event(CUT_OFF[0])],
    "no JSON": [event(CUT_OFF[0]), b"data: {\n\n"],
    "no object": [b"data: []\n\n"],
    "an unknown part": [b'data: {"choices": [{"index": 0, "delta": {"thought": "x"}}]}\n\n'],
    "bad UTF-8": [b'data: {"a": "\xff"}\n\n'],
    "deep JSON": [b"data: " + b"[" * 5000 + b"\n\n"],
    "a key twice": [b'data: {"choices": [], "choices": []}\n\n'],
    "too long": [b"data: " + b"x" * 30_000],
    "a long comment": [b": " + b"x" * 30_000],
    "an end without its event": [b"data: [DONE]"],
}


@pytest.mark.parametrize("name", BROKEN)
async def test_whatever_goes_wrong_ends_it_as_aborted_once(service: Running, name: str) -> None:
    """One last frame says that it was stopped, and nothing that was not decided leaves."""
    async with Duplex.to(service.address, query("openai-chat", notes="true")) as duplex:
        for piece in BROKEN[name]:
            await duplex.say(piece)
        await duplex.end()
        found = [frame async for frame in duplex.frames()]
    ends = [
        data["choices"][0]["finish_reason"]
        for name, data in found
        if isinstance(data, dict) and data["choices"][0]["finish_reason"]
    ]
    assert ends == ["content_filter"]
    assert [data[-1]["kind"] for name, data in found if name == "bartizan.notes"] == ["aborted"]
    assert found[-1] == ("", "[DONE]")


async def test_a_client_that_goes_away_leaves_nothing_behind(narrow: Running) -> None:
    """Half-way through a stream, over HTTP and over a WebSocket: its place is free again, for more than there are."""
    for _ in range(3):
        async with admitted(narrow) as duplex:
            await duplex.tell(CUT_OFF[0])
            async with aclosing(duplex.frames()) as frames:
                await anext(frames)
        socket = await admitted_socket(narrow)
        await socket.send(json.dumps(CUT_OFF[0]))
        await socket.recv()
        socket.transport.abort()
    async with admitted(narrow), admitted(narrow):
        pass


async def test_no_more_streams_than_there_may_be(narrow: Running) -> None:
    """With every place taken the next one is told so at once, and comes in when one ends."""
    async with AsyncExitStack() as held:
        for _ in range(2):
            one = await held.enter_async_context(Duplex.to(narrow.address, query("openai-chat")))
            assert await one.answered() == 200
        async with Duplex.to(narrow.address, query("openai-chat")) as third:
            assert await third.answered() == 503
    async with admitted(narrow):
        pass


@asynccontextmanager
async def admitted(service: Running) -> AsyncIterator[Duplex]:
    """A stream, once there is a place: one that a client left is free when the service has heard of it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with Duplex.to(service.address, query("openai-chat")) as duplex:
                if await duplex.answered() == 200:
                    yield duplex
                    return


async def admitted_socket(service: Running) -> ClientConnection:
    """The same as a WebSocket, whose handshake is refused while there is none."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(InvalidStatus):
                return await connect(socket_address(service, query("openai-chat")), additional_headers=AGENT)


WRONG = {
    "provider=openai-chat": 422,
    "session=&provider=openai-chat": 422,
    "session=s&provider=another": 422,
    "session=s&session=t&provider=openai-chat": 422,
    "session=s&provider=openai-chat&denied=allow": 422,
    "session=s&provider=openai-chat&hopeless=maybe": 422,
    "session=s&provider=openai-chat&notes=yes": 422,
    "session=s&provider=openai-chat&more=1": 422,
    "session=s&provider=openai-chat&principal=root": 403,
    "session=s&provider=openai-chat&roles=root": 422,
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_stream_that_is_asked_for_wrongly_does_not_begin(service: Running, wrong: str) -> None:
    """A problem in JSON, over HTTP; a refused handshake, over a WebSocket."""
    async with Duplex.to(service.address, wrong) as duplex:
        assert await duplex.answered() == WRONG[wrong]
    with pytest.raises(InvalidStatus) as refused:
        await connect(socket_address(service, wrong), additional_headers=AGENT)
    assert refused.value.response.status_code == 403


async def test_others_than_agents_and_other_bodies_are_refused(service: Running) -> None:
    """An approver's token, an unknown one, a form, and JSON that is no stream."""
    for token, status in (("ann-token", 403), ("nobody", 401)):
        async with Duplex.to(service.address, query("openai-chat"), token) as duplex:
            assert await duplex.answered() == status
    async with Duplex.to(service.address, query("openai-chat"), body="text/plain") as duplex:
        assert await duplex.answered() == 415
    for body in ([], {"frames": []}, {"session": "s", "provider": "anthropic"}, {"session": 1, "frames": []}):
        assert (await asyncio.to_thread(service.ask, "/v1/streams", body))[0] == 422
    assert (await asyncio.to_thread(service.ask, "/v1/streams"))[0] == 405


async def test_a_message_of_bytes_is_no_frame(service: Running) -> None:
    """Over a WebSocket frames are texts."""
    address = socket_address(service, query("openai-chat"))
    async with connect(address, additional_headers=AGENT) as socket:
        await socket.send(b"\x00")
        assert json.loads(await socket.recv())["choices"][0]["finish_reason"] == "content_filter"


EVENTS = [("data: a\n\n", ["a"]), ("\ufeffdata:a\r\n\r\n", ["a"]), ("data: a\rdata: b\r\r\n", ["a\nb"])]
EVENTS += [
    (": c\nevent: x\nid: 1\ndata: ü\n\n", ["ü"]),
    ("data\n\n", [""]),
    ("event: x\n\n", []),
    ("data: a\n", []),
]


@given(st.sampled_from(EVENTS), st.lists(st.integers(0, 40), max_size=8))
def test_events_are_read_in_any_pieces(case: tuple[str, list[str]], cuts: list[int]) -> None:
    """Lines end in three ways; fields that are not data are passed over."""
    text, expected = case
    data, reader, found = text.encode(), EventReader(100), list[str]()
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for begin, end in pairwise(places):
        found += reader.feed(data[begin:end])
    assert found == expected


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_no_bytes_make_the_reader_fail_otherwise(pieces: list[bytes]) -> None:
    """Whatever arrives is read, or refused as a broken stream."""
    reader = EventReader(60)
    try:
        for piece in pieces:
            reader.feed(piece)
    except BrokenStream:
        return
