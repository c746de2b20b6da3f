"""A policy as its kernel term says it: the datatypes of decision 0020 in Python, a class for each constructor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Op: TypeAlias = Literal["eq", "lt", "le"]
Effect: TypeAlias = Literal["allow", "deny", "escalate", "redact", "label"]
Value: TypeAlias = bool | None
"""What a condition can be; None is E."""


@dataclass(frozen=True, slots=True)
class Number:
    value: int


@dataclass(frozen=True, slots=True)
class Variable:
    """The number that leaf ``index`` is."""

    index: int


@dataclass(frozen=True, slots=True)
class Sum:
    left: Num
    right: Num


@dataclass(frozen=True, slots=True)
class Times:
    factor: int
    operand: Num


Num: TypeAlias = Number | Variable | Sum | Times


@dataclass(frozen=True, slots=True)
class Constant:
    value: bool


@dataclass(frozen=True, slots=True)
class Atom:
    """The truth value that leaf ``index`` has."""

    index: int


@dataclass(frozen=True, slots=True)
class Negation:
    operand: Expr


@dataclass(frozen=True, slots=True)
class Both:
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Either:
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Choice:
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Comparison:
    op: Op
    left: Num
    right: Num


@dataclass(frozen=True, slots=True)
class Among:
    operand: Num
    items: tuple[int, ...]


Expr: TypeAlias = Constant | Atom | Negation | Both | Either | Choice | Comparison | Among


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for one tool. ``about`` is the JSON of its label and reason, ``soft`` are signals that may be missing."""

    id: str
    effect: Effect
    tool: str
    condition: Expr
    soft: tuple[int, ...]
    shadow: bool
    about: str


@dataclass(frozen=True, slots=True)
class Policy:
    """``header`` is the canonical JSON without the rules; ``leaves`` are the JSON of what the indices stand for."""

    header: str
    leaves: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Lit:
    """``expr`` has this value."""

    expr: Expr
    value: Value


Clause: TypeAlias = tuple[Lit, ...]
"""A hypothesis: not all of these at once."""


def tested(expr: Expr) -> Iterator[Atom | Comparison | Among]:
    """The parts of a condition that have a value of their own, from left to right."""
    match expr:
        case Atom() | Comparison() | Among():
            yield expr
        case Negation(operand):
            yield from tested(operand)
        case Both(left, right) | Either(left, right):
            yield from tested(left)
            yield from tested(right)
        case Choice(condition, then, otherwise):
            yield from tested(condition)
            yield from tested(then)
            yield from tested(otherwise)


def variables(num: Num) -> Iterator[int]:
    """The leaves that a number depends on."""
    match num:
        case Variable(index):
            yield index
        case Sum(left, right):
            yield from variables(left)
            yield from variables(right)
        case Times(_, operand):
            yield from variables(operand)
