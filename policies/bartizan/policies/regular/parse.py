"""The regular subset of regex notation.

    x   \\.  \\n \\t \\r  \\xHH \\uHHHH \\u{H...}    a character; punctuation is escaped with a backslash
    .                    any character but newline; with a leading (?s) any character
    [a-z_]  [^a-z]       a class, or every character (newline too) that is not in it
    \\d \\w \\s  \\D \\W \\S  ASCII digits; letters, digits and _; space, \\t \\n \\r \\f \\v; and all others
    rs  r|s  (r)  (?:r)  sequence, alternatives, group (groups capture nothing)
    r*  r+  r?  r{m}  r{m,}  r{m,n}    repetition, m and n at most 256
    ^r  r$               only at the ends of the pattern or of a top-level alternative; $ is the end of the text
    (?i) (?s) (?is)      only at the very start; (?i) ignores the case of ASCII letters

What is not here is not regular or not worth its pitfalls; it is refused with its offset and a remedy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from .algebra import concat, letters, loop, union
from .charclass import ClassReader, RegexError, escape
from .charset import EVERY, CharSet, chars
from .occurrences import Pattern
from .term import EPSILON, Term

MAX_COUNT = 256
MAX_DEPTH = 32
MAX_POSITIONS = 2000

_NOT_NEWLINE = ~chars("\n")
_CARET = (
    "^ stands only at the start of the pattern or of a top-level alternative",
    r"move it out of the group, or write \^ for the character itself",
)
_DOLLAR = (
    "$ stands only at the end of the pattern or of a top-level alternative",
    r"move it out of the group, or write \$ for the character itself",
)
_GROUPS = {
    "P": "name no groups: write (...)",
    "<": "look-behind and named groups are not regular: write (...), or combine two matches with &&",
    "=": "look-ahead is not regular here: combine two matches with &&",
    "!": "negative look-ahead is not supported: combine two matches with && and !",
    ">": "atomic groups have no meaning without backtracking: write (?:...)",
    "#": "comments are not supported: put them in the policy",
}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A parsed part: its term, and how many character positions it has when its repetitions are written out."""

    term: Term
    positions: int = 0


