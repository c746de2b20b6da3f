"""What a new version shows of results that the old one hid, and what it trusts that the old one did not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ...policy import CheckedPolicy, CheckedRule
from ..answers import Budget, Unknown
from ..encode.decision import result_moment
from ..encode.expressions import Encoder, Moment
from ..encode.past import FreePast
from ..encode.room import room_for
from ..formula import FALSE, Formula, Formulas, Model
from ..solve import Solver, Unsat


@dataclass(frozen=True, slots=True)
class Exposed:
    """Results of a tool that are no longer hidden, or are trusted now."""

    tool: str
    kind: Literal["shown", "trusted"]
    rules: tuple[str, ...]
    wanted: Formula
    model: Model


class Results:
    """Results of one tool, looked at by two versions that declare the tool alike."""

    def __init__(self, old: CheckedPolicy, new: CheckedPolicy, tool: str, budget: Budget) -> None:
        self.old, self.new, self.tool = old, new, tool
        self.decl = new.tools[tool]
        self.formulas = Formulas()
        rules = [r for p in (old, new) for r in _rules(p, tool, "redact", "label")]
        self.encoder = Encoder(self.formulas, room_for(r.conditions[tool] for r in rules))
        self.moment: Moment = result_moment(self.encoder, self.decl, new.tools, FreePast())
        self._solver = Solver(self.formulas, budget)

    def check(self, *assumptions: Formula, effort: float = 1.0) -> Model | Unsat | Unknown:
        """Is there a result, in some session, for which all of this holds?"""
        for fact in self.encoder.new_facts():
            self._solver.add(fact)
        return self._solver.check(*assumptions, effort=effort)

    def exposed(self) -> Iterator[Exposed | Unknown]:
        """What the new version shows, or trusts, and the old one does not."""
        yield from self._shown()
        yield from self._asked(
            "trusted",
            self.formulas.both(self._trusted(self.new), self.formulas.neg(self._trusted(self.old))),
            tuple(r.id for p in (self.old, self.new) for r in _rules(p, self.tool, "label")),
        )
        if _loosened_exceptions(self.old, self.new, self.tool):
            yield Unknown(f"the exceptions to the label of {self.tool}'s results changed")

    def _shown(self) -> Iterator[Exposed | Unknown]:
        f = self.formulas
        kept = _rules(self.new, self.tool, "redact")
        conditions = [r.conditions[self.tool] for r in kept]
        for rule in _rules(self.old, self.tool, "redact"):
            if rule.conditions[self.tool] not in conditions:
                shown = f.both(self._fires(rule), f.neg(f.some(self._fires(r) for r in kept)))
                answers = list(self._asked("shown", shown, (rule.id,)))
                yield from answers or [
                    Unknown(
                        f"no rule of the new version hides in the results of {self.tool} what `{rule.id}` hid"
                    )
                ]

    def _asked(
        self, kind: Literal["shown", "trusted"], wanted: Formula, rules: tuple[str, ...]
    ) -> Iterator[Exposed | Unknown]:
        found = self.check(wanted)
        if isinstance(found, Model):
            yield Exposed(self.tool, kind, rules, wanted, found)
        elif isinstance(found, Unknown):
            yield found

    def _fires(self, rule: CheckedRule) -> Formula:
        """T or E, but a label ``trusted`` only when T."""
        condition = self.encoder.condition(rule.conditions[self.tool], self.moment)
        return condition.true if rule.label == "trusted" else self.formulas.neg(condition.false)

    def _trusted(self, policy: CheckedPolicy) -> Formula:
        f = self.formulas
        rules = _rules(policy, self.tool, "label")
        tainted = f.some(self._fires(r) for r in rules if r.label == "untrusted")
        vouched: Formula = f.some(self._fires(r) for r in rules if r.label == "trusted")
        if policy.tools[self.tool].label == "trusted":
            vouched = f.neg(FALSE)
        return f.both(f.neg(tainted), vouched)


def _rules(policy: CheckedPolicy, tool: str, *effects: str) -> list[CheckedRule]:
    return [r for r in policy.rules if tool in r.conditions and r.effect in effects and not r.shadow]


def _loosened_exceptions(old: CheckedPolicy, new: CheckedPolicy, tool: str) -> bool:
    """Some part of the result is no longer an untrusted exception, or is a trusted one now."""
    before, after = set(old.tools[tool].exceptions), set(new.tools[tool].exceptions)
    lost = any(label == "untrusted" for _, label in before - after)
    return lost or any(label == "trusted" for _, label in after - before)
