"""What a new version of a policy decides otherwise: classes of calls, by the rules that make the difference.

Both versions are asked about the same call in the same session. A change is a *loosening* when its outcome is
less strict than before (``ALLOW < ESCALATE < DENY``), else a tightening. One class of changes is told from another
by what decides: the rules of the old version and of the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bartizan.guard import Outcome

from ...policy import CheckedPolicy
from ..answers import Budget, Unknown
from ..encode.decision import Verdict
from ..encode.past import NOTHING, Established
from ..formula import FALSE, TRUE, Formula, Formulas, Model
from ..inquiry import Inquiry
from .merging import conforms, widened

MAX_CLASSES = 50
DEFAULT = "default"
Direction = Literal["loosened", "tightened"]


@dataclass(frozen=True, slots=True)
class Deciding:
    """The rules that make a version decide as it does (none: denied by default), and that outcome."""

    outcome: Outcome
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangedClass:
    """Calls of one tool that one pair of reasons decides otherwise. ``model`` is one of them, in ``inquiry``."""

    tool: str
    old: Deciding
    new: Deciding
    inquiry: Inquiry
    wanted: Formula
    model: Model


class _Side:
    """One version: when it lets the call go."""

    def __init__(self, policy: CheckedPolicy, tool: str, inquiry: Inquiry) -> None:
        decl = policy.tools.get(tool)
        self.conforms = FALSE if decl is None else conforms(decl, inquiry)
        self.verdict = Verdict(inquiry.encoder, ()) if decl is None else inquiry.verdict(policy)
        self.unknown = decl is None

    def outcomes(self, f: Formulas) -> tuple[Formula, Formula]:
        """When it allows the call, and when it lets it go, given an approval where it asks for one."""
        return f.both(self.conforms, self.verdict.allowed()), f.both(self.conforms, self.verdict.let_go())


class Comparison:
    """Calls of one tool under two versions, or three: what the ``envelope`` lets go is no loosening."""

    def __init__(
        self,
        old: CheckedPolicy,
        new: CheckedPolicy,
        tool: str,
        budget: Budget,
        established: Established = NOTHING,
        envelope: CheckedPolicy | None = None,
    ) -> None:
        """Raises :class:`.merging.Incomparable` when the tool's arguments have types with no common values."""
        versions = [p for p in (new, old, envelope) if p is not None]
        shared = widened([p for p in versions if tool in p.tools], tool)
        self.tool = tool
        self.inquiry = Inquiry((shared, *versions), tool, budget, established)
        self.old, self.new = (_Side(p, tool, self.inquiry) for p in (old, new))
        self._envelope = None if envelope is None else _Side(envelope, tool, self.inquiry)

    def changed(self, direction: Direction) -> Formula:
        """The outcome of one version is less strict than that of the other."""
        f = self.inquiry.formulas
        loose, strict = (self.new, self.old) if direction == "loosened" else (self.old, self.new)
        changes = [
            (after, f.neg(before))
            for after, before in zip(loose.outcomes(f), strict.outcomes(f), strict=True)
        ]
        if self._envelope is not None and direction == "loosened":
            limits = self._envelope.outcomes(f)
            changes = [(f.both(x, y), f.neg(limit)) for (x, y), limit in zip(changes, limits, strict=True)]
        return f.some(f.both(x, y) for x, y in changes)

    def classes(self, direction: Direction) -> Iterator[ChangedClass | Unknown]:
        """The classes of changes in one direction, one by one.

        What stops a call in the stricter version is what changed: a rule there that the other version does not have,
        or, where nothing but the default stops it, the rule of the other version that lets it go. With the outcome
        in the other version that makes a class.
        """
        f = self.inquiry.formulas
        remaining = self.changed(direction)
        strict: Literal["old", "new"] = "old" if direction == "loosened" else "new"
        loose: Literal["old", "new"] = "new" if direction == "loosened" else "old"
        for _ in range(MAX_CLASSES):
            found = self.inquiry.check(remaining)
            if isinstance(found, Unknown):
                yield found
                return
            if not isinstance(found, Model):
                return
            stopped, stopping = self._deciding(strict, found)
            gone, letting = self._deciding(loose, found)
            alike = f.both(
                stopping, letting if stopped.rules == (DEFAULT,) else self._decides(loose, gone.outcome)
            )
            old, new = (stopped, gone) if direction == "loosened" else (gone, stopped)
            yield ChangedClass(self.tool, old, new, self.inquiry, f.both(remaining, alike), found)
            remaining = f.both(remaining, f.neg(alike))
        yield Unknown(f"more than {MAX_CLASSES} classes of changes of {self.tool}")

    def _decides(self, which: Literal["old", "new"], outcome: Outcome) -> Formula:
        """The version decides so."""
        f = self.inquiry.formulas
        side: _Side = getattr(self, which)
        verdict = side.verdict
        if outcome is Outcome.DENY:
            return f.both(side.conforms, f.neg(verdict.let_go()))
        decided = verdict.allowed() if outcome is Outcome.ALLOW else verdict.escalated()
        return f.both(side.conforms, decided)

    def _deciding(self, which: Literal["old", "new"], model: Model) -> tuple[Deciding, Formula]:
        """Why a version decides the model's call as it does, and what all calls decided for that reason share."""
        f = self.inquiry.formulas
        side: _Side = getattr(self, which)
        if side.unknown:
            return Deciding(Outcome.DENY, ("unknown-tool",)), TRUE
        if not model.holds(side.conforms):
            return Deciding(Outcome.DENY, ("schema",)), f.neg(side.conforms)
        verdict = side.verdict
        outcome, hits = verdict.deciding(model)
        if not hits:
            alike = f.both(f.neg(verdict.denies()), f.neg(verdict.let_go()))
            return Deciding(outcome, (DEFAULT,)), f.both(side.conforms, alike)
        rest = {
            Outcome.DENY: TRUE,
            Outcome.ESCALATE: f.neg(verdict.denies()),
            Outcome.ALLOW: verdict.allowed(),
        }[outcome]
        hit, formula = hits[0]
        return Deciding(outcome, (hit.id,)), f.both(side.conforms, formula, rest)
