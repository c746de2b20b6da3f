"""What tools return, as JSON where it is some, and as the texts that a model reads in it.

JSON can write every letter in others (``"\\u0041"`` is ``A``, ``\\n`` a line's end), and a model reads it either way.
So a guard is shown a text together with what its JSON says (:func:`reading`), and of what the guard then shows only
that is passed on in which nothing hidden is left in other letters (:func:`passed`). Every door does both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from bartizan.guard import JSON, MalformedJSON, ToolResult, parse_json

REDACTED = "A part of this result was redacted, and the rest cannot be told from it."


def structure_of(text: str) -> JSON:
    """The JSON object or array that a text is; ``None`` for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return parse_json(text)
    except MalformedJSON:
        return None


def reading(texts: Sequence[str]) -> str:
    """What is inspected of texts: they themselves, then what those of them that are JSON write in other letters."""
    return "\n".join([*texts, *said_otherwise(texts)])


def passed(texts: Sequence[str], shown: str, value: JSON = None) -> str:
    """What a model reads in place of texts, one line after another, of whose :func:`reading` a guard shows this.

    ``value`` is what the guard shows of the JSON value that the texts are, if they are one: where something was hidden
    in what the JSON writes in other letters, it is written anew from there, or withheld.
    """
    otherwise = "".join(f"\n{said}" for said in said_otherwise(texts))
    if shown.endswith(otherwise):
        return shown[: len(shown) - len(otherwise)]
    own = _document(shown)
    if own and reading([own]) == shown:  # hidden in the same way, however it was written
        return own
    if value is not None:
        anew = json.dumps(value, ensure_ascii=False)
        if all(said in shown for said in said_otherwise([anew])):
            return anew
    if "\\" not in shown:  # nothing in it is in other letters
        return shown
    return REDACTED


def recalled(shown: ToolResult) -> str:
    """What a model reads of a result of which only what a guard showed is known any more."""
    own = _document(shown.text)
    return passed([own], shown.text, shown.value) if own else shown.text


def _document(text: str) -> str:
    """The JSON that a text begins with, if it does."""
    try:
        return text[: json.JSONDecoder(strict=False).raw_decode(text)[1]]
    except (ValueError, RecursionError):
        return ""


def said_otherwise(texts: Sequence[str]) -> Iterator[str]:
    """The texts that JSON writes in other letters, and those that they write so in turn."""
    waiting = [*reversed(texts)]
    while waiting:
        text = waiting.pop()
        if "\\" not in text or text.lstrip()[:1] not in ("{", "[", '"'):
            continue
        found = list(_escaped(text))
        yield from found
        waiting += reversed(found)  # each is shorter than what it was in: this ends


def _escaped(text: str) -> Iterator[str]:
    """The strings in JSON in which a backslash stands, as they read. It need not be strict JSON all over."""
    start = text.find('"')
    while start >= 0:
        end, escapes = start + 1, False
        quote = text.find('"', end)
        while quote >= 0 and (escape := text.find("\\", end, quote)) >= 0:
            end, escapes = escape + 2, True
            if quote < end:
                quote = text.find('"', end)
        if quote < 0:
            return
        if escapes:
            try:
                said = json.loads(text[start : quote + 1], strict=False)
            except ValueError:
                said = ""
            if said:
                yield said.encode("utf-8", "replace").decode()  # half of a pair is no letter
        start = text.find('"', quote + 1)
