"""What could be changed in a call if nothing were locked: openings by type, for advice only.

Numbers may be any number, a flag or an enum any of its values, what is optional may be left out, and a text may be one
that the policy's own conditions compare this very argument with. What is found this way is told to the agent as a call
that would be allowed. It is never put in the place of the denied one: the lock does not know these openings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any as Json

from ..edits import ABSENT, Clamp, Drop, Listed, Opening
from ..edits.reading import Path, declared, pointer_of
from ..edits.writing import NUMERIC
from ..language import ast
from ..language.types import Bool, Enum, Field, Str
from ..policy import CheckedPolicy

MAX_TEXTS = 64
"""Texts that one argument may be advised to be."""


def advisable(policy: CheckedPolicy, tool: str) -> tuple[Opening, ...]:
    """What a call of the tool might be changed in, each change at the same cost."""
    conditions = [
        rule.conditions[tool]
        for rule in policy.rules
        if tool in rule.conditions and not rule.shadow and rule.effect in ("allow", "deny", "escalate")
    ]
    texts: dict[Path, dict[str, None]] = {}
    for condition in conditions:
        for path, text in _compared(condition):
            texts.setdefault(path, {})[text] = None
    found = (
        _opening(path, field, tuple(texts.get(path, ()))) for path, field in declared(policy.tools[tool].args)
    )
    return tuple(opening for opening in found if opening is not None)


def _opening(path: Path, field: Field, texts: tuple[str, ...]) -> Opening | None:
    pointer, type_ = pointer_of(path), field.type
    if isinstance(type_, NUMERIC):
        return Clamp(pointer, path, type_, 1)
    values: tuple[Json, ...] = ()
    match type_:
        case Bool():
            values = (False, True)
        case Enum(words):
            values = words
        case Str(limit):
            values = tuple(text for text in texts if len(text) <= limit)[:MAX_TEXTS]
    if not values:
        return Drop(pointer, path, type_, 1) if field.optional else None
    absent = (ABSENT,) if field.optional else ()
    return Listed(pointer, path, type_, 1, tuple((value, 1) for value in (*values, *absent)))


def _compared(node: ast.Expr) -> Iterator[tuple[Path, str]]:
    """The texts that arguments of the call at hand are compared with."""
    match node:
        case ast.Compare("==", ast.Input(path), ast.Const(str(text))):
            yield path[1:], text
        case ast.Compare("==", ast.Const(str(text)), ast.Input(path)):
            yield path[1:], text
        case ast.OneOf(ast.Input(path), items):
            yield from ((path[1:], item) for item in items if isinstance(item, str))
        case _ if isinstance(node, ast.Register):
            return  # of past events
        case _:
            for child in ast.children(node):
                yield from _compared(child)
