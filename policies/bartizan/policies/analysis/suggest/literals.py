"""Values and paths as the text of expressions, whatever characters are in them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any as Json

from ...language.lexer import KEYWORDS, MAX_DIGITS
from ...language.trees import quoted
from ...language.types import F64, Dec, Duration, Int, Type
from ...language.values import duration_text

_NEGATIVE_FIGURES = 28  # the checker negates literals with so many figures


def text_literal(text: str) -> str:
    """A text in double quotes, on one line that can be seen.

    Raises ValueError for a lone surrogate, which is not a character.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half of a surrogate pair is not a character")
    return quoted(text)


def texts_literal(texts: Iterable[str]) -> str:
    """A list of texts."""
    return f"[{', '.join(map(text_literal, texts))}]"


def number_literal(value: Json, type_: Type) -> str | None:
    """An int, dec, f64 or duration; None where it has more digits than a literal may have."""
    match type_:
        case Int():
            text = _figures(value, 0)
        case Dec(digits):
            if value <= -(10**_NEGATIVE_FIGURES):
                return None
            text = _figures(value, digits)
        case F64():
            text = f"{Decimal(repr(value)):f}"
        case Duration():
            return f'duration("{duration_text(value)}")'
        case _:
            raise TypeError(f"{type_} is no number")
    return text if len(text.lstrip("-")) <= MAX_DIGITS else None


def _figures(value: int, digits: int) -> str:
    """``value / 10**digits``, exactly. Python refuses to write very long integers: they are too long here too."""
    if value.bit_length() > 4 * MAX_DIGITS:
        return "9" * (MAX_DIGITS + 1)
    figures = str(abs(value)).rjust(digits + 1, "0")
    whole, fraction = figures[: len(figures) - digits], figures[len(figures) - digits :]
    return ("-" if value < 0 else "") + whole + (f".{fraction}" if fraction else "")


def field(path: str, name: str) -> str:
    """``path.name``, or ``path["name"]`` where the name is no identifier."""
    plain = name.isascii() and name.isidentifier() and name not in KEYWORDS
    return f"{path}.{name}" if plain else f"{path}[{text_literal(name)}]"
