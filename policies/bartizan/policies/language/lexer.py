"""Expression text to tokens: CEL's lexical grammar, less what the profile leaves out.

Whatever lies outside is an error at its characters, with the spelling that the profile has instead.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NoReturn

from ..diagnostics import Diagnostic, PolicyError, Source
from .mistakes import FOREIGN_CHARACTERS, FOREIGN_OPERATORS
from .syntax import Span

MAX_DIGITS = 100
KEYWORDS = frozenset({"true", "false", "null", "in"})

TokenKind = Literal["name", "number", "string", "operator", "end"]

_BLANK = re.compile(r"[ \t\r\n]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")
_NUMBER_TAIL = re.compile(r"[0-9A-Za-z_.]+")
_OPERATOR = re.compile(r"&&|\|\||==|!=|<=|>=|[-+*<>!?:,.()\[\]{}=]")
_DURATION = re.compile(r"[0-9]+(us|ms|s|m|h|d)")
_ESCAPE = re.compile(r"[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|[abfnrtv\\?\"'`]")
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Token:
    """``text`` as written; ``value`` of a number or string; ``start`` and ``end`` index the expression text."""

    kind: TokenKind
    text: str
    start: int
    end: int
    value: int | Decimal | str | None = None


@dataclass(frozen=True, slots=True)
class Locator:
    """Where the characters of an expression stand in the file.

    ``offsets`` is one file offset per character, or the offset of the first where they stand together.
    """

    source: Source
    length: int
    offsets: Sequence[int] | int

    def span(self, start: int, end: int) -> Span:
        """The file span of the characters ``start:end``; at least one character wide."""
        if isinstance(self.offsets, int):
            return Span(self.offsets + start, self.offsets + max(end, start + 1))
        if not self.offsets:
            return Span(0, 1)
        if start >= self.length:
            after = self.offsets[-1] + 1
            return Span(after, after + 1)
        last = max(end, start + 1) - 1
        beyond = self.offsets[last + 1] if last + 1 < self.length else 0
        return Span(self.offsets[start], max(beyond, self.offsets[last] + 1))

    def fail(self, code: str, message: str, start: int, end: int, help: str | None = None) -> NoReturn:
        raise PolicyError(self.source, [Diagnostic(code, message, self.span(start, end), help)])


def tokenize(text: str, locator: Locator) -> list[Token]:
    """The tokens of ``text``, the last of kind ``end``. Raises :class:`PolicyError`."""
    return list(_Lexer(text, locator))


class _Lexer:
    def __init__(self, text: str, locator: Locator) -> None:
        self.text = text
        self.locator = locator
        self.at = 0

    def __iter__(self) -> _Lexer:
        self.done = False
        return self

    def __next__(self) -> Token:
        if self.done:
            raise StopIteration
        if blank := _BLANK.match(self.text, self.at):
            self.at = blank.end()
        self.done = self.at == len(self.text)
        return self.token()

    def fail(self, code: str, message: str, start: int, end: int, help: str | None = None) -> NoReturn:
        self.locator.fail(code, message, start, end, help)

    def token(self) -> Token:
        text, start = self.text, self.at
        if self.done:
            return Token("end", "", start, start)
        character = text[start]
        if character in "\"'":
            return self.string(start, raw=False)
        if character.isascii() and character.isdigit():
            return self.number(start)
        if name := _NAME.match(text, start):
            if text[name.end() : name.end() + 1] in ("'", '"'):
                return self.prefixed_string(name[0])
            return self.take("name", name.end())
        for spelling, help in FOREIGN_OPERATORS:
            if text.startswith(spelling, start):
                self.fail(
                    "operator", f"`{spelling}` is not an operator here", start, start + len(spelling), help
                )
        if operator := _OPERATOR.match(text, start):
            if character == "." and text[start + 1 : start + 2].isdigit():
                self.fail(
                    "number", "a number needs a digit before the point", start, start + 2, "write 0.5, not .5"
                )
            return self.take("operator", operator.end())
        self.foreign(character)

    def take(self, kind: TokenKind, end: int, value: int | Decimal | str | None = None) -> Token:
        token = Token(kind, self.text[self.at : end], self.at, end, value)
        self.at = end
        return token

    def foreign(self, character: str) -> NoReturn:
        start = self.at
        if character in FOREIGN_CHARACTERS:
            message, help = FOREIGN_CHARACTERS[character]
            self.fail("character", message, start, start + 1, help)
        name = unicodedata.name(character, "unnamed")
        message = f"unexpected character U+{ord(character):04X} {name}"
        remedy = "names are ASCII letters, digits and _" if character.isalnum() else None
        self.fail("character", message, start, start + 1, remedy)

    # --- numbers

    def number(self, start: int) -> Token:
        tail = _NUMBER_TAIL.match(self.text, start)
        assert tail is not None  # it begins with a digit
        number = _NUMBER.fullmatch(tail[0])
        if number is None:
            self.odd_number(tail[0], start, tail.end())
        if len(tail[0]) > MAX_DIGITS:
            self.fail("number", f"a number of more than {MAX_DIGITS} characters", start, tail.end())
        value = Decimal(tail[0]) if number[2] else int(tail[0])
        return self.take("number", tail.end(), value)

    def odd_number(self, text: str, start: int, end: int) -> NoReturn:
        if _DURATION.fullmatch(text):
            help = f'durations are quoted: duration("{text}"), or within="{text}"'
        elif text[0] == "0" and text.isdigit():
            help = "remove the leading zero"
        elif text.endswith("."):
            help = f"write {text}0"
        elif text.endswith(("u", "U")):
            help = "there is one kind of integer: remove the u"
        else:
            help = "numbers are plain decimal digits, like 500 or 500.00"
        self.fail("number", f"`{text[:40]}` is not a number", start, end, help)

    # --- strings

    def prefixed_string(self, prefix: str) -> Token:
        start = self.at
        if prefix in ("r", "R"):
            return self.string(start + 1, raw=True)
        help = "write the text without the prefix"
        if prefix.lower() in ("b", "rb", "br"):
            help = "there are no bytes: " + help
        self.fail("string", f"`{prefix}` before a text has no meaning", start, start + len(prefix), help)

    def string(self, start: int, raw: bool) -> Token:
        quote = self.text[start]
        if self.text.startswith(quote * 3, start):
            self.fail("string", "triple quotes", start, start + 3, "use one quote, and \\n for a line break")
        value: list[str] = []
        at = start + 1
        while at < len(self.text) and self.text[at] not in "\r\n":
            character = self.text[at]
            if character == quote:
                return self.take("string", at + 1, "".join(value))
            if character == "\\" and not raw:
                decoded, at = self.escape(at)
                value.append(decoded)
                continue
            if 0xD800 <= ord(character) <= 0xDFFF:
                self.fail("string", "half of a surrogate pair is not a character", at, at + 1)
            value.append(character)
            at += 1
        help = f"close it with {quote}; in an unquoted YAML value ` #` begins a comment, so quote the whole value"
        self.fail("string", "a text is opened and never closed", start, at, help)

    def escape(self, at: int) -> tuple[str, int]:
        """The character of the escape at ``at``, and where the text goes on."""
        match = _ESCAPE.match(self.text, at + 1)
        if match is None:
            written = self.text[at : at + 2]
            help = f'write \\{written} for a backslash, or a raw text: r"..."'
            self.fail("escape", f"`{written}` is not an escape", at, at + 2, help)
        code = match[0]
        if code[0] in "xXuU":
            number = int(code[1:], 16)
        elif code[0].isdigit():
            number = int(code, 8)
        else:
            return _SIMPLE.get(code, code), match.end()
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            help = "a character beyond U+FFFF is one escape of eight digits, like \\U0001F600"
            self.fail("escape", f"`\\{code}` is not a character", at, match.end(), help)
        return chr(number), match.end()
