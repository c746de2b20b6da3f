"""What tools return in LangGraph, as the kernel's ``ToolResult``, and back after inspection.

A tool call ends in a ``ToolMessage``, in a ``Command`` that updates the state and carries such messages, or in a
list of both. The message that answers the call is *the* result: its text (and its structure, where there is one)
is what is inspected. Redaction replaces what was inspected and leaves the rest: images, state updates, ``goto``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage, convert_to_messages
from langgraph.types import Command, Send

from bartizan.guard import JSON, ToolResult
from bartizan.guard.parts import detached
from bartizan.integrations.structures import REDACTED, both, reading, recalled, structure_of

Output = Any
"""``ToolMessage | Command | list[ToolMessage | Command]``; any value where a tool is called without a message."""

GUARDED = "bartizan"
"""Key in ``response_metadata`` of messages that passed the guard; its value is the id of the audit record."""

SOURCE = "lc_source"
"""Key in ``additional_kwargs`` by which LangChain marks messages that only look like the user's."""

_MEDIA = frozenset({"image", "image_url", "audio", "input_audio", "video", "file"})


def to_result(output: Output, tool_call_id: str) -> ToolResult:
    """What is inspected of an output.

    ``value`` is the artifact if JSON can say it, else what the text says if it is a JSON object or array; for a
    ``Command`` it is ``{"command": {"update": ..., "goto": ...}}`` with the state fields that JSON can say.
    """
    message = answering(output, tool_call_id)
    commands = [part for part in _parts(output) if isinstance(part, Command)]
    if commands:
        text = reading(text_of(message)) if message is not None else ""
        value: JSON = {"command": _described(commands)}
        return ToolResult(text, value, message is not None and message.status == "error")
    if message is not None:
        text = text_of(message)
        return ToolResult(reading(text), _artifact(message.artifact, text), message.status == "error")
    if isinstance(output, str):
        return ToolResult(reading(output), structure_of(output))
    value = detached(output)
    return ToolResult(reading(_written(output, value)), value)


def apply(
    output: Output, tool: str, tool_call_id: str, given: ToolResult, shown: ToolResult, record: str | None
) -> Output:
    """The output with what the guard shows of its result in place of what the tool gave.

    An output that the guard could not record is replaced as a whole, state updates included.
    """
    if not _is_graph_output(output):
        return _plain(output, given, shown)
    if shown.is_error and not given.is_error:
        return error_message(shown.text, tool, tool_call_id, {GUARDED: record})
    message = answering(output, tool_call_id)

    def shown_instead(other: BaseMessage) -> BaseMessage:
        if message is None or other is not message:
            return other
        marked = {**message.response_metadata, GUARDED: record}
        return message.model_copy(update={**_redacted(message, given, shown), "response_metadata": marked})

    return map_messages(output, shown_instead)


def error_message(
    text: str, tool: str, tool_call_id: str, metadata: dict[str, Any], artifact: JSON = None
) -> ToolMessage:
    """What the model reads in place of a result."""
    return ToolMessage(
        text,
        name=tool,
        tool_call_id=tool_call_id,
        status="error",
        artifact=artifact,
        response_metadata=metadata,
    )


def rebuilt(result: ToolResult, tool: str, tool_call_id: str) -> ToolMessage | None:
    """The message for a result that only the guard's record still knows; ``None`` if that is not enough to tell.

    Of a ``Command`` the record holds what it said, not the objects it would put into the state.
    """
    if isinstance(result.value, Mapping) and set(result.value) == {"command"}:
        return None
    text = recalled(result.text)
    artifact = None if text == REDACTED or result.value == structure_of(text) else result.value
    return ToolMessage(
        text,
        name=tool,
        tool_call_id=tool_call_id,
        artifact=artifact,
        status="error" if result.is_error else "success",
        response_metadata={GUARDED: None},
    )


def annotated(output: Output, tool_call_id: str, notice: str) -> Output:
    """The output with a notice for the model before the text of the answering message."""
    message = answering(output, tool_call_id)
    if message is None:
        return output
    content = message.content
    noted = (
        f"{notice}\n{content}" if isinstance(content, str) else [{"type": "text", "text": notice}, *content]
    )
    changed = message.model_copy(update={"content": noted})
    return map_messages(output, lambda other: changed if other is message else other)


def answering(output: Output, tool_call_id: str) -> ToolMessage | None:
    """The message that answers the call: the one with its id, or the first one of a tool."""
    messages = [message for message in messages_in(output) if isinstance(message, ToolMessage)]
    for message in messages:
        if message.tool_call_id == tool_call_id:
            return message
    return messages[0] if messages else None


