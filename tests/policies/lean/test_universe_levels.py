"""Comparison of universe levels: exact, checked against all small assignments."""

from __future__ import annotations

import itertools
import random

import pytest

from bartizan.policies.lean.calculus.terms import ONE, ZERO, IMax, Level, Max, Param, Succ, Zero
from bartizan.policies.lean.kernel import Budget, BudgetError, KernelError
from bartizan.policies.lean.kernel.levels import Levels, imax

U, V, W = Param("u"), Param("v"), Param("w")


def value(level: Level, at: dict[str, int]) -> int:
    """The level as a number, its parameters being numbers."""
    if isinstance(level, Zero):
        return 0
    if isinstance(level, Succ):
        return value(level.of, at) + 1
    if isinstance(level, Param):
        return at[level.name]
    assert isinstance(level, (Max, IMax))
    left, right = value(level.left, at), value(level.right, at)
    return 0 if isinstance(level, IMax) and right == 0 else max(left, right)


def some_level(random: random.Random, depth: int) -> Level:
    """A random level in three parameters."""
    kind = random.randrange(3 if depth == 0 else 6)
    if depth == 0 or kind < 2:
        return random.choice([ZERO, ONE, U, V, W])
    if kind == 2:
        return Succ(some_level(random, depth - 1))
    return (Max if kind == 3 else IMax)(some_level(random, depth - 1), some_level(random, depth - 1))


def test_comparison_agrees_with_all_small_assignments() -> None:
    """``at_most`` says yes exactly if no assignment of 0..4 says no, for 1,000 random pairs."""
    source = random.Random(7)
    levels = Levels()
    assignments = [dict(zip("uvw", each, strict=True)) for each in itertools.product(range(5), repeat=3)]
    said_yes = 0
    for _ in range(1_000):
        left, right = some_level(source, 3), some_level(source, 3)
        expected = all(value(left, at) <= value(right, at) for at in assignments)
        assert levels.at_most(left, right) == expected, (left, right)
        said_yes += expected
        simpler = imax(left, right)
        assert all(value(simpler, at) == value(IMax(left, right), at) for at in assignments)
    assert 150 < said_yes < 850


@pytest.mark.parametrize(
    ("level", "zero", "never"),
    [
        (ZERO, True, False),
        (IMax(ONE, ZERO), True, False),
        (IMax(U, ZERO), True, False),
        (U, False, False),
        (IMax(ZERO, U), False, False),
        (Max(U, ONE), False, True),
        (IMax(U, Succ(V)), False, True),
    ],
    ids=range(7),
)
def test_when_a_level_is_that_of_prop(level: Level, zero: bool, never: bool) -> None:
    """Always, sometimes or never."""
    assert (Levels().is_zero(level), Levels().never_zero(level)) == (zero, never)


def test_deep_levels_need_no_deep_stack() -> None:
    """A level deeper than Python's recursion limit is compared."""
    deep: Level = U
    for _ in range(20_000):
        deep = Succ(deep)
    assert Levels().at_most(U, deep)
    assert not Levels().at_most(deep, U)


def test_a_level_that_would_need_too_many_cases_is_refused() -> None:
    """The number of cases doubles with each parameter that decides an ``imax``."""
    wide: Level = ZERO
    for place in range(30):
        wide = Max(wide, IMax(ONE, Param(f"u{place}")))
    with pytest.raises(KernelError, match="more than"):
        Levels().at_most(wide, ONE)


def test_long_levels_cost_what_they_take() -> None:
    """The maximum of many parameters is paid for at each successor, and a long level at each comparison."""
    wide: Level = ZERO
    for place in range(300):
        wide = Max(wide, Param(f"u{place}"))
    for _ in range(300):
        wide = Succ(wide)
    with pytest.raises(BudgetError, match="more steps"):
        Levels(Budget(steps=20_000)).at_most(wide, U)
    long: list[Level] = [U]
    for _ in range(2_000):
        long.append(Succ(long[-1]))
    levels = Levels(Budget(steps=100_000))
    with pytest.raises(BudgetError, match="more steps"):
        all(levels.at_most(*pair) for pair in itertools.pairwise(long))
