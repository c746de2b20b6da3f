"""Which characters of a text a value was found in: what a person reviewing a call is shown.

Values are compared in another form than they are written in (:mod:`.normalise`), so that what is found there is
traced back to the text as it stands, hidden characters and all. Where the form cannot be traced back exactly, the
whole text is named: too much is marked then, never the wrong words.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from .evidence import Part, Trace, mentions, run_texts, trace_of
from .normalise import compatible, fold, is_word
from .tokens import Token, scan

MAX_SPANS = 32
"""How often a value is marked in one text."""

Match = Literal["equal", "inside", "trace"]
"""Equal to a leaf; a run of whole tokens in a text or leaf; only a trace of characters."""


class Span(NamedTuple):
    """Characters ``start`` to ``end`` (not included) of a text."""

    start: int
    end: int


class Text:
    """A text in which values were found; the forms in which it is compared are made once, when they are asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    def spans(self, parts: Sequence[Part], traces: Sequence[Trace], match: Match) -> tuple[Span, ...]:
        """Where a value stands that the text matches, in order; at least one span, of no empty text."""
        if match == "inside":
            found = self._tokens(parts)
        elif match == "trace":
            found = self._characters(traces)
        else:
            found = []
        return _merged(found)[:MAX_SPANS] or (Span(0, len(self.text)),)

    def _tokens(self, parts: Sequence[Part]) -> list[Span]:
        """Every run of tokens, date and code that is one of the parts."""
        if self._compatible is None:
            return []
        places = [place for part in parts for key in part.keys for place in self._mentions.get(key, ())]
        texts = self._run
        for part in parts:
            run = part.run.split()
            first = run[0] if run else None
            for i in self._starts.get(first, ()) if first is not None else ():
                if texts[i : i + len(run)] == run:
                    places.append((i, len(run)))
        scanned, aligned = self._scanned, self._compatible
        return [aligned.span(scanned[i].start, scanned[i + count - 1].end) for i, count in places]

    def _characters(self, traces: Sequence[Trace]) -> list[Span]:
        """Every place where the characters of a trace stand; failing that, its letters and digits alone."""
        if self._shapes is None:
            return []
        folded, letters = self._shapes
        shape = Trace(folded.made, letters.made)
        found: list[Span] = []
        for trace in traces:
            if trace.is_long_enough and trace.is_in(shape):
                exact = [*_found(trace.folded, folded)]
                found += exact or _found(trace.letters, letters)
        return found

    @cached_property
    def _compatible(self) -> _Aligned | None:
        return _aligned(self.text, folded=False)

    @cached_property
    def _scanned(self) -> list[Token]:
        return scan(compatible(self.text))

    @cached_property
    def _run(self) -> list[str]:
        return run_texts(self._scanned)

    @cached_property
    def _starts(self) -> dict[str, list[int]]:
        """Where each token stands."""
        starts: dict[str, list[int]] = {}
        for i, text in enumerate(self._run):
            starts.setdefault(text, []).append(i)
        return starts

    @cached_property
    def _mentions(self) -> dict[str, list[tuple[int, int]]]:
        places: dict[str, list[tuple[int, int]]] = {}
        for i, count, key in mentions(self._scanned, compatible(self.text)):
            places.setdefault(key, []).append((i, count))
        return places

    @cached_property
    def _shapes(self) -> tuple[_Aligned, _Aligned] | None:
        """The folded characters, and the letters and digits alone; None if they cannot be traced back."""
        whole = _aligned(self.text, folded=True)
        if whole is None:
            return None
        folded = whole.kept(_collapsed(whole.made))
        letters = whole.kept([i for i, ch in enumerate(whole.made) if ch.isalnum()])
        shape = trace_of(compatible(self.text))
        return (folded, letters) if (folded.made, letters.made) == (shape.folded, shape.letters) else None


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
