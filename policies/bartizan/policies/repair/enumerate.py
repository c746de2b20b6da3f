"""Without a solver: every choice among the alternatives, best first, until the program allows one."""

from __future__ import annotations

from .case import Case, Choice
from .search import Found, OutOfBudget


def enumerated(case: Case, tries: int) -> tuple[Found | None, int]:
    """The best allowed choice, and how many were tried. Raises :class:`~.search.OutOfBudget`.

    Numbers are kept as they are. The order is that of :mod:`.search`: cost, distances, values.
    """
    fields = [index for index, place in enumerate(case.places) if len(place.options) > 1]
    tried = 0
    for cost, _, _, choice in sorted(_ranked(case, choice) for choice in case.choices_among(fields)):
        if not choice or _is_moot(case, choice):
            continue
        tried += 1
        if tried > tries:
            raise OutOfBudget
        if case.allows(case.call(choice, {})):
            return Found(choice, {}, cost), tried
    return None, tried


def _ranked(case: Case, choice: Choice) -> tuple[int, tuple[int, ...], tuple[int, ...], Choice]:
    chosen = dict(choice)
    cost = sum(case.places[index].options[number].cost for index, number in choice)
    numbers = tuple(chosen.get(index, 0) for index in range(len(case.places)))
    distances = tuple(
        number if place.opening.ranks else 0 for number, place in zip(numbers, case.places, strict=True)
    )
    return cost, distances, numbers, choice


def _is_moot(case: Case, choice: Choice) -> bool:
    """Something is changed within what is dropped."""
    chosen = dict(choice)
    return any(above in chosen for index in chosen for above in case.places[index].above)
