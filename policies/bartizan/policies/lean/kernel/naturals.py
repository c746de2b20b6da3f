"""Natural numbers: literals, and functions that are computed on them at once.

A function is computed only if it *is* the function. ``environment`` registers an operation

* for a definition whose type is the expected one and which satisfies, by the kernel's own conversion, the equations of
  ``RULES``; or
* upon the theorem ``<function>.computed`` that states the recursive equation of ``THEOREMS``, for functions whose
  equations are rarely true by conversion.

The equations determine the function on all literals, by recursion, so that computing it is no more than a fast way to
unfold it (or, where axioms keep it from unfolding, to rewrite with the theorem). Any other definition of the same name
is an ordinary one: it is unfolded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

from ..calculus.build import app, arrow, lam, local, pi
from ..calculus.terms import ONE, PROP, TYPE, Const, Expr, Lit
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
        size = self._size(numbers)
        if size > budget.bits:
            raise BudgetError(f"a literal of more than {budget.bits} bits")
        # A step takes about a microsecond; these are no less than what Python takes for numbers of that size.
        budget.spend((size >> 7) * (1 + (size >> (14 if self.name in _DIVIDING else 21))))
        result = self.on(*numbers)
        if result is None:
            return None
        if isinstance(result, bool):
            return TRUE if result else FALSE
        return Lit(result)

    def _size(self, numbers: list[int]) -> int:
        """No less than the bits of the result and of the arguments."""
        sizes = [each.bit_length() for each in numbers]
        if self.name == "Nat.mul":
            return sum(sizes)
        if self.name in ("Nat.pow", "Nat.shiftLeft") and numbers[1] <= LARGEST_EXPONENT:
            return sizes[0] * max(numbers[1], 1) if self.name == "Nat.pow" else sizes[0] + numbers[1]
        return max(sizes)


_DIVIDING = frozenset({"Nat.div", "Nat.mod", "Nat.gcd"})

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


def _when(test: Expr, yes: Expr, no: Expr) -> Expr:
    """``if test then yes else no``, for numbers."""
    return app(Const("Bool.rec", (ONE,)), lam([local("_", BOOL)], NAT), no, yes, test)


@dataclass(frozen=True, slots=True)
class Computed:
    """When a function may be computed upon a theorem: its type, what must be computed already, the statement."""

    operation: Operation
    type: Expr
    needs: tuple[str, ...]
    statement: Expr


def _theorems() -> dict[str, Computed]:
    m, n = local("m", NAT), local("n", NAT)

    def fn(name: str) -> Callable[..., Expr]:
        return lambda *args: app(Const(f"Nat.{name}"), *args)

    add, sub, mul, div, mod, le = fn("add"), fn("sub"), fn("mul"), fn("div"), fn("mod"), fn("ble")
    one, two, zero = Lit(1), Lit(2), Lit(0)
    both = "Nat.add", "Nat.sub", "Nat.mul", "Nat.div", "Nat.mod", "Nat.ble"

    def by_bits(name: str, bit: Callable[[Expr, Expr], Expr]) -> Expr:
        rest = fn(name)(div(m, two), div(n, two))
        return _when(le(one, add(m, n)), add(mul(two, rest), bit(mod(m, two), mod(n, two))), zero)

    found: dict[str, Computed] = {}

    def computed(
        name: str, on: Callable[..., int], needs: tuple[str, ...], result: Expr, unary: bool = False
    ) -> None:
        """``forall m n (p : Nat -> Prop), p result -> p (f m n)``: equality without Eq, which might be anything."""
        variables = [n] if unary else [m, n]
        p = local("p", arrow(NAT, PROP))
        statement = pi([*variables, p], arrow(app(p, result), app(p, fn(name)(*variables))))
        type = arrow(*(NAT for _ in variables), NAT)
        operation = Operation(f"Nat.{name}", len(variables), on)
        found[f"Nat.{name}.computed"] = Computed(operation, type, needs, statement)

    subtracting = "Nat.sub", "Nat.ble"
    quotient = _when(le(n, m), app(SUCC, div(sub(m, n), n)), zero)
    computed("div", lambda x, y: x // y if y else 0, subtracting, _when(le(one, n), quotient, zero))
    rest = _when(le(n, m), mod(sub(m, n), n), m)
    computed("mod", lambda x, y: x % y if y else x, subtracting, _when(le(one, n), rest, m))
    computed("gcd", gcd, ("Nat.mod", "Nat.ble"), _when(le(one, m), fn("gcd")(mod(n, m), m), n))
    half = app(SUCC, fn("log2")(div(n, two)))
    computed(
        "log2",
        lambda x: max(x.bit_length() - 1, 0),
        ("Nat.div", "Nat.ble"),
        _when(le(two, n), half, zero),
        unary=True,
    )
    computed("land", lambda x, y: x & y, both, by_bits("land", mul))
    computed("lor", lambda x, y: x | y, both, by_bits("lor", lambda a, b: sub(add(a, b), mul(a, b))))
    computed("xor", lambda x, y: x ^ y, both, by_bits("xor", lambda a, b: mod(add(a, b), two)))
    return found


THEOREMS = _theorems()
FUNCTIONS = frozenset({*RULES, *(rule.operation.name for rule in THEOREMS.values())})
"""All functions that may be computed."""
