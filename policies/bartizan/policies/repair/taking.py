"""Takes the conditions of a tool apart into parts, once, by what they depend on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any as Json
from typing import TypeVar

from ..edits import Clamp, Opening, sticky_paths
from ..evaluation.plan import Evaluate
from ..evaluation.scope import argument_asked
from ..language import ast
from ..language.types import F64, Bool, Dec, Int
from .numbers import as_integer, ordered
from .parts import (
    Agree,
    Among,
    Amount,
    Both,
    Chosen,
    Comparison,
    Either,
    Given,
    Guess,
    Negation,
    Number,
    Plus,
    Times,
    Truth,
)

Part = TypeVar("Part")
_NUMBERS = (ast.Add, ast.Scale, ast.If, ast.Input)


class Taker:
    """Takes conditions apart with respect to a tool's openings."""

    def __init__(self, openings: Sequence[Opening], evaluator: Callable[[ast.Expr], Evaluate]) -> None:
        self._evaluator = evaluator
        self._openings = openings
        self._paths = [("args", *opening.path) for opening in openings]
        self._amounts = {
            path: index
            for index, (path, opening) in enumerate(zip(self._paths, openings, strict=True))
            if isinstance(opening, Clamp)
        }
        self._sticky = sticky_paths(openings)
        self._parts: dict[ast.Expr, Json] = {}

    def truth(self, node: ast.Expr) -> Truth:
        """A condition. Equal parts of several conditions become one."""
        return self._once(node, self._truth)

    def _once(self, node: ast.Expr, take: Callable[[ast.Expr], Part]) -> Part:
        if node not in self._parts:
            self._parts[node] = take(node)
        found: Part = self._parts[node]
        return found

    def _truth(self, node: ast.Expr) -> Truth:
        numbers, fields = self._dependencies(node)
        if not numbers and len(fields) < 2:
            return self._given(node)
        match node:
            case ast.Not(operand):
                return Negation(self.truth(operand))
            case ast.And(left, right):
                return Both(self.truth(left), self.truth(right))
            case ast.Or(left, right):
                return Either(self.truth(left), self.truth(right))
            case ast.If(condition, then, otherwise):
                return Chosen(self.truth(condition), self.truth(then), self.truth(otherwise))
            case ast.Compare("==", left, right) if isinstance(left.type, Bool) and numbers:
                return Agree(self.truth(left), self.truth(right))
            case ast.Compare(op, left, right) if self._is_number(left) and self._is_number(right):
                return Comparison(op, self._number(left), self._number(right))
            case ast.OneOf(operand, items) if numbers and self._is_number(operand):
                return Among(self._number(operand), tuple(as_integer(item, operand.type) for item in items))
        given = self._given(node)
        return Guess(given, tuple(sorted(numbers)), self._is_strict(node)) if numbers else given

    def _is_strict(self, node: ast.Expr) -> bool:
        if not isinstance(node, ast.Provenance) or node.predicate not in (
            "from_user",
            "from_tool",
            "grounded",
        ):
            return False
        _, fields = self._dependencies(node)
        return (
            not fields
            and node.subject.path in self._amounts
            and isinstance(node.subject.type, Int | Dec | F64)
        )

    def _is_number(self, node: ast.Expr) -> bool:
        """Whether what depends on changeable numbers in it is arithmetic."""
        numbers, _ = self._dependencies(node)
        if not numbers:
            return ordered(node.type)
        match node:
            case ast.Input(path):
                return path in self._amounts
            case ast.Add(left, right):
                return self._is_number(left) and self._is_number(right)
            case ast.Scale(_, operand):
                return self._is_number(operand)
            case ast.If(_, then, otherwise):
                return self._is_number(then) and self._is_number(otherwise)
        return False

    def _number(self, node: ast.Expr) -> Number:
        numbers, fields = self._dependencies(node)
        if not numbers and (len(fields) < 2 or not isinstance(node, _NUMBERS)):
            return self._once(node, self._given)
        match node:
            case ast.Input(path) if path in self._amounts:
                return self._once(node, lambda n: Amount(self._amounts[path], self._given(n)))
            case ast.Add(left, right):
                return Plus(self._number(left), self._number(right))
            case ast.Scale(factor, operand):
                return Times(factor, self._number(operand))
            case ast.If(condition, then, otherwise):
                return Chosen(self.truth(condition), self._number(then), self._number(otherwise))
        return self._once(node, self._given)

    def _given(self, node: ast.Expr) -> Given:
        _, fields = self._dependencies(node)
        own = len(fields) == 1 and set(_inputs(node)) == {self._paths[min(fields)]}
        real, sticks = isinstance(node.type, F64), self._sticks(node)
        return Given(self._evaluator(node), real, tuple(sorted(fields)), own, sticks)

    def _sticks(self, node: ast.Expr) -> bool:
        return isinstance(node, ast.Provenance) and argument_asked(node) in self._sticky

    def _dependencies(self, node: ast.Expr) -> tuple[set[int], set[int]]:
        """The openings that a node's value depends on: those of numbers, and those with alternatives."""
        numbers: set[int] = set()
        fields: set[int] = set()
        for path in _inputs(node):
            presence = isinstance(path, _Presence)
            for index, (opened, opening) in enumerate(zip(self._paths, self._openings, strict=True)):
                above = path[: len(opened)] == opened
                below = opened[: len(path)] == path and not presence
                if above or below:
                    (numbers if isinstance(opening, Clamp) and not (presence and above) else fields).add(
                        index
                    )
        return numbers, {i for i in fields if not isinstance(self._openings[i], Clamp)}


class _Presence(tuple[str, ...]):
    """A path of which only that it is there matters."""

    __slots__ = ()


_ELSEWHERE = ("now",)
"""Stands for whatever is no argument: signals, the session, provenance."""


def _inputs(node: ast.Expr) -> Iterator[tuple[str, ...]]:
    """The paths that a node reads of the call at hand."""
    match node:
        case ast.Input(path):
            yield path
        case ast.Has(ast.Input(path)):
            yield _Presence(path)
        case ast.Provenance(_, subject, _):
            yield _ELSEWHERE
            yield from _inputs(subject)
        case ast.SignalValue():
            yield _ELSEWHERE
        case _ if isinstance(node, ast.Register):
            yield _ELSEWHERE
            if (query := getattr(node, "query", None)) is not None:
                yield from _inputs(query)
        case _:
            for child in ast.children(node):
                yield from _inputs(child)
