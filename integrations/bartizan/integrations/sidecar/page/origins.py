"""Events and arguments as the page shows them: each text with its label, each argument with where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

from bartizan.guard import Event
from bartizan.guard.canonical import JSON
from bartizan.guard.records import signals
from bartizan.integrations.wire import labels_to_json
from bartizan.policies.provenance import Document, Place, documents, places_of
from bartizan.policies.provenance.evidence import text_of
from bartizan.policies.provenance.labels import show_path
from bartizan.policies.provenance.sources import Leaf, leaves

TRACED = 100
"""Scalar arguments of a call whose places are looked for."""

LISTED = 500
"""Scalar arguments of a call that are listed."""

TEXTS = 500
"""Texts of one event that are told: a structured result has one for each of its leaves."""

AROUND = 2000
"""Characters of a source shown on either side of what was found, where it is shown by itself."""


def event_to_json(event: Event) -> dict[str, JSON]:
    """An event of a session. ``documents`` are its texts, in the order that :class:`Place` counts them."""
    texts, further = _documents(event)
    body: dict[str, JSON] = {
        "kind": event.kind,
        "time": event.time,
        "documents": texts,
        "further": further,
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
        body["labels"] = labels_to_json(event.labels)
    return body


def arguments_to_json(args: Mapping[str, Any], events: Sequence[Event]) -> dict[str, JSON]:
    """The scalar arguments of a call, with the places in these events at which each value stands.

    ``silent``: null, true, false and blank text, which say nothing that could come from somewhere. Both an agent's
    arguments and its session may be large on purpose: ``unlisted`` arguments are left out, of those listed after
    :data:`TRACED` no places are looked for (null), and of ``heard`` events so many were ``searched``.
    """
    scalars = [leaf for leaf in leaves(dict(args)) if isinstance(leaf, Leaf) and not leaf.is_key]
    traced = [leaf.scalar for leaf in scalars[:TRACED]]
    places = places_of(traced, events)
    found: dict[str, list[JSON]] = {f"$[{i}]": [] for i in range(len(traced))}
    for place in places.found:
        found[place.element].append(_place(place))
    listed: list[JSON] = [
        {
            "path": show_path(leaf.path),
            "value": leaf.scalar,
            "silent": not text_of(leaf.scalar),
            "places": found.get(f"$[{i}]"),
        }
        for i, leaf in enumerate(scalars[:LISTED])
    ]
    return {
        "arguments": listed,
        "unlisted": len(scalars) - len(listed),
        "heard": len(events),
        "searched": places.searched,
    }


def sources_to_json(arguments: Sequence[Mapping[str, Any]], events: Sequence[Event]) -> list[JSON]:
    """The texts that the arguments' places lie in, cut around them. ``skipped`` characters stand before ``text``."""
    wanted: dict[int, dict[int, list[tuple[int, int]]]] = {}
    for argument in arguments:
        for place in argument["places"] or ():
            wanted.setdefault(place["event"], {}).setdefault(place["document"], []).extend(place["spans"])
    sources: list[JSON] = []
    for index, numbers in sorted(wanted.items()):
        for number, document in enumerate(documents(events[index])):
            if number not in numbers or not isinstance(document, Document):
                continue
            spans = numbers[number]
            start = max(0, min(start for start, _ in spans) - AROUND)
            end = min(len(document.text), min(end for _, end in spans) + AROUND)
            sources.append(
                {
                    **_document(document),
                    "event": index,
                    "document": number,
                    "time": events[index].time,
                    "skipped": start,
                    "left": len(document.text) - end,
                    "text": document.text[start:end],
                }
            )
    return sources


def _documents(event: Event) -> tuple[list[JSON], int]:
    """The first texts of an event, and how many more it has.

    ``key``: only the name of a field in a structured result, not what stands in it; ``shown``: the structure once more,
    as the model read it.
    """
    every = iter(documents(event))
    found = [_document(each) for each in islice(every, TEXTS)]
    further = sum(1 for _ in every)
    if event.kind == "result" and event.value is not None and not isinstance(event.value, str):
        said = (leaf for leaf in leaves(event.value) if not isinstance(leaf, Leaf) or text_of(leaf.scalar))
        for body, leaf in zip_longest(found, islice(said, len(found))):
            if leaf is None:
                body["shown"] = True
            else:
                body["key"] = isinstance(leaf, Leaf) and leaf.is_key
    return [*found], further


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
