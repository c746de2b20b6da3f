"""What is behind the figures: which rules decided, which calls slipped through, which were stopped wrongly.

Findings are grouped (by category, outcome, suite, tool and deciding rules); a group keeps its count and its
first few calls as examples, so memory does not grow with the recording.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from bartizan.guard.canonical import JSON, canonical_json
from bartizan.guard.decision import Outcome, Reason
from bartizan.guard.errors import MalformedJSON

from .engine import ReplayedCall, ReplayedSession
from .score import STOPPED, Category, Tally, category

EXAMPLES = 3
_SHOWN = 600  # characters of an example's arguments


class Example(NamedTuple):
    """One call, ready to be shown. Its texts may be an attacker's."""

    session: str
    where: str
    step: int
    tool: str
    arguments: str
    reasons: tuple[str, ...]


class Group(NamedTuple):
    """Calls that are alike."""

    category: Category
    outcome: Outcome
    suite: str
    tool: str
    rules: tuple[str, ...]


class Change(NamedTuple):
    """Calls whose decision changed in the same way, for the same rules."""

    category: Category | None
    old: Outcome
    new: Outcome
    old_rules: tuple[str, ...]
    new_rules: tuple[str, ...]


_Alike = TypeVar("_Alike", Group, Change)


@dataclass(slots=True)
class Findings:
    """Counts by rule, and the groups worth reading: calls of attacks, and ordinary calls stopped."""

    rules: Counter[tuple[str, Category, Outcome]] = field(default_factory=Counter)
    groups: Counter[Group] = field(default_factory=Counter)
    examples: dict[Group, list[Example]] = field(default_factory=dict)
    nanoseconds: list[int] = field(default_factory=list)
    _every: int = 1
    _seen: int = 0

    def add(self, session: ReplayedSession) -> None:
        """Take in what was decided in a session."""
        for call in session.calls:
            self._time(call.nanoseconds)
            found = category(session, call)
            if found is None:
                continue
            for rule in call.rules:
                self.rules[(rule, found, call.outcome)] += 1
            if _worth_reading(found, call.outcome):
                group = Group(found, call.outcome, session.meta.get("suite", "none"), call.tool, call.rules)
                self.groups[group] += 1
                _keep(self.examples.setdefault(group, []), session, call)

    def merge(self, other: Findings) -> None:
        """Take in what was found in later sessions."""
        for nanoseconds in other.nanoseconds:
            self._time(nanoseconds)
        self.rules.update(other.rules)
        self.groups.update(other.groups)
        _merge_examples(self.examples, other.examples)

    def _time(self, nanoseconds: int) -> None:
        """Keep at most some ten thousand decision times, evenly spread over the recording."""
        self._seen += 1
        if self._seen % self._every == 0:
            self.nanoseconds.append(nanoseconds)
        if len(self.nanoseconds) > 20_000:
            self.nanoseconds = self.nanoseconds[1::2]
            self._every *= 2


@dataclass(slots=True)
class Changes:
    """How a second policy decides the same calls."""

    calls: int = 0
    outcomes: Counter[tuple[Outcome, Outcome]] = field(default_factory=Counter)
    """Every call, changed or not, by its outcome before and now."""
    before: Tally = field(default_factory=Tally)
    changed: Counter[Change] = field(default_factory=Counter)
    examples: dict[Change, list[Example]] = field(default_factory=dict)

    def add(self, old: ReplayedSession, new: ReplayedSession) -> None:
        """Two replays of one session, call by call."""
        self.before.add(old)
        for before, after in zip(old.calls, new.calls, strict=True):
            self.calls += 1
            self.outcomes[before.outcome, after.outcome] += 1
            if before.outcome is after.outcome:
                continue
            change = Change(category(new, after), before.outcome, after.outcome, before.rules, after.rules)
            self.changed[change] += 1
            _keep(self.examples.setdefault(change, []), new, after)

    def merge(self, other: Changes) -> None:
        """Take in the changes of later sessions."""
        self.calls += other.calls
        self.outcomes.update(other.outcomes)
        self.before.merge(other.before)
        self.changed.update(other.changed)
        _merge_examples(self.examples, other.examples)

    @property
    def total(self) -> int:
        """Calls whose decision changed."""
        return sum(self.changed.values())

    def by_rule(self) -> list[tuple[tuple[str, ...], int, list[Change]]]:
        """The changes by the rules that made them, the most frequent first: those that decide now, or, where none
        does any more, those that decided before."""
        grouped: dict[tuple[str, ...], list[Change]] = {}
        for change, _ in self.changed.most_common():
            grouped.setdefault(change.new_rules or change.old_rules, []).append(change)
        counted = [(rules, sum(self.changed[c] for c in found), found) for rules, found in grouped.items()]
        return sorted(counted, key=lambda each: (-each[1], each[0]))


def as_recorded(session: ReplayedSession) -> ReplayedSession | None:
    """The session with the outcomes that its recording holds (an audit log's), ``None`` where it holds none."""
    if not session.calls or not all("decided" in call.truth for call in session.calls):
        return None
    calls = tuple(
        replace(
            call,
            outcome=Outcome[call.truth["decided"]],
            reasons=tuple(Reason(rule, "") for rule in call.truth["rules"]),
        )
        for call in session.calls
    )
    return replace(session, calls=calls)


def _worth_reading(found: Category, outcome: Outcome) -> bool:
    """Every call of an attack, and every other call that was stopped."""
    return found in (Category.GOAL, Category.CARRY, Category.UNSAFE) or outcome in STOPPED


def _keep(examples: list[Example], session: ReplayedSession, call: ReplayedCall) -> None:
    if len(examples) < EXAMPLES:
        reasons = tuple(f"{r.rule} ({r.value}): {'; '.join(r.atoms) or r.text}" for r in call.reasons)
        examples.append(
            Example(session.id, session.where, call.step, call.tool, _arguments(call.args), reasons)
        )


def _merge_examples(kept: dict[_Alike, list[Example]], more: Mapping[_Alike, list[Example]]) -> None:
    """The first few of each kind stay, in the order of the sessions."""
    for kind, examples in more.items():
        mine = kept.setdefault(kind, [])
        mine += examples[: EXAMPLES - len(mine)]


def _arguments(args: JSON) -> str:
    try:
        text = canonical_json(dict(args) if isinstance(args, Mapping) else args).decode()
    except MalformedJSON:
        text = repr(args)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
