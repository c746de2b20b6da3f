"""Why a condition has its value: the atomic conditions that determined it.

An atom is a part without a connective. What determines T of a conjunction is both sides; F, the sides
that are F; E, the sides that are not T; dually for a disjunction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any as Json

from ..language import ast
from ..language.values import E
from .plan import Evaluate, compile_expression
from .scope import Scope


@dataclass(frozen=True, slots=True)
class Explained:
    """A node with its closure and its explained parts (none for an atom)."""

    node: ast.Expr
    evaluate: Evaluate
    parts: tuple[Explained, ...] = ()


def explained(node: ast.Expr, reader: Callable[[ast.Register], Evaluate]) -> Explained:
    """``node`` prepared for questions about why it has its value."""
    if isinstance(node, ast.And | ast.Or | ast.Not | ast.If):
        parts = tuple(explained(child, reader) for child in ast.children(node))
    else:
        parts = ()
    return Explained(node, compile_expression(node, reader), parts)


def atoms(tree: Explained, s: Scope) -> Iterator[tuple[ast.Expr, Json]]:
    """Every atom under ``tree`` with its value."""
    if not tree.parts:
        yield tree.node, tree.evaluate(s)
    for part in tree.parts:
        yield from atoms(part, s)


def determining(tree: Explained, s: Scope) -> Iterator[tuple[ast.Expr, Json]]:
    """The atoms that determined the value of ``tree``, with their values."""
    value = tree.evaluate(s)
    if not tree.parts:
        yield tree.node, value
        return
    parts = tree.parts
    if isinstance(tree.node, ast.If):
        chosen = parts[0].evaluate(s)
        parts = parts[:1] if chosen is E else (parts[0], parts[1] if chosen else parts[2])
    elif isinstance(tree.node, ast.And | ast.Or):
        neutral = isinstance(tree.node, ast.And)
        if value is E:
            parts = tuple(p for p in parts if p.evaluate(s) is not neutral)
        elif value is not neutral:
            parts = tuple(p for p in parts if p.evaluate(s) is value)
    for part in parts:
        yield from determining(part, s)
