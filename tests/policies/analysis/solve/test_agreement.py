"""The solver agrees with enumeration, and its models and cores are what they claim to be."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.analysis.answers import Budget
from bartizan.policies.analysis.formula import Model
from bartizan.policies.analysis.solve import Solver, Unsat

from .problems import Problem, problem

SEEDS = st.integers(0, 2**40)


def solver_of(question: Problem) -> Solver:
    solver = Solver(question.formulas, Budget(second_opinion="never"))
    for formula in question.domain:
        solver.add(formula)
    return solver


@settings(max_examples=400)
@given(SEEDS)
def test_answers_are_those_of_enumeration(seed: int) -> None:
    """A problem has a model for the solver exactly if enumeration finds one."""
    question = problem(seed)
    found = solver_of(question).check(*question.asked)
    if isinstance(found, Model):
        assert all(map(found.holds, question.every))
    else:
        assert isinstance(found, Unsat)
        assert not question.has_model(question.asked)


@settings(max_examples=200)
@given(SEEDS)
def test_cores_are_assumptions_that_have_no_model(seed: int) -> None:
    """The core of an unsatisfiable problem is a part of the assumptions, and has no model by itself."""
    question = problem(seed, texts=2)
    found = solver_of(question).check(*question.asked)
    if isinstance(found, Unsat):
        assert set(found.core) <= set(question.asked)
        assert not question.has_model(found.core)


@settings(max_examples=200)
@given(SEEDS)
def test_earlier_questions_change_no_answer(seed: int) -> None:
    """What a solver learned from some assumptions holds of others."""
    question = problem(seed, texts=2)
    solver = solver_of(question)
    random = Random(seed)
    for _ in range(5):
        chosen = random.sample(question.asked, random.randint(0, len(question.asked)))
        assert isinstance(solver.check(*chosen), Model if question.has_model(chosen) else Unsat)
