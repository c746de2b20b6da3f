"""Chunks of OpenAI's chat completions (and of the many servers that speak them).

A call's end is not said there: calls end together, when the model gives its reason to stop. A stream that stopped at a
limit leaves its open calls without an end. One choice only. Log probabilities are dropped: what is written may not be
what they were of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from ..errors import BrokenStream, UnknownFrame
from ..events import End, Finish, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from . import frames

_FRAME: Final = frozenset(
    {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "service_tier",
        "system_fingerprint",
        "obfuscation",
    }
)
_CHOICE: Final = frozenset({"index", "delta", "finish_reason", "logprobs"})
_DELTA: Final = frozenset({"role", "content", "refusal", "tool_calls"})
_CALL: Final = frozenset({"index", "id", "type", "function"})
_READ: Final[dict[str, Finish]] = {
    "stop": "stop", "tool_calls": "tool_calls", "length": "length", "content_filter": "filtered",
}  # fmt: skip
_WRITTEN: Final[dict[Finish, str]] = {
    "stop": "stop", "tool_calls": "tool_calls", "length": "length", "filtered": "content_filter",
    "aborted": "content_filter",
}  # fmt: skip


class OpenAIChat:
    """One stream of chunks. ``ignored`` are keys of a delta that are dropped (``reasoning_content``, say)."""

    def __init__(self, ignored: Collection[str] = ()) -> None:
        self._ignored = frozenset(ignored)
        self._open: dict[int, None] = {}
        self._finish: Finish | None = None
        self._usage: Mapping[str, Any] = {}
        self._envelope: dict[str, Any] = {}
        self._numbers: dict[int, int] = {}  # of calls, as written
        self._greeted = False

    # --- reading

    def read(self, frame: Mapping[str, Any]) -> list[StreamEvent]:
        frames.only(frame, _FRAME | self._ignored, "a chunk")
        if not self._envelope:
            self._envelope = {
                key: frame[key] for key in ("id", "created", "model", "system_fingerprint") if key in frame
            }
        if frame.get("usage") is not None:
            self._usage = frames.mapping(frame["usage"], "usage")
        choices = frame.get("choices") or []
        if not isinstance(choices, list | tuple):
            raise UnknownFrame(f"choices: expected a list, found {type(choices).__name__}")
        found: list[StreamEvent] = []
        for choice in choices:
            found += self._choice(frames.mapping(choice, "a choice"))
        return found

    def end(self) -> End:
        """The end, after the transport's ``[DONE]``. A stream without a reason to stop was cut off: ``aborted``."""
        return End(self._finish or "aborted", self._usage)

    def _choice(self, choice: Mapping[str, Any]) -> list[StreamEvent]:
        frames.only(choice, _CHOICE, "a choice")
        if choice.get("index", 0) != 0:
            raise UnknownFrame(f"a choice: expected one, found number {choice['index']!r:.40}: ask for n=1")
        delta = frames.mapping(choice.get("delta") or {}, "a delta")
        frames.only(delta, _DELTA | self._ignored, "a delta")
        if self._finish is not None and any(delta.get(key) for key in ("content", "refusal", "tool_calls")):
            raise BrokenStream(f"expected nothing after finish_reason {self._finish!r}, found more")
        found: list[StreamEvent] = []
        if delta.get("refusal"):
            found.append(TextDelta(frames.text(delta["refusal"], "refusal"), "refusal"))
        if delta.get("content"):
            found.append(TextDelta(frames.text(delta["content"], "content")))
        for call in delta.get("tool_calls") or []:
            found += self._call(frames.mapping(call, "a tool call"))
        if (reason := choice.get("finish_reason")) is not None:
            found += self._stopped(frames.text(reason, "finish_reason"))
        return found

    def _call(self, call: Mapping[str, Any]) -> list[StreamEvent]:
        frames.only(call, _CALL, "a tool call")
        index = frames.number(call.get("index"), "a tool call's index")
        if call.get("type") not in (None, "function"):
            raise UnknownFrame(f"a tool call: expected a function, found {call['type']!r:.80}")
        function = frames.mapping(call.get("function") or {}, "a function")
        frames.only(function, {"name", "arguments"}, "a function")
        found: list[StreamEvent] = []
        if index not in self._open:
            if not call.get("id") or not function.get("name"):
                raise BrokenStream(
                    f"expected call {index} to begin with an id and a name, found neither or one"
                )
            self._open[index] = None
            found.append(
                ToolStart(index, frames.text(call["id"], "id"), frames.text(function["name"], "name"))
            )
        elif function.get("name"):
            raise BrokenStream(
                f"expected the name of call {index} once, found {function['name']!r:.80} later"
            )
        if function.get("arguments"):
            found.append(ToolArgs(index, frames.text(function["arguments"], "arguments")))
        return found

    def _stopped(self, reason: str) -> list[StreamEvent]:
        if reason not in _READ:
            raise UnknownFrame(f"finish_reason: expected {', '.join(sorted(_READ))}, found {reason!r:.80}")
        if self._finish is not None:
            raise BrokenStream(f"expected one finish_reason, found {reason!r} after {self._finish!r}")
        self._finish = _READ[reason]
        if self._finish not in ("stop", "tool_calls"):
            return []
        return [ToolEnd(index) for index in self._open]

    # --- writing

    def write(self, event: StreamEvent) -> list[dict[str, Any]]:
        match event:
            case TextDelta(text, channel):
                return [self._chunk({channel: text})]
            case ToolStart(index, id, name):
                number = self._numbers[index] = len(self._numbers)
                return [
                    self._calling(number, {"name": name, "arguments": ""}, {"id": id, "type": "function"})
                ]
            case ToolArgs(index, text):
                return [self._calling(self._numbers[index], {"arguments": text}, {})]
            case ToolEnd():
                return []
            case End(finish, usage):
                last = [self._chunk({}, _WRITTEN[finish])]
                return [*last, {**self._frame(), "choices": [], "usage": dict(usage)}] if usage else last

    def _calling(self, number: int, function: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        return self._chunk({"tool_calls": [{"index": number, **more, "function": function}]})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        if not self._greeted:
            self._greeted, delta = True, {"role": "assistant", **delta}
        return {**self._frame(), "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def _frame(self) -> dict[str, Any]:
        return {"id": "", "created": 0, "model": "", **self._envelope, "object": "chat.completion.chunk"}
