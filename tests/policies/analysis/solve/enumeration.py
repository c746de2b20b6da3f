"""The solver against enumeration, on one random problem. Each check fails with an AssertionError."""

from __future__ import annotations

from random import Random

from bartizan.policies.analysis.answers import Budget
from bartizan.policies.analysis.formula import Model
from bartizan.policies.analysis.solve import Solver, Unsat

from .problems import Problem, problem


def solver_of(question: Problem) -> Solver:
    """A solver that knows the small domain of a problem."""
    solver = Solver(question.formulas, Budget(seconds=600, second_opinion="never"))
    for formula in question.domain:
        solver.add(formula)
    return solver


def answer_agrees(seed: int, texts: int = 3) -> None:
    """A problem has a model for the solver exactly if enumeration finds one."""
    question = problem(seed, texts=texts)
    found = solver_of(question).check(*question.asked)
    if isinstance(found, Model):
        assert all(map(found.holds, question.every))
    else:
        assert isinstance(found, Unsat)
        assert not question.has_model(question.asked)


def core_agrees(seed: int) -> None:
    """The core of an unsatisfiable problem is a part of the assumptions, and has no model by itself."""
    question = problem(seed, texts=2)
    found = solver_of(question).check(*question.asked)
    if isinstance(found, Unsat):
        assert set(found.core) <= set(question.asked)
        assert not question.has_model(found.core)


def memory_agrees(seed: int) -> None:
    """What a solver learned from some assumptions holds of others."""
    question = problem(seed, texts=2)
    solver = solver_of(question)
    random = Random(seed)
    for _ in range(5):
        chosen = random.sample(question.asked, random.randint(0, len(question.asked)))
        assert isinstance(solver.check(*chosen), Model if question.has_model(chosen) else Unsat)
