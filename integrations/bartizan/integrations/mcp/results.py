"""What an MCP tool returns, as the kernel's ``ToolResult``, and back after inspection.

Everything that a model could read is inspected: the texts of all blocks, what they embed and link to, and the
structured content. ``_meta`` and icons stay here: they are no part of an answer, and nobody inspects them. Pixels,
sounds and binary resources pass unseen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mcp import types

from bartizan.guard import JSON, ToolResult
from bartizan.guard.parts import detached
from bartizan.guard.reasons import WITHHELD
from bartizan.integrations.structures import REDACTED, said_otherwise, structure_of

DECISION = "bartizan/decision"
"""Key in a result's ``_meta``: what was decided, the rules, the audit record, the approval."""

_TEXTS = ("text", "uri", "name", "title", "description", "mime_type")


def to_result(result: types.CallToolResult) -> ToolResult:
    """What is inspected of a result.

    ``text`` holds every text of its blocks, then those that are not among them: of the structured content, and of
    blocks that are JSON, which writes some letters in other ones. ``value`` is the structured content, or what the text
    says if it is a JSON object or array.
    """
    found = list(texts_of(result.content))
    text = "\n".join(found)
    value = structure_of(text)
    parts = [text] if text else []
    parts += said_otherwise(found)
    structured = result.structured_content
    if structured is not None:
        said = value
        value = detached(structured)
        if value is None or said != value:
            leaves = list(_leaves(structured))
            parts += [*leaves, *said_otherwise(leaves)]
    return ToolResult("\n".join(parts), value, bool(result.is_error))


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
    if not _shown_whole(shown.value, shown):
        shown = ToolResult(shown.text, None, shown.is_error)
    silent = [bare(block) for block in result.content if not any(True for _ in texts_of([block]))]
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=_shown_text(result, given, shown)), *silent],
        structured_content=None if structured is None else shown.value,
        # without the structure that the tool's schema promises, only an error is a valid answer
        is_error=result.is_error or (structured is not None and shown.value is None),
    )


def _shown_text(result: types.CallToolResult, given: ToolResult, shown: ToolResult) -> str:
    """The text in place of all texts. Of a block that is JSON the text may still hold, in other letters, what was
    redacted: what is shown then is written anew from the value."""
    texts = [*texts_of(result.content), *_leaves(result.structured_content)]
    in_other_letters = any(True for _ in said_otherwise(texts))
    if not in_other_letters and (shown.text != given.text or shown.value is None):
        return shown.text
    return json.dumps(shown.value, ensure_ascii=False) if shown.value is not None else REDACTED


def _shown_whole(value: JSON, shown: ToolResult) -> bool:
    """Whether what a value says in other letters (in texts of it that are JSON themselves) is among what is shown."""
    return all(said in shown.text for said in said_otherwise([*_leaves(value)]))


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
