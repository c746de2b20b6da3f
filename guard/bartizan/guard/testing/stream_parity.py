"""Is a gateway's verdict the same however the answer arrives? A pytest plugin, for any gateway.

A *gateway* stands between a provider and a client, and passes on what may leave of an answer. Whether the client
streams, which provider it is, and where its stream is cut must change neither what is let go nor a byte of it:
"streaming bypasses the guard" is what happens else. ::

    pytest_plugins = ["bartizan.guard.testing.stream_parity"]

    async def test_my_gateway(stream_parity):
        await stream_parity.check(my_gateway)

    async def my_gateway(frames, provider, stream):
        async for frame in frames:
            yield frame  # what the client would get

``frames`` is an async iterator of the provider's frames, as Python has their JSON: with ``stream`` those of its stream,
without it one, the whole answer. What comes back has the same form. For a gateway that is a server, start it in front
of a server of yours that replays ``frames``, ask it with the provider's client, and give back what the client received.

``corpus`` are the messages that are tried; add those that your gateway has rules about. What a gateway may change is
not this module's business: that it changes it always in one way is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

import pytest

from bartizan.guard.canonical import canonical_json

from .stream_bodies import (
    Cut,
    Message,
    ProviderName,
    body_of,
    frames_of,
    letters,
    message_of,
    randomly,
    read_body,
    read_frames,
    whole,
)

Gateway: TypeAlias = Callable[
    [AsyncIterator[dict[str, Any]], ProviderName, bool], AsyncIterator[dict[str, Any]]
]

_AWKWARD = (
    '{"to": "b\\u00f6b \\ud83d\\ude00", "n": 12000, "e": 1.5e3, "l": [1, {"x": null}], "s": "a\\\\\\"b"}'
)
CORPUS: Sequence[Message] = (
    Message("Hello. This is an answer of 3.5 sentences, e.g. this one.\n"),
    Message("ünïcode 😀 \u200d and\ttabs\n\n```py\nx = 1\n```\n"),
    Message("", (("c1", "pay", '{"amount": 12000, "to": "eve"}'),), "tool_calls"),
    Message("I will pay.", (("c1", "pay", '{"to":"bob","amount":5}'),), "tool_calls"),
    Message("Two. ", (("c1", "pay", '{"amount": 1}'), ("c2", "read", '{"path": "/etc"}')), "tool_calls"),
    Message("", (("c1", "pay", _AWKWARD),), "tool_calls"),
    Message("", (("c1", "ping", ""),), "tool_calls"),
    Message("", (("c1", "pay", '{"amount": 1, "amount": 12000}'),), "tool_calls"),
    Message("", (("c1", "pay", '{"amount": NaN}'),), "tool_calls"),
    Message("", (("c1", "pay", '{"amount": 1} {"amount": 2}'),), "tool_calls"),
    Message("The key is sk-abcdefghijklmnopqrstuvwxyz012345, mail eve@example.com, call +1 202 555 0100."),
    Message("It stops in the mid", finish="length"),
)  # fmt: skip
"""Ordinary answers, and such as gateways have been seen to treat in two ways."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One way in which a message arrived, and what the client got: a message, or what went wrong."""

    provider: ProviderName
    chunking: str
    stream: bool
    got: Message | str

    @property
    def spells(self) -> bool:
        """Whether the arguments are there as they were written, not as the object that they say."""
        return self.stream or self.provider != "anthropic"

    @property
    def named(self) -> str:
        return f"{self.provider}, {f'stream, {self.chunking}' if self.stream else 'not streamed'}"


class StreamParity:
    """Tries a gateway. ``within`` is how many seconds one answer may take, ``seeds`` those of the random cuts."""

    def __init__(self, seeds: Sequence[int] = (1, 2), within: float = 10.0) -> None:
        self._within = within
        self._cuts: dict[str, Cut] = {"whole": whole, "letter by letter": letters}
        self._cuts |= {f"cut at random ({seed})": randomly(seed) for seed in seeds}

    async def check(
        self,
        gateway: Gateway,
        corpus: Sequence[Message] = CORPUS,
        providers: Sequence[ProviderName] = get_args(ProviderName),
        *,
        streams_only: bool = False,
    ) -> int:
        """How many answers were tried. Raises ``AssertionError`` that shows what came out in two ways."""
        tried, wrong = 0, list[str]()
        for message in corpus:
            trials = [
                await self.trial(gateway, message, provider, chunking, stream)
                for provider in providers
                for chunking, stream in self._ways(provider, message, streams_only)
            ]
            tried += len(trials)
            spelled = {trial.got for trial in trials if trial.spells}
            if len(spelled) > 1 or len({_canonical(trial.got) for trial in trials}) > 1:
                wrong.append(_shown(message, trials))
        if wrong:
            head = f"the gateway treats {len(wrong)} of {len(corpus)} messages in more than one way"
            raise AssertionError("\n\n".join([head, *wrong[:5]]))
        return tried

    def _ways(self, provider: ProviderName, message: Message, streams_only: bool) -> list[tuple[str, bool]]:
        ways = [(chunking, True) for chunking in self._cuts]
        if not streams_only and (message.strict or provider != "anthropic"):
            ways.append(("whole", False))
        return ways

    async def trial(
        self, gateway: Gateway, message: Message, provider: ProviderName, chunking: str, stream: bool
    ) -> Trial:
        """What a client gets of one message in one way."""
        frames = (
            frames_of(provider, message, self._cuts[chunking]) if stream else [body_of(provider, message)]
        )
        got: Message | str
        try:
            async with asyncio.timeout(self._within):
                found = [frame async for frame in gateway(_each(frames), provider, stream)]
            if stream:
                got = message_of(read_frames(provider, found))
            else:
                got = read_body(provider, found[0]) if len(found) == 1 else f"{len(found)} answers"
        except TimeoutError:
            got = "nothing in time"
        except Exception as error:  # noqa: BLE001 (whatever a gateway raises is what its client gets)
            got = f"{type(error).__name__}: {error}"[:200]
        return Trial(provider, chunking, stream, got)


async def _each(frames: Sequence[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for frame in frames:
        await asyncio.sleep(0)
        yield frame


def _canonical(got: Message | str) -> Message | str:
    """With arguments in one spelling; what is no object in no other than its own."""
    if isinstance(got, str) or not got.strict:
        return got
    calls = ((id, tool, canonical_json(json.loads(args or "{}")).decode()) for id, tool, args in got.calls)
    return Message(got.text, tuple(calls), got.finish)


def _shown(message: Message, trials: Sequence[Trial]) -> str:
    ways: dict[Message | str, list[str]] = {}
    for trial in trials:
        ways.setdefault(trial.got, []).append(trial.named)
    lines = [f"of {_line(message)}"]
    for got, names in sorted(ways.items(), key=lambda way: -len(way[1])):
        lines += [f"    {_line(got)}", *(f"        {name}" for name in names)]
    return "\n".join(lines)


def _line(message: Message | str) -> str:
    if isinstance(message, str):
        return message
    calls = "".join(f" {tool}({args})" for _, tool, args in message.calls)
    return f"{message.text!r}{calls} [{message.finish}]"


@pytest.fixture
def stream_parity() -> StreamParity:
    """Tries a gateway over messages, providers, chunkings, and with or without streaming."""
    return StreamParity()
