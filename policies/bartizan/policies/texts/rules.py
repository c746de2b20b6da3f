"""Checked rules on text, and what the stream stages of the kernel ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any as Json
from typing import Literal

from bartizan.guard.stream.rules import Scanner, ScoreRule

from ..regular import regex
from .scanner import Redaction, TextScanner

LIMIT = 256
"""How many characters may be held for a rule, unless said otherwise."""


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A rule as it stands in the file, checked. ``redact`` and ``spared`` are regular expressions."""

    id: str
    instead: str
    redact: str | None = None
    spared: str | None = None
    signal: str = ""
    above: float = 1.0
    needed: int = 1
    window: int = 1
    missing: Literal["withhold", "pass"] = "withhold"
    reason: str = ""
    shadow: bool = False

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def covers(self, other: CheckedText) -> bool:
        """Whether what the other rule keeps from leaving, this one does, as far as that shows in what is written."""
        if (self.redact, self.spared, self.signal) != (other.redact, other.spared, other.signal):
            return False
        counted = (self.needed, self.window) == (other.needed, other.window) or self.needed == 1
        missing = self.missing == "withhold" or other.missing == "pass"
        return self.above <= other.above and counted and missing

    def redaction(self) -> Redaction:
        assert self.redact is not None
        spared = regex(self.spared, mode="full") if self.spared is not None else None
        return Redaction(self.id, regex(self.redact).pattern, self.instead, spared)

    def score(self) -> ScoreRule:
        return ScoreRule(
            self.id, self.signal, self.above, self.instead, self.needed, self.window, self.missing, self.reason,
            self.shadow,
        )  # fmt: skip


@dataclass(frozen=True)
class TextRules:
    """A policy's rules on text, compiled once for all streams. ``limit``: the most that is held for a rule.

    Implements :class:`bartizan.guard.stream.rules.TextRules`.
    """

    checked: Sequence[CheckedText] = ()
    limit: int = LIMIT
    scores: Sequence[ScoreRule] = field(init=False)

    def __post_init__(self) -> None:
        found = tuple(rule.score() for rule in self.checked if rule.redact is None)
        object.__setattr__(self, "scores", found)

    def within(self, limit: int) -> TextRules:
        """The same with another limit."""
        return TextRules(self.checked, limit)

    def scanner(self) -> Scanner | None:
        return self._enforced.fork() if self._enforced is not None else None

    def watcher(self) -> Scanner | None:
        return self._shadowed.fork() if self._shadowed is not None else None

    @cached_property
    def _enforced(self) -> TextScanner | None:
        return self._scanner(shadow=False)

    @cached_property
    def _shadowed(self) -> TextScanner | None:
        return self._scanner(shadow=True)

    def _scanner(self, shadow: bool) -> TextScanner | None:
        rules = [rule for rule in self.checked if rule.redact is not None and rule.shadow is shadow]
        return TextScanner.of([rule.redaction() for rule in rules], self.limit) if rules else None


def uncovered(old: Sequence[CheckedText], new: Sequence[CheckedText]) -> list[str]:
    """What may leave by ``new`` that ``old`` keeps from leaving: rules are compared as they are written."""
    kept = [rule for rule in new if not rule.shadow]
    gone = [rule for rule in old if not rule.shadow and not any(one.covers(rule) for one in kept)]
    return [
        f"what the text rule `{rule.id}` keeps from leaving may leave: it is gone or changed" for rule in gone
    ]
