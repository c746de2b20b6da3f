"""Whether a tokenizer shows a model what a text says. Where it does not, an attacker could hide there. No torch.

Five ways of hiding are known from language models that read more than a small reader does:

* letters behind escapes, as tools write them in YAML, JSON, HTML and URLs (``\\u4f60``, ``&#x4f60;``, ``%E4%BD%A0``, a
  backslash at the end of a line): :func:`plain` undoes them, whatever they were written for;
* letters in another dress (mathematical, fullwidth, circled): it folds them to the letters they stand for
  (NFKC, Unicode Standard Annex 15), so they are read;
* scripts that the vocabulary lacks: each word is one unknown token, and too many of them are *not readable*;
* scripts that the vocabulary spells and the model never learned: a probe's card says in which scripts it can tell one
  text from another, and it has no word on more than a few letters of others (:func:`foreign`);
* characters that nobody sees (tags, supplementary variation selectors) and that spell ASCII for a language model:
  more than a few are not readable. The three flags that are spelt with tags are flags.

Pictures, emoji above all, say little and may be unknown.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import unescape
from itertools import accumulate
from urllib.parse import unquote_to_bytes

STRETCH = 32
"""Tokens that are looked at together."""

UNKNOWN = 8
"""So many unknown words in a stretch are a few foreign names; more are a text that the model cannot read."""

WORD = 16
"""Letters that an unknown token may hold to count as one word."""

HIDDEN = 8
"""So many unseen characters in a text are somebody's odd editor."""

AROUND = 256
"""Characters that are looked at together, for letters of other scripts."""

FOREIGN = 20
"""So many foreign letters in a stretch are two names or three; four times as many may stand in a whole text."""

SCRIPTS = {
    "Arabic": "ARABIC", "Armenian": "ARMENIAN", "Bengali": "BENGALI", "Bopomofo": "BOPOMOFO", "Cyrillic": "CYRILLIC",
    "Devanagari": "DEVANAGARI", "Ethiopic": "ETHIOPIC", "Georgian": "GEORGIAN", "Greek": "GREEK",
    "Gujarati": "GUJARATI", "Gurmukhi": "GURMUKHI", "Han": "CJK", "Hangul": "HANGUL", "Hebrew": "HEBREW",
    "Hiragana": "HIRAGANA", "Kannada": "KANNADA", "Katakana": "KATAKANA", "Khmer": "KHMER", "Lao": "LAO",
    "Latin": "LATIN", "Malayalam": "MALAYALAM", "Mongolian": "MONGOLIAN", "Myanmar": "MYANMAR", "Sinhala": "SINHALA",
    "Tamil": "TAMIL", "Telugu": "TELUGU", "Thai": "THAI", "Tibetan": "TIBETAN",
}  # fmt: skip
"""Scripts that a card can name, and the word with which Unicode names their letters."""

_WEIGHTS = {"CJK": 3} | dict.fromkeys(
    ("HANGUL", "HIRAGANA", "KATAKANA", "ETHIOPIC", "YI", "ARABIC", "HEBREW", "SYRIAC"), 2
)
"""Letters that a sign of these scripts counts for: they say more with one."""

MIXED = 6
"""Letters that a word of both kinds counts for at least."""

_UNSEEN = re.compile("[\U000e0000-\U000e01ef]")
_FLAGS = re.compile("\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067"
                    "|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f")  # fmt: skip
