"""From data to kernel terms: the constructors of decision 0020, applied."""

from __future__ import annotations

from collections.abc import Iterable

from ..calculus.build import app
from ..calculus.terms import ONE, ZERO, Const, Lit
from ..calculus.terms import Expr as Term
from .model import (
    Among,
    Atom,
    Both,
    Choice,
    Clause,
    Comparison,
    Constant,
    Either,
    Expr,
    Negation,
    Num,
    Number,
    Policy,
    Rule,
    Sum,
    Times,
    Value,
    Variable,
)
from .tree import Blocked, Leaf, Linear, Split, Strict, Tree

PIECE = 256
_TRUE, _FALSE = Const("Bool.true"), Const("Bool.false")
_BOOL, _NAT, _INT = Const("Bool"), Const("Nat"), Const("Int")
_NIL, _CONS = Const("List.nil", (ZERO,)), Const("List.cons", (ZERO,))


def ours(name: str) -> Term:
    """A constant of the theory."""
    return Const(f"Bartizan.{name}")


def listed(type_: Term, items: Iterable[Term]) -> Term:
    """A list of terms of one type."""
    result = app(_NIL, type_)
    for item in reversed(list(items)):
        result = app(_CONS, type_, item, result)
    return result


def bool_term(value: bool) -> Term:
    return _TRUE if value else _FALSE


def int_term(value: int) -> Term:
    if value >= 0:
        return app(Const("Int.ofNat"), Lit(value))
    return app(Const("Int.negSucc"), Lit(-1 - value))


def value_term(value: Value) -> Term:
    """``none`` or ``some b``."""
    if value is None:
        return app(Const("Option.none", (ZERO,)), _BOOL)
    return app(Const("Option.some", (ZERO,)), _BOOL, bool_term(value))


def text_term(text: str) -> Term:
    """A text, in pieces of bytes behind a leading 1."""
    data = text.encode()
    pieces = (data[start : start + PIECE] for start in range(0, len(data), PIECE))
    return listed(_NAT, (Lit(int.from_bytes(b"\x01" + piece)) for piece in pieces))


def num_term(num: Num) -> Term:
    match num:
        case Number(value):
            return app(ours("Num.lit"), int_term(value))
        case Variable(index):
            return app(ours("Num.var"), Lit(index))
        case Sum(left, right):
            return app(ours("Num.add"), num_term(left), num_term(right))
        case Times(factor, operand):
            return app(ours("Num.scale"), int_term(factor), num_term(operand))


def expr_term(expr: Expr) -> Term:
    match expr:
        case Constant(value):
            return app(ours("Expr.lit"), bool_term(value))
        case Atom(index):
            return app(ours("Expr.atom"), Lit(index))
        case Negation(operand):
            return app(ours("Expr.not"), expr_term(operand))
        case Both(left, right):
            return app(ours("Expr.and"), expr_term(left), expr_term(right))
        case Either(left, right):
            return app(ours("Expr.or"), expr_term(left), expr_term(right))
        case Choice(condition, then, otherwise):
            return app(ours("Expr.ite"), expr_term(condition), expr_term(then), expr_term(otherwise))
        case Comparison(op, left, right):
            return app(ours("Expr.cmp"), ours(f"Cmp.{op}"), num_term(left), num_term(right))
        case Among(operand, items):
            return app(ours("Expr.among"), num_term(operand), listed(_INT, map(int_term, items)))


def rule_term(rule: Rule) -> Term:
    return app(
        ours("Rule.mk"), text_term(rule.id), ours(f"Effect.{rule.effect}"), text_term(rule.tool),
        expr_term(rule.condition), listed(_NAT, map(Lit, rule.soft)), bool_term(rule.shadow), text_term(rule.about),
    )  # fmt: skip


def policy_term(policy: Policy) -> Term:
    leaves = listed(ours("Text"), map(text_term, policy.leaves))
    return app(
        ours("Policy.mk"),
        text_term(policy.header),
        leaves,
        listed(ours("Rule"), map(rule_term, policy.rules)),
    )


def clauses_term(clauses: Iterable[Clause]) -> Term:
    """The hypotheses of a claim."""
    return listed(ours("Clause"), map(_clause, clauses))


def _clause(clause: Clause) -> Term:
    lits = (app(ours("Lit.mk"), expr_term(lit.expr), value_term(lit.value)) for lit in clause)
    return listed(ours("Lit"), lits)


def tree_term(tree: Tree) -> Term:
    match tree:
        case Leaf():
            return ours("Tree.leaf")
        case Blocked(hyp):
            return app(ours("Tree.blocked"), Lit(hyp))
        case Strict(known, unknown):
            return app(ours("Tree.strict"), expr_term(known), expr_term(unknown))
        case Linear(added):
            known_terms = (
                app(
                    ours("Known.mk"), ours(f"Cmp.{each.op}"), num_term(each.left), num_term(each.right),
                    bool_term(each.value), Lit(each.weight),
                )
                for each in added
            )  # fmt: skip
            return app(ours("Tree.linear"), listed(ours("Known"), known_terms))
        case Split(expr, value, yes, no):
            return app(ours("Tree.split"), expr_term(expr), value_term(value), tree_term(yes), tree_term(no))


def reflexivity() -> Term:
    """``Eq.refl true``: that a check says yes, which the kernel sees by computing it."""
    return app(Const("Eq.refl", (ONE,)), _BOOL, _TRUE)
