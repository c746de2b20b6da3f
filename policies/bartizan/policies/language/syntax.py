"""The syntax tree of an expression: what the parser produces and the checker consumes.

Every node carries its :class:`Span` (character offsets into the policy *file*), so that a later
diagnostic can point at the exact characters. Spans do not take part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal as Lit
from typing import NamedTuple

UnaryOp = Lit["!", "-"]
BinaryOp = Lit["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "in"]


class Span(NamedTuple):
    """Half-open range of character offsets into the source file."""

    start: int
    end: int


NOWHERE = Span(0, 0)


def _span() -> Span:
    return field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """``true``, ``42``, ``500.00`` (a :class:`Decimal`, digits kept), ``"text"``."""

    value: bool | int | Decimal | str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Member:
    """``object.field``; ``object["field"]`` is the same node (for keys that are not identifiers)."""

    object: Expr
    field: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Unary:
    op: UnaryOp
    operand: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binary:
    op: BinaryOp
    left: Expr
    right: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Conditional:
    condition: Expr
    then: Expr
    otherwise: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ListLiteral:
    items: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Call:
    """``f(x)`` (no receiver), ``x.f(y)`` and ``session.f(x, within="24h")`` (named arguments)."""

    function: str
    receiver: Expr | None
    args: tuple[Expr, ...]
    named: tuple[tuple[str, Expr], ...] = ()
    span: Span = _span()


Expr = Literal | Name | Member | Unary | Binary | Conditional | ListLiteral | Call
