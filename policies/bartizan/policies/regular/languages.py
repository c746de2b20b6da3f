"""The languages that policies name: texts, searches, globs, regular expressions.

Those about paths, URLs and addresses are in :mod:`.domains`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from .algebra import letters, sequence, star, union, word
from .charclass import ClassReader, RegexError
from .charset import EVERY, chars
from .language import Language
from .occurrences import Pattern
from .parse import parse_regex
from .term import ANYTHING, Term

_SLASH = chars("/")
_SEGMENT_CHAR = letters(EVERY - _SLASH)


def regex(pattern: str, mode: Literal["search", "full"] = "search") -> Language:
    """The texts that ``pattern`` is found in (``search``), or that it describes as a whole (``full``).

    Raises:
        RegexError: the pattern is not in the subset described in :mod:`.parse`.
    """
    parsed = parse_regex(pattern)
    if mode == "search":
        return Language.containing(parsed)
    return Language.of(parsed.words())


def literal(text: str) -> Language:
    """Exactly ``text``."""
    return Language.of(word(text), text.__eq__)


def prefix(text: str) -> Language:
    """The texts that begin with ``text``."""
    return Language.containing(Pattern(at_start=word(text)), lambda value: value.startswith(text))


def suffix(text: str) -> Language:
    """The texts that end with ``text``."""
    return Language.containing(Pattern(at_end=word(text)), lambda value: value.endswith(text))


def contains(text: str) -> Language:
    """The texts that ``text`` occurs in."""
    return Language.containing(Pattern(free=word(text)), lambda value: text in value)


def one_of(words: Iterable[str]) -> Language:
    """Exactly one of ``words``; of none, the empty language."""
    members = frozenset(words)
    return Language.of(union(word(member) for member in members), members.__contains__)


def ieq(text: str) -> Language:
    """The texts equal to ``text`` but for the case of ASCII letters (no other letter is folded)."""
    return Language.of(folded(text))


def folded(text: str) -> Term:
    """``text`` in any mixture of upper and lower case of its ASCII letters."""
    word(text)  # refuses surrogates
    return sequence(*(letters(chars(char).folded()) for char in text))


def glob(pattern: str) -> Language:
    r"""The texts that a shell-style pattern describes as a whole.

    ``*`` is any run of characters but ``/``, ``?`` one of them, ``[a-z]`` and ``[!a-z]`` one of a class (as in a
    regex, but never ``/``), ``**`` any run of any characters; ``\`` takes the next character as itself. ``a/**/b``
    does not match ``a/b``. A glob knows characters, not paths: ``/srv/**`` matches ``/srv/../etc``, which
    :func:`path_under` does not.

    Raises:
        RegexError: an open class, a trailing backslash, or ``{...}`` (write one glob for each alternative).
    """
    parts: list[Term] = []
    position = 0
    while position < len(pattern):
        part, position = _glob_part(pattern, position)
        parts.append(part)
    return Language.of(sequence(*parts))


def _glob_part(pattern: str, position: int) -> tuple[Term, int]:
    char = pattern[position]
    if pattern.startswith("**", position):
        return ANYTHING, position + 2
    if char == "*":
        return star(_SEGMENT_CHAR), position + 1
    if char == "?":
        return _SEGMENT_CHAR, position + 1
    if char == "[":
        # The class notation of regexes, but for the negation sign.
        negated = pattern[position + 1 : position + 2] in ("!", "^")
        start = position + 1 if negated else position
        members, end = ClassReader(pattern, start).read()
        return letters((~members if negated else members) - _SLASH), end
    if char in "{}":
        raise RegexError(
            f"{char} is not supported in a glob",
            position,
            f"write one glob for each alternative, or \\{char}",
        )
    if char == "\\":
        position += 1
        if position == len(pattern):
            raise RegexError("the glob ends in a backslash", position - 1, r"write \\ for a backslash")
    if ord(pattern[position]) not in EVERY:
        raise RegexError("a lone surrogate is not a character", position, "remove it")
    return word(pattern[position]), position + 1
