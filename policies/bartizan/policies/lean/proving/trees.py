"""Decision trees as they stand in a proof, and whether they show what they should: the theory's ``check`` in Python.

What the kernel computes step by step when it checks a theorem, this computes in one go. It is a second opinion on the
theory as much as a quick one on a proof: the two must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..calculus.build import spine
from ..calculus.terms import Const
from ..calculus.terms import Expr as Term
from ..calculus.terms import Lit as Literal
from ..encoding.model import (
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
    Op,
    Sum,
    Times,
    Value,
    Variable,
    variables,
)
from ..encoding.tree import Blocked, Known, Leaf, Linear, Split, Strict, Tree
from .knowing import ANY, Knowledge, Values, applying, outcomes, possible
from .linear import impossible
from .search import Question

T = TypeVar("T")
_OPS: dict[str, Op] = {"Cmp.eq": "eq", "Cmp.lt": "lt", "Cmp.le": "le"}
_OURS = "Bartizan."


class BadTree(ValueError):
    """The term is no decision tree in constructor form."""


def verdict(tree: Tree, question: Question, clauses: Sequence[Clause]) -> str | None:
    """Why the tree does not show that the condition is never true; None if it does."""
    rules = applying(question.policy, question.tool)
    stack: list[tuple[Tree, Knowledge]] = [(tree, {})]
    while stack:
        place, known = stack.pop()
        match place:
            case Split(expr, value, yes, no):
                if not isinstance(expr, Atom | Comparison | Among):
                    return "it splits on what is no single condition"
                left = known.get(expr, ANY)
                stack.append((no, {**known, expr: left - {value}}))
                stack.append((yes, {**known, expr: left & {value}}))
            case Leaf():
                if not _decides(question, outcomes(rules, known), known):
                    return "a leaf does not follow from what is known there"
            case Blocked(hyp):
                if hyp >= len(clauses) or any(
                    possible(lit.expr, known) - {lit.value} for lit in clauses[hyp]
                ):
                    return f"hypothesis {hyp} does not exclude what is known there"
            case Strict(one, other):
                if None in possible(one, known) or possible(other, known) - {None}:
                    return "a comparison is not known to have, or not to have, a value"
                if not _about(other) <= _about(one):
                    return "a comparison is about more variables than the one that has a value"
            case Linear(added):
                for each in added:
                    claimed = True if each.op == "eq" else each.value
                    if possible(each.comparison, known) - {claimed}:
                        return "a comparison that is added up is not known"
                if not impossible(added):
                    return "comparisons that are added up do not contradict each other"
    return None


def _decides(question: Question, left: frozenset[str], known: Knowledge) -> bool:
    leaf = Atom(question.allowed)
    for outcome in left:
        if outcome == "deny" and not question.every:
            continue
        supposed: Values = known.get(leaf, ANY) & {outcome == "allow"}
        if True in possible(question.condition, {**known, leaf: supposed}):
            return False
    return True


def _about(expr: Expr) -> set[int]:
    if isinstance(expr, Comparison):
        return {*variables(expr.left), *variables(expr.right)}
    return set(variables(expr.operand)) if isinstance(expr, Among) else set()


# --- terms


def read_tree(term: Term) -> Tree:
    """The tree that a term is. Raises :class:`BadTree`."""
    name, args = _made(term)
    match name, len(args):
        case "Tree.leaf", 0:
            return Leaf()
        case "Tree.blocked", 1:
            return Blocked(_nat(args[0]))
        case "Tree.strict", 2:
            return Strict(_expr(args[0]), _expr(args[1]))
        case "Tree.linear", 1:
            return Linear(tuple(_list(args[0], _known)))
        case "Tree.split", 4:
            return Split(_expr(args[0]), _value(args[1]), read_tree(args[2]), read_tree(args[3]))
    raise BadTree(f"expected a tree, found {name}")


def _made(term: Term) -> tuple[str, list[Term]]:
    head, args = spine(term)
    if not isinstance(head, Const):
        raise BadTree("expected a constructor")
    return head.name.removeprefix(_OURS), args


def _list(term: Term, read: Callable[[Term], T]) -> list[T]:
    found: list[T] = []
    while True:
        name, args = _made(term)
        if name == "List.nil":
            return found
        if name != "List.cons" or len(args) != 3:
            raise BadTree(f"expected a list, found {name}")
        found.append(read(args[1]))
        term = args[2]


def _nat(term: Term) -> int:
    if not isinstance(term, Literal):
        raise BadTree("expected a number")
    return term.value


def _int(term: Term) -> int:
    name, args = _made(term)
    if name not in ("Int.ofNat", "Int.negSucc") or len(args) != 1:
        raise BadTree(f"expected an Int, found {name}")
    return _nat(args[0]) if name == "Int.ofNat" else -1 - _nat(args[0])


def _bool(term: Term) -> bool:
    name, _ = _made(term)
    if name not in ("Bool.true", "Bool.false"):
        raise BadTree(f"expected a Bool, found {name}")
    return name == "Bool.true"


def _value(term: Term) -> Value:
    name, args = _made(term)
    if name == "Option.none":
        return None
    if name != "Option.some" or len(args) != 2:
        raise BadTree(f"expected a value, found {name}")
    return _bool(args[1])


def _op(term: Term) -> Op:
    name, _ = _made(term)
    if name not in _OPS:
        raise BadTree(f"expected a comparison, found {name}")
    return _OPS[name]


def _known(term: Term) -> Known:
    name, args = _made(term)
    if name != "Known.mk" or len(args) != 5:
        raise BadTree(f"expected a comparison that is added up, found {name}")
    return Known(_op(args[0]), _num(args[1]), _num(args[2]), _bool(args[3]), _nat(args[4]))


def _num(term: Term) -> Num:
    name, args = _made(term)
    match name, len(args):
        case "Num.lit", 1:
            return Number(_int(args[0]))
        case "Num.var", 1:
            return Variable(_nat(args[0]))
        case "Num.add", 2:
            return Sum(_num(args[0]), _num(args[1]))
        case "Num.scale", 2:
            return Times(_int(args[0]), _num(args[1]))
    raise BadTree(f"expected a number, found {name}")


def _expr(term: Term) -> Expr:
    name, args = _made(term)
    match name, len(args):
        case "Expr.lit", 1:
            return Constant(_bool(args[0]))
        case "Expr.atom", 1:
            return Atom(_nat(args[0]))
        case "Expr.not", 1:
            return Negation(_expr(args[0]))
        case "Expr.and", 2:
            return Both(_expr(args[0]), _expr(args[1]))
        case "Expr.or", 2:
            return Either(_expr(args[0]), _expr(args[1]))
        case "Expr.ite", 3:
            return Choice(_expr(args[0]), _expr(args[1]), _expr(args[2]))
        case "Expr.cmp", 3:
            return Comparison(_op(args[0]), _num(args[1]), _num(args[2]))
        case "Expr.among", 2:
            return Among(_num(args[0]), tuple(_list(args[1], _int)))
    raise BadTree(f"expected a condition, found {name}")
