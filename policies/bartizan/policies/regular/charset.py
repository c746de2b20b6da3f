"""Sets of Unicode scalar values: the letters of the regular-language engine.

A set is a tuple of inclusive ranges of code points, sorted, disjoint and never touching, so that equal
sets have equal representations. Surrogates (U+D800..U+DFFF) are not scalar values and belong to no set.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

Range = tuple[int, int]

LAST = 0x10FFFF
_UNIVERSE: tuple[Range, ...] = ((0, 0xD7FF), (0xE000, LAST))

# What a human would like to see in a counterexample, best first: lower case, digits, upper case, what stands
# in names, other punctuation, space, then letters beyond ASCII: Latin, Greek, Cyrillic, kana, Chinese, Korean,
# signs, emoji, and Chinese of planes 2 and 3.
_READABLE: tuple[Range, ...] = (
    (0x61, 0x7A),
    (0x30, 0x39),
    (0x41, 0x5A),
    (0x2D, 0x2E),
    (0x5F, 0x5F),
    (0x21, 0x7E),
    (0x20, 0x20),
    (0xC0, 0x17F),
    (0x391, 0x3A1),
    (0x3A3, 0x3C9),
    (0x410, 0x44F),
    (0x3041, 0x3096),
    (0x4E00, 0x9FEF),
    (0xAC00, 0xD7A3),
    (0xA1, 0xAC),
    (0xAE, 0xBF),
    (0x2010, 0x2027),
    (0x2030, 0x205E),
    (0x2190, 0x23FF),
    (0xFF01, 0xFF5E),
    (0x1F300, 0x1F64F),
    (0x20000, 0x2A6D6),
    (0x30000, 0x3134A),
)


UNPRINTABLE = len(_READABLE) + 1


@dataclass(frozen=True, slots=True)
class CharSet:
    """An immutable set of Unicode scalar values. Build it with :func:`chars`, :func:`span` or the operators."""

    ranges: tuple[Range, ...] = ()

    def __contains__(self, code: int) -> bool:
        """Whether the code point ``code`` is in the set."""
        index = bisect_right(self.ranges, (code, LAST)) - 1
        return index >= 0 and code <= self.ranges[index][1]

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __or__(self, other: CharSet) -> CharSet:
        return _normalised(self.ranges + other.ranges)

    def __and__(self, other: CharSet) -> CharSet:
        result: list[Range] = []
        left, right = self.ranges, other.ranges
        i = j = 0
        while i < len(left) and j < len(right):
            low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
            if low <= high:
                result.append((low, high))
            if left[i][1] < right[j][1]:
                i += 1
            else:
                j += 1
        return CharSet(tuple(result))

    def __invert__(self) -> CharSet:
        gaps: list[Range] = []
        low = 0
        for start, end in self.ranges:
            gaps.append((low, start - 1))
            low = end + 1
        gaps.append((low, LAST))
        return CharSet(tuple(gap for gap in gaps if gap[0] <= gap[1])) & EVERY

    def __sub__(self, other: CharSet) -> CharSet:
        return self & ~other

    def __len__(self) -> int:
        return sum(end - start + 1 for start, end in self.ranges)

    def sample(self) -> int:
        """The most readable member's code point (``a`` before ``0`` before ``A`` before ``!``).

        Raises:
            ValueError: the set is empty.
        """
        if not self.ranges:
            raise ValueError("the empty character set has no members to sample")
        for low, high in _READABLE:
            for start, end in self.ranges:
                if start <= high and end >= low:
                    return max(start, low)
        return self.ranges[0][0]

    def folded(self) -> CharSet:
        """The set with the other case of every ASCII letter in it added; no other letter is folded."""
        upper, lower = self & _UPPER, self & _LOWER
        return self | _shifted(upper, 0x20) | _shifted(lower, -0x20)


def readability(code: int) -> int:
    """Where the character ranks in a counterexample: 0 is best, ``UNPRINTABLE`` is not printable."""
    for rank, (low, high) in enumerate(_READABLE):
        if low <= code <= high:
            return rank
    return len(_READABLE) if chr(code).isprintable() else UNPRINTABLE


def _shifted(letters: CharSet, by: int) -> CharSet:
    return CharSet(tuple((start + by, end + by) for start, end in letters.ranges))


def _normalised(ranges: Iterable[Range]) -> CharSet:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return CharSet(tuple(merged)) & EVERY


EVERY = CharSet(_UNIVERSE)
NONE = CharSet()


def chars(text: str) -> CharSet:
    """The characters that occur in ``text``."""
    return _normalised((ord(char), ord(char)) for char in text)


def span(first: str, last: str) -> CharSet:
    """The characters from ``first`` to ``last``, both included."""
    return _normalised([(ord(first), ord(last))])


_UPPER = span("A", "Z")
_LOWER = span("a", "z")

DIGITS = span("0", "9")
LETTERS = _UPPER | _LOWER
WORD = LETTERS | DIGITS | chars("_")
SPACE = chars(" \t\n\r\f\v")
CONTROL = span("\x00", "\x1f") | span("\x7f", "\x9f")


def partition(sets: Iterable[CharSet]) -> tuple[CharSet, ...]:
    """The classes of characters that no set in ``sets`` tells apart, in order of their first members.

    The classes are disjoint, not empty, and together they are every scalar value. One sweep over the ends of
    all ranges, with a bit mask of the sets that the current character lies in.
    """
    toggles: dict[int, int] = {}
    for index, members in enumerate([EVERY, *sets]):
        for start, end in members.ranges:
            toggles[start] = toggles.get(start, 0) ^ (1 << index)
            toggles[end + 1] = toggles.get(end + 1, 0) ^ (1 << index)
    classes: dict[int, list[Range]] = {}
    mask = previous = 0
    for point in sorted(toggles):
        if mask and point > previous:
            classes.setdefault(mask, []).append((previous, point - 1))
        mask ^= toggles[point]
        previous = point
    return tuple(CharSet(tuple(ranges)) for ranges in classes.values())
