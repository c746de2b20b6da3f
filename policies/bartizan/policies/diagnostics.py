"""Located problems: what is wrong, where in the file, and what to write instead.

Offsets count characters of the file, lines and columns are 1-based and count characters too. A
:class:`Diagnostic` is data (code, message, span, help), so an editor can show it as well as a terminal.
"""

from __future__ import annotations

import difflib
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from .language.syntax import Span

TAB = 4
MAX_RENDERED = 50
WIDEST = 100  # columns of source shown around the span
_CONTEXT = 32  # characters kept left of a span that lies far to the right


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem. ``code`` is a stable slug; ``help`` says what to do about it."""

    code: str
    message: str
    span: Span
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A policy file: its name and its text."""

    file: str
    text: str
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", _line_starts(self.text))

    @classmethod
    def decode(cls, file: str, data: bytes) -> Source:
        """The source in ``data``. Raises :class:`PolicyError` at the first byte that is not UTF-8."""
        try:
            return cls(file, data.decode("utf-8"))
        except UnicodeDecodeError as error:
            start = len(data[: error.start].decode("utf-8"))
            problem = Diagnostic(
                "not-utf8",
                f"byte 0x{data[error.start]:02x} is not UTF-8",
                Span(start, start + 1),
                "save the file as UTF-8",
            )
            raise PolicyError(cls(file, data.decode("utf-8", errors="replace")), [problem]) from error

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both from 1. An offset outside the text is moved to its edge."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (from 1), without its line break."""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def render(self, diagnostic: Diagnostic, severity: str = "error", lines: int = 1) -> str:
        """``file:line:column: error[code]: message``, the source line, carets, and the help.

        Of a span over several lines the first is marked; up to ``lines`` of them are shown.
        """
        number, column = self.position(diagnostic.span.start)
        last, end = self.position(max(diagnostic.span.end, diagnostic.span.start))
        line = self.line(number)
        stop = end - 1 if last == number else len(line)
        shown, skipped, marked = _excerpt(line, column - 1, stop)
        rest = range(number + 1, min(last, number + lines - 1) + 1)
        width = len(str(max(number, *rest))) if rest else len(str(number))
        gutter = " " * width
        rendered = [
            f"{visible(self.file)}:{number}:{column}: {severity}[{diagnostic.code}]: {visible(diagnostic.message)}",
            f"{gutter} |",
            f"{number:>{width}} | {shown}".rstrip(),
            f"{gutter} | {' ' * skipped}{'^' * marked}",
        ]
        rendered += [f"{n:>{width}} | {_excerpt(self.line(n), 0, 0)[0]}".rstrip() for n in rest]
        if rest and last > rest[-1]:
            rendered.append(f"{gutter} | ...")
        if diagnostic.help is not None:
            rendered.append(f"{gutter} = help: {visible(diagnostic.help)}")
        return "\n".join(rendered)


class PolicyError(Exception):
    """A policy that was refused: every problem found, in the order of the file."""

    def __init__(self, source: Source, diagnostics: Iterable[Diagnostic]) -> None:
        ordered = tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: d.span))
        if not ordered:
            raise ValueError("a PolicyError needs at least one diagnostic")
        super().__init__(source, ordered)
        self.source = source
        self.diagnostics = ordered

    def __str__(self) -> str:
        rendered = [self.source.render(d) for d in self.diagnostics[:MAX_RENDERED]]
        if len(self.diagnostics) > MAX_RENDERED:
            rendered.append(f"... and {len(self.diagnostics) - MAX_RENDERED} more")
        return "\n\n".join(rendered)


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that ``word`` was probably meant to be, if one is near enough."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    near = difflib.get_close_matches(word[:128].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """The suggestion as a help text."""
    near = suggest(word, candidates)
    return f"did you mean `{near}`?" if near is not None else None


def visible(text: str) -> str:
    """``text`` with every character that could move the cursor or hide other text replaced by ``\\u....``."""
    return "".join(c if _is_visible(c) else _escaped(c) for c in text)


def _is_visible(character: str) -> bool:
    if character == "\u200d":  # joins emoji
        return True
    return character == " " or unicodedata.category(character) not in {
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Zl",
        "Zp",
        "Zs",
    }


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _width(character: str) -> int:
    """Terminal columns of one character."""
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _cell(character: str) -> tuple[str, int]:
    """A character as it is shown, and its width."""
    if character == "\t":
        return " " * TAB, TAB
    if _is_visible(character):
        return character, _width(character)
    text = _escaped(character)
    return text, len(text)


def _excerpt(line: str, start: int, stop: int) -> tuple[str, int, int]:
    """The part of a line to show, the columns before the span, and the columns of the span (at least 1)."""
    first = 0
    if sum(_cell(c)[1] for c in line[: max(stop, start)]) > WIDEST:
        first = max(0, start - _CONTEXT)
    shown = ["…"] if first else []
    columns = skipped = len(shown)
    marked = 0
    for index in range(first, len(line)):
        text, width = _cell(line[index])
        if columns + width > WIDEST:
            shown.append("…")
            break
        shown.append(text)
        columns += width
        if index < start:
            skipped += width
        elif index < stop:
            marked += width
    return "".join(shown), skipped, max(marked, 1)


def _line_starts(text: str) -> tuple[int, ...]:
    """Offsets at which lines begin. ``\\n``, ``\\r\\n`` and ``\\r`` end a line, as in editors."""
    starts = [0]
    for index, character in enumerate(text):
        if character == "\n" or (character == "\r" and text[index + 1 : index + 2] != "\n"):
            starts.append(index + 1)
    return tuple(starts)
