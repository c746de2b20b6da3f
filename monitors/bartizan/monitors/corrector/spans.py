"""Edit scripts of texts: which bytes give way to what.

::

    script = "=" | "DENY" | span *( ";" span )     ascending, not overlapping
    span   = start "-" end ">" text                bytes from start up to, not including, end; text is a JSON string

So ``12-31>"[redacted]"``. Offsets count bytes of UTF-8; ";" in a text is written ``\\u003b``. Like scripts of calls
(:mod:`.script`), these have one form each, and what is not in it is no script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from bartizan.guard.canonical import canonical_json, parse_json
from bartizan.guard.errors import MalformedJSON

from .errors import NoScript
from .script import MAX_SCRIPT, Word


@dataclass(frozen=True, slots=True)
class SpanEdit:
    """Bytes ``start`` up to ``end`` give way to ``text``."""

    start: int
    end: int
    text: str


TextScript: TypeAlias = Word | tuple[SpanEdit, ...]


def written(script: TextScript) -> bytes:
    """The bytes of a script. Raises :class:`NoScript` for spans that overlap, do nothing or are out of order."""
    if isinstance(script, Word):
        return script.value.encode()
    if not script:
        raise NoScript("no spans: write Word.UNCHANGED")
    at = 0
    for number, span in enumerate(script):
        touches = number and span.start == at  # then they are one span
        if not (at <= span.start <= span.end) or touches:
            raise NoScript(f"expected ascending spans apart from each other, found {span.start}-{span.end}")
        if span.start == span.end and not span.text:
            raise NoScript("a span that changes nothing")
        at = span.end
    return b";".join(_span(span) for span in script)


def read(text: bytes) -> TextScript:
    """The script of these bytes. Raises :class:`NoScript`."""
    if len(text) > MAX_SCRIPT:
        raise NoScript(f"expected at most {MAX_SCRIPT} bytes, found {len(text)}")
    for word in Word:
        if text == word.value.encode():
            return word
    script = tuple(_read_span(part) for part in text.split(b";"))
    if written(script) != text:
        raise NoScript(f"expected spans in their one form, found {text[:80]!r}")
    return script


def applied(script: TextScript, text: str) -> str:
    """The text that a script makes of ``text``. Raises :class:`NoScript` where it does not fit it."""
    if isinstance(script, Word):
        raise NoScript(f"{script.value} edits nothing")
    before = text.encode()
    pieces, at = [], 0
    for span in script:
        if span.end > len(before):
            raise NoScript(f"the span {span.start}-{span.end} is outside of {len(before)} bytes")
        pieces += [before[at : span.start], span.text.encode()]
        at = span.end
    try:
        return b"".join([*pieces, before[at:]]).decode()
    except UnicodeDecodeError as error:
        raise NoScript("a span cuts a character") from error


def _span(span: SpanEdit) -> bytes:
    try:
        text = canonical_json(span.text).replace(b";", b"\\u003b")
    except MalformedJSON as error:
        raise NoScript(f"the text of {span.start}-{span.end} cannot be written: {error}") from error
    return f"{span.start}-{span.end}>".encode() + text


def _read_span(part: bytes) -> SpanEdit:
    place, arrow, text = part.partition(b">")
    start, dash, end = place.partition(b"-")
    if not (arrow and dash and start.isdigit() and end.isdigit() and len(place) <= 20):
        raise NoScript(f"expected start-end>text, found {part[:80]!r}")
    try:
        value = parse_json(text)
    except MalformedJSON as error:
        raise NoScript(f"the text of {place!r}: {error}") from error
    if not isinstance(value, str):
        raise NoScript(f"expected a text for {place!r}, found {text[:80]!r}")
    return SpanEdit(int(start), int(end), value)
