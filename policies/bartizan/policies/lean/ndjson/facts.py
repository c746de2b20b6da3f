"""What an exported inductive declaration says of itself beside its types: numbers that can be read off."""

from __future__ import annotations

from dataclasses import dataclass

from ..calculus.declarations import Inductive
from ..calculus.terms import App, Const, Expr, Pi


@dataclass(frozen=True, slots=True)
class Facts:
    """``indices`` of each type, ``fields`` of each constructor; whether a field is recursive, and one a function."""

    indices: tuple[int, ...]
    fields: dict[str, int]
    recursive: bool
    reflexive: bool


def facts(declaration: Inductive) -> Facts:
    """The facts of ``declaration``, from its form alone."""
    names = {type.name for type in declaration.types}
    fields: dict[str, int] = {}
    heads: dict[Expr, Expr] = {}
    recursive = reflexive = False
    for type in declaration.types:
        for constructor in type.constructors:
            inside = _binders(constructor.type)[declaration.params :]
            fields[constructor.name] = len(inside)
            for field in inside:
                head = _head(field, heads)
                if isinstance(head, Const) and head.name in names:
                    recursive = True
                    reflexive = reflexive or isinstance(field, Pi)
    indices = tuple(max(len(_binders(type.type)) - declaration.params, 0) for type in declaration.types)
    return Facts(indices, fields, recursive, reflexive)


def _binders(type: Expr) -> list[Expr]:
    found = []
    while isinstance(type, Pi):
        found.append(type.type)
        type = type.body
    return found


def _head(type: Expr, known: dict[Expr, Expr]) -> Expr:
    """The head of what ``type`` ends in. ``known`` remembers it, since many fields may share one long type."""
    passed = []
    while type not in known and isinstance(type, (App, Pi)):
        passed.append(type)
        type = type.fn if isinstance(type, App) else type.body
    head = known.get(type, type)
    known.update(dict.fromkeys(passed, head))
    return head
