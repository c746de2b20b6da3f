"""Limits over time: what a rule keeps by itself is a theorem about every session, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from bartizan.policies import CheckedPolicy, Source, check_policy
from bartizan.policies.analysis import prove
from bartizan.policies.lean.calculus.declarations import Definition, Theorem
from bartizan.policies.lean.calculus.terms import Const, Expr
from bartizan.policies.lean.certificates.binding import parts_of
from bartizan.policies.lean.certificates.certify import Made, analysed, certify
from bartizan.policies.lean.certificates.levels import Requirement, Uncertified, check
from bartizan.policies.lean.certificates.proofs import checked_theory
from bartizan.policies.lean.encoding.emit import clauses_term, text_term
from bartizan.policies.lean.encoding.model import Number
from bartizan.policies.lean.kernel import KernelError
from bartizan.policies.lean.proving import limits, sums
from bartizan.policies.lean.proving.claims import Claims
from bartizan.policies.lean.proving.facts import Found, Part
from bartizan.policies.lean.proving.trees import verdict

HEAD = """
version: 1
name: till
tools:
  pay: {args: {amount: "dec(2)"}, effect: write}
  look: {args: {}, effect: read}
rules:
  - {id: tools, allow: [pay, look]}
"""
SUM = "session.sum('pay', 'amount', within='24h') + args.amount > 100.00"
POSITIVE = '  - {id: positive, deny: [pay], when: "args.amount < 0.00"}\n'
AT_MOST = "invariants:\n  - always-within: {tool: pay, sum: amount, window: 24h, at-most: 100.00}\n"
CALLS = "invariants:\n  - always-within: {tool: pay, window: 1h, at-most: 3}\n"


def policy(*rules: str, invariants: str = AT_MOST) -> CheckedPolicy:
    return check_policy(Source("till.yaml", HEAD + "".join(rules) + invariants))


def deny(when: str) -> str:
    return f'  - {{id: limit, deny: [pay], when: "{when}"}}\n'


@cache
def kept() -> CheckedPolicy:
    return policy(POSITIVE, deny(SUM))


def made(of: CheckedPolicy) -> Made:
    return certify(of, lambda asked: analysed(asked, prove(asked), "z3 test"))


def no_fact(parts: tuple[Part, ...]) -> Found | None:
    return None


def searched(of: CheckedPolicy) -> Any:
    claims = Claims.of(of)
    limit = claims.limit(0)
    assert limit is not None
    restorer = claims.restorer
    part = lambda expr: Part(restorer.condition(expr), True)  # noqa: E731
    return claims, limit, limits.search(limit, claims.translation, part, no_fact)


def accepts(claims: Claims, statement: Expr, proof: Expr) -> bool:
    environment = checked_theory().fork()
    environment.add(Definition("Certified.policy", (), Const("Bartizan.Policy"), claims.term))
    try:
        environment.add(Theorem("limit", (), statement, proof))
    except KernelError:
        return False
    return True


@pytest.mark.parametrize(
    ("rules", "invariants"),
    [
        ((POSITIVE, deny(SUM)), AT_MOST),
        ((POSITIVE, deny(SUM.replace("24h", "48h"))), AT_MOST),  # a longer window holds at least as much
        ((deny(f"args.amount < 0.00 || {SUM}"),), AT_MOST),
        ((POSITIVE, deny(f"!({SUM.replace('>', '<=')})")), AT_MOST),
        ((deny("session.count('pay', within='1h') >= 3"),), CALLS),
        ((deny("session.count('pay', within='1h') > 2"),), CALLS),
        ((deny("session.once('call:pay', within='2h')"),), CALLS.replace("3", "1")),
        ((POSITIVE, deny("session.once('call:pay', within='24h') || args.amount > 100.00")), AT_MOST),
    ],
    ids=["sum", "longer", "one-rule", "negated", "number", "more-than", "once", "once-amount"],
)
def test_a_limit_that_a_rule_keeps_is_a_theorem(rules: tuple[str, ...], invariants: str) -> None:
    """The certificate names the theorem, and every level up to the kernel finds it shown."""
    of = policy(*rules, invariants=invariants)
    found = made(of)
    assert found.certificate is not None
    (covered,) = found.certificate.invariants
    assert covered.theorems == ("Certified.invariant_0.pay",)
    assert check(of, found.certificate, found.proof, Requirement("kernel")).name == "kernel"


@pytest.mark.parametrize(
    "rules",
    [
        (deny(SUM),),  # an amount may be negative
        (POSITIVE, deny(SUM.replace("24h", "12h"))),
        (POSITIVE, deny(SUM.replace("100.00", "100.01"))),
        (POSITIVE, deny(SUM.replace("> 100", "> args.amount + 100"))),
        (POSITIVE, deny(f"from_user(args.amount) && {SUM}")),
        (POSITIVE, deny(SUM).replace("deny", "escalate").replace("limit", "ask")),
        (POSITIVE, deny(SUM).replace("}", ", mode: shadow}")),
        (POSITIVE, deny("session.once('call:pay', within='12h') || args.amount > 100.00")),
        (
            POSITIVE,
            deny("session.once('call:pay', args.amount > 1.00, within='24h') || args.amount > 100.00"),
        ),
        (POSITIVE, deny("session.once('call:pay', within='24h') || args.amount > 100.01")),
    ],
    ids=[
        "negative",
        "shorter",
        "cent",
        "other",
        "sometimes",
        "asked",
        "shadow",
        "once-short",
        "once-some",
        "once-cent",
    ],
)
def test_a_limit_that_the_rules_do_not_keep_has_no_trees(rules: tuple[str, ...]) -> None:
    """Where a rule is missing, looser, conditional or only asks, no tree is found."""
    of = policy(*rules)
    assert Claims.of(of).limit(0) is None or searched(of)[2] is None


def test_the_trees_show_no_smaller_limit_and_no_other_policy() -> None:
    """The kernel and the check in Python refuse the trees of a limit for one that is less, and for looser rules."""
    claims, limit, (trees, _) = searched(kept())
    for less, taken in ((0, True), (1, False)):
        tighter = replace(limit, most=limit.most - less)
        arguments = (Const("Certified.policy"), clauses_term(()), text_term("pay"), *tighter.terms)
        proof = limit.proof(arguments, trees)
        assert accepts(claims, limit.statement(arguments), proof) is taken
        shown = []
        for condition, tree in zip(tighter.conditions, trees, strict=True):
            asked = limits.question("pay", tighter.allowed, condition, claims.translation)
            shown.append(verdict(tree, asked, [limits.only_true(condition)]))
        assert (shown == [None, None]) is taken
    looser = Claims.of(policy(deny(SUM)))
    arguments = (Const("Certified.policy"), clauses_term(()), text_term("pay"), *limit.terms)
    assert not accepts(looser, limit.statement(arguments), limit.proof(arguments, trees))


def test_a_limit_below_zero_and_amounts_that_are_no_calls_are_not_claimed() -> None:
    """Nothing is claimed of a negative limit; a number of calls counts each as 1."""
    negative = policy(POSITIVE, deny(SUM.replace("100", "-1")), invariants=AT_MOST.replace("100", "-1"))
    assert Claims.of(negative).limit(0) is None
    claims = Claims.of(policy(deny("session.count('pay', within='1h') >= 3"), invariants=CALLS))
    limit = claims.limit(0)
    assert limit is not None
    assert limit.amount == Number(1)
    assert "at most 3 in any 1h" in claims.within(0, []).english


def test_a_changed_proof_of_a_limit_is_refused() -> None:
    """A proof in which the limit of the statement is another one is refused at every level."""
    found = made(kept())
    assert found.certificate is not None
    body = json.loads(found.certificate.to_bytes())
    assert [theorem["name"] for theorem in body["theorems"]].count("Certified.invariant_0.pay") == 1
    other = made(policy(POSITIVE, deny(SUM), invariants=AT_MOST.replace("100.00", "100.50")))
    assert other.certificate is not None
    with pytest.raises(Uncertified):
        check(kept(), other.certificate, other.proof, Requirement("hash"))
    with pytest.raises(Uncertified):
        check(kept(), found.certificate, other.proof, Requirement("hash"))


NEVER = "invariants:\n  - never: allowed(pay) && args.amount > 100.00\n"


def test_a_sum_of_what_is_never_negative_is_not_negative() -> None:
    """With that fact a limit on a sum is one on each amount; who checks the certificate finds the fact again."""
    of = policy(POSITIVE, deny(SUM), invariants=NEVER)
    found = made(of)
    assert found.certificate is not None
    (covered,) = found.certificate.invariants
    (fact,) = found.certificate.facts
    assert covered.theorems == ("Certified.invariant_0.pay",)
    assert (fact.reason, [part.value for part in fact.parts]) == ("sum", [False])
    assert check(of, found.certificate, found.proof, Requirement("kernel")).name == "kernel"
    assert sums.objection(parts_of(fact), of) is None


@pytest.mark.parametrize(
    "rules",
    [
        (deny(SUM),),
        (POSITIVE.replace("0.00", "-1.00"), deny(SUM)),
        (POSITIVE.replace("deny", "escalate"), deny(SUM)),
    ],
    ids=["unbounded", "less", "asked"],
)
def test_a_sum_that_may_be_negative_is_no_fact(rules: tuple[str, ...]) -> None:
    """Where a negative amount may be let go, asked for or not, the fact is neither found nor believed."""
    certificate = made(policy(POSITIVE, deny(SUM), invariants=NEVER)).certificate
    assert certificate is not None
    parts = parts_of(certificate.facts[0])
    of = policy(*rules, invariants=NEVER)
    assert sums.contradiction(parts, of) is None
    assert sums.objection(parts, of) == "calls of pay may be let go with less than 0"
    flipped = [replace(part, value=True) for part in parts]
    assert sums.objection(flipped, of) == "it is not about a sum below 0"
    assert Claims.of(of).limit(0) is None
