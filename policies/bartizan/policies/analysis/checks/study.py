"""A policy under study: for each tool the call at hand, and for each rule when it fires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...policy import CheckedPolicy, CheckedRule
from ..answers import Budget, Unknown
from ..encode.decision import Hit, Verdict
from ..encode.past import NOTHING, Established
from ..formula import FALSE, Formula, Model
from ..inquiry import Inquiry
from ..solve import Unsat


class ToolStudy:
    """The calls of one tool. ``fires`` and ``softens`` say of each rule when it does what it does.

    Nothing about rules is asserted, so that a question is about those rules only that it assumes something of.
    """

    def __init__(self, policy: CheckedPolicy, tool: str, budget: Budget, established: Established) -> None:
        self.policy = policy
        self.inquiry = Inquiry((policy,), tool, budget, established)
        self.verdict: Verdict = self.inquiry.verdict(policy)
        self.hits = {hit.id: hit for hit in self.verdict.hits}
        self.fires = {hit.id: self.verdict.fires(hit) for hit in self.verdict.hits}
        self.softens = {hit.id: hit.softened for hit in self.verdict.hits if hit.softened is not FALSE}

    @property
    def clean(self) -> Formula:
        """Nothing is missing or over its bound, but for optional fields that are absent."""
        return self.inquiry.formulas.all(self.inquiry.encoder.known)

    def check(self, *assumptions: Formula) -> Model | Unsat | Unknown:
        return self.inquiry.check(*assumptions)

    def others(self, rule: str, *effects: str) -> tuple[Formula, ...]:
        """No other rule of these effects fires; a deny rule that asks counts as an escalate rule."""
        neg = self.inquiry.formulas.neg
        firing = [self.fires[h.id] for h in self.verdict.hits if h.id != rule and h.rule.effect in effects]
        asking = [soft for id, soft in self.softens.items() if id != rule] if "escalate" in effects else []
        return tuple(map(neg, (*firing, *asking)))


@dataclass(slots=True)
class Study:
    """One policy, and the studies of its tools so far."""

    policy: CheckedPolicy
    budget: Budget
    established: Established = NOTHING
    _tools: dict[str, ToolStudy] = field(default_factory=dict)

    def tool(self, name: str) -> ToolStudy:
        if name not in self._tools:
            self._tools[name] = ToolStudy(self.policy, name, self.budget, self.established)
        return self._tools[name]

    def hits(self, rule: CheckedRule) -> Iterator[tuple[ToolStudy, Hit]]:
        """An enforced call rule in each tool of its scope."""
        for name in rule.conditions:
            study = self.tool(name)
            yield study, study.hits[rule.id]

    @property
    def call_rules(self) -> tuple[CheckedRule, ...]:
        """The enforced rules about calls."""
        return tuple(
            r for r in self.policy.rules if r.effect in ("allow", "deny", "escalate") and not r.shadow
        )
