"""What an MCP tool returns, as the kernel's ``ToolResult``, and back after inspection.

Everything that a model could read is inspected: the texts of all blocks, what they embed and link to, and the
structured content. ``_meta`` and icons stay here: they are no part of an answer, and nobody inspects them. Pixels,
sounds and binary resources pass unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mcp import types

from bartizan.guard import JSON, ToolResult
from bartizan.guard.parts import detached
from bartizan.guard.reasons import WITHHELD
from bartizan.integrations.structures import both, reading, said_otherwise, structure_of

DECISION = "bartizan/decision"
"""Key in a result's ``_meta``: what was decided, the rules, the audit record, the approval."""

_TEXTS = ("text", "uri", "name", "title", "description", "mime_type")


def to_result(result: types.CallToolResult) -> ToolResult:
    """What is inspected of a result.

    ``text`` holds every text of its blocks, then those of the structured content if they are not the same, as they
    read. ``value`` is the structured content, or what the text says if it is a JSON object or array.
    """
    text, _ = _told(result)
    structured = result.structured_content
    value = structure_of(text) if structured is None else detached(structured)
    return ToolResult(reading(text), value, bool(result.is_error))


def _told(result: types.CallToolResult) -> tuple[str, bool]:
    """Every text of a result, and whether its blocks are all: else those of the structured content stand apart."""
    text, structured = "\n".join(texts_of(result.content)), result.structured_content
    if structured is None or ((said := structure_of(text)) is not None and said == detached(structured)):
        return text, True
    return "\n".join([*([text] if text else []), *_leaves(structured)]), False


def apply(result: types.CallToolResult, given: ToolResult, shown: ToolResult) -> types.CallToolResult:
    """The result with what the guard shows of it in place of what the tool gave.

    One that could not be recorded is replaced as a whole. Where something was redacted all texts become one block; what
    has no text stays.
    """
    if shown.is_error and (not given.is_error or shown.text == WITHHELD):
        return refusal(shown.text)
    structured = result.structured_content
    if shown == given:
        blocks = [bare(block) for block in result.content]
        return types.CallToolResult(content=blocks, structured_content=structured, is_error=result.is_error)
    own, whole = _told(result)
    text, value = both(own, given, shown)
    leaves = [*_leaves(value)]
    if not whole and any(said not in shown.text for said in (*leaves, *said_otherwise("\n".join(leaves)))):
        value = None  # it says what was hidden elsewhere
    silent = [bare(block) for block in result.content if not any(True for _ in texts_of([block]))]
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text), *silent],
        structured_content=None if structured is None else value,
        # without the structure that the tool's schema promises, only an error is a valid answer
        is_error=result.is_error or (structured is not None and value is None),
    )


def refusal(text: str, meta: dict[str, Any] | None = None) -> types.CallToolResult:
    """What the model reads in place of a result: an error that it can recover from, not one of the protocol."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], is_error=True, _meta=meta
    )


def texts_of(blocks: Sequence[types.ContentBlock]) -> Iterator[str]:
    """Every text in blocks that a model could read, in their order."""
    for block in blocks:
        holder: Any = block.resource if isinstance(block, types.EmbeddedResource) else block
        if isinstance(block, types.ImageContent | types.AudioContent):
            continue
        names = ("text",) if isinstance(block, types.TextContent) else _TEXTS
        yield from (text for name in names if (text := getattr(holder, name, None)))


def bare(block: types.ContentBlock) -> types.ContentBlock:
    """The block without what nobody inspects."""
    if isinstance(block, types.EmbeddedResource):
        inner = block.resource.model_copy(update={"meta": None})
        return block.model_copy(update={"meta": None, "resource": inner})
    dropped = {"meta": None, "icons": None} if isinstance(block, types.ResourceLink) else {"meta": None}
    return block.model_copy(update=dropped)


def _leaves(value: JSON) -> Iterator[str]:
    """Every text of a value, names of fields included."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if part:
                yield part
        elif isinstance(part, dict):
            waiting += [*part.values(), *part]
        elif isinstance(part, list):
            waiting += part
