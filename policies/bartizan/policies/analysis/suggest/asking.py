"""Goals as questions to the solver: for each how well a call could show it, from best to barely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...language import ast
from ...policy import CheckedPolicy, CheckedRule
from ..answers import Budget, Unknown
from ..encode.decision import Hit, Verdict, result_moment
from ..encode.expressions import Encoder
from ..encode.past import NOTHING, Established, FreePast
from ..encode.room import room_for
from ..encode.symbols import Condition
from ..formula import TRUE, Formula, Formulas, Model
from ..inquiry import Inquiry
from ..solve import Solver, Unsat
from ..witness.question import Question
from .bench import Strength
from .goals import Goal

Level = tuple[Strength, Formula]


class ResultInquiry:
    """Questions about one result of a tool, in any session."""

    def __init__(
        self,
        policy: CheckedPolicy,
        tool: str,
        nodes: Iterable[ast.Expr],
        budget: Budget,
        established: Established,
    ) -> None:
        self.decl = policy.tools[tool]
        self.formulas = Formulas()
        self.encoder = Encoder(self.formulas, room_for(nodes))
        self.moment = result_moment(self.encoder, self.decl, policy.tools, FreePast(established))
        self._solver = Solver(self.formulas, budget)

    def check(self, *assumptions: Formula, effort: float = 1.0) -> Model | Unsat | Unknown:
        for fact in self.encoder.new_facts():
            self._solver.add(fact)
        return self._solver.check(*assumptions, effort=effort)


class ResultAsking:
    """One tool's results."""

    def __init__(
        self, policy: CheckedPolicy, tool: str, budget: Budget, established: Established = NOTHING
    ) -> None:
        self.policy, self.tool, self.budget, self.established = policy, tool, budget, established
        self._rules = {r.id: r.conditions[tool] for r in policy.rules if tool in r.conditions}

    def ask(self, goal: Goal) -> tuple[Question, Iterator[Level]]:
        """When a result shows the goal, as :meth:`Asking.ask` says it of calls."""
        nodes = [*self._rules.values(), goal.shown, goal.decisive]
        inquiry = ResultInquiry(self.policy, self.tool, nodes, self.budget, self.established)
        return inquiry, self._levels(goal, inquiry)

    def _levels(self, goal: Goal, inquiry: ResultInquiry) -> Iterator[Level]:
        f, encoder = inquiry.formulas, inquiry.encoder
        assert goal.rule is not None
        condition = encoder.condition(self._rules[goal.rule], inquiry.moment)
        shown = _rule_goal(f, goal, condition)
        steps = [(3, shown)] if shown is not None else []
        if shown is None:
            shown = encoder.condition(goal.shown, inquiry.moment).true
            steps.append((3, f.both(shown, encoder.condition(goal.decisive, inquiry.moment).true)))
            if goal.kind not in ("inside", "outside"):
                steps.append((1, shown))
        clean = f.all(encoder.known)
        for strength, formula in steps:
            yield strength, f.both(formula, clean)
            yield strength, formula


def _rule_goal(f: Formulas, goal: Goal, condition: Condition) -> Formula | None:
    """When a goal about a rule as a whole is shown; None for the others."""
    match goal.kind:
        case "holds":
            return condition.true
        case "fails":
            return condition.false
        case "error":
            return f.both(f.neg(condition.true), f.neg(condition.false))
        case _:
            return None


class Asking:
    """One tool's calls. Goals about list elements have an inquiry of their own, with room for their elements."""

    def __init__(
        self, policy: CheckedPolicy, tool: str, budget: Budget, established: Established = NOTHING
    ) -> None:
        self.policy = policy
        self.tool = tool
        self.budget = budget
        self.established = established
        self._plain = Inquiry((policy,), tool, budget, established)
        self._verdict = self._plain.verdict(policy)

    def _inquiry(self, goal: Goal) -> Inquiry:
        if not goal.quantified:
            return self._plain
        probe = CheckedRule("probe", "deny", {self.tool: ast.And(goal.shown, goal.decisive)}, shadow=True)
        policy = replace(self.policy, rules=(*self.policy.rules, probe))
        return Inquiry((policy,), self.tool, self.budget, self.established)

    def ask(self, goal: Goal) -> tuple[Question, Iterator[Level]]:
        """When a call shows the goal: so well, and then less well. If none can be had, nothing shows the goal.

        Calls with nothing wrong come before those with values over their bounds or signals missing.
        """
        inquiry = self._inquiry(goal)
        return inquiry, self._levels(goal, inquiry)

    def _levels(self, goal: Goal, inquiry: Inquiry) -> Iterator[Level]:
        f = inquiry.formulas
        verdict = self._verdict if inquiry is self._plain else inquiry.verdict(self.policy)
        if goal.rule is None:
            shown = inquiry.encoder.condition(goal.shown, inquiry.moment).true
            yield 3, f.both(shown, self._clean(inquiry))
            yield 3, shown
            return
        hit = next(hit for hit in verdict.hits if hit.id == goal.rule)
        matters = _matters(verdict, hit)
        whole = _rule_goal(f, goal, hit.condition)
        if whole is not None:
            steps = [(3, f.both(whole, matters)), (1, whole)]
        else:
            shown = inquiry.encoder.condition(goal.shown, inquiry.moment).true
            decisive = f.both(shown, inquiry.encoder.condition(goal.decisive, inquiry.moment).true)
            steps = [(3, f.both(decisive, matters)), (2, decisive)]
            # Of a text that decides nothing there is nothing to test.
            if goal.kind not in ("inside", "outside"):
                steps.append((1, shown))
        clean = self._clean(inquiry)
        for strength, formula in steps:
            if clean is not TRUE:
                yield strength, f.both(formula, clean)
            yield strength, formula

    @staticmethod
    def _clean(inquiry: Inquiry) -> Formula:
        return inquiry.formulas.all(inquiry.encoder.known)


def _matters(verdict: Verdict, hit: Hit) -> Formula:
    """The call is decided otherwise with the rule than without it."""
    f = verdict.encoder.formulas
    but = frozenset({hit.id})
    match hit.rule.effect:
        case "deny":
            return verdict.let_go(but)
        case "escalate":
            return f.both(f.neg(verdict.denies()), f.neg(verdict.asks(but)))
        case _:
            nothing = (verdict.denies(), verdict.asks(), verdict.permits(but))
            return f.both(*(f.neg(each) for each in nothing))
