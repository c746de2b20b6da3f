"""Asking about calls of one tool: an encoder and a solver that share their formulas, over one or two policies."""

from __future__ import annotations

from collections.abc import Iterator

from ..language import ast
from ..policy import CheckedPolicy
from .answers import Budget, Unknown
from .encode.decision import Verdict, call_moment, verdict
from .encode.expressions import Encoder
from .encode.past import NOTHING, Established, FreePast
from .encode.room import room_for
from .formula import Formula, Formulas, Model
from .solve import Solver, Unsat


class Inquiry:
    """Questions about one call of a tool, in any session.

    Attributes:
        decl: the declaration of the tool.
        moment: the call at hand.
        past: what the session operators read there.
    """

    def __init__(
        self,
        policies: tuple[CheckedPolicy, ...],
        tool: str,
        budget: Budget,
        established: Established = NOTHING,
    ) -> None:
        policy = policies[0]
        self.tool = tool
        self.decl = policy.tools[tool]
        self.formulas = Formulas()
        self.encoder = Encoder(self.formulas, room_for(e for p in policies for e in _expressions(p, tool)))
        self.past = FreePast(established)
        self.moment = call_moment(self.encoder, self.decl, policy.tools, self.past)
        self._solver = Solver(self.formulas, budget)

    def verdict(self, policy: CheckedPolicy) -> Verdict:
        """What ``policy`` makes of the call."""
        return verdict(self.encoder, policy, self.tool, self.moment)

    def add(self, formula: Formula) -> None:
        """Assert something for all further questions."""
        self._solver.add(formula)

    def check(self, *assumptions: Formula, effort: float = 1.0) -> Model | Unsat | Unknown:
        """Is there a well-formed call, and a session, for which all of this holds?"""
        for fact in self.encoder.new_facts():
            self._solver.add(fact)
        return self._solver.check(*assumptions, effort=effort)


def _expressions(policy: CheckedPolicy, tool: str) -> Iterator[ast.Expr]:
    """Everything that the policy says about calls of a tool."""
    for rule in policy.rules:
        if tool in rule.conditions:
            yield rule.conditions[tool]
    for invariant in policy.invariants:
        if tool in invariant.conditions:
            yield invariant.conditions[tool]
