"""Whether a tokenizer shows a model what a text says. Where it does not, an attacker could hide there. No torch.

Three ways of hiding are known from language models that read more than a small reader does:

* letters in another dress (mathematical, fullwidth, circled): :func:`plain` folds them to the letters they stand for
  (NFKC, Unicode Standard Annex 15), so they are read;
* scripts that the vocabulary lacks: each word is one unknown token, and too many of them are *not readable*;
* characters that nobody sees (tags, supplementary variation selectors) and that spell ASCII for a language model:
  more than a few are not readable. The three flags that are spelt with tags are flags.

Pictures, emoji above all, say little and may be unknown.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

STRETCH = 32
"""Tokens that are looked at together."""

UNKNOWN = 8
"""So many unknown words in a stretch are a few foreign names; more are a text that the model cannot read."""

WORD = 16
"""Letters that an unknown token may hold to count as one word."""

HIDDEN = 8
"""So many unseen characters in a text are somebody's odd editor."""

_UNSEEN = re.compile("[\U000e0000-\U000e01ef]")
_FLAGS = re.compile("\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067"
                    "|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f")  # fmt: skip
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def plain(text: str) -> tuple[str, Sequence[int] | None]:
    """The text with dressed-up ASCII letters and digits folded, and where each of its characters, and its end, was.

    None for the places where nothing moved.
    """
    folded = _BEYOND_ASCII.sub(lambda found: _folded(found.group()), text)
    if len(folded) == len(text):
        return folded, None
    places = [place for place, letter in enumerate(text) for _ in _folded(letter)]
    return folded, [*places, len(text)]


@lru_cache(maxsize=4096)
def _folded(letter: str) -> str:
    if letter.isascii():
        return letter
    found = unicodedata.normalize("NFKC", letter)
    return found if found.isascii() and found.isalnum() else letter


def hides(text: str) -> bool:
    """Whether it holds more unseen characters than chance would explain."""
    return len(_UNSEEN.findall(_FLAGS.sub("", text))) > HIDDEN if not text.isascii() else False


def unreadable(text: str, spans: Sequence[tuple[int, int]], unknown: Sequence[bool]) -> bool:
    """Whether some stretch of tokens holds too many unknown words; ``unknown`` says which tokens are.

    A word that is long counts as several.
    """
    if not any(unknown):
        return False
    words = [
        math.ceil(_letters(text[start:end]) / WORD) if bad else 0
        for (start, end), bad in zip(spans, unknown, strict=True)
    ]
    sums = [0, *accumulate(words)]
    return any(sums[min(at + STRETCH, len(words))] - sums[at] > UNKNOWN for at in range(len(words)))


def _letters(word: str) -> int:
    return sum(_says_something(letter) for letter in word)


@lru_cache(maxsize=4096)
def _says_something(letter: str) -> bool:
    """Letters, digits and marks, private and unassigned characters, and symbols that are letters in a frame."""
    kind = unicodedata.category(letter)
    if kind in ("So", "Sk", "Sm"):
        name = unicodedata.name(letter, "")
        return " LETTER" in name or "SYMBOL LETTER" in name or "BRAILLE" in name or "LATIN" in name
    if "\ufe00" <= letter <= "\ufe0f":  # a picture's variation
        return False
    return kind[0] in "LNM" or kind in ("Co", "Cn")
