"""Events of Anthropic's messages: blocks, one open at a time, that say when they end.

Blocks of thinking are dropped with ``ignored={"thinking"}`` (their signatures would not survive a change), and unknown
without. An ``error`` event ends the stream as aborted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from ..errors import BrokenStream, UnknownFrame
from ..events import End, Finish, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from . import frames

_READ: Final[dict[str, Finish]] = {
    "end_turn": "stop", "stop_sequence": "stop", "pause_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length",
    "model_context_window_exceeded": "length", "refusal": "filtered",
}  # fmt: skip
_WRITTEN: Final[dict[Finish, str]] = {
    "stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "filtered": "refusal", "aborted": "refusal",
}  # fmt: skip
_KINDS: Final = {
    "message_start": frozenset({"type", "message"}),
    "content_block_start": frozenset({"type", "index", "content_block"}),
    "content_block_delta": frozenset({"type", "index", "delta"}),
    "content_block_stop": frozenset({"type", "index"}),
    "message_delta": frozenset({"type", "delta", "usage", "context_management"}),
    "message_stop": frozenset({"type"}),
    "ping": frozenset({"type"}),
    "error": frozenset({"type", "error"}),
}


class AnthropicMessages:
    """One stream of events. ``ignored`` are types of blocks that are dropped."""

    def __init__(self, ignored: Collection[str] = ()) -> None:
        self._ignored = frozenset(ignored)
        self._block: tuple[int, str] | None = None  # the open one and its type; "" if it is ignored
        self._finish: Finish | None = None
        self._usage: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._ended = False
        self._written = -1  # the block that is open, or was last
        self._writing: str | None = None  # the open block's type

    # --- reading

    def read(self, frame: Mapping[str, Any]) -> list[StreamEvent]:
        kind = frame.get("type")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise UnknownFrame(f"an event: expected {', '.join(_KINDS)}, found {kind!r:.80}")
        frames.only(frame, _KINDS[kind], kind)
        if self._ended and kind != "ping":
            raise BrokenStream(f"expected nothing after the end of the message, found {kind}")
        match kind:
            case "message_start":
                return self._begun(frames.mapping(frame.get("message"), "message"))
            case "content_block_start":
                return self._opened(frames.number(frame.get("index"), "index"), frame.get("content_block"))
            case "content_block_delta":
                return self._delta(frames.number(frame.get("index"), "index"), frame.get("delta"))
            case "content_block_stop":
                return self._closed(frames.number(frame.get("index"), "index"))
            case "message_delta":
                return self._stopping(frame)
            case "message_stop":
                if self._block is not None:
                    raise BrokenStream(f"expected block {self._block[0]} to stop before the message")
                self._ended = True
                return [End(self._finish or "aborted", self._usage)]
            case "error":
                self._ended = True
                return [End("aborted", self._usage)]
            case _:
                return []

    def _begun(self, message: Mapping[str, Any]) -> list[StreamEvent]:
        if self._message:
            raise BrokenStream("expected one message_start, found another")
        if message.get("content"):
            raise UnknownFrame("message_start: expected a message without content, found some")
        self._message = {key: message[key] for key in ("id", "model") if key in message}
        self._usage |= message.get("usage") or {}
        return []

    def _opened(self, index: int, block: Any) -> list[StreamEvent]:
        if self._block is not None:
            raise BrokenStream(f"expected block {self._block[0]} to stop before block {index} begins")
        block = frames.mapping(block, "content_block")
        kind = frames.text(block.get("type"), "content_block.type")
        if kind in self._ignored:
            self._block = (index, "")
            return []
        if kind == "text":
            frames.only(block, {"type", "text"}, "a text block")
            self._block = (index, kind)
            said = frames.text(block.get("text", ""), "text")
            return [TextDelta(said)] if said else []
        if kind == "tool_use":
            # Input, if there were any, would be lost.
            frames.only(block, {"type", "id", "name", "caller"}, "a tool_use block")
            self._block = (index, kind)
            return [
                ToolStart(index, frames.text(block.get("id"), "id"), frames.text(block.get("name"), "name"))
            ]
        raise UnknownFrame(
            f"content_block: expected text or tool_use, found {kind!r:.80}; name it in ignored= to drop it"
        )

    def _delta(self, index: int, delta: Any) -> list[StreamEvent]:
        if self._block is None or self._block[0] != index:
            raise BrokenStream(f"expected a delta of the open block, found one of block {index}")
        if not self._block[1]:
            return []
        delta = frames.mapping(delta, "delta")
        match self._block[1], delta.get("type"):
            case "text", "text_delta":
                frames.only(delta, {"type", "text"}, "a delta")
                said = frames.text(delta.get("text"), "text")
                return [TextDelta(said)] if said else []
            case "tool_use", "input_json_delta":
                frames.only(delta, {"type", "partial_json"}, "a delta")
                more = frames.text(delta.get("partial_json"), "partial_json")
                return [ToolArgs(index, more)] if more else []
            case "text", "citations_delta" if "citations_delta" in self._ignored:
                return []
            case kind, found:
                raise UnknownFrame(f"a delta of a {kind} block: found {found!r:.80}, which it cannot hold")

    def _closed(self, index: int) -> list[StreamEvent]:
        if self._block is None or self._block[0] != index:
            raise BrokenStream(f"expected the open block to stop, found the end of block {index}")
        kind, self._block = self._block[1], None
        return [ToolEnd(index)] if kind == "tool_use" else []

    def _stopping(self, frame: Mapping[str, Any]) -> list[StreamEvent]:
        delta = frames.mapping(frame.get("delta") or {}, "delta")
        frames.only(delta, {"stop_reason", "stop_sequence", "container", "stop_details"}, "message_delta")
        self._usage |= frame.get("usage") or {}
        if (reason := delta.get("stop_reason")) is not None:
            if reason not in _READ:
                raise UnknownFrame(f"stop_reason: expected {', '.join(sorted(_READ))}, found {reason!r:.80}")
            self._finish = _READ[reason]
        return []

    # --- writing

    def write(self, event: StreamEvent) -> list[dict[str, Any]]:
        found = self._greeting()
        match event:
            case TextDelta(text):
                if self._writing != "text":
                    found += self._open("text", {"type": "text", "text": ""})
                return [*found, self._delta_of({"type": "text_delta", "text": text})]
            case ToolStart(_, id, name):
                return found + self._open(
                    "tool_use", {"type": "tool_use", "id": id, "name": name, "input": {}}
                )
            case ToolArgs(_, text):
                return [*found, self._delta_of({"type": "input_json_delta", "partial_json": text})]
            case ToolEnd():
                return found + self._close()
            case End(finish, usage):
                delta = {"stop_reason": _WRITTEN[finish], "stop_sequence": None}
                return [
                    *found, *self._close(),
                    {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0, **usage}},
                    {"type": "message_stop"},
                ]  # fmt: skip

    def _greeting(self) -> list[dict[str, Any]]:
        if self._written >= 0 or self._writing == "":
            return []
        self._writing = ""
        usage = {"input_tokens": 0, "output_tokens": 0, **self._usage}
        message = {
            "id": "", "model": "", **self._message, "type": "message", "role": "assistant", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage,
        }  # fmt: skip
        return [{"type": "message_start", "message": message}]

    def _open(self, kind: str, block: dict[str, Any]) -> list[dict[str, Any]]:
        closed = self._close()
        self._written, self._writing = self._written + 1, kind
        return [*closed, {"type": "content_block_start", "index": self._written, "content_block": block}]

    def _delta_of(self, delta: dict[str, Any]) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": self._written, "delta": delta}

    def _close(self) -> list[dict[str, Any]]:
        if not self._writing:
            return []
        self._writing = ""
        return [{"type": "content_block_stop", "index": self._written}]
