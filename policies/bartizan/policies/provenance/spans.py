"""Which characters of a text a value was found in: what a person reviewing a call is shown.

Values are compared in another form than they are written in (:mod:`.normalise`), so that what is found there is
traced back to the text as it stands, hidden characters and all. Where the form cannot be traced back exactly, the
whole text is named: too much is marked then, never the wrong words.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from .evidence import Part, Trace, mentions, run_texts, trace_of
from .normalise import compatible, fold, is_word
from .tokens import scan

MAX_SPANS = 32
"""How often a value is marked in one text."""

Match = Literal["equal", "inside", "trace"]
"""Equal to a leaf; a run of whole tokens in a text or leaf; only a trace of characters."""


class Span(NamedTuple):
    """Characters ``start`` to ``end`` (not included) of a text."""

    start: int
    end: int


def spans_of(text: str, parts: Sequence[Part], traces: Sequence[Trace], match: Match) -> tuple[Span, ...]:
    """Where in a text that matches a value the value stands, in order; at least one span, of no empty text."""
    if match == "inside":
        found = _tokens(text, parts)
    elif match == "trace":
        found = _characters(text, traces)
    else:
        found = []
    return _merged(found)[:MAX_SPANS] or (Span(0, len(text)),)


class _Aligned(NamedTuple):
    """A form of a text: which piece of the text each character of it comes from."""

    made: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        return Span(self.starts[start], self.ends[end - 1])

    def kept(self, kept: Sequence[int]) -> _Aligned:
        """The form with only the characters at these places, in order."""
        made = "".join(self.made[i] for i in kept)
        return _Aligned(
            made,
            array("L", (self.starts[i] for i in kept)),
            array("L", (self.ends[i] for i in kept)),
        )


def _tokens(text: str, parts: Sequence[Part]) -> list[Span]:
    """Every run of tokens, date and code that is one of the parts."""
    form = compatible(text)
    aligned = _aligned(text, folded=False)
    if aligned is None or aligned.made != form:
        return []
    tokens = scan(form)
    places: list[tuple[int, int]] = []
    keys = {key for part in parts for key in part.keys}
    places += [(i, count) for i, count, key in mentions(tokens, form) if key in keys]
    texts = run_texts(tokens)
    for part in parts:
        run = part.run.split()
        places += [
            (i, len(run))
            for i in range(len(texts) - len(run) + 1 if run else 0)
            if texts[i] == run[0] and texts[i : i + len(run)] == run
        ]
    return [aligned.span(tokens[i].start, tokens[i + count - 1].end) for i, count in places]


def _characters(text: str, traces: Sequence[Trace]) -> list[Span]:
    """Every place where the characters of a trace stand; failing that, its letters and digits alone."""
    whole = _aligned(text, folded=True)
    if whole is None:
        return []
    shape = trace_of(compatible(text))
    folded = whole.kept(_collapsed(whole.made))
    letters = whole.kept([i for i, ch in enumerate(whole.made) if ch.isalnum()])
    if folded.made != shape.folded or letters.made != shape.letters:
        return []
    found: list[Span] = []
    for trace in traces:
        if trace.is_long_enough and trace.is_in(shape):
            exact = [*_found(trace.folded, folded)]
            found += exact or _found(trace.letters, letters)
    return found


def _found(needle: str, form: _Aligned) -> Iterator[Span]:
    at = form.made.find(needle) if needle else -1
    count = 0
    while at >= 0 and count < MAX_SPANS:
        yield form.span(at, at + len(needle))
        at = form.made.find(needle, at + len(needle))
        count += 1


def _collapsed(text: str) -> list[int]:
    """The characters that are left when every run of whitespace is one space, and none is at the ends."""
    kept: list[int] = []
    gap = -1
    for i, ch in enumerate(text):
        if ch.isspace():
            gap = i if gap < 0 else gap
            continue
        if gap >= 0 and kept:
            kept.append(gap)
        gap = -1
        kept.append(i)
    return kept


def _aligned(text: str, *, folded: bool) -> _Aligned | None:
    """The compatible or the folded form, piece by piece; None if the pieces do not make the whole."""
    form = fold if folded else compatible
    if text.isascii():
        return _Aligned(form(text), range(len(text)), range(1, len(text) + 1))
    made: list[str] = []
    starts, ends = array("L"), array("L")
    for start, end in _pieces(text):
        piece = form(text[start:end])
        made.append(piece)
        starts.extend([start] * len(piece))
        ends.extend([end] * len(piece))
    joined = "".join(made)
    return _Aligned(joined, starts, ends) if joined == form(text) else None


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Characters with what is composed with them: combining marks, and the vowels and finals of Hangul."""
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or not _is_joined(text[i]):
            yield start, i
            start = i


def _is_joined(ch: str) -> bool:
    if ch < "\u0300":
        return False
    return "\u1160" <= ch <= "\u11ff" or ch in "\uff9e\uff9f" or (is_word(ch) and not ch.isalnum())


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)
