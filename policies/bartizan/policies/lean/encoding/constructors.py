"""What is made of the theory's constructors, read off: by the kernel's values or by bare terms, one reader for both.

What does not end in the constructors of decision 0020 is refused, and so is what unfolds to too many parts: a term may
share its parts, what is read from it does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from .model import (
    Among,
    Atom,
    Both,
    Choice,
    Comparison,
    Constant,
    Either,
    Expr,
    Negation,
    Num,
    Number,
    Op,
    Sum,
    Times,
    Variable,
)

NAMESPACE = "Bartizan."
MAX_ITEMS = 1_000_000
MAX_PARTS = 1_000_000
_OPS: dict[str, Op] = {"Cmp.eq": "eq", "Cmp.lt": "lt", "Cmp.le": "le"}
T = TypeVar("T")
V = TypeVar("V")


class CannotDecode(ValueError):
    """The term is not made as it should be: which part, and what it is."""


class Constructors(ABC, Generic[V]):
    """Reads at most ``parts`` parts. Raises :class:`CannotDecode`.

    Whoever inherits says how a part is brought into constructor form (``made``) and how a number is (``nat``).
    """

    def __init__(self, parts: int) -> None:
        self._left = parts

    @abstractmethod
    def made(self, part: V, what: str) -> tuple[str, tuple[V, ...]]:
        """The constant that the part is an application of, with its arguments. ``what`` was expected."""

    @abstractmethod
    def nat(self, part: V) -> int:
        """The number that the part is."""

    def head(self, part: V, what: str) -> tuple[str, tuple[V, ...]]:
        """As :meth:`made`, and counted."""
        self._left -= 1
        if self._left < 0:
            raise CannotDecode("it has too many parts")
        return self.made(part, what)

    def ours(self, part: V, what: str) -> tuple[str, tuple[V, ...]]:
        """A constant of the theory, without its namespace."""
        name, args = self.head(part, what)
        if not name.startswith(NAMESPACE):
            raise CannotDecode(f"expected {what}, found {name}")
        return name.removeprefix(NAMESPACE), args

    def fields(self, part: V, constructor: str, number: int) -> tuple[V, ...]:
        name, args = self.ours(part, constructor)
        if name != constructor or len(args) != number:
            raise CannotDecode(f"expected {constructor}, found {name}")
        return args

    def items(self, part: V, read: Callable[[V], T]) -> list[T]:
        found: list[T] = []
        while True:
            name, args = self.head(part, "a list")
            if name == "List.nil":
                return found
            if name != "List.cons" or len(args) != 3 or len(found) >= MAX_ITEMS:
                raise CannotDecode(f"expected a list, found {name}")
            found.append(read(args[1]))
            part = args[2]

    def truth(self, part: V) -> bool:
        name, _ = self.head(part, "a Bool")
        if name not in ("Bool.true", "Bool.false"):
            raise CannotDecode(f"expected a Bool, found {name}")
        return name == "Bool.true"

    def whole(self, part: V) -> int:
        name, args = self.head(part, "an Int")
        if name not in ("Int.ofNat", "Int.negSucc") or len(args) != 1:
            raise CannotDecode(f"expected an Int, found {name}")
        return self.nat(args[0]) if name == "Int.ofNat" else -1 - self.nat(args[0])

    def op(self, part: V) -> Op:
        name, _ = self.ours(part, "a comparison")
        if name not in _OPS:
            raise CannotDecode(f"expected a comparison, found {name}")
        return _OPS[name]

    def expr(self, part: V) -> Expr:
        name, args = self.ours(part, "a condition")
        match name, len(args):
            case "Expr.lit", 1:
                return Constant(self.truth(args[0]))
            case "Expr.atom", 1:
                return Atom(self.nat(args[0]))
            case "Expr.not", 1:
                return Negation(self.expr(args[0]))
            case "Expr.and", 2:
                return Both(self.expr(args[0]), self.expr(args[1]))
            case "Expr.or", 2:
                return Either(self.expr(args[0]), self.expr(args[1]))
            case "Expr.ite", 3:
                return Choice(self.expr(args[0]), self.expr(args[1]), self.expr(args[2]))
            case "Expr.cmp", 3:
                return Comparison(self.op(args[0]), self.num(args[1]), self.num(args[2]))
            case "Expr.among", 2:
                return Among(self.num(args[0]), tuple(self.items(args[1], self.whole)))
        raise CannotDecode(f"expected a condition, found {name}")

    def num(self, part: V) -> Num:
        name, args = self.ours(part, "a number")
        match name, len(args):
            case "Num.lit", 1:
                return Number(self.whole(args[0]))
            case "Num.var", 1:
                return Variable(self.nat(args[0]))
            case "Num.add", 2:
                return Sum(self.num(args[0]), self.num(args[1]))
            case "Num.scale", 2:
                return Times(self.whole(args[0]), self.num(args[1]))
        raise CannotDecode(f"expected a number, found {name}")
