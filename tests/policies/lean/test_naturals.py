"""Numbers: literals, fast functions, and that a function is fast only if it is the function."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import cache

import pytest

from bartizan.policies.lean.calculus.build import app, arrow, instantiate, lam, local, pi
from bartizan.policies.lean.calculus.declarations import Axiom, Declaration, Definition, Theorem
from bartizan.policies.lean.calculus.terms import ONE, PROP, App, Const, Expr, Lit, Pi
from bartizan.policies.lean.kernel import Budget, BudgetError, Environment, KernelError
from bartizan.policies.lean.kernel.naturals import RULES, THEOREMS

from .small import (
    BOOL,
    FALSE,
    NAT,
    NIL,
    TRUE,
    S,
    base,
    environment,
    eq,
    families,
    fn,
    functions,
    nat_rec,
    refl,
    theorem,
)

M, N = local("m", NAT), local("n", NAT)
PYTHON: dict[str, Callable[[int, int], int | bool]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: max(0, x - y),
    "mul": lambda x, y: x * y,
    "pow": lambda x, y: x**y,
    "beq": lambda x, y: x == y,
    "ble": lambda x, y: x <= y,
}


def unary(value: int) -> Expr:
    """A number as successors of zero."""
    term: Expr = NIL
    for _ in range(value):
        term = app(S, term)
    return term


def result(value: int | bool) -> tuple[Expr, Expr]:
    """A value as a term, and its type."""
    if isinstance(value, bool):
        return TRUE if value else FALSE, BOOL
    return Lit(value), NAT


@pytest.mark.parametrize("name", PYTHON)
def test_a_fast_function_agrees_with_unfolding(name: str) -> None:
    """On literals it computes what its definition gives on successors of zero, for all pairs below 5."""
    slow = Environment().add_all([*families(), *functions()])
    for each in RULES:
        slow._operations.pop(each, None)
    for x in range(5):
        for y in range(4 if name == "pow" else 5):
            value, type = result(PYTHON[name](x, y))
            claim = eq(type, fn(f"Nat.{name}", Lit(x), Lit(y)), value)
            environment().add(theorem(claim, refl(type, value)))
            unfolded = eq(type, fn(f"Nat.{name}", unary(x), unary(y)), value)
            slow.fork().add(theorem(unfolded, refl(type, value)))


@pytest.mark.parametrize("name", PYTHON)
def test_large_numbers_are_computed_at_once(name: str) -> None:
    """Numbers of a thousand bits cost no more steps than small ones."""
    source = random.Random(name)
    for _ in range(5):
        x, y = source.getrandbits(1000), source.getrandbits(6 if name == "pow" else 1000)
        value, type = result(PYTHON[name](x, y))
        target = environment(steps=2_000)
        target.add(theorem(eq(type, fn(f"Nat.{name}", Lit(x), Lit(y)), value), refl(type, value)))


@pytest.mark.parametrize("name", PYTHON)
def test_a_wrong_result_is_refused(name: str) -> None:
    """One off is not equal."""
    found = PYTHON[name](7, 3)
    value, type = result(found)
    other, _ = result(not found if isinstance(found, bool) else found + 1)
    with pytest.raises(KernelError, match="expected"):
        environment().add(theorem(eq(type, fn(f"Nat.{name}", Lit(7), Lit(3)), other), refl(type, value)))


def test_literals_are_successors() -> None:
    """5 is the successor of 4, 0 is zero, and a recursor sees a literal as its constructor."""
    target = environment()
    target.add(theorem(eq(NAT, Lit(5), app(S, Lit(4))), refl(NAT, Lit(5)), "five"))
    target.add(theorem(eq(NAT, NIL, Lit(0)), refl(NAT, Lit(0)), "zero"))
    target.add(theorem(eq(NAT, unary(3), Lit(3)), refl(NAT, Lit(3)), "three"))
    before = nat_rec(NAT, Lit(9), lam([M, N], M), Lit(10**40))
    target.add(theorem(eq(NAT, before, Lit(10**40 - 1)), refl(NAT, before), "before"))
    with pytest.raises(KernelError, match="expected"):
        target.add(theorem(eq(NAT, Lit(5), app(S, Lit(5))), refl(NAT, Lit(5)), "six"))
    with pytest.raises(KernelError, match="expected"):
        target.add(theorem(pi([N], eq(NAT, Lit(5), app(S, N))), lam([N], refl(NAT, Lit(5))), "any"))


def test_a_literal_needs_nat() -> None:
    """Before Nat is declared there are none."""
    with pytest.raises(KernelError, match="before Nat is declared"):
        Environment().add(Definition("c", (), PROP, Lit(1)))


def _impostors() -> dict[str, Definition]:
    k, ih = local("k", NAT), local("ih", NAT)
    a, b = local("a", BOOL), local("b", BOOL)

    def by(name: str, zero: Expr, step: Expr) -> Definition:
        body = lam([M, N], nat_rec(NAT, zero, lam([k, ih], step), N))
        return Definition(f"Nat.{name}", (), arrow(NAT, NAT, NAT), body)

    return {
        "add with another zero": by("add", app(S, M), app(S, ih)),
        "add by two": by("add", M, app(S, app(S, ih))),
        "add that is a projection": Definition("Nat.add", (), arrow(NAT, NAT, NAT), lam([M, N], M)),
        "add wrong at a thousand only": Definition(
            "Nat.add", (), arrow(NAT, NAT, NAT),
            lam([M, N], nat_rec(NAT, M, lam([k, ih], app(S, _but_at_thousand(k, ih))), N)),
        ),
        "sub of truth values": Definition("Nat.sub", (), arrow(BOOL, BOOL, BOOL), lam([a, b], TRUE)),
    }  # fmt: skip


def _but_at_thousand(k: Expr, value: Expr) -> Expr:
    """``value``, except for ``k`` = 1000."""
    is_thousand = app(Const("same"), k, Lit(1000))
    motive = lam([local("b", BOOL)], NAT)
    return app(Const("Bool.rec", (ONE,)), motive, value, Lit(0), is_thousand)


@pytest.mark.parametrize("name", _impostors())
def test_an_impostor_is_an_ordinary_function(name: str) -> None:
    """A definition with a known name that is not the known function is unfolded, not computed."""
    impostor = _impostors()[name]
    target = Environment().add_all(families())
    same = next(each for each in functions() if each.name == "Nat.beq")
    assert isinstance(same, Definition)
    target.add(Definition("same", (), same.type, same.value))
    target.add(impostor)
    assert impostor.name not in target._operations
    if impostor.name == "Nat.add" and name != "add wrong at a thousand only":
        with pytest.raises(KernelError, match="expected"):
            target.add(theorem(eq(NAT, fn("Nat.add", Lit(2), Lit(3)), Lit(5)), refl(NAT, Lit(5))))


def test_a_function_is_computed_only_upon_computed_ones() -> None:
    """Multiplication by an addition that is not Lean's is not computed, though its equations hold."""
    target = Environment().add_all(families())
    for each in functions():
        if each.name == "Nat.add":
            each = Definition("Nat.add", (), arrow(NAT, NAT, NAT), lam([M, N], M))
        target.add(each)
    assert set(target._operations) == {"Nat.succ", "Nat.sub", "Nat.beq", "Nat.ble"}