def parse_regex(text: str) -> Pattern:
    """The pattern that ``text`` denotes, sorted by its anchors.

    Raises:
        RegexError: ``text`` is not in the subset; ``position`` is the offset of the offending character.
    """
    return _Parser(text).pattern()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0
        self.positions = 0  # written out so far, loops not yet multiplied
        self.fold = False
        self.dot: CharSet = _NOT_NEWLINE

    def pattern(self) -> Pattern:
        if not self.text:
            raise RegexError("the pattern is empty, it would match every text", 0, "write what to look for")
        self._flags()
        result = self._anchored()
        while self._accept("|"):
            result |= self._anchored()
        if self.position < len(self.text):  # _sequence stops early only at a closing parenthesis
            self._fail("this parenthesis closes nothing", r"write \) for the character itself")
        return result

    def _flags(self) -> None:
        if self.text.startswith("(?") and self.text[2:3] in ("i", "s"):
            end = self.text.find(")")
            flags = self.text[2:end]
            if end < 0 or len(set(flags)) < len(flags) or not set(flags) <= {"i", "s"}:
                self._fail("unknown flags", "the flags are (?i), (?s) and (?is), without a colon")
            self.fold = "i" in flags
            self.dot = EVERY if "s" in flags else _NOT_NEWLINE
            self.position = end + 1

    def _anchored(self) -> Pattern:
        begin = self.position
        at_start = self._accept("^")
        body = self._sequence()
        at_end = self._accept("$")
        if at_end and self.position < len(self.text) and self.text[self.position] != "|":
            self._fail_at(self.position - 1, *_DOLLAR)
        empty = body.positions == 0 and not (at_start and at_end)
        if empty and self._peek() != ")":
            self._fail_at(
                begin, "this alternative is empty, it would match every text", "remove it, or use r?"
            )
        if at_start:
            return Pattern(whole=body.term) if at_end else Pattern(at_start=body.term)
        return Pattern(at_end=body.term) if at_end else Pattern(free=body.term)

    def _alternatives(self) -> _Piece:
        parts = []
        while True:
            begin = self.position
            part = self._sequence()
            if self.position == begin and self._peek() in ("|", ")", ""):
                self._fail("this alternative is empty", "remove it, or write (...)? for something optional")
            if self._peek() == "$":
                self._fail(*_DOLLAR)
            parts.append(part)
            if not self._accept("|"):
                break
        return _Piece(union(part.term for part in parts), sum(part.positions for part in parts))

    def _sequence(self) -> _Piece:
        parts: list[_Piece] = []
        while self._peek() not in ("", "|", ")", "$"):
            parts.append(self._repeated())
        term = EPSILON
        for part in reversed(parts):
            term = concat(part.term, term)
        return _Piece(term, sum(part.positions for part in parts))

    def _repeated(self) -> _Piece:
        before = self.positions
        piece = self._atom()
        at = self.position
        bounds = self._bounds()
        if bounds is None:
            return piece
        lower, upper = bounds
        following = self._peek()
        if following == "?":
            self._fail("lazy repetition is not supported", "remove the ?: whether a text matches is the same")
        if following == "+":
            self._fail("possessive repetition is not supported", "remove the second +")
        if following in ("*", "{"):
            self._fail("a repetition cannot be repeated", "put the first one in a group: (?:...)")
        copies = max(upper if upper is not None else lower, 1)
        self.positions = before
        self._count(piece.positions * copies, at)
        return _Piece(loop(piece.term, lower, upper), piece.positions * copies)

    def _bounds(self) -> tuple[int, int | None] | None:
        char = self._peek()
        if char in ("*", "+", "?"):
            self.position += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if char != "{":
            return None
        begin = self.position
        end = self.text.find("}", begin)
        first, comma, second = self.text[begin + 1 : max(end, begin)].partition(",")
        if end < 0 or not _is_number(first) or not (_is_number(second) or not second):
            self._fail(
                "expected a count {m}, {m,} or {m,n}",
                r"write \{ for the character itself, {0,n} for at most n",
            )
        if max(len(first), len(second)) > 6 or max(int(first), int(second or 0)) > MAX_COUNT:
            self._fail(f"a count is at most {MAX_COUNT}", "use {m,} where no upper bound is needed")
        lower = int(first)
        upper = (int(second) if second else None) if comma else lower
        if upper is not None and upper < lower:
            self._fail(
                f"the counts are out of order: {lower} is more than {upper}", "write {m,n} with m <= n"
            )
        self.position = end + 1
        return lower, upper

    def _atom(self) -> _Piece:
        begin = self.position
        char = self.text[begin]
        if char == "(":
            return self._group()
        if char in "*+?":
            self._fail(f"nothing to repeat before {char}", f"write \\{char} for the character itself")
        if char in "{}]":
            self._fail(f"{char} stands here without its partner", f"write \\{char} for the character itself")
        if char == "^":
            self._fail(*_CARET)
        if char == "[":
            members, self.position = ClassReader(self.text, begin, self.fold).read()
        elif char == "\\":
            members, self.position = escape(self.text, begin)
        else:
            self.position += 1
            members = self.dot if char == "." else chars(char)
            if not members:
                self._fail_at(begin, "a lone surrogate is not a character", "remove it")
        self._count(1, begin)
        return _Piece(letters(members.folded() if self.fold else members), 1)

    def _group(self) -> _Piece:
        begin = self.position
        self.position += 1
        if self._peek() == "?":
            kind = self.text[begin + 2 : begin + 3]
            if kind != ":":
                self._fail_at(
                    begin,
                    f"(?{kind} is not supported",
                    _GROUPS.get(kind, "the flags (?i), (?s) and (?is) stand only at the very start"),
                )
            self.position += 2
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail_at(begin, f"groups are nested more than {MAX_DEPTH} deep", "simplify the pattern")
        piece = self._alternatives()
        if not self._accept(")"):
            self._fail_at(begin, "this parenthesis is never closed", r"add ), or write \( for the character")
        self.depth -= 1
        return piece

    def _count(self, positions: int, at: int) -> None:
        self.positions += positions
        if self.positions > MAX_POSITIONS:
            self._fail_at(
                at,
                f"the pattern is too large: more than {MAX_POSITIONS} characters when repetitions are written out",
                "use smaller counts, or * and +",
            )

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _accept(self, char: str) -> bool:
        if self._peek() == char:
            self.position += 1
            return True
        return False

    def _fail(self, message: str, help: str) -> NoReturn:
        self._fail_at(self.position, message, help)

    def _fail_at(self, position: int, message: str, help: str) -> NoReturn:
        raise RegexError(message, position, help)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
