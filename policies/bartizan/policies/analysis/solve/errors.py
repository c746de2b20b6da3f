"""What can go wrong in the machinery itself, as opposed to a question that stays unknown."""

from __future__ import annotations


class SolveError(Exception):
    """An internal error of the analysis: never a verdict about a policy.

    ::

        SolveError
        ├── SolverUnavailable   the package that the analysis needs is not installed
        ├── UnsoundModel        a model does not satisfy what was asked
        ├── Disagreement        two solvers contradict each other
        └── WorkerError         the worker process could not be started, or the analysis raised
    """


class SolverUnavailable(SolveError):
    """A solver's package is not installed."""


class UnsoundModel(SolveError):
    """A model does not satisfy the formulas that it was found for."""


class Disagreement(SolveError):
    """Two solvers contradict each other about one question."""


class WorkerError(SolveError):
    """The worker process could not be started, or the analysis in it raised an exception."""
