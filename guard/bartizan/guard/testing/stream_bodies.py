"""Messages as providers say them, whole or as a stream that is cut anywhere, and what a reader makes of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeAlias

from bartizan.guard.canonical import canonical_json
from bartizan.guard.stream.events import End, Finish, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from bartizan.guard.stream.providers import AnthropicMessages, OpenAIChat, OpenAIResponses

ProviderName: TypeAlias = Literal["openai-chat", "openai-responses", "anthropic"]
PROVIDERS: dict[ProviderName, Callable[[], Any]] = {
    "openai-chat": OpenAIChat, "openai-responses": OpenAIResponses, "anthropic": AnthropicMessages,
}  # fmt: skip
Cut: TypeAlias = Callable[[str], list[str]]
_FINISHES: dict[str, Finish] = {
    "stop": "stop", "end_turn": "stop", "tool_calls": "tool_calls", "tool_use": "tool_calls", "length": "length",
    "max_tokens": "length", "max_output_tokens": "length", "content_filter": "filtered", "refusal": "filtered",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """What a model said: one text, then calls ``(id, tool, arguments as JSON text)``, and why it stopped."""

    text: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    finish: Finish = "stop"

    def events(self, cut: Cut) -> list[StreamEvent]:
        found: list[StreamEvent] = [TextDelta(piece) for piece in cut(self.text)]
        for index, (id, tool, args) in enumerate(self.calls, 1):
            found.append(ToolStart(index, id, tool))
            found += [ToolArgs(index, piece) for piece in cut(args)]
            found.append(ToolEnd(index))
        return [*found, End(self.finish)]

    @property
    def strict(self) -> bool:
        """Whether all arguments are JSON objects that are read in one way."""
        return all(_object(args) is not None for _, _, args in self.calls)


def whole(text: str) -> list[str]:
    return [text] if text else []


def letters(text: str) -> list[str]:
    return list(text)


def randomly(seed: int) -> Cut:
    def cut(text: str) -> list[str]:
        random, found, at = Random(f"{seed} {text}"), [], 0
        while at < len(text):
            end = at + random.choice((1, 1, 2, 3, 5, 8, 40))
            found.append(text[at:end])
            at = end
        return found

    return cut


def frames_of(provider: ProviderName, message: Message, cut: Cut) -> list[dict[str, Any]]:
    """The provider's stream."""
    writer = PROVIDERS[provider]()
    return [frame for event in message.events(cut) for frame in writer.write(event)]


def read_frames(provider: ProviderName, frames: Sequence[Mapping[str, Any]]) -> list[StreamEvent]:
    """The events of a provider's stream. Raises what its reader raises."""
    reader = PROVIDERS[provider]()
    found: list[StreamEvent] = [event for frame in frames for event in reader.read(frame)]
    return [*found, reader.end()] if isinstance(reader, OpenAIChat) else found


def message_of(events: Iterable[StreamEvent]) -> Message:
    """What events say: calls without an end are none."""
    text, starts, args = "", {}, dict[int, str]()
    calls: list[tuple[str, str, str]] = []
    finish: Finish = "aborted"
    for event in events:
        match event:
            case TextDelta():
                text += event.text
            case ToolStart(index):
                starts[index], args[index] = event, ""
            case ToolArgs(index):
                args[index] += event.text
            case ToolEnd(index):
                calls.append((starts[index].id, starts[index].name, args[index]))
            case End():
                finish = "filtered" if event.finish == "aborted" else event.finish
    return Message(text, tuple(calls), finish)


def body_of(provider: ProviderName, message: Message) -> dict[str, Any]:
    """The provider's answer where it does not stream. Anthropic's has arguments as objects: ``message`` is strict."""
    if provider == "anthropic":
        blocks: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
        for id, tool, args in message.calls:
            blocks.append({"type": "tool_use", "id": id, "name": tool, "input": json.loads(args or "{}")})
        reasons = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}
        reason = reasons.get(message.finish, "refusal")
        return {"type": "message", "role": "assistant", "content": blocks, "stop_reason": reason}
    if provider == "openai-chat":
        calls = [
            {"id": id, "type": "function", "function": {"name": tool, "arguments": args}}
            for id, tool, args in message.calls
        ]
        reason = message.finish if message.finish in ("stop", "tool_calls", "length") else "content_filter"
        said = {
            "role": "assistant",
            "content": message.text or None,
            **({"tool_calls": calls} if calls else {}),
        }
        return {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": said, "finish_reason": reason}],
        }
    output: list[dict[str, Any]] = []
    if message.text:
        output.append({"type": "message", "content": [{"type": "output_text", "text": message.text}]})
    for id, tool, args in message.calls:
        output.append({"type": "function_call", "call_id": id, "name": tool, "arguments": args})
    done = message.finish in ("stop", "tool_calls")
    reason = "max_output_tokens" if message.finish == "length" else "content_filter"
    details = None if done else {"reason": reason}
    status = "completed" if done else "incomplete"
    return {"object": "response", "status": status, "incomplete_details": details, "output": output}


def read_body(provider: ProviderName, body: Mapping[str, Any]) -> Message:
    """What an answer says that was not streamed."""
    text, calls = "", list[tuple[str, str, str]]()
    if provider == "openai-chat":
        choice = body["choices"][0]
        text = choice["message"].get("content") or ""
        for call in choice["message"].get("tool_calls") or ():
            calls.append((call["id"], call["function"]["name"], call["function"]["arguments"]))
        return Message(text, tuple(calls), _FINISHES[choice["finish_reason"]])
    for block in body["content"] if provider == "anthropic" else body["output"]:
        match block["type"]:
            case "text":
                text += block["text"]
            case "message":
                text += "".join(part["text"] for part in block["content"])
            case "tool_use":
                calls.append((block["id"], block["name"], canonical_json(block["input"]).decode()))
            case "function_call":
                calls.append((block["call_id"], block["name"], block["arguments"]))
            case other:
                raise ValueError(f"expected text or a call, found {other!r}")
    if provider == "anthropic":
        return Message(text, tuple(calls), _FINISHES[body["stop_reason"]])
    if body["status"] == "completed":
        return Message(text, tuple(calls), "tool_calls" if calls else "stop")
    return Message(text, tuple(calls), _FINISHES[body["incomplete_details"]["reason"]])


def _object(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError
        return found

    try:
        value = json.loads(text or "{}", object_pairs_hook=once, parse_constant=int)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
