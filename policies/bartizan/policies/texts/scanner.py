"""Finding what is not to leave, in text that is still arriving, and saying what leaves in its place.

All rules that spare nothing are one automaton, the last that text goes through: what leaves has no occurrence of any of
them. A rule with ``except`` has an automaton of its own before that. Whether an occurrence is spared is asked of the
whole of it (leftmost-longest): subtracting the one language from the other would find ``bob@corp.co`` in
``bob@corp.com``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from bartizan.guard.stream.rules import Span

from ..regular import Language
from ..regular.dfa import DFA
from ..regular.hold_back import HoldBack, Piece
from ..regular.occurrences import Pattern

MASK = "[redacted]"


@dataclass(frozen=True, slots=True)
class Redaction:
    """Occurrences of ``pattern`` are replaced by ``instead``, unless one as a whole is in ``spared``."""

    id: str
    pattern: Pattern
    instead: str = MASK
    spared: Language | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """``words``: its occurrences, as whole texts; ``begins`` tells whether a text could begin one."""

    redaction: Redaction
    words: Language
    automaton: DFA

    @classmethod
    def of(cls, redaction: Redaction) -> _Rule:
        term = redaction.pattern.words()
        return cls(redaction, Language.of(term), DFA(term))

    def begins(self, text: str) -> bool:
        state = self.automaton.start()
        for char in text:
            state = state[char]
            if state.dead:
                return False
        return True


@dataclass(slots=True)
class _Stage:
    """One automaton, of one rule that spares something or of all that do not."""

    rules: Sequence[_Rule]
    hold: HoldBack
    limit: int
    in_run: bool = False  # of what grew too long, and goes on

    @classmethod
    def of(cls, redactions: Sequence[Redaction], limit: int) -> _Stage:
        pattern = reduce(or_, (redaction.pattern for redaction in redactions), Pattern())
        return cls([_Rule.of(redaction) for redaction in redactions], HoldBack(pattern, limit), limit)

    def fork(self) -> _Stage:
        return _Stage(self.rules, self.hold.fork(), self.limit, self.in_run)

    def decided(self, pieces: Sequence[Piece]) -> list[Span]:
        return [self._span(piece) for piece in pieces]

    def _span(self, piece: Piece) -> Span:
        again, self.in_run = self.in_run, piece.matched and not piece.sure
        if not piece.matched:
            return Span(piece.text)
        if piece.sure:
            found = [rule.redaction for rule in self.rules if rule.words.matches(piece.text)]
            spared = found[0].spared if len(self.rules) == 1 and found else None
            if spared is not None and spared.matches(piece.text):
                return Span(piece.text)
        else:
            # What was held when it grew too long, however the rest arrived.
            began = piece.text[: self.limit + 1]
            found = [rule.redaction for rule in self.rules if rule.begins(began)]
        found = found or [rule.redaction for rule in self.rules]
        instead = "" if again and not piece.sure else found[0].instead
        return Span(piece.text, tuple(rule.id for rule in found), instead, piece.sure)


class TextScanner:
    """Implements :class:`bartizan.guard.stream.rules.Scanner`. At most ``limit`` characters are held by each stage."""

    __slots__ = ("_stages",)

    def __init__(self, stages: list[_Stage]) -> None:
        self._stages = stages

    @classmethod
    def of(cls, redactions: Sequence[Redaction], limit: int) -> TextScanner:
        plain = [rule for rule in redactions if rule.spared is None]
        groups = [*([rule] for rule in redactions if rule.spared is not None), *([plain] if plain else [])]
        return cls([_Stage.of(group, limit) for group in groups])

    @property
    def held(self) -> str:
        return "".join(stage.hold.held for stage in reversed(self._stages))

    def push(self, text: str) -> list[Span]:
        found = [Span(text)] if text else []
        for stage in self._stages:
            found = self._through(stage, found)
        return found

    def finish(self) -> list[Span]:
        """The rest: the text ends here."""
        found: list[Span] = []
        for stage in self._stages:
            found = [*self._through(stage, found), *stage.decided(stage.hold.finish())]
        return found

    def fork(self) -> TextScanner:
        return TextScanner([stage.fork() for stage in self._stages])

    def drop(self) -> None:
        for stage in self._stages:
            stage.hold.drop()
            stage.in_run = False

    @staticmethod
    def _through(stage: _Stage, spans: Sequence[Span]) -> list[Span]:
        """What the stage makes of what the one before it decided: no occurrence reaches over a replacement."""
        found: list[Span] = []
        for span in spans:
            if span.rules:
                found += [*stage.decided(stage.hold.cut()), span]
            else:
                found += stage.decided(stage.hold.push(span.text))
        return found