def messages_in(output: Output) -> list[BaseMessage]:
    """All messages an output carries."""
    found: list[BaseMessage] = []

    def collect(message: BaseMessage) -> BaseMessage:
        found.append(message)
        return message

    map_messages(output, collect)
    return found


def attributed(output: Output, messages_key: str = "messages") -> Output:
    """The output with its messages as objects, and with those in the user's name marked as the tool's."""

    def mark(message: BaseMessage) -> BaseMessage:
        if not isinstance(message, HumanMessage) or SOURCE in message.additional_kwargs:
            return message
        return message.model_copy(update={"additional_kwargs": {**message.additional_kwargs, SOURCE: "tool"}})

    return map_messages(output, mark, messages_key)


def map_messages(
    output: Output, change: Callable[[BaseMessage], BaseMessage], messages_key: str | None = None
) -> Output:
    """The same output with every message in it changed: in lists, state updates and what ``goto`` sends.

    With ``messages_key``, what an update holds under that key is first converted to message objects.
    """

    def part(value: Any) -> Any:
        if isinstance(value, BaseMessage):
            return change(value)
        if isinstance(value, Command):
            goto = (
                [part(target) for target in value.goto] if isinstance(value.goto, list) else part(value.goto)
            )
            return replace(value, update=update(value.update), goto=goto)
        if isinstance(value, Send):
            return Send(value.node, update(value.arg), timeout=value.timeout)
        if type(value) is list:
            return [part(item) for item in value]
        return value

    def update(value: Any) -> Any:
        if type(value) is dict:
            return {key: field(key, held) for key, held in value.items()}
        if type(value) is list:  # messages, or one (channel, value) after another
            return [
                (item[0], field(item[0], item[1])) if type(item) is tuple and len(item) == 2 else part(item)
                for item in value
            ]
        return part(value)

    def field(key: Any, value: Any) -> Any:
        if messages_key is not None and key == messages_key and value:
            value = convert_to_messages(value if isinstance(value, list) else [value])
        return part(value)

    return part(output) if _is_graph_output(output) else output


def text_of(message: BaseMessage) -> str:
    """What a model reads in a message: its text, and the JSON of blocks that are neither text nor media."""
    if isinstance(message.content, str):
        return message.content
    return "\n".join(text for block in message.content if (text := _block_text(block)) is not None)


def _block_text(block: str | dict[Any, Any]) -> str | None:
    if isinstance(block, str):
        return block
    if block.get("type") == "text":
        return str(block.get("text", ""))
    if block.get("type") in _MEDIA:
        return None
    return json.dumps(block, ensure_ascii=False, default=str)


def _redacted(message: ToolMessage, given: ToolResult, shown: ToolResult) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    own = text_of(message)
    text, value = both(own, given, shown)
    if text != own:
        media = [b for b in message.content if isinstance(b, dict) and _block_text(b) is None]
        changes["content"] = [{"type": "text", "text": text}, *media] if media else text
    if message.artifact is not None and (changes or value != given.value):
        inspected = detached(message.artifact)
        if inspected is None or inspected != given.value:  # nobody saw it: it may hold what was hidden
            changes["artifact"] = None
        elif value != given.value:
            changes["artifact"] = value
    return changes


def _plain(output: Any, given: ToolResult, shown: ToolResult) -> Any:
    """What a tool returned to code that called it without a message."""
    if shown.text == given.text and shown.value == given.value and shown.is_error == given.is_error:
        return output
    own = _written(output, given.value)
    text, value = both(own, given, shown)
    told = value is not None and (text == own or structure_of(text) == value)
    return value if told and not isinstance(output, str) else text


def _written(output: Any, value: JSON) -> str:
    """The text of what a tool returned without a message."""
    if isinstance(output, str):
        return output
    return json.dumps(value, ensure_ascii=False) if value is not None else str(output)


def _is_graph_output(output: Output) -> bool:
    parts = output if isinstance(output, list) else [output]
    return bool(parts) and all(isinstance(part, BaseMessage | Command) for part in parts)


def _parts(output: Output) -> list[Any]:
    return output if isinstance(output, list) else [output]


def _described(commands: list[Command[Any]]) -> JSON:
    """What commands do, as far as JSON can say it: for policies and the record, never to be run again."""
    update: dict[str, JSON] = {}
    goto: list[JSON] = []
    for command in commands:
        fields = command.update if isinstance(command.update, dict) else {}
        update |= {k: v for k, f in fields.items() if isinstance(k, str) and (v := detached(f)) is not None}
        targets = command.goto if isinstance(command.goto, list | tuple) else [command.goto]
        goto += [target.node if isinstance(target, Send) else str(target) for target in targets]
    return {"update": update, "goto": goto}


def _artifact(artifact: Any, text: str) -> JSON:
    value = detached(artifact)
    return value if value is not None else structure_of(text)
