"""From a kernel term to the policy that it is: constructors are read off, whatever the term has to compute first.

``Reader`` brings a value into constructor form with the kernel's own reduction, so that an author may have used
definitions, projections or numerals of any kind. What does not end in the constructors of decision 0020 is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..calculus.terms import Const
from ..calculus.terms import Expr as Term
from ..kernel.environment import Environment
from ..kernel.errors import KernelError
from ..kernel.values import Natural, Stuck, Value
from .model import (
    Among,
    Atom,
    Both,
    Choice,
    Comparison,
    Constant,
    Effect,
    Either,
    Expr,
    Negation,
    Num,
    Number,
    Op,
    Policy,
    Rule,
    Sum,
    Times,
    Variable,
)

NAMESPACE = "Bartizan."
MAX_ITEMS = 1_000_000
MAX_PARTS = 1_000_000  # a term may share its parts, the policy that is read from it does not
PIECE = 256
_EFFECTS: dict[str, Effect] = {
    "Effect.allow": "allow",
    "Effect.deny": "deny",
    "Effect.escalate": "escalate",
    "Effect.redact": "redact",
    "Effect.label": "label",
}
_OPS: dict[str, Op] = {"Cmp.eq": "eq", "Cmp.lt": "lt", "Cmp.le": "le"}
T = TypeVar("T")


class CannotDecode(ValueError):
    """The term is no policy: which part, and what it is."""


class Reader:
    """Reads closed terms of an environment, at most ``parts`` parts. Raises :class:`CannotDecode`."""

    def __init__(self, environment: Environment, parts: int = MAX_PARTS) -> None:
        self._machine = environment.machine  # reduction is all that is needed of it, and nothing is added
        self._left = parts

    def policy(self, term: Term) -> Policy:
        """The policy that a term of type ``Bartizan.Policy`` is."""
        try:
            header, leaves, rules = self._made(self._machine.delay(term, ()), "Policy.mk", 3)
            return Policy(
                self._text(header),
                tuple(self._list(leaves, self._text)),
                tuple(self._list(rules, self._rule)),
            )
        except KernelError as error:
            raise CannotDecode(f"it does not reduce to a policy: {error}") from error
        except RecursionError as error:
            raise CannotDecode("its conditions are nested too deep") from error

    # --- constructors

    def _head(self, value: Value, what: str) -> tuple[str, tuple[Value, ...]]:
        self._left -= 1
        if self._left < 0:
            raise CannotDecode("the policy is too large")
        found = self._machine.whnf(value)
        if not isinstance(found, Stuck) or not isinstance(found.head, Const):
            raise CannotDecode(f"expected {what}, found something that does not compute")
        return found.head.name, found.args

    def _ours(self, value: Value, what: str) -> tuple[str, tuple[Value, ...]]:
        name, args = self._head(value, what)
        if not name.startswith(NAMESPACE):
            raise CannotDecode(f"expected {what}, found {name}")
        return name.removeprefix(NAMESPACE), args

    def _made(self, value: Value, constructor: str, fields: int) -> tuple[Value, ...]:
        name, args = self._ours(value, constructor)
        if name != constructor or len(args) != fields:
            raise CannotDecode(f"expected {constructor}, found {name}")
        return args

    def _list(self, value: Value, read: Callable[[Value], T]) -> list[T]:
        found: list[T] = []
        while True:
            name, args = self._head(value, "a list")
            if name == "List.nil":
                return found
            if name != "List.cons" or len(args) != 3 or len(found) >= MAX_ITEMS:
                raise CannotDecode(f"expected a list, found {name}")
            found.append(read(args[1]))
            value = args[2]

    def _bool(self, value: Value) -> bool:
        name, _ = self._head(value, "a Bool")
        if name not in ("Bool.true", "Bool.false"):
            raise CannotDecode(f"expected a Bool, found {name}")
        return name == "Bool.true"

    def _nat(self, value: Value) -> int:
        counted = 0
        while True:
            found = self._machine.whnf(value)
            if isinstance(found, Natural):
                return counted + found.value
            name, args = self._head(found, "a number")
            if name == "Nat.zero":
                return counted
            if name != "Nat.succ" or counted >= MAX_ITEMS:
                raise CannotDecode(f"expected a number, found {name}")
            counted, value = counted + 1, args[0]

    def _int(self, value: Value) -> int:
        name, args = self._head(value, "an Int")
        if name == "Int.ofNat":
            return self._nat(args[0])
        if name == "Int.negSucc":
            return -1 - self._nat(args[0])
        raise CannotDecode(f"expected an Int, found {name}")

    def _text(self, value: Value) -> str:
        return text_of(self._list(value, self._nat))

    # --- policies

    def _rule(self, value: Value) -> Rule:
        id, effect, tool, condition, soft, shadow, about = self._made(value, "Rule.mk", 7)
        name, _ = self._ours(effect, "an effect")
        if name not in _EFFECTS:
            raise CannotDecode(f"expected an effect, found {name}")
        return Rule(
            self._text(id), _EFFECTS[name], self._text(tool), self._expr(condition),
            tuple(self._list(soft, self._nat)), self._bool(shadow), self._text(about),
        )  # fmt: skip

    def _expr(self, value: Value) -> Expr:
        name, args = self._ours(value, "a condition")
        match name, len(args):
            case "Expr.lit", 1:
                return Constant(self._bool(args[0]))
            case "Expr.atom", 1:
                return Atom(self._nat(args[0]))
            case "Expr.not", 1:
                return Negation(self._expr(args[0]))
            case "Expr.and", 2:
                return Both(self._expr(args[0]), self._expr(args[1]))
            case "Expr.or", 2:
                return Either(self._expr(args[0]), self._expr(args[1]))
            case "Expr.ite", 3:
                return Choice(self._expr(args[0]), self._expr(args[1]), self._expr(args[2]))
            case "Expr.cmp", 3:
                op, _ = self._ours(args[0], "a comparison")
                if op in _OPS:
                    return Comparison(_OPS[op], self._num(args[1]), self._num(args[2]))
            case "Expr.among", 2:
                return Among(self._num(args[0]), tuple(self._list(args[1], self._int)))
        raise CannotDecode(f"expected a condition, found {name}")

    def _num(self, value: Value) -> Num:
        name, args = self._ours(value, "a number")
        match name, len(args):
            case "Num.lit", 1:
                return Number(self._int(args[0]))
            case "Num.var", 1:
                return Variable(self._nat(args[0]))
            case "Num.add", 2:
                return Sum(self._num(args[0]), self._num(args[1]))
            case "Num.scale", 2:
                return Times(self._int(args[0]), self._num(args[1]))
        raise CannotDecode(f"expected a number, found {name}")


def text_of(pieces: list[int]) -> str:
    """The text of its pieces: 256 bytes of UTF-8 each (the last may be shorter), as the number behind a leading 1.

    There is one list of pieces for each text, and no other is read: the kernel compares texts piece by piece.
    """
    data = bytearray()
    for place, piece in enumerate(pieces):
        written = f"{piece:x}"
        long = len(written) // 2
        full = long == PIECE or (place == len(pieces) - 1 and 0 < long < PIECE)
        if len(written) % 2 == 0 or written[0] != "1" or not full:
            raise CannotDecode(f"expected a text in pieces of {PIECE} bytes behind a leading 1")
        data += bytes.fromhex(written[1:])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CannotDecode(f"expected a text in UTF-8: {error}") from error
