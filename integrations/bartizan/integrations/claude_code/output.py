"""A tool's output as Claude Code holds it: its texts, and the same shape with other texts in it.

Each of Claude Code's tools has a shape of its own (``{"stdout": ..., "stderr": ...}``, ``{"file": {"content": ...}}``,
blocks of an MCP server), and a replacement of another shape is ignored: the agent would read the original. So what is
redacted keeps its shape, text by text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bartizan.guard import JSON, ToolResult

from ..structures import passed, reading

_TAGS = frozenset({"type", "mode", "status"})
"""Fields whose short texts say what shape the rest has."""

_COPIES = frozenset({"persistedOutputPath", "persistedOutputSize"})
"""Where Claude Code keeps a long output besides; it would be shown in place of what was redacted."""


def to_result(response: JSON) -> ToolResult:
    """What is inspected: every text, in order, as it reads. The value is the response itself."""
    return ToolResult(reading("\n".join(_texts(response))), response)


def redacted(given: ToolResult, shown: ToolResult) -> JSON:
    """The response with what may be shown of it, in its own shape.

    Where the texts of the redacted value are not what the redacted text says (something was found across two of them,
    or only in what one of them writes in other letters, or the whole result goes), no text of it is left.
    """
    try:
        kept = _as_in(given.value, shown.value)
    except _OtherShapeError:
        kept = None
    if kept is None or reading("\n".join(_texts(kept))) != shown.text:
        return withheld(given.value, passed("\n".join(_texts(given.value)), shown.text))
    return _without_copies(kept)


def withheld(response: JSON, said: str) -> JSON:
    """The response's shape with one text in it, and nothing else of what it said."""
    first = iter([said])
    return _mapped(_without_copies(response), lambda _: next(first, ""))


class _OtherShapeError(Exception):
    """A value has other fields than the one that it should be like."""


def _as_in(given: JSON, shown: JSON) -> JSON:
    """What is shown, with its fields in the order of what was given: the guard's copy has them sorted."""
    if type(shown) is not type(given):
        raise _OtherShapeError
    if isinstance(given, dict):
        if shown.keys() != given.keys():
            raise _OtherShapeError
        return {key: _as_in(item, shown[key]) for key, item in given.items()}
    if isinstance(given, list):
        if len(shown) != len(given):
            raise _OtherShapeError
        return [_as_in(*pair) for pair in zip(given, shown, strict=True)]
    return shown


def _texts(value: JSON, name: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if value and not _is_tag(name, value):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _COPIES:
                yield from _texts(item, key)


def _mapped(value: JSON, change: Callable[[str], str], name: str = "") -> JSON:
    if isinstance(value, str):
        return value if not value or _is_tag(name, value) else change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, change, key) for key, item in value.items()}
    return value


def _without_copies(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {key: _without_copies(item) for key, item in value.items() if key not in _COPIES}
    return [_without_copies(item) for item in value] if isinstance(value, list) else value


def _is_tag(name: str, text: str) -> bool:
    return name in _TAGS and len(text) <= 24 and text.isascii() and text.replace("_", "").isalpha()
