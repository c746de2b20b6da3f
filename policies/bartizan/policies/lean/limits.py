"""Limits over time as claims: what calls of a tool that are let go add up to in any window.

The theorem (``always_within_sound``, decision 0020) asks two things of every call that is let go: its amount is at
least 0, and what the policy reads of the past, plus the amount, is at most the limit. Both are questions for a decision
tree, like those of ``never``. What the policy reads is a session operator of one of its rules: the same sum (or number
of calls), over a window that is at least as long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any as Json
from typing import TypeAlias

from ..language import ast
from ..language.types import Record
from ..language.values import duration_text
from ..policy import CheckedPolicy, canonical_text
from .build import app
from .emit import int_term, num_term, ours, reflexivity, tree_term
from .facts import Found, Part
from .model import Clause, Comparison, Constant, Either, Expr, Lit, Num, Number, Sum, Variable
from .search import Question, Search
from .terms import ZERO, Const
from .terms import Expr as Term
from .terms import Lit as Literal
from .translate import Translation
from .tree import Blocked, Known, Linear, Split, Strict, Tree

THEOREM = "Bartizan.always_within_sound"
TREES = (8, 9)
"""Where the two trees stand among the theorem's arguments."""


Contradiction: TypeAlias = Callable[[tuple[Part, ...]], Found | None]
"""Finds a fact about leaves among parts that are known."""


@dataclass(frozen=True, slots=True)
class Limit:
    """``total`` is the leaf that the policy reads of the past; ``amount`` is 1 where calls are counted."""

    tool: str
    allowed: int
    amount: Num
    window: int
    total: int
    most: int

    @property
    def conditions(self) -> tuple[Expr, Expr]:
        """What must be true of every call that is let go: for the first tree, and for the second."""
        positive = Comparison("le", Number(0), self.amount)
        return positive, Comparison("le", Sum(Variable(self.total), self.amount), Number(self.most))

    @property
    def terms(self) -> tuple[Term, ...]:
        """The arguments of ``Within`` that say what is limited."""
        window = app(Const("Option.some", (ZERO,)), Const("Nat"), Literal(self.window))
        return Literal(self.allowed), num_term(self.amount), window, Literal(self.total), int_term(self.most)

    @property
    def english(self) -> str:
        """The claim in words, with the limit in units of the amount."""
        what = "the number of" if self.amount == Number(1) else "the sum of"
        return (
            f"In every session, {what} calls of {self.tool} that are let go is at most {self.most} "
            f"in any {duration_text(self.window)}"
        )


def limit_of(policy: CheckedPolicy, index: int, made: Translation) -> Limit | None:
    """What an ``always-within`` invariant says, if a rule of the policy reads what it limits."""
    said = policy.invariants[index].parameters
    tool, name, window, most = said["tool"], said["sum"], said["window"], said["at-most"]
    if most < 0:
        return None
    leaves = made.policy.leaves
    amount: Num = Number(1)
    field: Json = None
    if name is not None:
        args = policy.tools[tool].args
        declared = args.get(name) if isinstance(args, Record) else None
        if declared is None:
            return None
        text = canonical_text(field := ast.to_json(ast.Input(("args", name), declared.type)))
        if text not in leaves:
            return None
        amount = Variable(leaves.index(text))
    found = sorted(_totals(leaves, tool, field, window, most))
    if not found:
        return None
    allowed = made.allowed.get(tool, len(leaves))
    return Limit(tool, allowed, amount, window, found[0][1], most)


def _totals(
    leaves: tuple[str, ...], tool: str, field: Json, window: int, most: int
) -> Iterator[tuple[float, int]]:
    """The leaves that are such a sum or number, with their windows."""
    for index, leaf in enumerate(leaves):
        node = json.loads(leaf)
        if (
            node["node"] != ("Count" if field is None else "Sum")
            or node["tool"] != tool
            or node["key"] is not None
        ):
            continue
        if node["body"] != ast.to_json(ast.TRUE) or (field is not None and node["field"] != field):
            continue
        if field is None and node["saturate"] and node["cap"] < most:
            continue  # it does not count as far as the limit
        within = float("inf") if node["within"] is None else node["within"]
        if within >= window:
            yield within, index


def question(tool: str, allowed: int, condition: Expr, made: Translation) -> Question:
    """What a tree must show so that ``condition`` is true of every call that is let go."""
    return Question(made.policy, tool, allowed, False, Either(condition, Constant(True)))


def only_true(condition: Expr) -> Clause:
    """The hypothesis under which no call is let go, if ``condition`` is true of all that are."""
    return (Lit(condition, True),)


def search(
    limit: Limit,
    made: Translation,
    part: Callable[[Expr], Part],
    contradiction: Contradiction,
    further: Sequence[Expr] = (),
) -> tuple[tuple[Tree, Tree], list[Found]] | None:
    """The two trees, and the facts that both of them may use; None if there are none. ``further``: see ``Search``."""
    trees: list[Tree] = []
    facts: list[Found] = []
    for condition in limit.conditions:
        asked = question(limit.tool, limit.allowed, condition, made)
        found = always(asked, condition, part, contradiction, facts, further)
        if found is None:
            return None
        trees.append(found[0])
        facts = found[1][1:]
    return (trees[0], trees[1]), facts


def always(
    asked: Question,
    condition: Expr,
    part: Callable[[Expr], Part],
    contradiction: Contradiction,
    facts: Sequence[Found] = (),
    further: Sequence[Expr] = (),
) -> tuple[Tree, list[Found]] | None:
    """A tree that shows that ``condition`` is true of every call that is let go, and the hypotheses that it uses.

    The first of them is that the condition is not true; then come ``facts``.
    """
    supposed = replace(part(condition), value=True)
    excluded = Found((supposed,), "law")

    def contradicted(parts: tuple[Part, ...]) -> Found | None:
        return excluded if supposed.key in {each.key for each in parts} else contradiction(parts)

    looking = Search(asked, contradicted, part, [excluded, *facts], further)
    tree = _constant(condition) or looking.tree()
    return None if tree is None else (tree, looking.facts)


def _constant(condition: Expr) -> Tree | None:
    """The tree for ``0 <= 1``, which no rule asks."""
    if not isinstance(condition, Comparison) or not isinstance(condition.right, Number):
        return None
    if not isinstance(condition.left, Number):
        return None
    known = Known(condition.op, condition.left, condition.right, False, 1)
    no = Split(condition, None, Strict(Constant(True), condition), Linear((known,)))
    return Split(condition, True, Blocked(0), no)


def statement(arguments: tuple[Term, ...]) -> Term:
    """The claim. ``arguments``: policy, hypotheses, tool, and those of :attr:`Limit.terms`."""
    return app(ours("Within"), *arguments)


def proof(arguments: tuple[Term, ...], trees: tuple[Tree, Tree]) -> Term:
    """Its proof: that the limit is not negative, and both trees, are seen by computing."""
    return app(Const(THEOREM), *arguments, *map(tree_term, trees), *[reflexivity()] * 3)
