"""What a concrete call shows: every goal of a policy, evaluated by the evaluator that decides.

Each rule and each goal becomes a rule in shadow mode of a copy of the policy; one decision then says them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bartizan.guard import Outcome, Reason, Request

from ...casework import prepare, prepare_result
from ...document.model import TestCase
from ...evaluation.registers import direct_signals
from ...language import ast
from ...policy import CheckedPolicy, CheckedRule
from ...program import Program
from .goals import EFFECTS, Goal, On

Truth = Literal["T", "F", "E"]
Strength = int
"""How well a call shows a goal: 3, what it is about decides the call; 2, it decides its rule; 1, it occurs."""


@dataclass(frozen=True, slots=True)
class _Values:
    """What every enforced rule about the call is, and the deny rules that ask instead."""

    rules: Mapping[str, tuple[CheckedRule, Truth]]
    softened: frozenset[str]

    def _firing(self, effect: str, but: str) -> bool:
        return any(
            value == "T" or (value == "E" and effect != "allow" and id not in self.softened)
            for id, (rule, value) in self.rules.items()
            if rule.effect == effect and id != but
        )

    def matters(self, rule: CheckedRule) -> bool:
        """Whether the call is decided otherwise with the rule than without it. Of results, each rule counts."""
        if rule.effect not in EFFECTS["call"]:
            return True
        if self._firing("deny", rule.id):
            return False
        asks = self._firing("escalate", rule.id) or bool(self.softened - {rule.id})
        allows = self._firing("allow", rule.id)
        return {"deny": asks or allows, "escalate": not asks, "allow": not asks and not allows}[rule.effect]


class Bench:
    """Evaluates goals on test cases of one policy."""

    def __init__(self, policy: CheckedPolicy, goals: Sequence[Goal]) -> None:
        self.policy = policy
        self._rules = {
            on: [r for r in policy.rules if r.effect in EFFECTS[on] and not r.shadow] for on in EFFECTS
        }
        probes = [
            _probe(f"rule {r.id}", r.conditions, on) for on, rules in self._rules.items() for r in rules
        ]
        self._goals: dict[tuple[On, str], list[tuple[int, Goal]]] = {}
        for index, goal in enumerate(goals):
            probes.append(_probe(f"shown {index}", {goal.tool: goal.shown}, goal.on))
            probes.append(_probe(f"decisive {index}", {goal.tool: goal.decisive}, goal.on))
            self._goals.setdefault((goal.on, goal.tool), []).append((index, goal))
        self._program = Program(replace(policy, rules=(*policy.rules, *probes)))

    def shows(self, case: TestCase) -> tuple[Outcome | None, dict[Goal, Strength]]:
        """The outcome of a call (of a result: None), and how well it shows the goals that it shows at all."""
        outcome: Outcome | None = None
        shown: dict[Goal, Strength] = {}
        if case.call is not None:
            request, session = prepare(self._program, case)
            decision = self._program.decide(request, session)
            outcome = decision.outcome
            if any(reason.rule in ("schema", "unknown-tool") for reason in decision.reasons):
                return outcome, {}
            truth = _truth(decision.shadow)
            values = self._values(request, truth)
            goals = self._goals.get(("call", case.call.tool), [])
        else:
            assert case.result is not None
            event, session = prepare_result(self._program, case)
            tool = case.result.tool
            truth = _truth(self._program.inspect(event, session).shadow)
            here = [r for r in self._rules["result"] if tool in r.conditions]
            values = _Values({r.id: (r, truth(f"rule {r.id}")) for r in here}, frozenset())
            goals = self._goals.get(("result", tool), [])
        for index, goal in goals:
            strength = _strength(goal, index, values, truth)
            if strength:
                shown[goal] = strength
        return outcome, shown

    def _values(self, request: Request, truth: Callable[[str], Truth]) -> _Values:
        tool = request.call.tool
        rules = {r.id: (r, truth(f"rule {r.id}")) for r in self._rules["call"] if tool in r.conditions}
        softened = frozenset(
            id
            for id, (rule, value) in rules.items()
            if rule.effect == "deny" and value == "E" and self._asks(rule, request)
        )
        return _Values(rules, softened)

    def _asks(self, rule: CheckedRule, request: Request) -> bool:
        """Whether a deny rule that is E asks for an approval, for want of a signal."""
        return any(
            self.policy.signals[name].missing == "escalate"
            and (name not in request.signals or not isinstance(request.signals[name].value, float))
            for name in direct_signals(rule.conditions[request.call.tool])
        )


def _probe(name: str, conditions: Mapping[str, ast.Expr], on: On) -> CheckedRule:
    return CheckedRule(f"probe: {name}", "deny" if on == "call" else "redact", conditions, shadow=True)


def _truth(shadow: Sequence[Reason]) -> Callable[[str], Truth]:
    """The value of a probe by its name."""
    found = {reason.rule: reason.value for reason in shadow}

    def truth(name: str) -> Truth:
        value = found.get(f"probe: {name}", "F")
        return "T" if value == "T" else "E" if value == "E" else "F"

    return truth


def _strength(goal: Goal, index: int, values: _Values, truth: Callable[[str], Truth]) -> Strength:
    if goal.rule is None:
        return 3 if truth(f"shown {index}") == "T" else 0
    rule, value = values.rules[goal.rule]
    if goal.kind in ("holds", "fails", "error"):
        wanted = {"holds": "T", "fails": "F", "error": "E"}[goal.kind]
        if value != wanted:
            return 0
        return 3 if values.matters(rule) else 1
    if truth(f"shown {index}") != "T":
        return 0
    if truth(f"decisive {index}") != "T":
        return 0 if goal.kind in ("inside", "outside") else 1
    return 3 if values.matters(rule) else 2
