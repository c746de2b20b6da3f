"""Cutting text into tokens: the boundaries on which a value occurs in a text, or does not.

A token is a maximal run of word characters, joined by inner punctuation (``. - _ : / @ ' + & #``; in paths and
URLs also ``? = % ~``; a comma between thousands). So ``13`` is no token of ``2024-05-13`` or ``13.50``, and
``file.txt`` none of ``/home/file.txt.bak``. A lead of ``/ . ~ -`` belongs to the token it touches (``/etc``,
``../x``, ``--force``, ``-5``); other punctuation around a token does not, nor does a possessive ``'s``.

Sentence punctuation, quotes, brackets, currency and dashes are no tokens. Symbols that mean something to a shell
or a query (``| < > * \\ ^ = ~ ; & ` $ { } % # --``) are tokens of their own: ``ls; rm`` does not occur in "ls rm".
"""

from __future__ import annotations

from typing import NamedTuple

from .normalise import canonical_number, canonical_url, fold, is_digits, is_ideograph, is_word

_JOINERS = frozenset(".-_:/@'+&#")
_URL_JOINERS = _JOINERS | frozenset("?=%~")
_LEAD = frozenset("/.~-")
_ALONE = frozenset(("/", "~", ".", "..", "--"))
_SYMBOLS = frozenset("|<>*\\^=;&`${}%#")


class Token(NamedTuple):
    """``text`` is what is compared; ``raw`` what stands at ``start:end`` of the scanned text."""

    text: str
    raw: str
    start: int
    end: int


def scan(text: str) -> list[Token]:
    """The tokens of a text that is already :func:`~.normalise.compatible`. Linear in its length."""
    tokens: list[Token] = []
    i, n = 0, len(text)
    while i < n:
        ch = text[i]
        if is_ideograph(ch):
            tokens.append(Token(ch, ch, i, i + 1))
            i += 1
        elif is_word(ch):
            i = _take(tokens, text, i, i)
        elif ch in _LEAD:
            i = _lead(tokens, text, i)
        else:
            if ch in _SYMBOLS and not _belongs_to_word(text, i):
                tokens.append(Token(ch, ch, i, i + 1))
            i += 1
    return tokens


def run_of(tokens: list[Token], texts: list[str] | None = None) -> str:
    """The tokens (or their texts) as one text with a space at either end: containing it is containing whole tokens."""
    return f" {' '.join(texts or [token.text for token in tokens])} "


def _take(tokens: list[Token], text: str, start: int, word: int) -> int:
    end = _end(text, word)
    raw = text[start:end]
    tokens.append(Token(_canonical(raw), raw, start, end))
    return end


def _lead(tokens: list[Token], text: str, i: int) -> int:
    end = i + 1
    while end < len(text) and text[end] in _LEAD:
        end += 1
    if i > 0 and is_word(text[i - 1]):
        return end
    if end < len(text) and is_word(text[end]) and not is_ideograph(text[end]):
        return _take(tokens, text, i, end)
    if text[i:end] in _ALONE and (text[i] != "." or i == 0 or text[i - 1].isspace()):
        tokens.append(Token(text[i:end], text[i:end], i, end))
    return end


def _end(text: str, i: int) -> int:
    """Where the token ends whose first word character is at ``i``."""
    n = len(text)
    joiners = _URL_JOINERS if text[i : i + 4].lower() == "www." else _JOINERS
    grouped = True  # so far only digits in groups of thousands
    segment = i
    while True:
        while i < n and is_word(text[i]) and not is_ideograph(text[i]):
            i += 1
        grouped = grouped and i - segment <= 3 and is_digits(text[segment:i])
        if grouped and _thousands_follow(text, i):
            segment = i = i + 1
            continue
        after = i
        while after < n and text[after] in joiners:
            after += 1
        if after in (i, n) or not is_word(text[after]) or is_ideograph(text[after]):
            return i
        if "/" in text[i:after]:
            joiners = _URL_JOINERS
        grouped = False
        segment = i = after


def _thousands_follow(text: str, i: int) -> bool:
    return (
        text[i : i + 1] == ","
        and len(text) >= i + 4
        and is_digits(text[i + 1 : i + 4])
        and not is_word(text[i + 4 : i + 5] or " ")
    )


def _belongs_to_word(text: str, i: int) -> bool:
    """``$5``, ``$ 5``, ``5$``, ``5%``: the sign says what is counted, not how many. ``#general``: a name's sign."""
    before, after = text[i - 1 : i], text[i + 1 : i + 2]
    if text[i] == "#":
        return bool(after) and is_word(after)
    if text[i] == "$" and (is_digits(after) or (after == " " and is_digits(text[i + 2 : i + 3]))):
        return True
    return text[i] in "$%" and is_digits(before)


def _canonical(raw: str) -> str:
    if raw[0] in "-.0123456789":
        number = canonical_number(raw)
        if number is not None:
            return number
    if raw.isalnum():
        return fold(raw)
    if raw[:7].lower() == "mailto:":
        raw = raw[7:]
    if raw[-2:] in ("'s", "'S"):
        raw = raw[:-2]
    return canonical_url(raw) or fold(raw)
