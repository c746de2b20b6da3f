"""Syntax trees: their children, their balanced chains, and their text."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .lexer import KEYWORDS
from .syntax import Binary, BinaryOp, Call, Conditional, Expr, ListLiteral, Literal, Member, Name, Span, Unary

_TERNARY, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _POSTFIX = range(8)
_PRECEDENCE = {"||": _OR, "&&": _AND, "+": _SUM, "-": _SUM, "*": _PRODUCT}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def children(node: Expr) -> tuple[Expr, ...]:
    """The direct sub-expressions, from left to right."""
    match node:
        case Member(inner, _) | Unary(_, inner):
            return (inner,)
        case Binary(_, left, right):
            return (left, right)
        case Conditional(condition, then, otherwise):
            return (condition, then, otherwise)
        case ListLiteral(items):
            return items
        case Call(_, receiver, args, named):
            front = () if receiver is None else (receiver,)
            return (*front, *args, *(value for _, value in named))
        case _:
            return ()


def balanced(op: BinaryOp, operands: Sequence[Expr]) -> Expr:
    """``a op b op c op d`` as a tree of least depth, the operands in order."""
    if len(operands) == 1:
        return operands[0]
    middle = (len(operands) + 1) // 2
    left, right = balanced(op, operands[:middle]), balanced(op, operands[middle:])
    return Binary(op, left, right, Span(left.span.start, right.span.end))


def unparse(expr: Expr) -> str:
    """``expr`` as expression text. ``parse_expression`` of it gives an equal tree.

    A negative number literal, which the parser never makes, prints as a negation.
    """
    return _print(expr, _TERNARY)


def quoted(text: str) -> str:
    """``text`` as a string literal; what cannot be seen is escaped."""
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in text) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _print(expr: Expr, least: int) -> str:
    """``expr`` in a place that needs at least the precedence ``least``."""
    text, precedence = _text(expr)
    return text if precedence >= least else f"({text})"


def _text(expr: Expr) -> tuple[str, int]:
    match expr:
        case Literal(value):
            is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
            return _literal(value), _UNARY if is_number else _POSTFIX  # 5.x would read as a number
        case Name(name):
            return name, _POSTFIX
        case Member(inner, name):
            return _print(inner, _POSTFIX) + _selector(name), _POSTFIX
        case Unary(op, operand):
            return op + _print(operand, _UNARY), _UNARY
        case Binary("&&" | "||" as op, _, _):
            return _chain(op, expr), _PRECEDENCE[op]
        case Binary(op, left, right):
            precedence = _PRECEDENCE.get(op, _RELATION)
            first = precedence + 1 if precedence == _RELATION else precedence
            return f"{_print(left, first)} {op} {_print(right, precedence + 1)}", precedence
        case Conditional(condition, then, otherwise):
            parts = _print(condition, _OR), _print(then, _TERNARY), _print(otherwise, _TERNARY)
            return "{} ? {} : {}".format(*parts), _TERNARY
        case ListLiteral(items):
            return "[" + ", ".join(map(unparse, items)) + "]", _POSTFIX
        case Call(function, receiver, args, named):
            front = "" if receiver is None else _print(receiver, _POSTFIX) + "."
            written = [*map(unparse, args), *(f"{key}={unparse(value)}" for key, value in named)]
            return f"{front}{function}({', '.join(written)})", _POSTFIX


def _chain(op: BinaryOp, expr: Expr) -> str:
    """A balanced chain without parentheses; any other shape keeps those that make it so."""
    operands = _operands(op, expr)
    if balanced(op, operands) != expr:
        assert isinstance(expr, Binary)
        operands = [expr.left, expr.right]
    return f" {op} ".join(_print(operand, _PRECEDENCE[op] + 1) for operand in operands)


def _operands(op: BinaryOp, expr: Expr) -> list[Expr]:
    if isinstance(expr, Binary) and expr.op == op:
        return [*_operands(op, expr.left), *_operands(op, expr.right)]
    return [expr]


def _selector(name: str) -> str:
    is_name = name.isascii() and name.isidentifier() and name not in KEYWORDS
    return f".{name}" if is_name else f"[{quoted(name)}]"


def _literal(value: bool | int | Decimal | str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case str():
            return quoted(value)
        case _:
            return str(value)
