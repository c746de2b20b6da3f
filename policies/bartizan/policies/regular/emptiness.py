"""Whether one language is empty, and its most readable word if it is not."""

from __future__ import annotations

from .answers import Empty, Nonempty, Unknown
from .budget import DEFAULT_BUDGET
from .decide import decide
from .term import Term

__all__ = ["DEFAULT_BUDGET", "Empty", "Nonempty", "Unknown", "explore"]


def explore(term: Term, budget: int = DEFAULT_BUDGET) -> Nonempty | Empty | Unknown:
    """A word of ``term``, if there is one, within ``budget`` steps."""
    return decide([(term, True)], budget=budget)
