"""Decimal numerals of any length: Python refuses to convert those of more than 4300 digits at once, for speed."""

from __future__ import annotations

MOST_DIGITS = 200_000
_CHUNK = 4000


def parse(text: str) -> int:
    """The natural number that ``text`` writes, without leading zeros.

    Raises:
        ValueError: it is no numeral, or longer than ``MOST_DIGITS``.
    """
    if not text.isascii() or not text.isdecimal() or (text[0] == "0" and text != "0"):
        raise ValueError("not a numeral")
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a numeral of more than {MOST_DIGITS} digits")
    value = 0
    for start in range(0, len(text), _CHUNK):
        chunk = text[start : start + _CHUNK]
        value = value * 10 ** len(chunk) + int(chunk)
    return value


def render(value: int) -> str:
    """The numeral of a natural number."""
    chunks: list[str] = []
    unit = 10**_CHUNK
    while value >= unit:
        value, rest = divmod(value, unit)
        chunks.append(str(rest).zfill(_CHUNK))
    chunks.append(str(value))
    return "".join(reversed(chunks))
