"""Limits over time as claims: what calls of a tool that are let go add up to in any window.

The theorem (``always_within_sound``, decision 0020) asks two things of every call that is let go: its amount is at
least 0, and what the policy reads of the past, plus the amount, is at most the limit. Both are questions for a decision
tree, like those of ``never``. What the policy reads is a session operator of one of its rules: the same sum (or number
of calls), over a window that is at least as long. Where a rule only asks whether there was a call in the window, it
must be that there was none, and the amount alone is within the limit (``always_within_once_sound``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any as Json
from typing import TypeAlias

from ...language import ast
from ...language.types import Record
from ...language.values import duration_text
from ...policy import CheckedPolicy, canonical_text
from ..calculus.build import app
from ..calculus.terms import ZERO, Const
from ..calculus.terms import Expr as Term
from ..calculus.terms import Lit as Literal
from ..encoding.emit import int_term, num_term, ours, reflexivity, tree_term
from ..encoding.model import (
    Atom,
    Clause,
    Comparison,
    Constant,
    Either,
    Expr,
    Lit,
    Negation,
    Num,
    Number,
    Sum,
    Variable,
)
from ..encoding.translate import Translation
from ..encoding.tree import Blocked, Known, Linear, Split, Strict, Tree
from .facts import Found, Part
from .search import Question, Search

FIRST = 8
"""Where the trees begin among a theorem's arguments."""


Contradiction: TypeAlias = Callable[[tuple[Part, ...]], Found | None]
"""Finds a fact about leaves among parts that are known."""


@dataclass(frozen=True, slots=True)
class Limit:
    """``total`` is the leaf that the policy reads of the past; ``amount`` is 1 where calls are counted.

    ``once``: the leaf says only whether there was a call in the window.
    """

    tool: str
    allowed: int
    amount: Num
    window: int
    total: int
    most: int
    once: bool = False

    @property
    def theorem(self) -> str:
        return "Bartizan.always_within_once_sound" if self.once else "Bartizan.always_within_sound"

    @property
    def conditions(self) -> tuple[Expr, ...]:
        """What must be true of every call that is let go, for one tree each."""
        positive, most = Comparison("le", Number(0), self.amount), Number(self.most)
        if self.once:
            return positive, Comparison("le", self.amount, most), Negation(Atom(self.total))
        return positive, Comparison("le", Sum(Variable(self.total), self.amount), most)

    def statement(self, arguments: tuple[Term, ...]) -> Term:
        """The claim. ``arguments``: policy, hypotheses, tool, and those of :attr:`terms`."""
        return app(ours("WithinOnce" if self.once else "Within"), *arguments)

    def proof(self, arguments: tuple[Term, ...], trees: Sequence[Tree]) -> Term:
        """Its proof: that the limit is not negative, and each tree, are seen by computing."""
        return app(
            Const(self.theorem), *arguments, *map(tree_term, trees), *[reflexivity()] * (1 + len(trees))
        )

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
    allowed = made.allowed.get(tool, len(leaves))
    for once, found in (
        (False, _totals(leaves, tool, field, window, most)),
        (True, _calls(leaves, tool, window)),
    ):
        for _, total in sorted(found)[:1]:
            return Limit(tool, allowed, amount, window, total, most, once)
    return None


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


def _calls(leaves: tuple[str, ...], tool: str, window: int) -> Iterator[tuple[float, int]]:
    """The leaves that say whether there was a call of the tool, with their windows."""
    match = ast.to_json(ast.EventMatch("call", tool))
    for index, leaf in enumerate(leaves):
        node = json.loads(leaf)
        if node["node"] != "Once" or node["match"] != match or node["key"] is not None:
            continue
        within = float("inf") if node["within"] is None else node["within"]
        if node["body"] == ast.to_json(ast.TRUE) and within >= window:
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
) -> tuple[list[Tree], list[Found]] | None:
    """The trees, and the facts that all of them may use; None if there are none. ``further``: see ``Search``."""
    trees: list[Tree] = []
    facts: list[Found] = []
    for condition in limit.conditions:
        asked = question(limit.tool, limit.allowed, condition, made)
        found = always(asked, condition, part, contradiction, facts, further)
        if found is None:
            return None
        trees.append(found[0])
        facts = found[1][1:]
    return trees, facts


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
    if isinstance(condition, Negation):
        supposed = replace(part(condition.operand), value=False)
    else:
        supposed = replace(part(condition), value=True)
    excluded = Found((supposed,), "law")

    def contradicted(parts: tuple[Part, ...]) -> Found | None:
        return excluded if supposed.key in {each.key for each in parts} else contradiction(parts)

    looking = Search(asked, contradicted, part, [excluded, *facts], further)
    tree = _constant(condition) or looking.tree()
    return None if tree is None else (tree, looking.facts)


def _constant(condition: Expr) -> Tree | None:
    """The tree for two numbers, like ``0 <= 1``, which no rule compares."""
    if not isinstance(condition, Comparison) or not isinstance(condition.right, Number):
        return None
    if not isinstance(condition.left, Number) or condition.left.value > condition.right.value:
        return None
    known = Known(condition.op, condition.left, condition.right, False, 1)
    no = Split(condition, None, Strict(Constant(True), condition), Linear((known,)))
    return Split(condition, True, Blocked(0), no)
