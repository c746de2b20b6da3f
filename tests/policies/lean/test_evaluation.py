"""Random programs: the kernel computes what Python computes, with the fast functions and without them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

import pytest

from bartizan.policies.lean.calculus.build import app, arrow, lam, let, local
from bartizan.policies.lean.calculus.terms import ONE, ZERO, Const, Expr, Lit, Local, Proj
from bartizan.policies.lean.kernel import Budget, Environment, KernelError
from bartizan.policies.lean.kernel.naturals import RULES

from .small import BOOL, NAT, base, eq, fn, nat_rec, refl, theorem

Scope = list[tuple[Local, int]]
LIST = app(Const("List", (ZERO,)), NAT)
PAIR = app(Const("Prod", (ZERO, ZERO)), NAT, NAT)


class Programs:
    """Makes random terms of type Nat together with their values."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.makers: list[Callable[[int, Scope], tuple[Expr, int]]] = [
            self.arithmetic, self.choice, self.pair, self.eliminated, self.total, self.call, self.binding,
            self.iteration,
        ]  # fmt: skip

    def number(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        if depth == 0 or self.random.random() < 0.1:
            if scope and self.random.random() < 0.6:
                return self.random.choice(scope)
            value = self.random.randrange(6)
            return Lit(value), value
        return self.random.choice(self.makers)(depth - 1, scope)

    def arithmetic(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        (left, x), (right, y) = self.number(depth, scope), self.number(depth, scope)
        name = self.random.choice(["add", "sub", "mul"])
        return fn(f"Nat.{name}", left, right), {"add": x + y, "sub": max(x - y, 0), "mul": x * y}[name]

    def truth(self, depth: int, scope: Scope) -> tuple[Expr, bool]:
        (left, x), (right, y) = self.number(depth, scope), self.number(depth, scope)
        name = self.random.choice(["ble", "beq"])
        return fn(f"Nat.{name}", left, right), x <= y if name == "ble" else x == y

    def choice(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        (left, x), (right, y), (test, is_true) = (
            self.number(depth, scope), self.number(depth, scope), self.truth(depth, scope),
        )  # fmt: skip
        motive = lam([local("b", BOOL)], NAT)
        return app(Const("Bool.rec", (ONE,)), motive, left, right, test), y if is_true else x

    def pair(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        (left, x), (right, y) = self.number(depth, scope), self.number(depth, scope)
        place = self.random.randrange(2)
        made = app(Const("Prod.mk", (ZERO, ZERO)), NAT, NAT, left, right)
        return Proj("Prod", place, made), (x, y)[place]

    def eliminated(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        (left, x), (right, y) = self.number(depth, scope), self.number(depth, scope)
        a, b = local("a", NAT), local("b", NAT)
        made = app(Const("Prod.mk", (ZERO, ZERO)), NAT, NAT, left, right)
        body = lam([a, b], fn("Nat.sub", b, a))
        motive = lam([local("p", PAIR)], NAT)
        return app(Const("Prod.rec", (ONE, ZERO, ZERO)), NAT, NAT, motive, body, made), max(y - x, 0)

    def total(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        numbers = [self.number(depth, scope) for _ in range(self.random.randrange(4))]
        made: Expr = app(Const("List.nil", (ZERO,)), NAT)
        for each, _ in reversed(numbers):
            made = app(Const("List.cons", (ZERO,)), NAT, each, made)
        head, tail, ih = local("h", NAT), local("t", LIST), local("ih", NAT)
        step = lam([head, tail, ih], fn("Nat.add", head, ih))
        motive = lam([local("l", LIST)], NAT)
        folded = app(Const("List.rec", (ONE, ZERO)), NAT, motive, Lit(0), step, made)
        return folded, sum(value for _, value in numbers)

    def call(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        (arg, x), y = self.number(depth, scope), local("y", NAT)
        body, value = self.number(depth, [*scope, (y, x)])
        return app(lam([y], body), arg), value

    def binding(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        (arg, x), y = self.number(depth, scope), local("y", NAT)
        body, value = self.number(depth, [*scope, (y, x)])
        return let(y, arg, body), value

    def iteration(self, depth: int, scope: Scope) -> tuple[Expr, int]:
        (start, x), (more, y) = self.number(depth, scope), self.number(depth, scope)
        k, ih = local("k", NAT), local("ih", NAT)
        times = self.random.randrange(5)
        step = lam([k, ih], fn("Nat.add", ih, fn("Nat.mul", k, more)))
        return nat_rec(NAT, start, step, Lit(times)), x + y * sum(range(times))


@cache
def environments() -> tuple[Environment, Environment]:
    """The small environment, and one in which nothing but the successor is computed at once."""
    slow = base().fork()
    for name in RULES:
        slow._operations.pop(name, None)
    return base(), slow


@pytest.mark.parametrize("seed", range(60))
def test_the_kernel_computes_what_python_computes(seed: int) -> None:
    """A program equals its value and nothing else, whichever way it is computed."""
    program, value = Programs(seed).number(4, [])
    for environment in environments():
        if environment is not base() and value > 10_000:
            continue  # one by one
        right = theorem(eq(NAT, program, Lit(value)), refl(NAT, program))
        environment.fork(Budget(steps=2_000_000)).add(right)
        wrong = theorem(eq(NAT, program, Lit(value + 1)), refl(NAT, program))
        with pytest.raises(KernelError, match="expected"):
            environment.fork(Budget(steps=2_000_000)).add(wrong)


@pytest.mark.parametrize("seed", range(60, 80))
def test_a_program_equals_itself_in_other_words(seed: int) -> None:
    """A function of a number, unfolded or applied under another binder, is one function: also where it is stuck."""
    y, z = local("y", NAT), local("z", NAT)
    program, _ = Programs(seed).number(3, [(y, 3)])
    function, other = lam([y], program), lam([z], app(lam([y], program), z))
    both = arrow(NAT, NAT)
    environments()[0].fork().add(theorem(eq(both, function, other), refl(both, other)))
