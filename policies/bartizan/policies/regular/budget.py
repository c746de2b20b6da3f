"""A budget in steps of work, so that a hostile question ends, and ends alike on every machine."""

from __future__ import annotations

from math import inf

DEFAULT_BUDGET = 1_500_000


class OverBudget(Exception):
    """The work was not done within its budget. It stays inside the engine: callers get ``Unknown``."""


EXHAUSTED = (OverBudget, RecursionError)
"""What ends a question undecided: the budget, or terms nested deeper than Python can follow."""


class Meter:
    """Counts steps; a step is about a microsecond of work.

    Args:
        budget: how many steps may be spent.
    """

    __slots__ = ("budget", "spent")

    def __init__(self, budget: float = inf) -> None:
        self.budget = budget
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Count ``steps``.

        Raises:
            OverBudget: more was spent than the budget holds.
        """
        self.spent += steps
        if self.spent > self.budget:
            raise OverBudget
