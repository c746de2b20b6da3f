"""Decision trees: why a call with some property is never let go, in a form that is checked step by step.

A tree is read with what is *known* on the way to each of its places: of some conditions, which values they still can
have. It starts with nothing known; every branch must end in a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .model import Comparison, Expr, Num, Op, Value


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is known decides."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Hypothesis number ``hyp`` excludes what is known."""

    hyp: int


@dataclass(frozen=True, slots=True)
class Strict:
    """The comparison ``known`` has a value and ``unknown`` has none, although it is about no other variables."""

    known: Expr
    unknown: Expr


@dataclass(frozen=True, slots=True)
class Known:
    """A comparison with its value, taken ``weight`` times."""

    op: Op
    left: Num
    right: Num
    value: bool
    weight: int

    @property
    def comparison(self) -> Comparison:
        return Comparison(self.op, self.left, self.right)


@dataclass(frozen=True, slots=True)
class Linear:
    """Comparisons that are known and, added up, say that a positive number is at most 0 (Farkas)."""

    sum: tuple[Known, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Either ``expr`` has this value (``yes``), or it has not (``no``)."""

    expr: Expr
    value: Value
    yes: Tree
    no: Tree


Tree: TypeAlias = Leaf | Blocked | Strict | Linear | Split


def size(tree: Tree) -> int:
    """The number of places."""
    count, stack = 0, [tree]
    while stack:
        top = stack.pop()
        count += 1
        if isinstance(top, Split):
            stack += (top.yes, top.no)
    return count
