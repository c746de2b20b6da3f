"""One text on its way: what is refused is rewritten, redacted or withheld before it leaves, and the rest goes at once.

Where rules find occurrences only, text goes through their automaton letter by letter. Where sentences are scored or
may be rewritten, they are cut first, and what is made of each goes through the automaton after that: whoever wrote it,
nothing leaves that the automaton has not seen where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .events import Channel
from .notes import Note
from .rules import Span
from .segmenter import Segmenter
from .sentences import Judge
from .setting import Setting
from .text import Joiner


@dataclass(frozen=True, slots=True)
class Said:
    """Text that may leave."""

    text: str


@dataclass(frozen=True, slots=True)
class Passed:
    """All text before a mark has been told."""

    mark: int


Told: TypeAlias = Said | Passed


class TextStage:
    """Follows one channel's text. ``stop_at_edit``: what follows the first edit is dropped, and ``stopped`` is set."""

    def __init__(self, channel: Channel, setting: Setting) -> None:
        self._setting = setting
        rules = setting.rules
        self._scanner = rules.scanner() if rules is not None else None
        self._watcher = rules.watcher() if rules is not None else None
        sentences = bool(setting.rewriters) or (rules is not None and bool(rules.scores))
        self._judge = Judge(channel, setting) if sentences else None
        self._sent: list[str] = []
        self.stop_at_edit = False
        self._begin()

    def _begin(self) -> None:
        self.stopped = False
        self._joiner = Joiner()
        self._segmenter = Segmenter(self._setting.limits.segment_size) if self._judge is not None else None
        # Letters that came, in segments, scanned, told.
        self._taken = self._cut = self._fed = self._decided = 0
        self._early: list[tuple[int, int]] = []  # marks by letters that came, where sentences are cut
        self._marks: list[tuple[int, int]] = []  # marks by letters scanned

    @property
    def sent(self) -> str:
        """All that was told to leave."""
        self._sent = ["".join(self._sent)]
        return self._sent[0]

    @property
    def held(self) -> int:
        """How many characters wait."""
        held = len(self._segmenter.held) if self._segmenter is not None else 0
        return held + (len(self._scanner.held) if self._scanner is not None else 0)

    def mark(self, number: int) -> bool:
        """Remember this place in the text; False if nothing before it waits."""
        if not self.held:
            return False
        if self._segmenter is not None:
            self._early.append((self._taken, number))
        else:
            self._marks.append((self._taken, number))
        return True

    async def push(self, text: str) -> list[Told]:
        return await self._take(self._joiner.push(text))

    async def finish(self) -> list[Told]:
        """The text ends here."""
        found = await self._take(self._joiner.finish())
        if self._segmenter is not None:
            found += await self._segments(self._segmenter.finish())
        if self._scanner is not None and not self.stopped:
            found += self._told(self._scanner.finish())
        if self._watcher is not None:
            self._watched(self._watcher.finish())
        found += [Passed(number) for _, number in (*self._marks, *self._early)]
        self._marks, self._early = [], []
        return found

    def resume(self) -> None:
        """Go on with other text after what was sent; what is held was never said."""
        for scanner in (self._scanner, self._watcher):
            if scanner is not None:
                scanner.drop()
        self._begin()

    async def _take(self, text: str) -> list[Told]:
        text.encode()  # a UnicodeEncodeError is a ValueError: half a letter is no text
        self._taken += len(text)
        if self._watcher is not None:
            self._watched(self._watcher.push(text))
        if self._segmenter is None:
            return self._feed(text)
        return await self._segments(self._segmenter.push(text))

    async def _segments(self, segments: Sequence[str]) -> list[Told]:
        found: list[Told] = []
        for segment in segments:
            if self.stopped:
                break
            assert self._judge is not None
            before = self.sent + (self._scanner.held if self._scanner is not None else "")
            made = await self._judge.make(before, segment, self._scanner)
            found += self._feed(made.text)
            self.stopped = self.stopped or (made.edited and self.stop_at_edit)
            self._cut += len(segment)
            self._marks += [(self._fed, number) for at, number in self._early if at <= self._cut]
            self._early = [(at, number) for at, number in self._early if at > self._cut]
            found += self._passed()
        return found

    # --- letters

    def _feed(self, text: str) -> list[Told]:
        self._fed += len(text)
        return self._told(self._scanner.push(text) if self._scanner is not None else [Span(text)])

    def _told(self, spans: Sequence[Span]) -> list[Told]:
        found: list[Told] = []
        for span in spans:
            end = self._decided + len(span.text)
            if span.rules:
                self._say(span.instead, found)
                if span.instead:
                    kind = "redacted" if span.sure else "withheld"
                    self._setting.note(Note(kind, rules=span.rules, held=len(span.text)))  # type: ignore[arg-type]
            else:
                start = self._decided
                for at in sorted({at for at, _ in self._marks if start < at < end}):
                    self._say(span.text[self._decided - start : at - start], found)
                    self._decided = at
                    found += self._passed()
                self._say(span.text[self._decided - start :], found)
            self._decided = end
            found += self._passed()
            if span.rules and self.stop_at_edit:
                self.stopped = True
                break
        return found

    def _say(self, text: str, found: list[Told]) -> None:
        if text:
            self._sent.append(text)
            found.append(Said(text))

    def _passed(self) -> list[Told]:
        passed = [Passed(number) for at, number in self._marks if at <= self._decided]
        self._marks = [(at, number) for at, number in self._marks if at > self._decided]
        return list(passed)

    def _watched(self, spans: Sequence[Span]) -> None:
        for span in spans:
            if span.rules and span.instead:
                self._setting.note(Note("shadow", rules=span.rules, held=len(span.text)))
