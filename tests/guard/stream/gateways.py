"""Gateways: ours, and some that are broken in ways that gateways have been broken in."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from bartizan.guard import Outcome, ToolCall
from bartizan.guard.stream.events import StreamEvent, TextDelta, ToolArgs
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.providers import OpenAIChat
from bartizan.guard.stream.ruling import Ruling
from bartizan.guard.testing.stream_bodies import (
    PROVIDERS,
    Message,
    ProviderName,
    body_of,
    frames_of,
    message_of,
    read_body,
    read_frames,
    whole,
)
from bartizan.policies import compile_policy

PROGRAM = compile_policy("""
version: 1
name: gateway
tools:
  pay: {args: any, effect: write}
  read: {args: any, effect: read}
  ping: {args: {}, effect: read}
rules:
  - {id: some, allow: [read, ping]}
text:
  - {id: keys, redact: 'sk-[a-z0-9]{8,}'}
  - {id: mail, redact: '[a-z]+@[a-z.]+[a-z]'}
""")
MOST = 100

Frames = AsyncIterator[dict[str, Any]]


async def decide(call: ToolCall) -> Ruling:
    """Payments above the most become the most; what else the policy does not allow is denied."""
    if call.tool == "pay":
        if call.args.get("amount", 0) <= MOST:
            return Ruling(Outcome.ALLOW, call)
        return Ruling(Outcome.CORRECT, ToolCall.of(call.id, call.tool, {**call.args, "amount": MOST}))
    return Ruling(Outcome.ALLOW if call.tool == "ping" else Outcome.DENY, call)


async def guarded(events: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
    async for event in StreamGuard(decide, rules=PROGRAM.text).run(events):
        yield event


async def ours(frames: Frames, provider: ProviderName, stream: bool) -> Frames:
    """The same guard, whether or not the answer is streamed."""
    if not stream:
        async for body in frames:
            said = read_body(provider, body)
            out = [event async for event in guarded(_each(said.events(whole)))]
            yield body_of(provider, message_of(out))
        return
    reader, writer = PROVIDERS[provider](), PROVIDERS[provider]()

    async def events() -> AsyncIterator[StreamEvent]:
        async for frame in frames:
            for event in reader.read(frame):
                yield event
        if isinstance(reader, OpenAIChat):
            yield reader.end()

    async for event in guarded(events()):
        for frame in writer.write(event):
            yield frame


async def _each(events: list[StreamEvent]) -> AsyncIterator[StreamEvent]:
    for event in events:
        yield event


async def through(frames: Frames, provider: ProviderName, stream: bool) -> Frames:
    """Guards nothing, always."""
    async for frame in frames:
        yield frame


async def whole_answers_only(frames: Frames, provider: ProviderName, stream: bool) -> Frames:
    """Guards what is not streamed: the most reported bug."""
    async for frame in through(frames, provider, stream) if stream else ours(frames, provider, stream):
        yield frame


async def piece_by_piece(frames: Frames, provider: ProviderName, stream: bool) -> Frames:
    """Looks for keys in each piece by itself."""
    got = [frame async for frame in frames]
    if stream:
        events = read_frames(provider, got)
        hidden = [
            TextDelta(re.sub(r"sk-[a-z0-9]{8,}", "[redacted]", event.text))
            if isinstance(event, TextDelta)
            else event
            for event in events
        ]
        writer = PROVIDERS[provider]()
        for event in hidden:
            for frame in writer.write(event):
                yield frame
        return
    said = read_body(provider, got[0])
    yield body_of(
        provider, Message(re.sub(r"sk-[a-z0-9]{8,}", "[redacted]", said.text), said.calls, said.finish)
    )


async def partial_numbers(frames: Frames, provider: ProviderName, stream: bool) -> Frames:
    """Decides a payment as soon as a number can be read in what has arrived."""
    got = [frame async for frame in frames]
    if not stream:
        yield got[0]
        return
    seen, found = "", None
    for event in read_frames(provider, got):
        if isinstance(event, ToolArgs) and found is None:
            seen += event.text
            found = re.search(r'"amount": ?(\d+)', seen)
    if found is not None and int(found[1]) > MOST:
        yield from_message(provider, Message("no"))
        return
    for frame in got:
        yield frame


def from_message(provider: ProviderName, message: Message) -> dict[str, Any]:
    return frames_of(provider, message, whole)[0]


async def last_key_wins(frames: Frames, provider: ProviderName, stream: bool) -> Frames:
    """Parses arguments leniently, and writes what it understood, but only in streams."""
    got = [frame async for frame in frames]
    if not stream:
        yield got[0]
        return
    said = message_of(read_frames(provider, got))
    calls = tuple((id, tool, json.dumps(json.loads(args or "{}").copy())) for id, tool, args in said.calls)
    for frame in frames_of(provider, Message(said.text, calls, said.finish), whole):
        yield frame


async def hangs(frames: Frames, provider: ProviderName, stream: bool) -> Frames:
    """At the end of a stream of one provider."""
    async for frame in frames:
        yield frame
    if stream and provider == "anthropic":
        await asyncio.sleep(60)
