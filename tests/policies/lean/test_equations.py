"""Random equations: the kernel says of each what a naive second checker says that reduces by substitution."""

from __future__ import annotations

from random import Random

import pytest
from tests.policies.lean.corpus.equations import Maker
from tests.policies.lean.corpus.prelude import start
from tests.policies.lean.corpus.referee import Referee

from bartizan.policies.lean.calculus.build import app, lam, pi
from bartizan.policies.lean.calculus.declarations import Theorem
from bartizan.policies.lean.calculus.terms import ONE, Const
from bartizan.policies.lean.check import check_file
from bartizan.policies.lean.kernel import BudgetError, Environment, KernelError

STEPS = 50_000


def judge(environment: Environment, theorem: Theorem) -> bool | None:
    """Whether the kernel accepts the theorem; None if it gives up."""
    environment.budget.steps = STEPS
    try:
        environment.add(theorem)
    except BudgetError:
        return None
    except KernelError:
        return False
    return True


@pytest.mark.parametrize("first", range(20, 50, 10))
def test_both_checkers_agree_on_random_equations(first: int) -> None:
    """Of terms with definitions, lets, recursion, pairs and proofs, both checkers find the same ones equal."""
    base = check_file(start("Nat", "Bool", "True", "Eq", "Prod").text()).declarations
    said = []
    for seed in range(first, first + 10):
        maker, environment, referee = Maker(Random(seed)), Environment(), Referee()
        for declaration in [*base, *maker.define(6)]:
            environment.add(declaration)
            referee.believe(declaration)
        for number in range(40):
            variables, type, left, right = maker.equation()
            statement = pi(variables, app(Const("Eq", (ONE,)), type, left, right))
            proof = lam(variables, app(Const("Eq.refl", (ONE,)), type, left))
            theorem = Theorem(f"equation.x{number}", (), statement, proof)
            found, expected = judge(environment, theorem), referee.accepts(theorem, STEPS)
            if found is not None and referee.steps >= 0:
                assert found == expected, f"seed {seed}, equation {number}: {statement}"
                said.append(found)
    assert len(said) > 380
    assert {True, False} <= set(said)
