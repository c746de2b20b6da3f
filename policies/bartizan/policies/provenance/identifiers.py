"""What in a text names someone, somewhere or something that an action could reach.

URLs and host names, e-mail and IP addresses, account-like codes and long numbers, phone numbers, absolute paths.
Amounts, dates and times are none. Handles (``@name``) are words like others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from .codes import longest_code
from .moments import whole_moment
from .normalise import canonical_number, compatible, fold, host_of, is_digits, is_host, squeeze
from .tokens import Token, scan

_SHORTEST_CODE = 8
_FILES = frozenset((
    "bak", "cfg", "cpp", "css", "csv", "doc", "docx", "eml", "epub", "gif", "gz", "htm", "html", "ics", "ini", "java",
    "jpeg", "jpg", "js", "json", "log", "md", "mp3", "mp4", "odt", "pdf", "png", "ppt", "pptx", "py", "sh", "sql",
    "svg", "tar", "toml", "ts", "txt", "wav", "xls", "xlsx", "xml", "yaml", "yml", "zip",
))  # fmt: skip


class Identifier(NamedTuple):
    """``is_sure``: no file name or slip of the pen looks like it, so one that occurs nowhere was made up."""

    text: str
    is_sure: bool


def identifiers(text: str) -> Iterator[Identifier]:
    """The identifiers in a text, in order, as a reader sees them."""
    text = _visible(compatible(text))
    tokens = scan(text)
    i = 0
    while i < len(tokens):
        spaced = longest_code(tokens, i, text)
        if spaced is not None:
            count = spaced[0]
            yield Identifier(text[tokens[i].start : tokens[i + count - 1].end], True)
            i += count
            continue
        token = tokens[i]
        if token.raw.startswith(("/", "~/")):
            is_tag = text[token.start - 1 : token.start] == "<"
            if len(token.raw) > 1 and not is_tag:
                yield Identifier(token.raw, True)
        elif whole_moment([token]) is None:
            for piece in _pieces(token):
                sure = _sureness(piece)
                if sure is not None:
                    yield Identifier(piece, sure)
        i += 1


def has_identifier(text: str) -> bool:
    """Whether a text holds any identifier."""
    return next(identifiers(text), None) is not None


def _visible(text: str) -> str:
    """Without characters that are not shown, and with the ideographic full stops that browsers take for dots."""
    if text.isascii():
        return text
    shown = "".join(ch for ch in text if unicodedata.category(ch) != "Cf")
    return shown.replace("\u3002", ".").replace("\uff61", ".")


def _pieces(token: Token) -> list[str]:
    """``to:eve@evil.com`` is a word and an address; a URL keeps its colons."""
    raw = token.raw
    return [raw] if "://" in raw or host_of(raw) is not None else [piece for piece in raw.split(":") if piece]


def _sureness(raw: str) -> bool | None:
    """Whether an identifier is sure; ``None`` if it is none."""
    if "://" in raw or raw[:4].lower() == "www.":
        return True
    if "@" in raw and is_host(fold(raw.rpartition("@")[2])):
        return True
    host = host_of(raw)
    if host is not None:
        return not (host == fold(raw) and _is_file_or_slip(raw))
    if _is_ip_address(raw):
        return True
    return _code_sureness(raw)


def _is_file_or_slip(raw: str) -> bool:
    """``report.docx``, or a full stop without its space: ``done.Then``."""
    suffix = raw.rpartition(".")[2]
    return suffix.lower() in _FILES or (suffix[0].isupper() and not suffix.isupper())


def _is_ip_address(raw: str) -> bool:
    labels = raw.split(".")
    return len(labels) == 4 and all(is_digits(label) and len(label) <= 3 for label in labels)


def _code_sureness(raw: str) -> bool | None:
    letters = squeeze(raw)
    digits = sum(map(str.isdigit, letters))
    if len(letters) < _SHORTEST_CODE or digits == 0:
        return None
    if raw.isalnum():
        return None if _is_measure(raw, digits) else True
    if canonical_number(raw) is not None or _is_span_of_years(raw) or digits < 4:
        return None
    return all(ch.isalnum() or ch in "-_" for ch in raw)


def _is_measure(raw: str, digits: int) -> bool:
    """``20minutes``, ``1000dollars``."""
    return digits <= 4 and is_digits(raw[:digits]) and raw[digits:].islower()


def _is_span_of_years(raw: str) -> bool:
    years = raw.split("-")
    return len(years) == 2 and all(is_digits(year) and len(year) == 4 for year in years)
