"""Adding tests to a policy's text: what is there already stays, character for character, comments too.

Nothing is reformatted: entries are inserted where the list of tests ends. Where that place cannot be told, or
the result would read otherwise than the file before, the file is refused rather than changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any as Json

from ..diagnostics import PolicyError, Source, visible
from ..language.trees import quoted
from . import source as tree
from .fields import is_slug
from .loading import plain
from .scalars import resolve

KEYS = (
    "name", "principal", "now", "prompt", "history", "signals", "call", "result", "approved", "expect", "because"
)  # fmt: skip
_IN_LINES = 60  # columns of a list beyond which each item has its line


class CannotAppend(ValueError):
    """Tests cannot be added to this file; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A test to be added: JSON as under ``tests:``, and a comment to stand above it."""

    case: Mapping[str, Json]
    comment: str = ""


def append_tests(source: Source, entries: Sequence[Entry]) -> Source:
    """The file with the tests added at the end of its ``tests:``, which is made if it is not there.

    Raises :class:`CannotAppend`; and :class:`PolicyError` if the file is no YAML of the policy format.
    """
    if not entries:
        return source
    root = tree.parse_yaml(source)
    if not isinstance(root, tree.Mapping) or source.text[root.span.start] == "{":
        raise CannotAppend("the file is not a list of `key: value` lines, so there is no place for tests")
    changed = Source(source.file, _inserted(source, root, entries))
    _verify(root, changed, len(entries))
    return changed


def new_file(file: str, entries: Sequence[Entry]) -> Source:
    """A file that holds only these tests, to be moved into a policy."""
    lines = ["# Tests that bartizan found. They belong into the policy that they are about.", "tests:"]
    source = Source(file, "\n".join([*lines, *_blocks(entries, "  ")]) + "\n")
    tree.parse_yaml(source)
    return source


def _inserted(source: Source, root: tree.Mapping, entries: Sequence[Entry]) -> str:
    text = source.text
    end = "\r\n" if "\r\n" in text else "\n"
    tests = root.get("tests")
    if tests is None:
        margin = _margin(source, root)
        at, lines = len(text), [f"{margin}tests:", *_blocks(entries, margin + "  ")]
    elif not isinstance(tests, tree.Sequence):
        raise CannotAppend("`tests:` is not a list")
    elif text[tests.span.start] == "[":
        return _into_brackets(text, tests, entries)
    else:
        at = _line_end(text, tests.span.end)
        lines = list(_blocks(entries, _margin(source, tests)))
    before = text[:at]
    if not before.endswith(("\n", "\r")):
        before += end
    return before + end.join(lines) + end + text[at:]


def _margin(source: Source, node: tree.Node) -> str:
    """The spaces in front of a block; a byte order mark is none."""
    line, column = source.position(node.span.start)
    return " " * len(source.line(line)[: column - 1].lstrip("\ufeff"))


def _line_end(text: str, at: int) -> int:
    """The beginning of the next line."""
    while at < len(text) and text[at - 1 : at] not in ("\n", "\r"):
        at += 1
    return at + 1 if text[at - 1 : at + 1] == "\r\n" else at


def _into_brackets(text: str, tests: tree.Sequence, entries: Sequence[Entry]) -> str:
    at = tests.span.end - 1
    between = text[tests.items[-1].span.end : at] if tests.items else ","
    comma = any("," in line.partition("#")[0] for line in between.splitlines())
    added = ", ".join(flow(_sorted(entry.case)) for entry in entries)
    return text[:at] + ("" if comma else ", ") + added + text[at:]


def _verify(before: tree.Mapping, changed: Source, added: int) -> None:
    try:
        after = plain(tree.parse_yaml(changed))
    except PolicyError as error:
        raise CannotAppend(f"the tests cannot be written into this file: {error}") from error
    was = plain(before)
    tests = after.pop("tests", ())
    kept = was.pop("tests", ())
    if repr(after) != repr(was) or repr(tests[: len(kept)]) != repr(kept) or len(tests) != len(kept) + added:
        raise CannotAppend("the file would read otherwise than before: add the tests by hand")


def _sorted(case: Mapping[str, Json]) -> dict[str, Json]:
    return {key: case[key] for key in KEYS if key in case} | {k: v for k, v in case.items() if k not in KEYS}


def _blocks(entries: Sequence[Entry], margin: str) -> Iterator[str]:
    for entry in entries:
        if entry.comment:
            yield f"{margin}# {visible(' '.join(entry.comment.split()))}"
        yield from block(entry.case, margin)


def block(case: Mapping[str, Json], margin: str = "") -> Iterator[str]:
    """The lines of one entry of ``tests:``, a key a line."""
    bullet = "- "
    for key, value in _sorted(case).items():
        text = flow(value)
        if isinstance(value, list | tuple) and len(text) > _IN_LINES:
            yield f"{margin}{bullet}{key}:"
            yield from (f"{margin}    - {flow(item)}" for item in value)
        else:
            yield f"{margin}{bullet}{key}: {text}"
        bullet = "  "


def flow(value: Json) -> str:
    """JSON as YAML on one line. Raises :class:`CannotAppend` for what the policy format cannot hold."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int():
            return str(value)
        case float() | Decimal():
            return _decimal(value)
        case str():
            return _text(value)
        case Mapping():
            return "{" + ", ".join(f"{_text(str(k))}: {flow(item)}" for k, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(flow(item) for item in value) + "]"
    raise CannotAppend(f"a {type(value).__name__} is no JSON")


def _decimal(value: float | Decimal) -> str:
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    if not exact.is_finite():
        raise CannotAppend(f"{value} is no JSON number")
    text = format(exact, "f")
    return text if "." in text else f"{text}.0"


def _text(text: str) -> str:
    return text if is_slug(text) and resolve(text) == text else quoted(text)
