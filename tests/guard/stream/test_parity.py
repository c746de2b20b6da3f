"""The parity plugin: our gateway passes, gateways that are broken fail with a message that shows how."""

from __future__ import annotations

import random
from typing import get_args

import pytest
from tests.waiting import PATIENCE

from bartizan.guard.testing.stream_bodies import Message, ProviderName, body_of, read_body
from bartizan.guard.testing.stream_parity import CORPUS, Gateway, StreamParity, stream_parity

from . import gateways
from .generated import STREAMS

__all__ = ["stream_parity"]  # a fixture; in a root conftest, pytest_plugins loads it


async def test_our_gateway_has_one_verdict(stream_parity: StreamParity) -> None:
    """Over every provider, chunking, and with or without streaming; so has one that does nothing."""
    assert await stream_parity.check(gateways.ours) > 100
    assert await stream_parity.check(gateways.through) > 100


async def test_our_gateway_does_what_it_should(stream_parity: StreamParity) -> None:
    """Parity alone would be had by passing on everything."""
    trial = await stream_parity.trial(gateways.ours, CORPUS[2], "anthropic", "letter by letter", True)
    assert trial.got == Message("", (("c1", "pay", '{"amount":100,"to":"eve"}'),), "tool_calls")
    trial = await stream_parity.trial(gateways.ours, CORPUS[10], "openai-responses", "letter by letter", True)
    assert trial.got == Message("The key is [redacted], mail [redacted], call +1 202 555 0100.")
    trial = await stream_parity.trial(gateways.ours, CORPUS[7], "openai-chat", "whole", False)
    assert trial.got == Message()


async def test_generated_messages(stream_parity: StreamParity) -> None:
    """Hundreds of others, each in every way."""
    chance = random.Random(5)
    words = ["so ", "sk-", "abcdefgh", "12", "é", "😀", ". ", "a@b", ".c ", "\n"]
    args = [
        '{"amount": %d}',
        '{"to": "x", "amount":%d}',
        '{"amount": %d, "amount": 1}',
        '{"amount": %d',
        "[%d]",
    ]
    corpus = []
    for _ in range(200):
        text = "".join(chance.choices(words, k=chance.randint(0, 8)))
        calls = tuple(
            (
                f"c{n}",
                chance.choice(["pay", "read"]),
                chance.choice(args) % chance.choice([5, 100, 101, 12000]),
            )
            for n in range(chance.randint(0, 2))
        )
        corpus.append(Message(text, calls, "tool_calls" if calls else chance.choice(["stop", "length"])))
    assert await stream_parity.check(gateways.ours, corpus) >= STREAMS["parity"]


@pytest.mark.parametrize(
    ("gateway", "shows"),
    [
        (gateways.whole_answers_only, 'pay({"amount": 12000, "to": "eve"})'),
        (gateways.piece_by_piece, "letter by letter"),
        (gateways.partial_numbers, "12000"),
        (gateways.last_key_wins, "whole"),
        (gateways.hangs, "nothing in time"),
    ],
)  # fmt: skip
async def test_a_broken_gateway_is_shown(gateway: Gateway, shows: str) -> None:
    """What came in, what came out in which ways."""
    parity = StreamParity(within=0.2 if gateway is gateways.hangs else PATIENCE)
    corpus = CORPUS[:1] if gateway is gateways.hangs else CORPUS
    with pytest.raises(AssertionError) as caught:
        await parity.check(gateway, corpus)
    text = str(caught.value)
    assert "in more than one way" in text and shows in text and "not streamed" in text, text


@pytest.mark.parametrize("provider", get_args(ProviderName))
@pytest.mark.parametrize("message", [m for m in CORPUS if m.strict], ids=lambda m: m.text[:10])
def test_bodies_are_read_as_they_are_written(provider: ProviderName, message: Message) -> None:
    """Texts, calls and the reason to stop; Anthropic's has arguments as an object."""
    found = read_body(provider, body_of(provider, message))
    assert (found.text, found.finish) == (message.text, message.finish)
    assert [call[:2] for call in found.calls] == [call[:2] for call in message.calls]
    if provider != "anthropic":
        assert found == message
