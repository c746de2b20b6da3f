"""Where the elements of a value occur: what ``explain`` and the approvals page show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bartizan.guard.canonical import JSON
from bartizan.guard.types import EventKind, Label, Session

from .evidence import Part, Trace, mentions, parts_of, read, text_of, trace_of, traces_of
from .labels import show_path
from .normalise import compatible
from .sources import Document, Leaf, documents, leaves
from .tokens import scan

MAX_ORIGINS = 64
_AROUND = 60
_LONGEST = 160

Match = Literal["equal", "inside", "trace"]
"""Equal to a leaf; a run of whole tokens in a text or leaf; only a trace of characters."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One place where an element of a value occurs.

    ``event`` is an index into ``Session.events``; ``path`` the JSON path in a structured result (``$`` for a text);
    ``element`` the JSON path of the element in the value that was asked about.
    """

    event: int
    kind: EventKind
    tool: str | None
    label: Label
    path: str
    excerpt: str
    match: Match
    element: str


def origins_of(value: JSON, session: Session) -> tuple[Origin, ...]:
    """The origins of a value, in order of event; at most :data:`MAX_ORIGINS`."""
    wanted = list(_wanted(value))
    found: list[Origin] = []
    for i, event in enumerate(session.events):
        for document in documents(event):
            if not isinstance(document, Document):
                continue
            text = compatible(document.text)
            for element, parts, traces in wanted:
                match = _match(text, document.source.is_leaf, parts, traces)
                if match is None or (match == "trace" and document.source.label == "trusted"):
                    continue
                if len(found) == MAX_ORIGINS:
                    return tuple(found)
                source, path = document.source, show_path(document.path)
                shown = _excerpt(text, parts)
                found.append(Origin(i, event.kind, source.tool, source.label, path, shown, match, element))
    return tuple(found)


def _wanted(value: JSON) -> list[tuple[str, tuple[Part, ...], tuple[Trace, ...]]]:
    wanted = []
    for leaf in leaves(value):
        text = text_of(leaf.scalar) if isinstance(leaf, Leaf) else ""
        if text and isinstance(leaf, Leaf) and not leaf.is_key:
            parts = parts_of(text)
            wanted.append((show_path(leaf.path), parts, tuple(traces_of(text, parts))))
    return wanted


def _match(text: str, is_leaf: bool, parts: tuple[Part, ...], traces: tuple[Trace, ...]) -> Match | None:
    reading = read(text)
    if is_leaf and any(key in reading.whole for part in parts for key in (part.run, *part.keys)):
        return "equal"
    if any(
        (part.run and part.run in reading.run) or not reading.inside.isdisjoint(part.keys) for part in parts
    ):
        return "inside"
    shape = trace_of(text)
    return "trace" if any(trace.is_long_enough and trace.is_in(shape) for trace in traces) else None


def _excerpt(text: str, parts: tuple[Part, ...]) -> str:
    """The text around the first part, on one line."""
    start, end = _span(text, parts)
    first, last = max(0, start - _AROUND), min(len(text), max(end, start) + _AROUND)
    last = min(last, first + _LONGEST)
    shown = " ".join(text[first:last].split())
    return ("…" if first > 0 else "") + shown + ("…" if last < len(text) else "")


def _span(text: str, parts: tuple[Part, ...]) -> tuple[int, int]:
    tokens = scan(text)
    keys = {key for part in parts for key in part.keys}
    for i, count, key in mentions(tokens, text):
        if key in keys:
            return tokens[i].start, tokens[i + count - 1].end
    for part in parts:
        run = part.run.split()
        for i in range(len(tokens) - len(run) + 1 if run else 0):
            if tokens[i].text == run[0] and [token.text for token in tokens[i : i + len(run)]] == run:
                return tokens[i].start, tokens[i + len(run) - 1].end
    return 0, 0
