"""What is proved of a policy is true of its program: generated policies and claims, held against generated calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from bartizan.guard import Missing, Outcome, Principal, Request, Session, Signal, ToolCall
from bartizan.policies import CheckedPolicy, PolicyError, Program, Source, check_policy
from bartizan.policies.language import ast
from bartizan.policies.lean.proving import facts
from bartizan.policies.lean.proving.claims import Claims
from bartizan.policies.lean.proving.facts import Part
from bartizan.policies.lean.proving.search import Search, TooLarge
from bartizan.policies.lean.proving.shown import _settled
from bartizan.policies.policy import CheckedRule

HEAD = """
version: 1
name: p
tools:
  pay:
    args: {to: str, memo?: str, n: int, m?: int, cost: "dec(2)", ok?: bool, mode: "enum(fast, slow)", ratio?: f64}
    effect: write
signals:
  risk: {on: call, monitor: m, missing: escalate}
  harm: {on: call, monitor: m}
rules:
"""
TEXTS = ("", "a", "b", "ab", "ba", "aba", "x")
ASKED = "(asked)"


class Words:
    """Random conditions, policies and calls."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one(self, *of: Any) -> Any:
        return self.random.choice(of)

    def number(self) -> str:
        sums = "args.n + args.m", "2 * args.n - args.m"
        return str(self.one("args.n", "args.m", *sums, "size(args.to)", "size(args.memo)"))

    def atom(self) -> str:
        op = self.one("<", "<=", "==", ">=", ">", "!=")
        text, order = f"args.{self.one('to', 'memo')}", self.one("<", "<=", ">", ">=")
        made: str = self.one(
            f"{self.number()} {op} {self.random.randint(-2, 6)}",
            f"{self.number()} {op} {self.number()}",
            f"args.cost {op} {self.one('0.50', '1.00', '1.01')}",
            f'args.mode {self.one("==", "!=")} "{self.one("fast", "slow")}"',
            f'{text}.{self.one("startsWith", "endsWith", "contains")}("{self.one("a", "b", "ab")}")',
            f'{text} {self.one("==", "!=")} "{self.one("a", "ab", "")}"',
            f'{text} in ["a", "ab"]',
            f"{self.one('args.n', 'args.m')} in [1, 2, 5]",
            f'{self.one("signal", "p_value")}("{self.one("risk", "harm")}") {order} 0.5',
            f"args.ratio {order} {self.one('0.1', '0.5')}",
            self.one(
                "args.ok", "has(args.memo)", 'tool == "pay"', 'principal.id == "x"', "args.to == args.memo"
            ),
        )
        return made

    def condition(self, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.3:
            return str(self.atom())
        parts = [self.condition(depth - 1) for _ in range(3)]
        return str(
            self.one(
                f"!({parts[0]})", f"({parts[0]} && {parts[1]})", f"({parts[0]} || {parts[1]})",
                f"({parts[0]} ? {parts[1]} : {parts[2]})",
            )
        )  # fmt: skip

    def policy(self) -> CheckedPolicy | None:
        pool = [self.condition(2) for _ in range(3)]
        effects = ["allow", *(self.one("deny", "deny", "escalate", "allow") for _ in range(3))]
        rules = [
            f"  - {{id: r{n}, {e}: [pay], when: {quoted(self.one(*pool))}}}" for n, e in enumerate(effects)
        ]
        claimed = self.one(*pool, f"!({self.one(*pool)})", f"{self.one(*pool)} && {self.condition(1)}")
        claimed = self.one(claimed, f"allowed(pay) && ({claimed})")
        text = "\n".join([HEAD, *rules, "invariants:", f"  - never: {quoted(claimed)}"])
        try:
            return check_policy(Source("p.yaml", text))
        except PolicyError:
            return None

    def request(self) -> Request:
        args = {
            "to": self.one(*TEXTS), "n": self.random.randint(-3, 7), "mode": self.one("fast", "slow"),
            "cost": self.one(0.5, 1, 1.01, 2, 1.234),
        }  # fmt: skip
        optional = {
            "memo": self.one(*TEXTS), "m": self.random.randint(-3, 7), "ok": self.one(True, False),
            "ratio": self.one(0.1, 0.05, 0.5, -1.0),
        }  # fmt: skip
        args |= {name: value for name, value in optional.items() if self.random.random() < 0.7}
        signals = {
            name: Signal(name, self.measured(), self.measured())
            for name in ("risk", "harm")
            if self.random.random() < 0.8
        }
        return Request(ToolCall.of("1", "pay", args), 0, Principal(self.one("x", "y")), signals)

    def measured(self) -> float | Missing:
        found: float | Missing = self.one(0.2, 0.5, 0.9, Missing("gone"))
        return found


def quoted(condition: str) -> str:
    return "'" + condition.replace("'", "''") + "'"


def is_proved(policy: CheckedPolicy) -> bool:
    claims = Claims.of(policy)
    restorer = claims.restorer
    search = Search(
        claims.question(0, "pay"),
        lambda parts: facts.contradiction(parts, "pay", policy),
        lambda expr: Part(restorer.condition(expr), True),
    )
    try:
        return search.tree() is not None
    except TooLarge:
        return False


def violations(policy: CheckedPolicy, words: Words, calls: int) -> Iterator[Request]:
    """Calls that are meant and of which the condition is true, as the program evaluates it."""
    condition = policy.invariants[0].conditions["pay"]
    asks = any(isinstance(node, ast.Allowed) for node in ast.walk(condition))
    program = Program(policy)
    asking = {
        outcome: Program(
            replace(
                policy,
                rules=(
                    *policy.rules,
                    CheckedRule(ASKED, "deny", {"pay": _settled(condition, "pay", outcome)}, shadow=True),
                ),
            )
        )
        for outcome in (Outcome.ALLOW, Outcome.ESCALATE, Outcome.DENY)
    }
    for _ in range(calls):
        request = words.request()
        decision = program.decide(request, Session("s", state=program.initial()))
        if decision.reasons[0].rule == "schema" or (decision.outcome is Outcome.DENY and not asks):
            continue
        again = asking[decision.outcome]
        found = again.decide(request, Session("s", state=again.initial()))
        if any(reason.rule == ASKED and reason.value == "T" for reason in found.shadow):
            yield request


@pytest.mark.parametrize("seed", range(3))
def test_what_is_proved_is_never_seen_to_be_false(seed: int) -> None:
    """Conditions of every kind, absent arguments, missing signals and approvals; and claims that fail are found out."""
    words = Words(seed)
    proved = refuted = 0
    for _ in range(60):
        policy = words.policy()
        if policy is None:
            continue
        if is_proved(policy):
            assert not list(violations(policy, words, 40)), policy.invariants[0].text
            proved += 1
        else:
            refuted += any(True for _ in violations(policy, words, 20))
    assert proved >= 5
    assert refuted >= 5
