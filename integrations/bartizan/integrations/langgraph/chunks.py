"""LangChain's message chunks, read as the five events of a stream and written from them.

LangChain completes what it takes for arguments: of the chunks of ``{"amount": 12`` it makes a call with 12. So a call
is read from the pieces of its text, never from ``tool_calls``, and is written in one chunk, when its end was seen.
Calls end together, when the model gives its reason to stop; a message that stopped at a limit leaves its open calls
without an end, and what LangChain itself lists as an invalid call has none either.

Content is text, or blocks in the words of whichever provider is behind; what is written is text. A block that is not
known raises :class:`~bartizan.guard.stream.errors.UnknownFrame`, unless its type is in ``ignored``: then it is dropped
(``{"thinking"}``, ``{"reasoning"}``; a field of a text or of ``additional_kwargs`` likewise). Log probabilities, ids
and metadata that nobody asked for are not carried on: they may tell of what was taken out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.messages.tool import tool_call_chunk

from bartizan.guard.stream.errors import BrokenStream, UnknownFrame
from bartizan.guard.stream.events import (
    Channel,
    End,
    Finish,
    StreamEvent,
    TextDelta,
    ToolArgs,
    ToolEnd,
    ToolStart,
)
from bartizan.guard.stream.providers import frames

_TEXT: Final = frozenset({"type", "text", "index", "id", "phase"})
_CALLS: Final = frozenset(
    {"tool_use", "input_json_delta", "function_call", "custom_tool_call", "tool_call", "tool_call_chunk",
     "invalid_tool_call"}
)  # fmt: skip
"""Blocks that say again what ``tool_call_chunks`` of the same chunk say."""
_CALLS_AGAIN: Final = frozenset({"function_call", "tool_calls"})
"""What says it again in ``additional_kwargs``."""
_CARRIED: Final = frozenset({"model", "model_name", "system_fingerprint", "service_tier", "stop_sequence"})
_REASONS: Final = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
_READ: Final[dict[str, Finish]] = {
    "stop": "stop", "end_turn": "stop", "stop_sequence": "stop", "pause_turn": "stop", "completed": "stop",
    "eos": "stop", "eos_token": "stop", "tool_calls": "tool_calls", "tool_use": "tool_calls",
    "function_call": "tool_calls", "length": "length", "max_tokens": "length", "model_length": "length",
    "model_context_window_exceeded": "length", "incomplete": "length", "content_filter": "filtered",
    "content_filtered": "filtered", "guardrail_intervened": "filtered", "refusal": "filtered", "safety": "filtered",
    "recitation": "filtered", "blocklist": "filtered", "prohibited_content": "filtered", "spii": "filtered",
    "error": "aborted", "failed": "aborted", "cancelled": "aborted", "other": "aborted", "load": "aborted",
    "malformed_function_call": "aborted",
}  # fmt: skip
_WRITTEN: Final[dict[Finish, str]] = {
    "stop": "stop", "tool_calls": "tool_calls", "length": "length", "filtered": "content_filter",
    "aborted": "content_filter",
}  # fmt: skip


class LangChainChunks:
    """One message that arrives in chunks. ``ignored`` are types of blocks, and names of fields, that are dropped.

    Give each chunk to :meth:`read` and, after the last, call :meth:`end`; a message that is whole goes to
    :meth:`read_message` instead. :meth:`write` takes events in order, the last being ``End``.
    """

    def __init__(self, ignored: Collection[str] = ()) -> None:
        self._ignored = frozenset(ignored)
        self._open: dict[int | str, int] = {}  # LangChain's index, and ours
        self._calls = 0
        self._ids: dict[int, str] = {}
        self._last = False
        self._finish: Finish | None = None
        self._reason: tuple[str, str] | None = None  # its key and value, as they were
        self._usage: UsageMetadata | None = None
        self._carried: dict[str, Any] = {}
        self._numbers: dict[int, int] = {}  # of calls, as written
        self._writing: dict[int, tuple[ToolStart, list[str]]] = {}

    # --- reading

    def read(self, chunk: AIMessageChunk) -> list[StreamEvent]:
        """What the chunk says. Raises :class:`UnknownFrame` and :class:`BrokenStream`."""
        found = self._texts(chunk, mirrored=bool(chunk.tool_call_chunks))
        for piece in chunk.tool_call_chunks:
            found += self._piece(piece)
        if found and (self._finish is not None or self._last):
            raise BrokenStream("expected nothing after the end of the message, found more")
        self._last = self._last or chunk.chunk_position == "last"
        self._noted(chunk)
        return found

    def end(self) -> list[StreamEvent]:
        """The end, after the last chunk. Models that give no reason to stop are taken to have been done."""
        finish: Finish = self._finish or ("tool_calls" if self._open else "stop")
        ended: list[StreamEvent] = []
        if finish in ("stop", "tool_calls"):
            ended = [ToolEnd(number) for number in self._open.values()]
        return [*ended, End(finish, dict(self._usage or {}))]

    def read_message(self, message: AIMessage) -> list[StreamEvent]:
        """The events of a message that came as a whole. What it lists as invalid calls are no calls."""
        found = self._texts(message, mirrored=bool(message.tool_calls or message.invalid_tool_calls))
        for call in message.tool_calls:
            number = self._begun(None, call["id"], call["name"])
            try:
                text = json.dumps(call["args"], ensure_ascii=False)
            except (TypeError, ValueError) as error:
                raise UnknownFrame(f"a tool call: expected arguments that JSON can say: {error}") from error
            found += [
                ToolStart(number, call["id"] or "", call["name"]),
                ToolArgs(number, text),
                ToolEnd(number),
            ]
        for wrong in message.invalid_tool_calls:
            number = self._begun(None, wrong["id"] or "invalid", wrong["name"] or "invalid")
            found += [
                ToolStart(number, wrong["id"] or "", wrong["name"] or ""),
                ToolArgs(number, wrong["args"] or ""),
            ]
        self._noted(message)
        self._open.clear()  # each said itself whether it ended
        finish: Finish = self._finish or ("tool_calls" if message.tool_calls else "stop")
        return [*found, End(finish, dict(self._usage or {}))]

    def _texts(self, message: AIMessage, *, mirrored: bool) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        for key, value in message.additional_kwargs.items():
            if value in (None, "", [], {}) or key in self._ignored or (mirrored and key in _CALLS_AGAIN):
                continue
            if key != "refusal":
                raise UnknownFrame(
                    f"additional_kwargs: expected refusal, found {key!r:.80}; name it in ignored= to drop it"
                )
            found.append(TextDelta(frames.text(value, "refusal"), "refusal"))
        blocks = [message.content] if isinstance(message.content, str) else message.content
        for block in blocks:
            found += self._block(block, mirrored)
        return found

    def _block(self, block: str | dict[Any, Any], mirrored: bool) -> list[StreamEvent]:
        if isinstance(block, str):
            return [TextDelta(block)] if block else []
        block = dict(frames.mapping(block, "a content block"))
        kind = frames.text(block.get("type"), "a content block's type")
        if kind in self._ignored or (mirrored and kind in _CALLS):
            return []
        channel: Channel
        if kind in ("text", "output_text"):
            frames.only(block, _TEXT | self._ignored, "a text block")
            said, channel = block.get("text") or "", "content"
        elif kind == "refusal":
            frames.only(block, {"type", "refusal", "index", "id"} | self._ignored, "a refusal block")
            said, channel = block.get("refusal") or "", "refusal"
        else:
            raise UnknownFrame(
                f"a content block: expected text, refusal or a call that tool_call_chunks has too, found {kind!r:.80}; "
                "name it in ignored= to drop it"
            )
        return [TextDelta(frames.text(said, kind), channel)] if said else []

    def _piece(self, piece: Mapping[str, Any]) -> list[StreamEvent]:
        """A piece of a call. One without an index is a call as a whole: LangChain joins it with no other."""
        index, name, args = piece.get("index"), piece.get("name"), piece.get("args")
        if index is not None and not isinstance(index, int | str):
            raise UnknownFrame(f"a tool call's index: expected a number or a name, found {index!r:.40}")
        found: list[StreamEvent] = []
        if index is None or index not in self._open:
            number = self._begun(index, piece.get("id"), name)
            found.append(ToolStart(number, str(piece["id"]), str(name)))
        else:
            number = self._open[index]
            if name or piece.get("id") not in (None, "", self._ids[number]):
                raise BrokenStream(f"expected the id and name of call {index} once, found {name!r:.80} later")
        if args:
            found.append(ToolArgs(number, frames.text(args, "a tool call's arguments")))
        return found

    def _begun(self, index: int | str | None, id: Any, name: Any) -> int:
        if not id or not name or not isinstance(id, str) or not isinstance(name, str):
            raise BrokenStream(
                f"expected call {index} to begin with an id and a name, found {id!r:.40}, {name!r:.40}"
            )
        number = self._calls
        self._calls += 1
        self._ids[number] = id
        self._open[index if index is not None else f"whole {number}"] = number
        return number

    def _noted(self, message: AIMessage) -> None:
        """Usage, the reason to stop, and what else is carried on."""
        if message.usage_metadata is not None:
            self._usage = add_usage(self._usage, message.usage_metadata)
        told = message.response_metadata
        self._carried |= {key: told[key] for key in _CARRIED & told.keys() if told[key] is not None}
        for key in _REASONS:
            if (reason := told.get(key)) is None:
                continue
            reason = getattr(reason, "name", reason)
            finish = _READ.get(reason.lower()) if isinstance(reason, str) else None
            if finish is None:
                raise UnknownFrame(f"{key}: expected one of {', '.join(sorted(_READ))}, found {reason!r:.80}")
            details = told.get("incomplete_details")
            if isinstance(details, Mapping) and details.get("reason") == "content_filter":
                finish = "filtered"
            if self._reason is not None and self._reason != (key, reason):
                raise BrokenStream(
                    f"expected one reason to stop, found {reason!r:.80} after {self._reason[1]!r:.80}"
                )
            self._finish, self._reason = finish, (key, reason)
            return

    # --- writing

    def write(self, event: StreamEvent) -> list[AIMessageChunk]:
        """Chunks that say it: text as text, a call in one piece. A call that does not end is not written."""
        match event:
            case TextDelta(text, "content"):
                return [AIMessageChunk(content=text)]
            case TextDelta(text, channel):
                return [AIMessageChunk(content="", additional_kwargs={channel: text})]
            case ToolStart(index):
                self._writing[index] = (event, [])
                return []
            case ToolArgs(index, text):
                self._writing[index][1].append(text)
                return []
            case ToolEnd(index):
                start, pieces = self._writing.pop(index)
                number = self._numbers[index] = len(self._numbers)
                whole = tool_call_chunk(name=start.name, args="".join(pieces), id=start.id, index=number)
                return [AIMessageChunk(content="", tool_call_chunks=[whole])]
            case End(finish, usage):
                key, reason = self._reason or ("finish_reason", "")
                if not reason or finish != self._finish:
                    key, reason = "finish_reason", _WRITTEN[finish]
                last = AIMessageChunk(
                    content="", response_metadata={**self._carried, key: reason}, chunk_position="last"
                )
                if {"input_tokens", "output_tokens", "total_tokens"} <= usage.keys():
                    last.usage_metadata = UsageMetadata(**usage)  # type: ignore[typeddict-item]
                return [last]
