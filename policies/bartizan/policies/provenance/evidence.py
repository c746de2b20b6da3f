"""What is looked for, and what a text offers: the two sides of every comparison.

A value is looked for as one or more :class:`Part` (a date-time is two: its date and its time); a text offers a
:class:`Reading`. A part is *inside* a text if the text has its run of tokens or one of its keys, and *is* the text
if it equals the text's whole run or one of its whole keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .codes import codes, whole_code
from .moments import moments, whole_moment
from .normalise import collapse, compatible, fold, host_of, number_text, squeeze
from .tokens import Token, run_of, scan

_SHORTEST_TRACE = 3
_SHORTEST_SQUEEZED = 6

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to find: a run of whole tokens (``" a b "``, or "" for none), or any of the keys."""

    run: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, read once. ``inside`` are the keys of what it mentions, ``whole`` what it is in all."""

    run: str
    inside: frozenset[str]
    whole: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """A text as characters: case-folded, and its letters and digits alone."""

    folded: str
    letters: str

    @property
    def is_long_enough(self) -> bool:
        """Whether finding it somewhere means anything: three characters, or one that is not ASCII."""
        return len(self.folded) >= _SHORTEST_TRACE or not self.folded.isascii()

    def is_in(self, text: Trace) -> bool:
        """A substring; from six letters and digits on, whatever stands between them."""
        return self.folded in text.folded or (
            len(self.letters) >= _SHORTEST_SQUEEZED and self.letters in text.letters
        )


def text_of(scalar: Scalar) -> str:
    """The text of a scalar. "" for what carries no information: null, booleans and blank text."""
    if scalar is None or isinstance(scalar, bool):
        return ""
    return number_text(scalar) if isinstance(scalar, int | float) else scalar.strip()


def parts_of(text: str) -> tuple[Part, ...]:
    """What has to be found for a text to come from somewhere: all of these."""
    text = compatible(text)
    tokens = scan(text)
    if not tokens:
        return (Part(_opaque(text)),)
    moment = whole_moment(tokens)
    if moment is not None:
        return tuple(Part("", keys) for keys in moment.parts)
    code = whole_code(tokens, text)
    return (Part(_run(tokens), (code,) if code is not None else ()),)


def read(text: str) -> Reading:
    """What a text offers. ``text`` is :func:`~.normalise.compatible`."""
    tokens = scan(text)
    if not tokens:
        return Reading("", frozenset(), (_opaque(text),))
    run = _run(tokens)
    found = list(mentions(tokens, text))
    whole = [run, *(key for i, count, key in found if key[0] == "C" and i == 0 and count == len(tokens))]
    moment = whole_moment(tokens)
    if moment is not None:
        whole += moment.evidence
    return Reading(run, frozenset(key for _, _, key in found), tuple(whole))


def mentions(tokens: list[Token], text: str) -> Iterator[tuple[int, int, str]]:
    """The keys of everything a text mentions, as (first token, tokens, key)."""
    for i, moment in moments(tokens):
        for key in moment.evidence:
            yield i, moment.length, key
    yield from codes(tokens, text)


def trace_of(text: str) -> Trace:
    """A text as its characters."""
    folded = collapse(fold(text))
    return Trace(folded, squeeze(folded))


def traces_of(text: str, parts: tuple[Part, ...]) -> Iterator[Trace]:
    """What of a value is looked for as characters: all of it; of a URL also the page and the host it names."""
    yield trace_of(text)
    for part in parts:
        token = part.run.strip()
        if token and " " not in token:
            yield trace_of(token)
            host = host_of(token)
            if host is not None:
                yield trace_of(host)


def run_texts(tokens: list[Token]) -> list[str]:
    """What is compared of each token. The numbers of a date or time are no numbers: June 13 does not say 13."""
    texts = [token.text for token in tokens]
    for i, moment in moments(tokens):
        for k in range(i, i + moment.length):
            if texts[k].isdigit():
                texts[k] = f"{texts[k]}\0"
    return texts


def _run(tokens: list[Token]) -> str:
    """The tokens as one run."""
    return run_of(tokens, run_texts(tokens))


def _opaque(text: str) -> str:
    """Text without a token ("?!"): equal to itself, and found inside nothing."""
    return f"\0{collapse(fold(text))}\0"
