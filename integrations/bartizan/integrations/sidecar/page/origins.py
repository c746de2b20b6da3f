"""Events and arguments as the page shows them: each text with its label, each argument with where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bartizan.guard import Event
from bartizan.guard.canonical import JSON
from bartizan.guard.records import signals
from bartizan.policies.provenance import Document, Place, documents, places_of
from bartizan.policies.provenance.evidence import text_of
from bartizan.policies.provenance.labels import show_path
from bartizan.policies.provenance.sources import Leaf, leaves

AROUND = 2000
"""Characters of a source shown on either side of what was found, where it is shown by itself."""


def event_to_json(event: Event) -> dict[str, JSON]:
    """An event of a session. ``documents`` are its texts, in the order that :class:`Place` counts them."""
    body: dict[str, JSON] = {
        "kind": event.kind,
        "time": event.time,
        "documents": _documents(event),
        "signals": signals(event.signals),
    }
    if event.call is not None:
        body["call"] = {"id": event.call.id, "tool": event.call.tool, "digest": event.call.digest}
        if event.kind != "result":
            body["call"]["canonical"] = event.call.canonical.decode()
    if event.kind == "text":
        body["text"] = event.text
    if event.kind == "result":
        body["is_error"] = event.is_error
        body["labels"] = {
            "default": event.labels.default,
            "exceptions": [list(pair) for pair in event.labels.exceptions],
        }
    return body


def arguments_to_json(args: Mapping[str, Any], events: Sequence[Event]) -> list[JSON]:
    """Each scalar argument, with the places in these events at which its value stands.

    ``silent``: null, true, false and blank text, which say nothing that could come from somewhere.
    """
    found: dict[str, list[JSON]] = {}
    for place in places_of(dict(args), events):
        found.setdefault(place.element, []).append(_place(place))
    return [
        {
            "path": path,
            "value": leaf.scalar,
            "silent": not text_of(leaf.scalar),
            "places": found.get(path, []),
        }
        for leaf in leaves(dict(args))
        if isinstance(leaf, Leaf) and not leaf.is_key
        for path in (show_path(leaf.path),)
    ]


def sources_to_json(arguments: Sequence[Mapping[str, Any]], events: Sequence[Event]) -> list[JSON]:
    """The texts that the arguments' places lie in, cut around them. ``skipped`` characters stand before ``text``."""
    wanted: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for argument in arguments:
        for place in argument["places"]:
            wanted.setdefault((place["event"], place["document"]), []).extend(place["spans"])
    sources: list[JSON] = []
    for (index, number), spans in sorted(wanted.items()):
        event = events[index]
        document = [*documents(event)][number]
        if not isinstance(document, Document):
            continue
        start = max(0, min(start for start, _ in spans) - AROUND)
        end = min(len(document.text), min(end for _, end in spans) + AROUND)
        sources.append(
            {
                "event": index,
                "document": number,
                "time": event.time,
                "skipped": start,
                "left": len(document.text) - end,
                **_document(document),
                "text": document.text[start:end],
            }
        )
    return sources


def _documents(event: Event) -> list[JSON]:
    """The texts of an event. ``key``: only the name of a field in a structured result, not what stands in it."""
    found = [_document(each) for each in documents(event)]
    if event.kind == "result" and event.value is not None and not isinstance(event.value, str):
        said = [leaf for leaf in leaves(event.value) if not isinstance(leaf, Leaf) or text_of(leaf.scalar)]
        for leaf, body in zip(said, found, strict=False):
            body["key"] = isinstance(leaf, Leaf) and leaf.is_key
        for body in found[len(said) :]:
            body["shown"] = True  # the structure once more, as the model read it
    return [*found]


def _place(place: Place) -> dict[str, JSON]:
    return {
        "event": place.event,
        "document": place.document,
        "kind": place.kind,
        "tool": place.tool,
        "label": place.label,
        "path": place.path,
        "match": place.match,
        "spans": [list(span) for span in place.spans],
    }


def _document(document: object) -> dict[str, JSON]:
    if not isinstance(document, Document):
        return {"path": "$", "label": "untrusted", "tool": None, "text": ""}  # what could not be read
    source = document.source
    return {
        "path": show_path(document.path),
        "label": source.label,
        "tool": source.tool,
        "text": document.text,
    }
