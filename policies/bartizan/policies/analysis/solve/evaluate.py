"""The truth of formulas under an assignment to their atoms, as lazily as possible."""

from __future__ import annotations

from typing import Protocol

from ..formula import (
    All,
    AtMost,
    Flag,
    Formula,
    IsZero,
    Length,
    Member,
    Neg,
    Node,
    Number,
    Pick,
    Same,
    Some,
    Text,
    Truth,
    Whole,
    parts,
)

_DEEP = 100
_BOOLEAN = frozenset((Flag, Member, Same))


class Assignment(Protocol):
    """Values of what formulas are made of."""

    def truth(self, atom: Flag | Member | Same) -> bool: ...

    def integer(self, unknown: Whole | Length) -> int: ...


class Structure:
    """Facts about nodes that hold under every assignment, found once for each node."""

    def __init__(self) -> None:
        self.stringy: set[Node] = set()
        """The nodes whose value may depend on a text."""
        self._depths: dict[Node, int] = {}
        self._ordered: dict[All | Some, tuple[tuple[Formula, ...], int]] = {}

    def learn(self, root: Node) -> list[Node]:
        """Look at the nodes under ``root``; those seen for the first time, parts before what they are part of."""
        depths = self._depths
        if root in depths:
            return []
        seen: list[Node] = []
        stack = [root]
        while stack:
            node = stack[-1]
            if node in depths:
                stack.pop()
                continue
            below = list(parts(node))
            missing = [part for part in below if part not in depths]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            depths[node] = 1 + max((depths[part] for part in below), default=0)
            if isinstance(node, Text) or any(part in self.stringy for part in below):
                self.stringy.add(node)
            seen.append(node)
        return seen

    def is_deep(self, node: Node) -> bool:
        return self._depths[node] > _DEEP

    def cheapest_first(self, node: All | Some) -> tuple[tuple[Formula, ...], int]:
        """The items of a node, those about no text first, then single literals; and how many are about none."""
        found = self._ordered.get(node)
        if found is None:
            plain = [item for item in node.items if item not in self.stringy]
            rank = _rank_true if isinstance(node, Some) else _rank_false
            rest = sorted((item for item in node.items if item in self.stringy), key=rank)
            found = self._ordered[node] = ((*plain, *rest), len(plain))
        return found


def _rank_true(item: Formula) -> int:
    """How hard it is to make an item true: a text is more easily outside a language than inside."""
    match item:
        case Neg(Member()):
            return 0
        case AtMost() | IsZero() | Neg(AtMost() | IsZero() | Same()):
            return 1
        case Member():
            return 2
        case Same():
            return 3
    return 4


def _rank_false(item: Formula) -> int:
    match item:
        case Member():
            return 0
        case AtMost() | IsZero() | Neg(AtMost() | IsZero()) | Same():
            return 1
        case Neg(Member()):
            return 2
        case Neg(Same()):
            return 3
    return 4


class Evaluator:
    """Values of nodes under one assignment, each found once, and only if something depends on it.

    Attributes:
        known: the truths found so far.
    """

    def __init__(self, structure: Structure, assignment: Assignment) -> None:
        self._structure = structure
        self._assignment = assignment
        self.known: dict[Formula, bool] = {}
        self._numbers: dict[Number, int] = {}

    def truth(self, node: Formula) -> bool:
        found = self.known.get(node)
        if found is None:
            if type(node) in _BOOLEAN:
                found = self._assignment.truth(node)  # type: ignore[arg-type]
            else:
                if self._structure.is_deep(node):
                    self._from_below(node)
                found = self._truth(node)
            self.known[node] = found
        return found

    def _truth(self, node: Formula) -> bool:
        kind = type(node)
        if kind is Neg:
            return not self.truth(node.operand)  # type: ignore[union-attr]
        if kind is All or kind is Some:
            items, _ = self._structure.cheapest_first(node)  # type: ignore[arg-type]
            deciding = kind is Some
            for item in items:
                if self.truth(item) is deciding:
                    return deciding
            return not deciding
        match node:
            case AtMost(number):
                return self.number(number) <= 0
            case IsZero(number):
                return self.number(number) == 0
            case Truth(value):
                return value
        return self._assignment.truth(node)  # type: ignore[arg-type]

    def number(self, node: Number) -> int:
        found = self._numbers.get(node)
        if found is None:
            found = node.constant
            for unknown, factor in node.terms:
                found += factor * self._unknown(unknown)
            self._numbers[node] = found
        return found

    def _unknown(self, unknown: Whole | Length | Pick) -> int:
        if isinstance(unknown, Pick):
            return self.number(unknown.then if self.truth(unknown.condition) else unknown.otherwise)
        return self._assignment.integer(unknown)

    def _from_below(self, root: Formula) -> None:
        """Fill in the values under a deep node, parts first, so that no recursion is deep."""
        stack: list[Node] = [root]
        order: set[Node] = set()
        while stack:
            node = stack.pop()
            if node not in order and node not in self.known and node not in self._numbers:
                order.add(node)
                stack.extend(parts(node))
        order.discard(root)
        for node in sorted(order, key=lambda each: each.serial):
            if isinstance(node, Number):
                self.number(node)
            elif not isinstance(node, Text | Whole | Length | Pick) and node not in self.known:
                self.known[node] = self._truth(node)
