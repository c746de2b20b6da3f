"""The best allowed edit: least cost, then least distances in order, then least values. So there is one best.

First the least cost: as little as possible is opened, and each contradiction says what more has to be (implicit
hitting sets). Then, with the cost bounded, one distance after the other: thresholds of the policy first, since the
best number is nearly always at one, and bisection where that does not settle it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any as Json

from .case import Choice
from .encode import Encoding
from .hitting import cheapest
from .z3 import Formula


class OutOfBudget(Exception):
    """The solver gave up, or was asked too often: there is no answer."""


@dataclass(slots=True)
class Budget:
    """What one repair may spend; ``until`` is on the clock of :func:`time.monotonic`, a backstop."""

    checks: int
    until: float
    spent: int = 0

    def spend(self) -> None:
        self.spent += 1
        if self.spent > self.checks or time.monotonic() > self.until:
            raise OutOfBudget


@dataclass(slots=True)
class Found:
    """The best edit that the formula allows, and what it costs."""

    choice: Choice
    numbers: dict[int, int]
    cost: int


@dataclass(slots=True)
class Search:
    """``cores`` are the contradictions met: places, and the level of cost that each was capped at."""

    encoding: Encoding
    budget: Budget
    cores: list[dict[int, int]] = field(default_factory=list)
    _fields: list[int] = field(default_factory=list)
    _costs: list[list[int]] = field(default_factory=list)
    _caps: dict[tuple[int, int], Formula] = field(default_factory=dict)
    _model: Found | None = None

    def __post_init__(self) -> None:
        places = self.encoding.case.places
        self._fields = sorted(self.encoding.kept)
        self._costs = [
            [0, places[index].opening.cost]
            if index in self.encoding.integers
            else sorted({option.cost for option in places[index].options})
            for index in self._fields
        ]

    def best(self) -> Found | None:
        """The best edit; None if there is none. Raises :class:`OutOfBudget`."""
        cost = self._least_cost()
        if cost is None:
            return None
        self._bound_cost(cost)
        for index in self._fields:
            self._nearest(index)
        for index in self._fields:
            self._least(index)
        assert self._model is not None
        return self._model

    # --- cost

    def _least_cost(self) -> int | None:
        while True:
            caps = cheapest(self._costs, self.cores)
            if caps is None:
                return None
            capped = [
                (place, level) for place, level in enumerate(caps) if level + 1 < len(self._costs[place])
            ]
            if self._check([self._cap(place, level) for place, level in capped]):
                return sum(costs[level] for costs, level in zip(self._costs, caps, strict=True))
            core = self.encoding.solver.core()
            self.cores.append(dict(capped[number] for number in core))
            if not core:
                return None

    def _cap(self, place: int, level: int) -> Formula:
        """A literal that keeps a field's cost at a level."""
        index = self._fields[place]
        if level == 0:
            return self.encoding.kept[index]
        if (place, level) not in self._caps:
            solver, most = self.encoding.solver, self._costs[place][level]
            dear = (solver.no(literal) for literal, option in self._literals(index) if option.cost > most)
            self._caps[place, level] = solver.implied(solver.every(dear))
        return self._caps[place, level]

    def _literals(self, index: int) -> list[tuple[Formula, Json]]:
        return list(zip(self.encoding.options[index], self.encoding.case.places[index].options, strict=True))

    def _bound_cost(self, most: int) -> None:
        encoding, priced = self.encoding, []
        for index in self._fields:
            if index in encoding.integers:
                cost = encoding.case.places[index].opening.cost
                priced.append((encoding.solver.no(encoding.kept[index]), cost))
            else:
                priced += [(literal, option.cost) for literal, option in self._literals(index)[1:]]
        if priced:
            encoding.solver.require_cost(priced, most)

    # --- distances

    def _nearest(self, index: int) -> None:
        encoding = self.encoding
        if index in encoding.integers:
            self._nearest_number(index)
        elif encoding.case.places[index].opening.ranks:
            self._lower(index)

    def _nearest_number(self, index: int) -> None:
        encoding, most = self.encoding, self._distance(index)
        origin = encoding.case.places[index].origin
        assert origin is not None
        if most and self._check([encoding.kept[index]]):
            most = 0
        least = 1  # nearest is from least to most, which is attained
        tried = sorted({abs(edge - origin) for edge in encoding.thresholds[index]})
        while most > least:
            within = [distance for distance in tried if least <= distance < most]
            distance = within[len(within) // 2] if within else most - 1
            if self._check([encoding.solver.implied(encoding.near(index, distance))]):
                most = self._distance(index)
                if not within:
                    tried.append((least + most) // 2)
            else:
                least = distance + 1
                if not within:
                    break
        encoding.solver.require(encoding.near(index, most))

    def _distance(self, index: int) -> int:
        assert self._model is not None
        origin = self.encoding.case.places[index].origin
        assert origin is not None
        return abs(self._model.numbers[index] - origin)

    def _lower(self, index: int) -> None:
        """The first of the alternatives that is possible."""
        solver, literals = self.encoding.solver, self.encoding.options[index]
        while (number := self._number(index)) > 0:
            if not self._check([solver.implied(solver.some(literals[:number]))]):
                break
        solver.require(literals[number])

    def _number(self, index: int) -> int:
        assert self._model is not None
        return dict(self._model.choice).get(index, 0)

    def _least(self, index: int) -> None:
        """Of what is equally near, the smaller number, the earlier alternative."""
        encoding = self.encoding
        if index not in encoding.integers:
            if not encoding.case.places[index].opening.ranks:
                self._lower(index)
            return
        origin, distance = encoding.case.places[index].origin, self._distance(index)
        assert origin is not None and self._model is not None
        if self._model.numbers[index] > origin:
            below = encoding.solver.at_most(((encoding.integers[index], 1),), origin - distance)
            if self._check([encoding.solver.implied(below)]):
                encoding.solver.require(below)
            else:
                above = encoding.solver.at_most(((encoding.integers[index], -1),), -origin - distance)
                encoding.solver.require(above)
        elif distance:
            below = encoding.solver.at_most(((encoding.integers[index], 1),), origin - distance)
            encoding.solver.require(below)

    # --- the solver

    def _check(self, assumptions: Sequence[Formula]) -> bool:
        self.budget.spend()
        answer = self.encoding.solver.check(assumptions)
        if answer == "unknown":
            raise OutOfBudget
        if answer == "sat":
            self._model = self._read()
        return answer == "sat"

    def _read(self) -> Found:
        encoding, solver = self.encoding, self.encoding.solver
        places = encoding.case.places
        numbers: dict[int, int] = {}
        choice: list[tuple[int, int]] = []
        cost = 0
        for index in self._fields:
            if index in encoding.integers:
                origin = places[index].origin
                assert origin is not None
                found = solver.value(encoding.integers[index])
                numbers[index] = origin if found is None else found
                cost += places[index].opening.cost * (numbers[index] != origin)
            else:
                literals = encoding.options[index]
                number = next((n for n, literal in enumerate(literals) if n and solver.holds(literal)), 0)
                if number:
                    choice.append((index, number))
                cost += places[index].options[number].cost
        return Found(tuple(choice), numbers, cost)


def pointers(search: Search) -> tuple[tuple[str, ...], ...]:
    """The contradictions, as the arguments that cannot all be kept as they are."""
    places = search.encoding.case.places
    return tuple(
        tuple(places[search._fields[place]].opening.pointer for place in sorted(core))
        for core in search.cores
    )
