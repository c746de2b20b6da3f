"""Decision trees as they stand in a proof, and whether they show what they should: the theory's ``check`` in Python.

What the kernel computes step by step when it checks a theorem, this computes in one go. It is a second opinion on the
theory as much as a quick one on a proof: the two must agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..calculus.build import spine
from ..calculus.terms import Const
from ..calculus.terms import Expr as Term
from ..calculus.terms import Lit as Literal
from ..encoding.constructors import MAX_PARTS, CannotDecode, Constructors
from ..encoding.model import Among, Atom, Clause, Comparison, Expr, Value, variables
from ..encoding.tree import Blocked, Known, Leaf, Linear, Split, Strict, Tree
from .knowing import ANY, Knowledge, Values, applying, outcomes, possible
from .linear import impossible
from .search import NODES, Question


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
                if not isinstance(other, Comparison | Among):
                    return "what has no value is no comparison"
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
    """The tree that a term is. Raises :class:`~..encoding.constructors.CannotDecode`."""
    return _Reader(MAX_PARTS).tree(term)


class _Reader(Constructors[Term]):
    """Reads terms as they stand: a tree that would have to be computed is none."""

    places = 0

    def made(self, part: Term, what: str) -> tuple[str, tuple[Term, ...]]:
        head, args = spine(part)
        if not isinstance(head, Const):
            raise CannotDecode(f"expected {what}, found no constructor")
        return head.name, tuple(args)

    def nat(self, part: Term) -> int:
        if not isinstance(part, Literal):
            raise CannotDecode("expected a numeral")
        return part.value

    def tree(self, part: Term) -> Tree:
        self.places += 1
        if self.places > NODES:
            raise CannotDecode(f"it has more than {NODES} places, which no search makes")
        name, args = self.ours(part, "a tree")
        match name, len(args):
            case "Tree.leaf", 0:
                return Leaf()
            case "Tree.blocked", 1:
                return Blocked(self.nat(args[0]))
            case "Tree.strict", 2:
                return Strict(self.expr(args[0]), self.expr(args[1]))
            case "Tree.linear", 1:
                return Linear(tuple(self.items(args[0], self.known)))
            case "Tree.split", 4:
                yes, no = self.tree(args[2]), self.tree(args[3])
                return Split(self.expr(args[0]), self.value(args[1]), yes, no)
        raise CannotDecode(f"expected a tree, found {name}")

    def value(self, part: Term) -> Value:
        name, args = self.head(part, "a value")
        if name == "Option.none":
            return None
        if name != "Option.some" or len(args) != 2:
            raise CannotDecode(f"expected a value, found {name}")
        return self.truth(args[1])

    def known(self, part: Term) -> Known:
        op, left, right, value, weight = self.fields(part, "Known.mk", 5)
        return Known(self.op(op), self.num(left), self.num(right), self.truth(value), self.nat(weight))