BY_THEOREM: dict[str, Callable[..., int]] = {
    "div": lambda x, y: x // y if y else 0,
    "mod": lambda x, y: x % y if y else x,
    "gcd": math.gcd,
    "log2": lambda x: max(x.bit_length() - 1, 0),
    "land": lambda x, y: x & y,
    "lor": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
    "shiftRight": lambda x, y: x >> y,
}


@cache
def with_theorems() -> Environment:
    """An environment that believes the equations of the functions that are rarely defined by conversion."""
    believed: list[Axiom] = []
    added: list[Declaration] = []
    for name, rule in THEOREMS.items():
        function = Axiom(rule.operation.name, (), rule.type)
        equation = Axiom(f"{name}.believed", (), rule.statement)
        believed += [function, equation]
        added += [function, equation, Theorem(name, (), rule.statement, Const(equation.name))]
    k, ih = local("k", NAT), local("ih", NAT)
    shift = lam([M, N], nat_rec(NAT, M, lam([k, ih], fn("Nat.div", ih, Lit(2))), N))
    added.append(Definition("Nat.shiftRight", (), arrow(NAT, NAT, NAT), shift))
    return Environment(believed).add_all([*base().declarations, *added])


@pytest.mark.parametrize("name", BY_THEOREM)
def test_a_function_is_computed_once_its_equation_is_proved(name: str) -> None:
    """The result is Python's, also where its equation is followed by hand for small numbers."""
    function = BY_THEOREM[name]
    source = random.Random(name)
    pairs = [(x, y) for x in range(6) for y in range(6)]
    pairs += [
        (source.getrandbits(300), source.getrandbits(6 if name == "shiftRight" else 200)) for _ in range(5)
    ]
    for pair in pairs:
        args = pair[:1] if name == "log2" else pair
        value = Lit(function(*args))
        claim = theorem(eq(NAT, fn(f"Nat.{name}", *map(Lit, args)), value), refl(NAT, value))
        with_theorems().fork(Budget(steps=2_000)).add(claim)


