"""Policy terms that the kernel accepts and that nobody should have to read to the end."""

from __future__ import annotations

import pytest

from bartizan.policies.lean.calculus.build import app
from bartizan.policies.lean.calculus.declarations import Definition
from bartizan.policies.lean.calculus.terms import ZERO, Const, Expr, Lit
from bartizan.policies.lean.certificates.proofs import checked_theory
from bartizan.policies.lean.encoding.constructors import CannotDecode
from bartizan.policies.lean.encoding.decode import Reader


def ours(name: str) -> Expr:
    return Const(f"Bartizan.{name}")


def nothing(type: Expr) -> Expr:
    return app(Const("List.nil", (ZERO,)), type)


def policy(condition: Expr) -> Expr:
    """A policy of one rule, all of whose texts are empty."""
    nat, rule, text = Const("Nat"), ours("Rule"), ours("Text")
    empty = nothing(nat)
    made = app(
        ours("Rule.mk"), empty, ours("Effect.deny"), empty, condition, empty, Const("Bool.false"), empty
    )
    rules = app(Const("List.cons", (ZERO,)), rule, made, nothing(rule))
    return app(ours("Policy.mk"), empty, nothing(text), rules)


@pytest.mark.parametrize("doublings", [4, 200])
def test_a_condition_that_is_shared_in_itself_is_read_up_to_a_limit(doublings: int) -> None:
    """A condition of 2^200 parts, written in two hundred, is small for the kernel and refused as a policy."""
    condition = app(ours("Expr.lit"), Const("Bool.true"))
    for _ in range(doublings):
        condition = app(ours("Expr.and"), condition, condition)
    environment = checked_theory().fork()
    environment.add(Definition("shared", (), ours("Policy"), policy(condition)))
    reader = Reader(environment, parts=1_000)
    if doublings == 4:
        assert len(reader.policy(Const("shared")).rules) == 1
    else:
        with pytest.raises(CannotDecode, match="too many parts"):
            reader.policy(Const("shared"))


def test_a_number_that_is_counted_up_is_read() -> None:
    """An atom whose number is written with a thousand successors is read as that number."""
    number: Expr = Lit(0)
    for _ in range(1_000):
        number = app(Const("Nat.succ"), number)
    environment = checked_theory().fork()
    environment.add(Definition("counted", (), ours("Policy"), policy(app(ours("Expr.atom"), number))))
    assert len(Reader(environment).policy(Const("counted")).rules) == 1
