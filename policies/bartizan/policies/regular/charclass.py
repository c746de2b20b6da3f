"""Escapes and bracketed classes of regex notation, and the error that points into a pattern."""

from __future__ import annotations

from typing import NoReturn

from .charset import DIGITS, EVERY, NONE, SPACE, WORD, CharSet, chars

_CLASSES = {"d": DIGITS, "D": ~DIGITS, "w": WORD, "W": ~WORD, "s": SPACE, "S": ~SPACE}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_HEX = frozenset("0123456789abcdefABCDEF")
_REFUSED = {
    "b": (r"\b (word boundary) is not supported", r"name the characters around the word, such as [^\w] or ^"),
    "B": (r"\B (no word boundary) is not supported", r"name the characters around, such as \w"),
    "A": (r"\A is not supported", "write ^ at the start of the pattern"),
    "z": (r"\z is not supported", "write $ at the end of the pattern"),
    "Z": (r"\Z is not supported", "write $ at the end of the pattern"),
    "p": (
        r"\p (Unicode property) is not supported",
        r"write the characters as a class, such as [\u{c0}-\u{ff}]",
    ),
    "P": (r"\P (Unicode property) is not supported", r"write the characters as a class"),
    "0": (r"\0 is not supported", r"write \x00"),
    "k": (r"\k (back-reference) is not regular", "write the group out again"),
}


class RegexError(ValueError):
    """A pattern is not in the supported subset.

    Attributes:
        message: what was found and what is wrong with it.
        position: offset in the pattern of the offending character.
        help: what to write instead.
    """

    def __init__(self, message: str, position: int, help: str) -> None:
        super().__init__(f"{message} (at offset {position}); {help}")
        self.message = message
        self.position = position
        self.help = help


def escape(text: str, begin: int) -> tuple[CharSet, int]:
    """The characters that the escape at ``begin`` (its backslash) stands for, and the offset after it."""
    char = text[begin + 1 : begin + 2]
    if char in _CLASSES:
        return _CLASSES[char], begin + 2
    if char in _CONTROLS:
        return chars(_CONTROLS[char]), begin + 2
    if char == "x":
        return _code_point(text, begin, text[begin + 2 : begin + 4], 2, begin + 4)
    if char == "u" and text[begin + 2 : begin + 3] == "{":
        end = text.find("}", begin)
        if end < 0:
            raise RegexError(r"\u{ is never closed", begin, r"write \u{1F600}, with one to six hex digits")
        return _code_point(text, begin, text[begin + 3 : end], 0, end + 1)
    if char == "u":
        return _code_point(text, begin, text[begin + 2 : begin + 6], 4, begin + 6)
    if char in _REFUSED:
        raise RegexError(_REFUSED[char][0], begin, _REFUSED[char][1])
    if not char:
        raise RegexError("the pattern ends in a backslash", begin, r"write \\ for a backslash")
    if char.isascii() and char.isdigit():
        raise RegexError(f"\\{char} (back-reference) is not regular", begin, "write the group out again")
    if char.isalnum() or not char.isascii() or not char.isprintable():
        raise RegexError(f"unknown escape \\{char}", begin, f"write {char!r} without the backslash")
    return chars(char), begin + 2


def _code_point(text: str, begin: int, digits: str, expected: int, end: int) -> tuple[CharSet, int]:
    count_ok = len(digits) == expected if expected else 1 <= len(digits) <= 6
    if not count_ok or not _HEX.issuperset(digits):
        raise RegexError(
            f"expected hexadecimal digits after \\{text[begin + 1]}", begin, r"write \x41, \u0041 or \u{41}"
        )
    code = int(digits, 16)
    if code not in EVERY:
        raise RegexError(f"U+{code:04X} is not a Unicode scalar value", begin, "the last one is U+10FFFF")
    return CharSet(((code, code),)), end


class ClassReader:
    """Reads one bracketed class, ``[...]``, that begins at offset ``begin`` of ``text``."""

    def __init__(self, text: str, begin: int, fold: bool = False) -> None:
        self.text = text
        self.begin = begin
        self.fold = fold
        self.position = begin + 1

    def read(self) -> tuple[CharSet, int]:
        """The members of the class, and the offset after its closing bracket."""
        negated = self._peek() == "^"
        self.position += negated
        if self._peek() == "]":
            self._fail("this class is empty", r"write \] for a closing bracket in a class")
        members = NONE
        while self._peek() != "]":
            members |= self._item()
        members = members.folded() if self.fold else members
        members = ~members if negated else members
        if not members:
            raise RegexError(
                "this class has no members", self.begin, r"list the characters that it should match"
            )
        return members, self.position + 1

    def _item(self) -> CharSet:
        begin = self.position
        first = self._member()
        if self._peek() != "-" or self.text[self.position + 1 : self.position + 2] == "]":
            return first
        dash = self.position
        self.position += 1
        last = self._member()
        if len(first) != 1 or len(last) != 1:
            self._fail_at(dash, "a range stands between two single characters", r"write \- for a hyphen")
        low, high = first.ranges[0][0], last.ranges[0][0]
        if low > high:
            self._fail_at(begin, f"the range {chr(low)}-{chr(high)} is out of order", r"swap it, or write \-")
        return CharSet(((low, high),)) & EVERY

    def _member(self) -> CharSet:
        char = self._peek()
        if not char:
            self._fail_at(
                self.begin, "this class is never closed", r"add ], or write \[ for the character itself"
            )
        if char == "[":
            self._fail(
                "[ in a class is not supported", r"write \[; for [:digit:] and the like write \d, \w, \s"
            )
        if char == "\\":
            members, self.position = escape(self.text, self.position)
            return members
        if ord(char) not in EVERY:
            self._fail("a lone surrogate is not a character", "remove it")
        self.position += 1
        return chars(char)

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _fail(self, message: str, help: str) -> NoReturn:
        self._fail_at(self.position, message, help)

    def _fail_at(self, position: int, message: str, help: str) -> NoReturn:
        raise RegexError(message, position, help)
