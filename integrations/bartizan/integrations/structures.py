"""What tools return, as JSON where it is some, and as the text that a model reads in it.

JSON can write every letter in others (``"\\u0041"`` is ``A``, ``\\n`` a line's end), and a model reads it either way.
So a guard is shown a text together with what JSON in it says (:func:`reading`), and of what the guard then shows only
that is passed on in which nothing hidden is left in other letters (:func:`passed`). Every door does both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from bartizan.guard import JSON, MalformedJSON, ToolResult, parse_json
from bartizan.guard.canonical import scalar_text

REDACTED = "A part of this result was redacted, and the rest cannot be told from it."

_BEGIN = re.compile(r"^[ \t]*+(?=[\[{])", re.MULTILINE)
_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"?', re.DOTALL)  # to its end, or that of a text that was cut off
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
# How often what takes time may fail: lines that only begin as JSON, texts that are no longer there.
_PATIENCE = 100
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def structure_of(text: str) -> JSON:
    """The JSON object or array that a text is; ``None`` for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return parse_json(text)
    except MalformedJSON:
        return None


def reading(text: str) -> str:
    """What is inspected of a text: it itself, then what JSON in it writes in other letters."""
    return "\n".join([text, *said_otherwise(text)])


def passed(text: str, shown: str, value: JSON = None) -> str:
    """What a model reads in place of a text of whose :func:`reading` a guard shows this.

    ``value`` is what the guard shows of the JSON value that the text is, if it is one: where something was hidden only
    in what the JSON writes in other letters, it is written anew from there, or withheld.
    """
    said = said_otherwise(text)
    otherwise = "".join(f"\n{one}" for one in said)
    if shown.endswith(otherwise):
        return shown[: len(shown) - len(otherwise)]
    alike = _read_in(shown)  # hidden in the same way, however it was written
    if alike is None and value is not None and shown.startswith(text):
        alike = _anew(text, said, shown[len(text) :], value)
    if alike is not None:
        return alike
    return REDACTED if "\\" in shown else shown


def both(text: str, given: ToolResult, shown: ToolResult) -> tuple[str, JSON]:
    """What is passed on of a result with this text: the text, and the value.

    A value that is what the text says must not say what was hidden there: it goes where the two differ.
    """
    if given.value is None or given.value != structure_of(text):
        return passed(text, shown.text), shown.value
    said = passed(text, shown.text, shown.value)
    if said == text and shown.value != given.value:  # hidden in the value alone
        said = json.dumps(shown.value, ensure_ascii=False) if shown.value is not None else REDACTED
    return said, shown.value if said == text or structure_of(said) == shown.value else None


def recalled(shown: str) -> str:
    """What a model reads of a text of whose :func:`reading` only what a guard showed is known any more."""
    alike = _read_in(shown)
    if alike is not None:
        return alike
    return REDACTED if said_otherwise(shown) else shown


def _read_in(shown: str) -> str | None:
    """The text of which this is the reading, if it is one's that has other letters in it."""
    first, end = next(iter(said_otherwise(shown)), None), -1
    for _ in range(3):  # one of its own lines may begin like that, too
        end = shown.find(f"\n{first}", end + 1) if first is not None else -1
        if end < 0:
            return None
        if reading(shown[:end]) == shown:
            return shown[:end]
    return None


def _anew(text: str, said: list[str], shown: str, value: JSON) -> str | None:
    """The value as the text writes it, if only strings are written otherwise that were hidden in other letters.

    ``shown`` is what is shown of what the text's JSON ``said``. A value has its strings one by one, so what was hidden
    across them stands in it; and a rule may find across strings in plain letters what it did not find in escapes.
    """
    anew = json.dumps(value, ensure_ascii=text.isascii())
    before, after = ({string[1] for string in _STRING.finditer(each)} for each in (text, anew))
    left = _left(said, shown)
    told = {*map(_read, after - before), *said_otherwise(anew)} - left
    if len(told) > _PATIENCE or any(one not in shown for one in told):
        return None
    return None if any("\\" not in gone or _read(gone) in left for gone in before - after) else anew


def _left(said: list[str], shown: str) -> set[str]:
    """Those of these texts, one line after another, that are shown whole; of many that are not, some may be missing."""
    left, at, missed = set[str](), 0, 0
    shown += "\n"
    for one in said:
        found = shown.find(f"\n{one}\n", at) if missed < _PATIENCE else -1
        if found < 0:
            missed += 1
        else:
            left.add(one)
            at = found + len(one) + 1
    return left


def said_otherwise(text: str) -> list[str]:
    """The texts that JSON in a text writes in other letters, and those that they write so in turn, each once."""
    found: dict[str, None] = {}
    waiting = [text]
    while waiting:
        said = dict.fromkeys(said for part in _documents(waiting.pop()) for said in _escaped(part))
        fresh = [one for one in said if one not in found]
        found.update(dict.fromkeys(fresh))
        waiting += reversed(fresh)  # each is shorter than what it was in: this ends
    return list(found)


def _documents(text: str) -> Iterator[str]:
    """What begins as JSON in a text: the text itself, whatever follows, and objects and arrays that begin a line."""
    if "\\" not in text:
        return
    if text.lstrip()[:1] in ("{", "[", '"'):
        yield text
    decoder, end, failed = json.JSONDecoder(strict=False), 0, 0
    for line in _BEGIN.finditer(text):
        start = line.end()
        if start < end:
            continue
        try:
            end = decoder.raw_decode(text, start)[1]
            yield text[start:end]
        except (ValueError, RecursionError) as error:
            failed += 1
            if failed == _PATIENCE or isinstance(error, RecursionError):
                yield text[start:]
                return


def _escaped(text: str) -> Iterator[str]:
    """The strings in JSON in which a backslash stands, as they read."""
    for string in _STRING.finditer(text):
        if "\\" in string[1] and (said := _read(string[1])):
            yield said


def _read(string: str) -> str:
    return scalar_text(_ESCAPE.sub(_letter, string))


def _letter(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _LETTERS.get(escape[2], escape[2])