@pytest.mark.parametrize("name", [name for name in BY_THEOREM if name != "shiftRight"])
def test_the_equation_that_must_be_proved_determines_the_function(name: str) -> None:
    """Python's function satisfies the statement: its right side, computed by the kernel, is the value, for all pairs
    below 8; and the recursion goes to smaller numbers, so that no other function does."""
    rule = THEOREMS[f"Nat.{name}.computed"]
    arity = rule.operation.arity
    for pair in [(x,) for x in range(40)] if arity == 1 else [(x, y) for x in range(8) for y in range(8)]:
        statement = rule.statement
        for each in pair:
            assert isinstance(statement, Pi)
            statement = instantiate(statement.body, [Lit(each)])
        assert isinstance(statement, Pi)
        premise = statement.body
        assert isinstance(premise, Pi) and isinstance(premise.type, App)
        value = Lit(BY_THEOREM[name](*pair))
        with_theorems().fork().add(theorem(eq(NAT, premise.type.arg, value), refl(NAT, value)))


def test_a_theorem_of_another_statement_makes_nothing_computed() -> None:
    """The name alone is not enough; nor is the statement about a function of another type."""
    rule = THEOREMS["Nat.gcd.computed"]
    function = Axiom("Nat.gcd", (), rule.type)
    target = Environment([function]).add_all([*base().declarations, function])
    target.add(Theorem("Nat.gcd.computed", (), fn("True"), fn("True.intro")))
    assert "Nat.gcd" not in target._operations


def test_shifting_by_a_division_that_is_none_is_not_computed() -> None:
    """The equations of a shift to the right hold by whatever is called division: that must be computed itself."""
    k, ih = local("k", NAT), local("ih", NAT)
    shift = lam([M, N], nat_rec(NAT, M, lam([k, ih], fn("Nat.div", ih, Lit(2))), N))
    target = environment()
    target.add(Definition("Nat.div", (), arrow(NAT, NAT, NAT), lam([M, N], Lit(7))))
    target.add(Definition("Nat.shiftRight", (), arrow(NAT, NAT, NAT), shift))
    assert "Nat.shiftRight" not in target._operations
    target.add(theorem(eq(NAT, fn("Nat.shiftRight", Lit(8), Lit(1)), Lit(7)), refl(NAT, Lit(7))))


def test_huge_results_are_refused_before_they_are_computed() -> None:
    """Powers and products of literals are bounded by the budget's bits, as exponents are by Lean."""
    target = environment()
    with pytest.raises(BudgetError, match="bits"):
        target.add(theorem(eq(NAT, fn("Nat.pow", Lit(2), Lit(1 << 24)), Lit(1)), refl(NAT, Lit(1))))
    many = Lit(1 << (1 << 23))
    with pytest.raises(BudgetError, match="bits"):
        target.add(theorem(eq(NAT, fn("Nat.mul", many, many), Lit(1)), refl(NAT, Lit(1))))
    with pytest.raises(BudgetError, match="steps"):
        environment(steps=5_000).add(
            theorem(eq(NAT, fn("Nat.pow", Lit(2), Lit(1 << 70)), Lit(1)), refl(NAT, Lit(1)))
        )


def test_recursion_on_a_huge_literal_pays_for_each_smaller_one() -> None:
    """Every number on the way down takes memory: a hundred steps from a number of a megabit are over budget."""
    huge, k, ih = Lit(1 << (1 << 20)), local("k", NAT), local("ih", NAT)
    down = lam([N], nat_rec(NAT, NIL, lam([k, ih], ih), N))
    target = environment(steps=100_000)
    with pytest.raises(BudgetError, match="steps"):
        target.add(theorem(eq(NAT, app(down, huge), Lit(0)), refl(NAT, Lit(0))))
    environment(steps=100_000).add(theorem(eq(NAT, app(down, Lit(1_000)), Lit(0)), refl(NAT, Lit(0))))


def test_the_table_of_functions_is_complete() -> None:
    """Every function that the small environment defines is computed; the others wait for their definitions."""
    assert {"Nat.succ", *(f"Nat.{name}" for name in PYTHON)} == set(base()._operations)
    assert set(base()._operations) - {"Nat.succ"} <= set(RULES)
