"""Sentences, as they arrive, without losing a letter: ``"".join(segments) == text``.

A sentence ends after ``. ? !`` (and closing quotes and brackets) if white space follows, after the full stops of
Chinese and Japanese, and after a line. What follows it belongs to the next. Decimals, addresses and file names hold no
end, since no space follows there; abbreviations, initials and the numbers of a list end nothing, and a block of code is
one piece. A piece that grows too long is cut at its last white space. Where the cuts are does not depend on how the
text arrived.
"""

from __future__ import annotations

import re
from typing import Final

FENCE: Final = "```"
_END: Final = re.compile(r"```|\n|[。！？][」』”’）)\]]*(?=[^」』”’）)\]])|[.?!]+[\"'”’»)\]*_]*(?=\s)")
_SPACE: Final = re.compile(r"\s(?=\S*\Z)")
_WORD: Final = re.compile(r"(\S+)\Z")
_MARKER: Final = re.compile(r"\s*(?:[0-9]{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]\Z")
# fmt: off
ABBREVIATIONS: Final = frozenset((
    "approx", "cf", "corp", "dept", "dr", "eq", "est", "ext", "fig", "figs", "inc", "jr", "lt", "ltd",
    "messrs", "mr", "mrs", "ms", "mt", "nos", "op", "para", "pp", "prof", "rev", "st", "vol", "vs", "e.g",
    "i.e", "a.m", "p.m", "u.s", "u.k", "ph.d", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep",
    "sept", "oct", "nov", "dec",
))
# fmt: on
"""Lower case, without the last full stop."""


class Segmenter:
    """Give it pieces of text, take segments. ``limit`` is the longest segment, in characters.

    What was given and not returned yet is ``held``, never more than ``limit`` and a character.
    """

    def __init__(self, limit: int = 800) -> None:
        if limit < len(FENCE) + 1:
            raise ValueError(f"expected a limit from {len(FENCE) + 1}, found {limit}")
        self._limit = limit
        self._held = ""
        self._fenced = False
        self._line = True  # whether a line begins where the held text does

    @property
    def held(self) -> str:
        return self._held

    def push(self, text: str) -> list[str]:
        """The segments that are complete now."""
        self._held += text
        found = []
        while (end := self._next()) is not None:
            found.append(self._take(end))
        return found

    def finish(self) -> list[str]:
        """The rest."""
        found = self.push("")
        return [*found, self._take(len(self._held))] if self._held else found

    def _take(self, end: int) -> str:
        segment, self._held = self._held[:end], self._held[end:]
        self._fenced ^= segment.count(FENCE) % 2 == 1
        self._line = segment.endswith("\n")
        return segment

    def _next(self) -> int | None:
        end = self._sentence()
        if end is not None and end <= self._limit:
            return end
        return self._forced() if len(self._held) > self._limit else None

    def _sentence(self) -> int | None:
        """Where the first sentence ends, if that is known."""
        fenced = self._fenced
        for found in _END.finditer(self._held):
            if found[0] == FENCE:
                fenced = not fenced
            elif not fenced and (found[0] == "\n" or not self._goes_on(found)):
                return found.end()
        return None

    def _goes_on(self, found: re.Match[str]) -> bool:
        """Whether the full stop is an abbreviation's, an initial's, or a list's number's."""
        if found[0] != ".":
            return False
        before = self._held[: found.start()]
        if self._line and _MARKER.fullmatch(before + "."):
            return True
        word = _WORD.search(before)
        if word is None:
            return False
        bare = word[1].lstrip("\"'“‘«([*_").lower()
        return bare in ABBREVIATIONS or (len(bare) == 1 and bare.isalpha())

    def _forced(self) -> int:
        """A cut at the last white space, not through a fence; in the middle of a word if there is none."""
        window = self._held[: self._limit]
        space = _SPACE.search(window)
        if space is not None and space.end() > 0:
            return space.end()
        if window.endswith("`") and (kept := len(window.rstrip("`"))):
            return kept
        return self._limit
