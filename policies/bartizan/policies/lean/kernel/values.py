"""Values: expressions together with what their variables stand for.

The kernel never substitutes. A *value* is a term whose outermost form is known; what is inside stays an expression
with an environment (a tuple of values, the innermost variable's last), and is looked at when it is needed, once.
"""

from __future__ import annotations

from typing import TypeAlias

from ..calculus.terms import Const, Expr, Lam, Level, Pi

Env: TypeAlias = tuple["Value", ...]


class Value:
    """One of the classes below; compared by identity."""

    __slots__ = ()


class Thunk(Value):
    """A term that nobody has looked at yet; afterwards ``value``."""

    __slots__ = ("env", "term", "value")
    value: Value | None

    def __init__(self, term: Expr, env: Env) -> None:
        self.term, self.env, self.value = term, env, None


class Function(Value):
    """A lambda."""

    __slots__ = ("env", "term")

    def __init__(self, term: Lam, env: Env) -> None:
        self.term, self.env = term, env


class Product(Value):
    """A dependent product."""

    __slots__ = ("domain", "env", "term")

    def __init__(self, term: Pi, env: Env, domain: Value) -> None:
        self.term, self.env, self.domain = term, env, domain


class Universe(Value):
    """``Sort level``."""

    __slots__ = ("level",)

    def __init__(self, level: Level) -> None:
        self.level = level


class Natural(Value):
    """A literal."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value


class Free:
    """A variable of the context, or one that stands for any argument where functions are compared."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: Value) -> None:
        self.name, self.type = name, type


class Field:
    """The head of a projection: field ``index`` of ``struct``, of the structure ``type_name``."""

    __slots__ = ("index", "struct", "type_name")

    def __init__(self, type_name: str, index: int, struct: Value) -> None:
        self.type_name, self.index, self.struct = type_name, index, struct


class Stuck(Value):
    """A constant, a variable or a projection, applied to ``args``. It may still reduce, by the constant's rules.

    ``core`` and ``full``, once known: what it reduces to without unfolding it, and altogether. ``type``: its type.
    """

    __slots__ = ("args", "core", "full", "head", "type")
    core: Value | None
    full: Value | None
    type: Value | None

    def __init__(self, head: Const | Free | Field, args: Env) -> None:
        self.head, self.args = head, args
        self.core = self.full = self.type = None
