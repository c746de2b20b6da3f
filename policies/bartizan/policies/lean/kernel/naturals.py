"""Natural numbers: literals, and functions that are computed on them at once.

A function is computed only if it *is* the function: ``environment`` registers an operation for a definition whose type
is the expected one and which satisfies, by the kernel's own conversion, the equations listed here. They determine it,
by recursion on a literal, so that computing it is no more than a fast way to unfold it. A definition that satisfies
them not as they stand is an ordinary one: it is unfolded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..build import app, arrow, lam, local
from ..terms import TYPE, Const, Expr, Lit
from .errors import Budget, BudgetError
from .values import Natural, Value

NAT, ZERO, SUCC = Const("Nat"), Const("Nat.zero"), Const("Nat.succ")
BOOL, TRUE, FALSE = Const("Bool"), Const("Bool.true"), Const("Bool.false")
LARGEST_EXPONENT = 1 << 24  # Lean's own bound


@dataclass(frozen=True, slots=True)
class Operation:
    """A function on literals. ``on`` gives the number or truth value, or None where it must be unfolded instead."""

    name: str
    arity: int
    on: Callable[..., int | bool | None]

    def compute(self, got: list[Value], budget: Budget) -> Expr | None:
        """The result on ``got``, the reduced arguments, if they are literals."""
        numbers = [each.value for each in got if isinstance(each, Natural)]
        if len(numbers) != self.arity:
            return None
        if self.name in _GROWING and _size(self.name, numbers) > budget.bits:
            raise BudgetError(f"a literal of more than {budget.bits} bits")
        result = self.on(*numbers)
        if result is None:
            return None
        if isinstance(result, bool):
            return TRUE if result else FALSE
        budget.spend(1 + (result.bit_length() >> 10))
        return Lit(result)


def _size(name: str, numbers: list[int]) -> int:
    """No less than the bits of the result, where it can be much larger than the arguments."""
    first, second = numbers[0].bit_length(), numbers[1]
    if name == "Nat.pow":
        return first * second if second <= LARGEST_EXPONENT else 0
    return first + second if name == "Nat.shiftLeft" else first + second.bit_length()


_GROWING = frozenset({"Nat.mul", "Nat.pow", "Nat.shiftLeft"})

SUCCESSOR = Operation("Nat.succ", 1, lambda n: n + 1)


@dataclass(frozen=True, slots=True)
class Rule:
    """When a definition may be computed: its type, what must be there (with its type) or be computed, its equations."""

    operation: Operation
    type: Expr
    needs: tuple[tuple[str, Expr], ...]
    equations: tuple[tuple[Expr, Expr], ...]


def _rules() -> dict[str, Rule]:
    m, n = local("m", NAT), local("n", NAT)

    def s(term: Expr) -> Expr:
        return app(SUCC, term)

    def all_m(left: Expr, right: Expr) -> tuple[Expr, Expr]:
        return lam([m], left), lam([m], right)

    def all_mn(left: Expr, right: Expr) -> tuple[Expr, Expr]:
        return lam([m, n], left), lam([m, n], right)

    def fn(name: str) -> Callable[..., Expr]:
        return lambda *args: app(Const(f"Nat.{name}"), *args)

    pred, add, sub, mul, power = fn("pred"), fn("add"), fn("sub"), fn("mul"), fn("pow")
    eq, le, left, right, div = fn("beq"), fn("ble"), fn("shiftLeft"), fn("shiftRight"), fn("div")
    binary, test = arrow(NAT, NAT, NAT), arrow(NAT, NAT, BOOL)
    two = Lit(2)
    rules = [
        Rule(
            Operation("Nat.add", 2, lambda x, y: x + y),
            binary,
            (),
            (all_m(add(m, ZERO), m), all_mn(add(m, s(n)), s(add(m, n)))),
        ),
        Rule(
            Operation("Nat.sub", 2, lambda x, y: max(x - y, 0)),
            binary,
            (("Nat.pred", arrow(NAT, NAT)),),
            (
                (pred(ZERO), ZERO),
                all_m(pred(s(m)), m),
                all_m(sub(m, ZERO), m),
                all_mn(sub(m, s(n)), pred(sub(m, n))),
            ),
        ),
        Rule(
            Operation("Nat.mul", 2, lambda x, y: x * y),
            binary,
            (("Nat.add", binary),),
            (all_m(mul(m, ZERO), ZERO), all_mn(mul(m, s(n)), add(mul(m, n), m))),
        ),
        Rule(
            Operation("Nat.pow", 2, lambda x, y: x**y if y <= LARGEST_EXPONENT else None),
            binary,
            (("Nat.mul", binary),),
            (all_m(power(m, ZERO), s(ZERO)), all_mn(power(m, s(n)), mul(power(m, n), m))),
        ),
        Rule(
            Operation("Nat.beq", 2, lambda x, y: x == y),
            test,
            (("Bool", TYPE),),
            (
                (eq(ZERO, ZERO), TRUE),
                all_m(eq(ZERO, s(m)), FALSE),
                all_m(eq(s(m), ZERO), FALSE),
                all_mn(eq(s(m), s(n)), eq(m, n)),
            ),
        ),
        Rule(
            Operation("Nat.ble", 2, lambda x, y: x <= y),
            test,
            (("Bool", TYPE),),
            (
                (le(ZERO, ZERO), TRUE),
                all_m(le(ZERO, s(m)), TRUE),
                all_m(le(s(m), ZERO), FALSE),
                all_mn(le(s(m), s(n)), le(m, n)),
            ),
        ),
        Rule(
            Operation("Nat.shiftLeft", 2, lambda x, y: x << y if y <= LARGEST_EXPONENT else None),
            binary,
            (("Nat.mul", binary),),
            (all_m(left(m, ZERO), m), all_mn(left(m, s(n)), left(mul(two, m), n))),
        ),
        Rule(
            Operation("Nat.shiftRight", 2, lambda x, y: x >> y),
            binary,
            (("Nat.div", binary),),
            (all_m(right(m, ZERO), m), all_mn(right(m, s(n)), div(right(m, n), two))),
        ),
    ]
    return {rule.operation.name: rule for rule in rules}


RULES = _rules()
