"""Deciding formulas: Z3 for Booleans and integers, the regular-language engine for texts, combined lazily."""

from __future__ import annotations

from .errors import Disagreement, SolveError, SolverUnavailable, UnsoundModel, WorkerError
from .minimise import minimise
from .solver import EASY, Solver, Unsat
from .worker import Asking, Unanswered, run

__all__ = [
    "Asking",
    "Disagreement",
    "EASY",
    "SolveError",
    "Solver",
    "SolverUnavailable",
    "Unanswered",
    "UnsoundModel",
    "Unsat",
    "WorkerError",
    "minimise",
    "run",
]