_ESCAPE = (
    r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\+u[dD][c-fC-F][0-9A-Fa-f]{2}"  # a pair of surrogates
    r"|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{2}|\\u\{[0-9A-Fa-f]{1,6}\}"
    r"|\\\r?\n[ \t]*(?:\\(?= ))?"  # a line that goes on
    r"|&(?:amp;)*(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    r"|(?:%[0-9A-Fa-f]{2})+"
)
_ESCAPE_BEGINS = re.compile(r"[\\&%]")
_ESCAPE_OR_BEYOND = re.compile(_ESCAPE + r"|[^\x00-\x7f]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_SPEAKING = frozenset(("Ll", "Lu", "Lt", "Lo", "Lm", "Mc", "Mn", "Nd"))


def plain(text: str) -> tuple[str, Sequence[tuple[int, int]] | None]:
    """The text as it is read: escapes undone, dressed-up ASCII letters and digits folded; and where each of its
    characters was. None for the places where nothing changed.
    """
    if text.isascii() and not _ESCAPE_BEGINS.search(text):
        return text, None
    folded: list[str] = []
    places: list[tuple[int, int]] = []
    last = 0
    for found in _ESCAPE_OR_BEYOND.finditer(text):
        start, end = found.span()
        written = found.group()
        stands_for = written if len(written) == 1 else _unescaped(written)
        if len(written) == 1 or stands_for != written:
            stands_for = "".join(map(_folded, stands_for))
        if stands_for != written:
            folded += (text[last:start], stands_for)
            places += ((at, at + 1) for at in range(last, start))
            places += ((start, end) for _ in stands_for)
            last = end
    if not folded:
        return text, None
    places += ((at, at + 1) for at in range(last, len(text)))
    return "".join(folded) + text[last:], places


@lru_cache(maxsize=4096)
def _unescaped(written: str) -> str:
    """What an escape stands for; itself where that is nothing that can be read."""
    if written[0] == "%":
        try:
            letters = unquote_to_bytes(written).decode()
        except UnicodeDecodeError:
            return written
    elif written[0] == "&":
        letters = unescape(re.sub("&(?:amp;)+", "&", written))
        if letters.startswith("&"):
            return written
    elif written[1] not in "uUx":
        return ""  # a line that goes on
    else:
        codes = [int(digits, 16) for digits in re.findall("[0-9A-Fa-f]{2,}|(?<={)[0-9A-Fa-f]+", written)]
        if len(codes) == 2:
            codes = [0x10000 + ((codes[0] & 0x3FF) << 10) + (codes[1] & 0x3FF)]
        if codes[0] > 0x10FFFF:
            return written
        letters = chr(codes[0])
    return written if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in letters) else letters


@lru_cache(maxsize=4096)
def _folded(letter: str) -> str:
    if letter.isascii():
        return letter
    found = unicodedata.normalize("NFKC", letter)
    return found if found.isascii() and found.isalnum() else letter


def hides(text: str) -> bool:
    """Whether it holds more unseen characters than chance would explain. ``text`` as :func:`plain` gives it."""
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


def foreign(text: str, scripts: frozenset[str]) -> bool:
    """Whether it says more than a few names in other scripts than these, names of :data:`SCRIPTS`.

    ASCII is read by everybody. Latin are the letters of languages; those of phonetics, which also spell upside down,
    are not. A word in which both kinds of letters stand counts whole: it looks like what it is not.
    """
    text, _ = plain(text)
    if text.isascii():
        return False
    recent: deque[tuple[int, int]] = deque()
    around = everywhere = 0
    for place, weight in _foreign_letters(text, scripts):
        recent.append((place, weight))
        around += weight
        everywhere += weight
        while recent[0][0] <= place - AROUND:
            around -= recent.popleft()[1]
        if around > FOREIGN or everywhere > 4 * FOREIGN:
            return True
    return False


def _foreign_letters(text: str, scripts: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Places and weights, in order."""
    seen = 0  # up to here, words were looked at
    for found in _BEYOND_ASCII.finditer(text):
        place = found.start()
        weight = _weight(found.group(), scripts)
        if weight and place >= seen:
            start = end = place
            while start > max(0, place - WORD) and text[start - 1].isalpha():
                start -= 1
            while end < min(len(text), place + WORD) and text[end].isalpha():
                end += 1
            if any(_belongs(letter, scripts) for letter in text[start:end]):
                weight = max(weight, MIXED, end - start)
            seen = end
        if weight:
            yield place, weight


@lru_cache(maxsize=8192)
def _weight(letter: str, scripts: frozenset[str]) -> int:
    """How many letters it counts for. 0 if it is of these scripts, or a sign, a number, a picture or an accent."""
    if unicodedata.category(letter) not in _SPEAKING or _belongs(letter, scripts):
        return 0
    name = unicodedata.name(unicodedata.normalize("NFKC", letter)[0], "")
    word = name.partition(" ")[0].partition("-")[0]
    return 0 if word in ("COMBINING", "MODIFIER", "VARIATION") else _WEIGHTS.get(word, 1)


@lru_cache(maxsize=8192)
def _belongs(letter: str, scripts: frozenset[str]) -> bool:
    """Whether it is a letter of these scripts, or made of such: with accents, or in another form."""
    if letter < "\u0100":  # micro and ordinal signs are not worth a word
        return letter.isalpha()
    names = [
        (part, unicodedata.name(part, "").split(" "))
        for part in unicodedata.normalize("NFKD", letter)
        if not part.isascii() and unicodedata.category(part)[0] == "L"
    ]
    of = {SCRIPTS[script] for script in scripts}
    return all(of & set(words) and not ("LATIN" in words and part > "\u024f") for part, words in names) and (
        bool(names) or unicodedata.category(letter)[0] == "L"
    )


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
