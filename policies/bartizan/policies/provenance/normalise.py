"""How one piece of text is brought to the form in which it is compared.

Everything here is linear in the text and knows nothing of sessions. ``re`` is not used: the texts are hostile.
"""

from __future__ import annotations

import unicodedata
from decimal import Decimal

_DIGITS = frozenset("0123456789")
_PLAIN = str.maketrans({"\u2019": "'", "\u2010": "-", "\u2012": "-", "\u2013": "-", "\u2212": "-"})
_ASCII_GAPS = {code: " " for code in range(128) if not chr(code).isalnum()}
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def compatible(text: str) -> str:
    """NFKC, with typographic apostrophes, hyphens and minus signs made plain."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_PLAIN)


def fold(text: str) -> str:
    """NFKC without case: what two spellings of one text have in common."""
    folded = compatible(text).casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFKC", folded)


def collapse(text: str) -> str:
    """Every run of whitespace as one space, none at the ends."""
    return " ".join(text.split())


def squeeze(folded: str) -> str:
    """Only the letters and digits: what is left when someone spaces, hyphenates or punctuates a text."""
    return "".join(words(folded))


def words(folded: str) -> list[str]:
    """The runs of letters and digits; an ideograph is a word by itself."""
    if folded.isascii():
        return folded.translate(_ASCII_GAPS).split()
    spaced = "".join((f" {ch} " if is_ideograph(ch) else ch) if ch.isalnum() else " " for ch in folded)
    return spaced.split()


def is_word(ch: str) -> bool:
    """Letters, digits, and the combining marks that many scripts write their vowels with."""
    return ch.isalnum() or (ch > "\x7f" and unicodedata.category(ch)[0] == "M")


def is_ideograph(ch: str) -> bool:
    """Han and kana: written without spaces, so that each character counts as a token."""
    return ch >= "\u3041" and (
        ch <= "\u30ff"
        or "\u3400" <= ch <= "\u9fff"
        or "\uf900" <= ch <= "\ufaff"
        or "\U00020000" <= ch <= "\U0003ffff"
    )


def is_digits(text: str) -> bool:
    """One or more ASCII digits."""
    return bool(text) and _DIGITS.issuperset(text)


def number_text(value: int | float) -> str:
    """A JSON number in the form of :func:`canonical_number`: 5, 5.0 and "5.00" are all ``5``."""
    try:
        plain = str(value) if isinstance(value, int) else format(Decimal(repr(value)), "f")
    except ValueError:  # an integer of more digits than Python will print
        return hex(value) if isinstance(value, int) else ""
    return canonical_number(plain) or plain


def canonical_number(token: str) -> str | None:
    """The number that a token writes, by value: ``1,000.50`` is ``1000.5``. ``None`` if it writes none.

    A comma groups thousands and a dot starts the fraction. Leading zeros make an identifier (``007``), not a
    number.
    """
    sign, digits = ("-", token[1:]) if token.startswith("-") else ("", token)
    whole, dot, fraction = digits.partition(".")
    if "," in whole:
        groups = whole.split(",")
        if not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:]):
            return None
        whole = "".join(groups)
    if not (is_digits(whole) or (not whole and dot)) or (dot and not is_digits(fraction)):
        return None
    if len(whole) > 1 and whole.startswith("0"):
        return None
    fraction = fraction.rstrip("0")
    number = (whole or "0") + (f".{fraction}" if fraction else "")
    return number if number == "0" else sign + number


def canonical_url(token: str) -> str | None:
    """The page that a token names. ``None`` if it is no URL.

    ``https://www.ABC.com/Path/``, ``http://www.abc.com/Path`` and ``www.abc.com/Path`` are one page: the scheme
    http or https and the closing slash are ignored, the host has no case, the path keeps its own. ``www.`` is
    part of the host. Any other scheme is part of the URL.
    """
    scheme, separator, rest = token.partition("://")
    if not separator:
        scheme, rest = "", token
    cut = _host_end(rest)
    host, path = fold(rest[:cut]), rest[cut:]
    if not (host if separator else is_host(host)):
        return None
    if path.endswith("/"):
        path = path[:-1]
    prefix = "" if scheme.lower() in ("", "http", "https") else fold(scheme) + separator
    return prefix + host + path


def host_of(token: str) -> str | None:
    """The host of a URL, with its port."""
    rest = token.partition("://")[2] if "://" in token else token
    host = fold(rest[: _host_end(rest)])
    return host if "://" in token or is_host(host) else None


def _host_end(text: str) -> int:
    return next((i for i, ch in enumerate(text) if ch in "/?#"), len(text))


def is_host(text: str) -> bool:
    """``name.name`` with an optional port, in lower case, the last name alphabetic: also what a file is called."""
    name, _, port = text.partition(":")
    if port and not is_digits(port):
        return False
    labels = name.split(".")
    return (
        len(labels) > 1
        and all(labels)
        and len(labels[-1]) >= 2
        and labels[-1].isalpha()
        and all(_HOST.issuperset(label) or not label.isascii() for label in labels)
    )
