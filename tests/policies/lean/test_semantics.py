"""What the kernel computes of a policy is what the program that runs makes of it, and what the reference says."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from bartizan.guard import Principal, Request
from bartizan.policies import Program
from bartizan.policies.evaluation.generators import SIGNALS, TOOLS, Generator
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.scope import Scope
from bartizan.policies.history import begin, record
from bartizan.policies.language import ast
from bartizan.policies.language.types import F64, Bool, Enum, Str
from bartizan.policies.language.values import E
from bartizan.policies.lean.calculus.build import app, lam, local
from bartizan.policies.lean.calculus.declarations import Theorem
from bartizan.policies.lean.calculus.terms import ONE, ZERO, Const, Expr
from bartizan.policies.lean.certificates.proofs import checked_theory
from bartizan.policies.lean.encoding.emit import (
    expr_term,
    int_term,
    listed,
    ours,
    policy_term,
    text_term,
    value_term,
)
from bartizan.policies.lean.encoding.translate import double_rank, text_number, translated
from bartizan.policies.lean.kernel import KernelError
from bartizan.policies.policy import CheckedPolicy, CheckedRule, Effect, canonical_text

from ..test_semantics import both, past_of, scope_of

_BOOL, _INT, _NAT = Const("Bool"), Const("Int"), Const("Nat")
_EFFECTS: tuple[Effect, ...] = ("allow", "allow", "allow", "deny", "escalate")
CONDITIONS, DECISIONS, CHUNKS = 400, 120, 4


def option(type_: Expr, value: Expr | None = None) -> Expr:
    """The type, or with a value ``some value``."""
    return (
        app(Const("Option", (ZERO,)), type_)
        if value is None
        else app(Const("Option.some", (ZERO,)), type_, value)
    )


def function(type_: Expr, values: Iterable[Expr]) -> Expr:
    """From the place in a list to what stands there; none beyond its end."""
    index = local("i", _NAT)
    found = app(ours("nth"), option(type_), listed(option(type_), values), index)
    inner = local("x", option(type_))
    motive = lam([local("x", option(option(type_)))], option(type_))
    none = app(Const("Option.none", (ZERO,)), type_)
    cases = app(Const("Option.rec", (ONE, ZERO)), option(type_), motive, none, lam([inner], inner), found)
    return lam([index], cases)


def env_term(leaves: Iterable[ast.Expr], value_of: Callable[[ast.Expr], Any]) -> Expr:
    """The environment in which each leaf has its value."""
    atoms, nums = [], []
    for node in leaves:
        value = value_of(node)
        is_atom = isinstance(node.type, Bool)
        none = app(Const("Option.none", (ZERO,)), _INT)
        atoms.append(value_term(None if value is E or not is_atom else value))
        nums.append(none if value is E or is_atom else option(_INT, int_term(rank(value, node.type))))
    return app(ours("Env.mk"), function(_BOOL, atoms), function(_INT, nums))


def rank(value: Any, type_: Any) -> int:
    match type_:
        case F64():
            return double_rank(value)
        case Str():
            return text_number(value)
        case Enum(values):
            return values.index(value)
    return int(value)


def leaves_of(leaves: Iterable[str], conditions: Iterable[ast.Expr]) -> list[ast.Expr]:
    """The parts of the conditions that the leaves are (or the signals that soften: they may stand in none)."""
    signals = [ast.SignalValue(name, "value") for name in SIGNALS]
    parts = [node for condition in conditions for node in ast.walk(condition)]
    nodes = {canonical_text(ast.to_json(node)): node for node in (*parts, *signals)}
    return [nodes[leaf] for leaf in leaves]


def evaluated(program: Program, scope: Scope, node: ast.Expr) -> Any:
    return program.evaluator(node)(scope)


def computes(left: Expr, right: Expr, type_: Expr) -> bool:
    """Whether the kernel accepts ``left = right`` by computing both."""
    claim = app(Const("Eq", (ONE,)), type_, left, right)
    try:
        checked_theory().fork().add(Theorem("claim", (), claim, app(Const("Eq.refl", (ONE,)), type_, right)))
    except KernelError:
        return False
    return True


def rules_of(conditions: Iterable[ast.Expr]) -> tuple[CheckedRule, ...]:
    pairs = zip(_EFFECTS, conditions, strict=False)
    return tuple(CheckedRule(f"rule-{i}", effect, {"pay": each}) for i, (effect, each) in enumerate(pairs))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_conditions_compute_to_the_values_that_the_reference_and_the_evaluator_give(chunk: int) -> None:
    """On 400 generated conditions, calls and histories the kernel computes the reference's value, and no other."""
    seen = {True: 0, False: 0, E: 0}
    for seed in range(chunk * CONDITIONS // CHUNKS, (chunk + 1) * CONDITIONS // CHUNKS):
        case = Generator(random.Random(seed)).case()
        expected, found = both(case)
        assert found is expected
        made = translated(CheckedPolicy("generated", TOOLS, SIGNALS, rules_of([case.condition]))).policy
        scope = scope_of(case, {}, past_of(case.history))
        env = env_term(leaves_of(made.leaves, [case.condition]), partial(evaluate, s=scope))
        value = app(ours("Expr.eval"), expr_term(made.rules[0].condition), env)
        for each in (True, False, E):
            wanted = value_term(each if isinstance(each, bool) else None)
            assert computes(value, wanted, option(_BOOL)) is (each is expected), f"seed {seed}"
        seen[expected] += 1
    assert min(seen.values()) > 5, f"the generator is lopsided: {seen}"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_policies_compute_to_the_outcomes_of_the_program(chunk: int) -> None:
    """Under 120 generated policies the kernel computes the outcome that the program decides, and no other."""
    seen = dict.fromkeys(("allow", "escalate", "deny"), 0)
    for seed in range(chunk * DECISIONS // CHUNKS, (chunk + 1) * DECISIONS // CHUNKS):
        generator = Generator(random.Random(seed))
        case = generator.case(1)
        conditions = [generator.boolean(2) for _ in _EFFECTS]
        policy = CheckedPolicy("generated", TOOLS, SIGNALS, rules_of(conditions))
        program = Program(policy)
        session = begin(program)
        for event in case.history:
            session = record(program, session, event)
        request = Request(case.call, case.now, Principal("ann", frozenset({"a"})), case.signals)
        outcome = program.decide(request, session).outcome.name.lower()
        made = translated(policy).policy
        value_of = partial(evaluated, program, program.scope(request, session))
        env = env_term(leaves_of(made.leaves, conditions), value_of)
        decided = app(ours("decide"), policy_term(made), text_term("pay"), env)
        for each in seen:
            right = computes(decided, ours(f"Outcome.{each}"), ours("Outcome"))
            assert right is (each == outcome), f"seed {seed}: {outcome}"
        seen[outcome] += 1
    assert min(seen.values()) > 0, f"the generator is lopsided: {seen}"
