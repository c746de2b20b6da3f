"""JSON that arrives in pieces: strict, and a value is told only once it cannot change any more.

``{"amount": 12`` is a prefix of ``{"amount": 12000}``: a parser that shows 12 has lied. Here a value is *committed*
when its end was seen: a string's closing quote, a container's bracket, what follows a number or a literal. A string may
also be followed while it grows. What is accepted, and the value at the end, is what :func:`..canonical.parse_json`
accepts and gives of the whole text, however it was cut; what it would refuse is refused as soon as it shows.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from ..canonical import JSON, MAX_DEPTH
from ..errors import MalformedJSON
from .text import Joiner

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Committed:
    """The value at ``path`` is complete. A container is committed after everything in it."""

    path: Path
    value: JSON


@dataclass(frozen=True, slots=True)
class Grown:
    """The string at ``path``, not complete yet, goes on with ``text``."""

    path: Path
    text: str


Progress: TypeAlias = Committed | Grown

_SPACE: Final = " \t\n\r"
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: Final[dict[str, JSON]] = {"true": True, "false": False, "null": None}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_IN_NUMBER: Final = frozenset("0123456789-")
_DIGITS: Final = re.compile(r"[0-9+\-.eE]+", re.ASCII)
_LETTERS: Final = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]+')


class _At(Enum):
    VALUE = auto()  # a value must follow
    FIRST = auto()  # just inside an array: a value or its end
    FIRST_KEY = auto()  # just inside an object: a key or its end
    KEY = auto()
    COLON = auto()
    NEXT_ITEM = auto()  # after a value: a comma, or the end of what holds it
    NEXT_KEY = auto()
    DONE = auto()
    STRING = auto()
    NUMBER = auto()
    LITERAL = auto()


@dataclass(slots=True)
class _Container:
    value: Any
    key: str | int  # of the value that comes or is under way


@dataclass(slots=True)
class JSONLexer:
    """Feed it with :meth:`push`, in order; end with :meth:`finish`. After an error it is of no more use.

    ``grown`` also tells of strings (not keys) while they grow.
    """

    grown: bool = False
    max_depth: int = MAX_DEPTH
    _at: _At = field(default=_At.VALUE, init=False)
    _open: list[_Container] = field(default_factory=list, init=False)
    _root: JSON = field(default=None, init=False)
    _token: list[str] = field(default_factory=list, init=False)
    _escape: str = field(default="", init=False)
    _high: str = field(default="", init=False)
    _is_key: bool = field(default=False, init=False)
    _seen: int = field(default=0, init=False)
    _joiner: Joiner = field(default_factory=Joiner, init=False)
    _out: list[Progress] = field(default_factory=list, init=False)

    @property
    def path(self) -> Path:
        """Where the value is that comes or is under way. In an object whose next key is not known yet, the last one."""
        return tuple(one.key for one in self._open)

    @property
    def complete(self) -> bool:
        """Whether the outermost value has been closed."""
        return self._at is _At.DONE

    @property
    def told(self) -> list[Progress]:
        """What the last piece told; if it was refused, what it told before that."""
        return self._out

    def push(self, text: str) -> list[Progress]:
        """What has become known by this piece. Raises :class:`MalformedJSON`."""
        self._out = []
        self._read(self._joiner.push(text))
        return self._out

    def finish(self) -> JSON:
        """The whole value. Raises :class:`MalformedJSON` if it has not ended: what is missing is never made up."""
        self._out = []
        self._read(self._joiner.finish())
        if self._at in (_At.NUMBER, _At.LITERAL):
            self._end_word()
        if self._at is not _At.DONE:
            raise self._error("expected more, found the end of the text")
        return self._root

    def _read(self, text: str) -> None:
        at = 0
        while at < len(text):
            if self._at is _At.STRING:
                end = self._string(text, at)
            elif self._at in (_At.NUMBER, _At.LITERAL):
                end = self._word(text, at)
            else:
                self._structure(text[at])
                end = at + 1
            self._seen += end - at
            at = end

    # --- between tokens

    def _structure(self, letter: str) -> None:
        if letter in _SPACE:
            return
        match self._at:
            case _At.FIRST | _At.NEXT_ITEM if letter == "]":
                self._close()
            case _At.FIRST_KEY | _At.NEXT_KEY if letter == "}":
                self._close()
            case _At.VALUE | _At.FIRST:
                self._begin(letter)
            case _At.FIRST_KEY | _At.KEY:
                if letter != '"':
                    raise self._error(f"expected a key in quotes, found {letter!r}")
                self._at, self._is_key = _At.STRING, True
            case _At.COLON:
                if letter != ":":
                    raise self._error(f"expected a colon, found {letter!r}")
                self._at = _At.VALUE
            case _At.NEXT_ITEM | _At.NEXT_KEY:
                if letter != ",":
                    raise self._error(f"expected a comma or the end of what is open, found {letter!r}")
                self._at = _At.VALUE if self._at is _At.NEXT_ITEM else _At.KEY
            case _:
                raise self._error(f"expected nothing after the value, found {letter!r}")

    def _begin(self, letter: str) -> None:
        if letter in "{[":
            if len(self._open) >= self.max_depth:
                raise self._error(f"expected at most {self.max_depth} nested levels")
            self._open.append(_Container({}, "") if letter == "{" else _Container([], 0))
            self._at = _At.FIRST_KEY if letter == "{" else _At.FIRST
        elif letter == '"':
            self._at, self._is_key = _At.STRING, False
        elif letter in _IN_NUMBER:
            self._at, self._token = _At.NUMBER, [letter]
        elif letter in "tfn":
            self._at, self._token = _At.LITERAL, [letter]
        else:
            raise self._error(f"expected a value, found {letter!r}")

    def _close(self) -> None:
        self._commit(self._open.pop().value)

    def _commit(self, value: JSON) -> None:
        self._out.append(Committed(self.path, value))
        if not self._open:
            self._root, self._at = value, _At.DONE
            return
        holder = self._open[-1]
        if isinstance(holder.value, list):
            holder.value.append(value)
            holder.key = len(holder.value)
            self._at = _At.NEXT_ITEM
        else:
            holder.value[holder.key] = value
            self._at = _At.NEXT_KEY

    # --- numbers and literals end where something else begins

    def _word(self, text: str, at: int) -> int:
        found = (_DIGITS if self._at is _At.NUMBER else _LETTERS).match(text, at)
        if found is None:
            self._end_word()
            return at
        self._token.append(found[0])
        if self._at is _At.LITERAL and not any(word.startswith("".join(self._token)) for word in _LITERALS):
            raise self._error(f"expected a value, found {''.join(self._token):.40}")
        return found.end()

    def _end_word(self) -> None:
        text, self._token = "".join(self._token), []
        if self._at is _At.LITERAL:
            if text not in _LITERALS:
                raise self._error(f"expected a value, found {text}")
            self._commit(_LITERALS[text])
            return
        shape = _NUMBER.fullmatch(text)
        if shape is None:
            raise self._error(f"expected a number, found {text:.40}")
        try:
            number = float(text) if shape[1] or shape[2] else int(text)
        except ValueError as error:  # beyond the interpreter's limit of digits
            raise self._error(f"expected a number that can be held, found {len(text)} digits") from error
        if isinstance(number, float) and not math.isfinite(number):
            raise self._error(f"expected a number that a 64-bit float can hold, found {text:.40}")
        self._commit(number)

    # --- strings

    def _string(self, text: str, at: int) -> int:
        if self._escape:
            return self._escaped(text[at], at)
        if self._high and text[at] != "\\":
            raise self._error(f"expected Unicode scalar values, found lone surrogate U+{ord(self._high):04X}")
        if (found := _PLAIN.match(text, at)) is not None:
            self._grow(found[0])
            return found.end()
        if text[at] == "\\":
            self._escape = "\\"
        elif text[at] == '"':
            self._end_string()
        else:
            raise self._error(f"expected control characters to be escaped, found {text[at]!r}")
        return at + 1

    def _escaped(self, letter: str, at: int) -> int:
        """One more letter of an escape."""
        if self._escape == "\\":
            if letter == "u":
                self._escape = "\\u"
                return at + 1
            if letter not in _ESCAPES or self._high:
                raise self._error(f"expected an escape that JSON has, found \\{letter}")
            self._escape = ""
            self._grow(_ESCAPES[letter])
            return at + 1
        if letter not in _HEX:
            raise self._error(f"expected four hexadecimal digits, found {letter!r}")
        self._escape += letter
        if len(self._escape) == len("\\u0000"):
            unit, self._escape = chr(int(self._escape[2:], 16)), ""
            self._unit(unit)
        return at + 1

    def _unit(self, unit: str) -> None:
        """A UTF-16 code unit: two that belong together are one letter."""
        if self._high:
            if not "\udc00" <= unit <= "\udfff":
                raise self._error(
                    f"expected Unicode scalar values, found lone surrogate U+{ord(self._high):04X}"
                )
            letter = chr(0x10000 + ((ord(self._high) - 0xD800) << 10) + ord(unit) - 0xDC00)
            self._high = ""
            self._grow(letter)
        elif "\ud800" <= unit <= "\udbff":
            self._high = unit
        else:
            self._grow(unit)

    def _grow(self, text: str) -> None:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            unit = ord(text[error.start])
            raise self._error(f"expected Unicode scalar values, found lone surrogate U+{unit:04X}") from None
        self._token.append(text)
        if self.grown and not self._is_key:
            self._out.append(Grown(self.path, text))

    def _end_string(self) -> None:
        text, self._token = "".join(self._token), []
        if not self._is_key:
            self._commit(text)
            return
        holder = self._open[-1]
        if text in holder.value:
            raise self._error(f"expected distinct keys, found {text!r:.40} twice in one object")
        holder.key, self._at, self._is_key = text, _At.COLON, False

    def _error(self, problem: str) -> MalformedJSON:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path)
        return MalformedJSON(f"{problem}, at offset {self._seen} (${where:.80})")
