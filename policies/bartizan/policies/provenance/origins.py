"""Where the elements of a value occur: what ``explain`` and the approvals page show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bartizan.guard.canonical import JSON
from bartizan.guard.types import Event, EventKind, Label, Session

from .evidence import Part, Reading, Trace, mentions, parts_of, read, text_of, trace_of, traces_of
from .labels import show_path
from .normalise import compatible
from .sources import Document, Leaf, documents, leaves
from .spans import Match, Span, Text
from .tokens import scan

MAX_ORIGINS = 64
EFFORT = 4_000_000
_AROUND = 60
_LONGEST = 160


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


@dataclass(frozen=True, slots=True)
class Place:
    """The same, down to the characters: ``spans`` are those of the document's own text.

    ``document`` is the number of the document among those of its event (:func:`.sources.documents`).
    """

    event: int
    document: int
    kind: EventKind
    tool: str | None
    label: Label
    path: str
    match: Match
    element: str
    spans: tuple[Span, ...]


def origins_of(value: JSON, session: Session) -> tuple[Origin, ...]:
    """The origins of a value, in order of event; at most :data:`MAX_ORIGINS`."""
    return tuple(_origin(found) for found in _occurrences(value, session.events))


@dataclass(frozen=True, slots=True)
class Places:
    """``searched``: the events that were read in full, counted from the first; all of them if there was time."""

    found: tuple[Place, ...]
    searched: int


def places_of(value: JSON, events: Sequence[Event], effort: int = EFFORT) -> Places:
    """Where the elements of a value stand in what these events say; at most :data:`MAX_ORIGINS` for each element.

    Reads every text once, however many elements there are. ``effort`` bounds the work, in about microseconds: what an
    agent and its tools say, and how much, is theirs to choose.
    """
    spent = _Spent(effort)
    texts: dict[tuple[int, int], Text] = {}
    found = tuple(
        Place(
            each.event, each.number, each.kind, each.document.source.tool, each.document.source.label,
            show_path(each.document.path), each.match, each.element,
            texts.setdefault((each.event, each.number), Text(each.document.text)).spans(
                each.parts, each.traces, each.match
            ),
        )
        for each in _occurrences(value, events, spent)
    )  # fmt: skip
    return Places(found, len(events) if spent.stopped is None else spent.stopped)


class _Spent:
    """Work that was done, of so much that may be done."""

    def __init__(self, effort: int) -> None:
        self.left = effort
        self.stopped: int | None = None

    def on(self, document: Document, elements: int) -> bool:
        """Whether a text is still read."""
        self.left -= 20 + 3 * len(document.text) + 2 * elements
        return self.left >= 0


class _Occurrence(NamedTuple):
    event: int
    kind: EventKind
    number: int
    document: Document
    text: str  # compatible
    match: Match
    element: str
    parts: tuple[Part, ...]
    traces: tuple[Trace, ...]


def _occurrences(value: JSON, events: Sequence[Event], spent: _Spent | None = None) -> Iterator[_Occurrence]:
    """Where the elements of a value occur; at most :data:`MAX_ORIGINS` in all, or of each element within an effort."""
    wanted = list(_wanted(value))
    left = dict.fromkeys((element for element, _, _ in wanted), MAX_ORIGINS)
    total = MAX_ORIGINS
    for i, event in enumerate(events):
        for number, document in enumerate(documents(event)):
            if not isinstance(document, Document) or not wanted:
                continue
            if spent is not None and not spent.on(document, len(wanted)):
                spent.stopped = i
                return
            text = compatible(document.text)
            reading, shape = read(text), trace_of(text)
            for element, parts, traces in wanted:
                match = _match(reading, shape, document.source.is_leaf, parts, traces)
                if match is None or (match == "trace" and document.source.label == "trusted"):
                    continue
                if spent is None and total == 0:
                    return
                if left[element] == 0:
                    continue
                left[element] -= spent is not None
                total -= 1
                yield _Occurrence(i, event.kind, number, document, text, match, element, parts, traces)


def _origin(found: _Occurrence) -> Origin:
    source, path = found.document.source, show_path(found.document.path)
    shown = _excerpt(found.text, found.parts)
    return Origin(found.event, found.kind, source.tool, source.label, path, shown, found.match, found.element)


def _wanted(value: JSON) -> list[tuple[str, tuple[Part, ...], tuple[Trace, ...]]]:
    wanted = []
    for leaf in leaves(value):
        text = text_of(leaf.scalar) if isinstance(leaf, Leaf) else ""
        if text and isinstance(leaf, Leaf) and not leaf.is_key:
            parts = parts_of(text)
            wanted.append((show_path(leaf.path), parts, tuple(traces_of(text, parts))))
    return wanted


def _match(
    reading: Reading, shape: Trace, is_leaf: bool, parts: tuple[Part, ...], traces: tuple[Trace, ...]
) -> Match | None:
    if is_leaf and any(key in reading.whole for part in parts for key in (part.run, *part.keys)):
        return "equal"
    if any(
        (part.run and part.run in reading.run) or not reading.inside.isdisjoint(part.keys) for part in parts
    ):
        return "inside"
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
