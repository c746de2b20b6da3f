"""Events of OpenAI's responses: items of output, each with deltas, and then again whole, and once more in the end.

What is repeated whole is compared with what the deltas said: a stream that says two things is broken. What is written
has everything anew, the last event's whole response included, so that nothing that was held back is in it. Items of
reasoning are dropped with ``ignored={"reasoning"}``; tools that the provider runs itself are unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import BrokenStream, UnknownFrame
from ..events import End, Finish, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from . import frames

_SILENT: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_INCOMPLETE: Final[dict[str, Finish]] = {"max_output_tokens": "length", "content_filter": "filtered"}
_KEPT: Final = (
    "id", "created_at", "model", "instructions", "metadata", "parallel_tool_calls", "temperature", "tool_choice",
    "tools", "top_p", "max_output_tokens", "previous_response_id", "reasoning", "text", "truncation", "user",
)  # fmt: skip


@dataclass(slots=True)
class _Item:
    """``kind``: message, function_call, or "" if it is ignored. ``said``: by part and channel; arguments at (0, "")."""

    kind: str
    said: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    checked: set[tuple[int, str]] = field(default_factory=set)
    done: bool = False

    def whole(self, part: int, channel: str) -> str:
        return "".join(self.said.get((part, channel), []))


class OpenAIResponses:
    """One stream of events. ``ignored`` are types of items that are dropped."""

    def __init__(self, ignored: Collection[str] = ()) -> None:
        self._ignored = frozenset(ignored)
        self._items: dict[int, _Item] = {}
        self._ended = False
        self._response: dict[str, Any] = {}
        self._number = 0  # of the frame that is written next
        self._output: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None  # the item that is being written
        self._written: list[str] = []
        self._channel = ""

    # --- reading

    def read(self, frame: Mapping[str, Any]) -> list[StreamEvent]:
        kind = frames.text(frame.get("type"), "type")
        if self._ended:
            raise BrokenStream(f"expected nothing after the end of the response, found {kind:.80}")
        if kind in _SILENT:
            response = frames.mapping(frame.get("response") or {}, "response")
            if response.get("output"):
                raise UnknownFrame(f"{kind}: expected a response without output, found some")
            self._response |= {key: response[key] for key in _KEPT if key in response}
            return []
        if kind in _ENDS:
            return self._finished(kind, frame)
        if "output_index" not in frame:
            raise UnknownFrame(f"an event: found {kind!r:.80}, which is not known")
        index = frames.number(frame["output_index"], "output_index")
        if kind == "response.output_item.added":
            return self._added(index, frames.mapping(frame.get("item"), "item"))
        item = self._items.get(index)
        if item is None or item.done:
            raise BrokenStream(f"expected item {index} to be open, found {kind:.80}")
        if not item.kind:
            item.done = kind == "response.output_item.done"
            return []
        return self._of_item(kind, index, item, frame)

    def _added(self, index: int, item: Mapping[str, Any]) -> list[StreamEvent]:
        if index in self._items:
            raise BrokenStream(f"expected item {index} to be added once, found it again")
        kind = frames.text(item.get("type"), "item.type")
        if kind in self._ignored:
            self._items[index] = _Item("")
            return []
        if kind == "message":
            frames.only(item, {"id", "type", "status", "role", "phase"}, "a message")
            self._items[index] = _Item(kind)
            return []
        if kind == "function_call":
            frames.only(item, {"id", "type", "status", "call_id", "name"}, "a function_call")
            self._items[index] = _Item(kind)
            return [
                ToolStart(
                    index, frames.text(item.get("call_id"), "call_id"), frames.text(item.get("name"), "name")
                )
            ]
        raise UnknownFrame(
            f"item: expected message or function_call, found {kind!r:.80}; name it in ignored= to drop it"
        )

    def _of_item(self, kind: str, index: int, item: _Item, frame: Mapping[str, Any]) -> list[StreamEvent]:
        part = frame.get("content_index", 0)
        match item.kind, kind:
            case "message", "response.output_text.delta":
                return self._text(item, part, "content", frame.get("delta"))
            case "message", "response.refusal.delta":
                return self._text(item, part, "refusal", frame.get("delta"))
            case "message", "response.output_text.done":
                return self._same(item, part, "content", frame.get("text"))
            case "message", "response.refusal.done":
                return self._same(item, part, "refusal", frame.get("refusal"))
            case "message", "response.content_part.added":
                self._part(item, part, frame.get("part"), empty=True)
                return []
            case "message", "response.content_part.done":
                self._part(item, part, frame.get("part"))
                return []
            case "message", "response.output_text.annotation.added" if "annotations" in self._ignored:
                return []
            case "function_call", "response.function_call_arguments.delta":
                more = frames.text(frame.get("delta"), "delta")
                item.said.setdefault((0, ""), []).append(more)
                return [ToolArgs(index, more)] if more else []
            case "function_call", "response.function_call_arguments.done":
                return self._same(item, 0, "", frame.get("arguments"))
            case "message", "response.output_item.done":
                whole = frames.mapping(frame.get("item"), "item")
                for number, one in enumerate(whole.get("content") or []):
                    self._part(item, number, one)
                item.done = True
                return []
            case "function_call", "response.output_item.done":
                whole = frames.mapping(frame.get("item"), "item")
                self._same(item, 0, "", whole.get("arguments"))
                item.done = True
                return [ToolEnd(index)] if whole.get("status") in (None, "completed") else []
            case _:
                raise UnknownFrame(f"an event of a {item.kind}: found {kind!r:.80}, which is not known")

    def _text(self, item: _Item, part: Any, channel: Any, delta: Any) -> list[StreamEvent]:
        said = frames.text(delta, "delta")
        item.said.setdefault((frames.number(part, "content_index"), channel), []).append(said)
        return [TextDelta(said, channel)] if said else []

    def _part(self, item: _Item, number: Any, part: Any, *, empty: bool = False) -> None:
        part = frames.mapping(part, "part")
        channel = {"output_text": "content", "refusal": "refusal"}.get(str(part.get("type")))
        if channel is None:
            raise UnknownFrame(f"part: expected output_text or refusal, found {part.get('type')!r:.80}")
        known = {"type", "text", "refusal", "logprobs"} | ({"annotations"} & self._ignored)
        frames.only(part, known, "part")
        said = part.get("text" if channel == "content" else "refusal", "")
        if empty and said:
            raise UnknownFrame("content_part.added: expected an empty part, found text in it")
        if not empty:
            self._same(item, number, channel, said)

    def _same(self, item: _Item, part: Any, channel: str, whole: Any) -> list[StreamEvent]:
        if frames.text(whole, "the whole text") != item.whole(frames.number(part, "content_index"), channel):
            raise BrokenStream("expected the whole to be what its deltas said, found another text")
        return []

    def _finished(self, kind: str, frame: Mapping[str, Any]) -> list[StreamEvent]:
        self._ended = True
        if kind in ("error", "response.failed"):
            return [End("aborted")]
        response = frames.mapping(frame.get("response"), "response")
        usage = response.get("usage") or {}
        if kind == "response.incomplete":
            details = response.get("incomplete_details") or {}
            return [End(_INCOMPLETE.get(str(details.get("reason")), "length"), usage)]
        if any(not item.done for item in self._items.values()):
            raise BrokenStream("expected every item to be done before the response is completed")
        calls = any(item.kind == "function_call" for item in self._items.values())
        return [End("tool_calls" if calls else "stop", usage)]

    # --- writing

    def write(self, event: StreamEvent) -> list[dict[str, Any]]:
        found = [] if self._number else self._greeting()
        match event:
            case TextDelta(text, channel):
                if self._open is None or self._open["type"] != "message":
                    found += self._begin({"type": "message", "role": "assistant", "content": []}, "msg")
                if self._channel != channel:
                    found += self._end_part() + self._begin_part(channel)
                self._written.append(text)
                kind = "response.output_text.delta" if channel == "content" else "response.refusal.delta"
                more: dict[str, Any] = {"logprobs": []} if channel == "content" else {}
                return [*found, self._event(kind, **self._place(), delta=text, **more)]
            case ToolStart(_, id, name):
                item = {"type": "function_call", "call_id": id, "name": name, "arguments": ""}
                return found + self._begin(item, "fc")
            case ToolArgs(_, text):
                self._written.append(text)
                return [
                    *found,
                    self._event("response.function_call_arguments.delta", **self._item(), delta=text),
                ]
            case ToolEnd():
                return found + self._end_item("completed")
            case End():
                return found + self._ending(event)

    def _greeting(self) -> list[dict[str, Any]]:
        kinds = ("response.created", "response.in_progress")
        return [self._event(kind, response=self._whole("in_progress")) for kind in kinds]

    def _whole(self, status: str, **more: Any) -> dict[str, Any]:
        return {
            "id": "", "created_at": 0, "model": "", "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            **self._response, "object": "response", "status": status, "output": list(self._output), **more,
        }  # fmt: skip

    def _event(self, kind: str, **more: Any) -> dict[str, Any]:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1, **more}

    def _item(self) -> dict[str, Any]:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self._output)}

    def _place(self) -> dict[str, Any]:
        assert self._open is not None
        return {**self._item(), "content_index": len(self._open["content"])}

    def _begin(self, item: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
        found = self._end_item("completed")
        self._open = {"id": f"{prefix}_{len(self._output)}", "status": "in_progress", **item}
        self._written, self._channel = [], ""
        shown = {**self._open, **({"content": []} if item["type"] == "message" else {})}
        return [*found, self._event("response.output_item.added", output_index=len(self._output), item=shown)]

    def _begin_part(self, channel: str) -> list[dict[str, Any]]:
        self._channel, self._written = channel, []
        return [self._event("response.content_part.added", **self._place(), part=_part(channel, ""))]

    def _end_part(self) -> list[dict[str, Any]]:
        if not self._channel:
            return []
        assert self._open is not None
        text, channel = "".join(self._written), self._channel
        done = (
            self._event("response.output_text.done", **self._place(), text=text, logprobs=[])
            if channel == "content"
            else self._event("response.refusal.done", **self._place(), refusal=text)
        )
        closed = self._event("response.content_part.done", **self._place(), part=_part(channel, text))
        self._open["content"].append(_part(channel, text))
        self._channel = ""
        return [done, closed]

    def _end_item(self, status: str) -> list[dict[str, Any]]:
        if self._open is None:
            return []
        found = self._end_part()
        if self._open["type"] == "function_call":
            self._open["arguments"] = "".join(self._written)
            if status == "completed":
                done = {"name": self._open["name"], "arguments": self._open["arguments"]}
                found.append(self._event("response.function_call_arguments.done", **self._item(), **done))
        self._open["status"] = status
        found.append(
            self._event("response.output_item.done", output_index=len(self._output), item=dict(self._open))
        )
        self._output.append(self._open)
        self._open = None
        return found

    def _ending(self, end: End) -> list[dict[str, Any]]:
        more = {"usage": dict(end.usage)} if end.usage else {}
        if end.finish in ("stop", "tool_calls"):
            found = self._end_item("completed")
            return [*found, self._event("response.completed", response=self._whole("completed", **more))]
        found = self._end_item("incomplete")
        reason = "max_output_tokens" if end.finish == "length" else "content_filter"
        whole = self._whole("incomplete", incomplete_details={"reason": reason}, **more)
        return [*found, self._event("response.incomplete", response=whole)]


def _part(channel: str, text: str) -> dict[str, Any]:
    if channel == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
