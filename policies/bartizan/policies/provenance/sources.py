"""From an event to what it says: its documents, each with the label it goes by.

A prompt is one document, and so is a result that is text. A structured result is one document for each leaf and for
each key (a key goes by the label of the value that holds it). What a result shows the model beside its structure
(``Event.text``) can taint where all of the result is untrusted, and never grounds anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bartizan.guard.canonical import JSON
from bartizan.guard.types import Event, Label

from .evidence import Scalar, text_of
from .labels import Labeller, Path

MAX_DEPTH = 64


class Leaf(NamedTuple):
    """A scalar inside a value. ``is_key``: a key of the record at ``path``."""

    path: Path
    scalar: Scalar
    is_key: bool


class Unreadable(NamedTuple):
    """Something inside a value that is no JSON, or lies too deep: nothing is known about it."""

    path: Path


class Source(NamedTuple):
    """Where a document comes from, as far as the questions tell apart.

    ``tool`` is ``None`` for the user and "" for a result whose call is not known. ``is_leaf``: a document that grounds
    only what equals it. ``grounds``: false for errors, and for the text beside a structure.
    """

    tool: str | None
    label: Label
    is_leaf: bool
    grounds: bool


class Document(NamedTuple):
    """One text of one event; ``path`` is where it lies in a structured result (else ``()``)."""

    source: Source
    path: Path
    text: str


USER = Source(None, "trusted", is_leaf=False, grounds=True)


def leaves(value: JSON) -> Iterator[Leaf | Unreadable]:
    """The scalars and keys of a value, in order."""
    stack: list[tuple[Path, JSON]] = [((), value)]
    while stack:
        path, value = stack.pop()
        if value is None or isinstance(value, str | int | float):
            yield Leaf(path, value, False)
        elif len(path) >= MAX_DEPTH:
            yield Unreadable(path)
        elif isinstance(value, list | tuple):
            stack.extend(((*path, i), value[i]) for i in range(len(value) - 1, -1, -1))
        elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
            for key in value:
                yield Leaf(path, key, True)
            stack.extend(((*path, key), value[key]) for key in reversed(value))
        else:
            yield Unreadable(path)


def documents(event: Event) -> Iterator[Document | Unreadable]:
    """What an event says. Calls and the model's own text say nothing: they are no source."""
    if event.kind == "prompt":
        yield Document(USER, (), event.text)
    elif event.kind == "result":
        yield from _result(event, event.tool or "")


def _result(event: Event, tool: str) -> Iterator[Document | Unreadable]:
    labeller = Labeller(event.labels)
    grounds = not event.is_error
    text_label = labeller.of_text()
    if event.value is None or isinstance(event.value, str):
        yield Document(Source(tool, text_label, False, grounds), (), event.text)
        return
    for leaf in leaves(event.value):
        if isinstance(leaf, Unreadable):
            yield leaf
            continue
        text = text_of(leaf.scalar)
        if text:
            label = labeller.label_of(leaf.path)
            yield Document(Source(tool, label, True, grounds), leaf.path, text)
    if labeller.is_uniform() and text_label == "untrusted":
        yield Document(Source(tool, "untrusted", False, False), (), event.text)
