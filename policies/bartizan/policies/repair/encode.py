"""The question to the solver: which edits of this call does the program allow?

A condition is T, F or E; a formula says when it is T, another when it is F, so that E needs none of its own: a repair
needs every deny and escalate rule to be F, and some allow rule to be T.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any as Json
from typing import TypeAlias

from ..edits import Clamp
from ..language.values import E
from .case import Case, Choice, TooWide
from .numbers import bounds, rank
from .parts import (
    Agree,
    Among,
    Amount,
    Both,
    Chosen,
    Comparison,
    Either,
    Given,
    Guess,
    Negation,
    Number,
    Plus,
    Times,
    Truth,
)
from .z3 import Arithmetic, Formula

MAX_CASES = 1_024
"""Cases of a number that is chosen by conditions."""

MAX_SAID = 128
"""Numbers in a session that are looked at one by one."""

Linear: TypeAlias = tuple[int, tuple[tuple[int, int], ...]]
"""A constant, and factors by place."""

Cases: TypeAlias = list[tuple[Formula, Linear]]
"""When a number is which sum; where none holds, it is E."""


@dataclass(slots=True)
class Encoding:
    """The formula of a case, and the unknowns in it.

    Attributes:
        integers: for each place whose number may be changed.
        kept: for each place with a choice: that it stays as it is.
        options: for each place with alternatives, one literal each (the first is ``kept``).
        thresholds: numbers at which some comparison of one place turns.
        guesses: parts whose value only the evaluator knows, with the literals of their T and F.
    """

    case: Case
    solver: Arithmetic
    integers: dict[int, Json] = field(default_factory=dict)
    kept: dict[int, Formula] = field(default_factory=dict)
    options: dict[int, list[Formula]] = field(default_factory=dict)
    thresholds: dict[int, set[int]] = field(default_factory=dict)
    guesses: dict[Guess, tuple[Formula, Formula]] = field(default_factory=dict)
    _truths: dict[tuple[Json, bool], Formula] = field(default_factory=dict)
    _numbers: dict[Json, Cases] = field(default_factory=dict)

    def declare(self) -> None:
        """Make the unknowns."""
        solver = self.solver
        for index, place in enumerate(self.case.places):
            if place.origin is not None:
                integer, keep = solver.integer(), solver.boolean()
                self.integers[index], self.kept[index] = integer, keep
                self.thresholds[index] = set()
                changed = solver.no(keep)
                solver.require(solver.some((changed, self.near(index, 0))))
                low, high = bounds(place.opening.type)
                self._bound(integer, low, high)
                side = place.opening.side(place.origin) if isinstance(place.opening, Clamp) else 0
                self._bound(integer, 1 if side > 0 else None, -1 if side < 0 else None)
            elif len(place.options) > 1:
                literals = [solver.boolean() for _ in place.options]
                self.options[index], self.kept[index] = literals, literals[0]
                solver.require_one(literals)
        for index, place in enumerate(self.case.places):
            for above in place.above:
                if index in self.kept and above in self.kept:
                    solver.require(solver.some((self.kept[above], self.kept[index])))

    def _bound(self, integer: Json, low: int | None, high: int | None) -> None:
        if low is not None:
            self.solver.require(self.solver.at_most(((integer, -1),), -low))
        if high is not None:
            self.solver.require(self.solver.at_most(((integer, 1),), high))

    def near(self, index: int, distance: int) -> Formula:
        """A number differs from what it is by this much at most."""
        origin, integer = self.case.places[index].origin, self.integers[index]
        assert origin is not None
        solver = self.solver
        return solver.every(
            (
                solver.at_most(((integer, 1),), origin + distance),
                solver.at_most(((integer, -1),), distance - origin),
            )
        )

    def chosen(self, choice: Choice, fields: Sequence[int]) -> Formula:
        """Exactly these alternatives of these places."""
        numbers = dict(choice)
        return self.solver.every(self.option(index, numbers.get(index, 0)) for index in fields)

    def option(self, index: int, number: int) -> Formula:
        literals = self.options.get(index)
        return literals[number] if literals is not None else number == 0

    # --- conditions

    def truth(self, node: Truth, wanted: bool) -> Formula:
        """When a condition is T (or, not ``wanted``, F)."""
        key = (node, wanted)
        if key not in self._truths:
            self._truths[key] = self._truth(node, wanted)
        return self._truths[key]

    def _truth(self, node: Truth, wanted: bool) -> Formula:
        solver = self.solver
        match node:
            case Given():
                return self._given(node, wanted)
            case Negation(operand):
                return self.truth(operand, not wanted)
            case Both(left, right) | Either(left, right):
                join = solver.every if isinstance(node, Both) is wanted else solver.some
                return join(self.truth(part, wanted) for part in (left, right))
            case Chosen(condition, then, otherwise):
                return solver.some(
                    solver.every(self.truth(part, value) for part, value in pair)
                    for pair in (
                        ((condition, True), (then, wanted)),
                        ((condition, False), (otherwise, wanted)),
                    )
                )
            case Agree(left, right):
                return solver.some(
                    solver.every((self.truth(left, value), self.truth(right, value is wanted)))
                    for value in (True, False)
                )
            case Comparison():
                return self._comparison(node, wanted)
            case Among(operand, items):
                return solver.some(
                    solver.every((guard, self._among(linear, items, wanted)))
                    for guard, linear in self.number(operand)
                )
            case Guess():
                return self._guess(node, wanted)

    def _given(self, part: Given, wanted: bool) -> Formula:
        case, fields = self.case, part.fields
        choices = case.choices(part)
        holding = [choice for choice in choices if case.value(part, choice) is wanted]
        if len(holding) in (0, len(choices)):
            return bool(holding)
        return self.solver.some(self.chosen(choice, fields) for choice in holding)

    def _guess(self, node: Guess, wanted: bool) -> Formula:
        if not any(index in self.integers for index in node.numbers):
            return self._given(node.given, wanted)
        if self.case.stuck(node.given):
            return self.case.value(node.given) is wanted
        if node.strict and (told := self._told(node, wanted)) is not None:
            return told
        if node not in self.guesses:
            true, false = self.solver.boolean(), self.solver.boolean()
            self.solver.require(self.solver.some((self.solver.no(true), self.solver.no(false))))
            self.guesses[node] = true, false
        return self.guesses[node][0 if wanted else 1]

    def _told(self, node: Guess, wanted: bool) -> Formula | None:
        """Where a number comes from: asked of each that the session says, and of one that it does not say."""
        (index,), case = node.numbers, self.case
        said = case.said(index)
        if said is None or len(said) > MAX_SAID:
            return None
        unsaid = max((abs(number) for number in said), default=0) + 1
        elsewhere = case.value_at(node.given, index, unsaid) is wanted
        special = [
            number for number in said if (case.value_at(node.given, index, number) is wanted) != elsewhere
        ]
        self.thresholds[index] |= {number + by for number in special for by in (-1, 0, 1)}
        return self._among((0, ((index, 1),)), special, not elsewhere)

    # --- numbers

    def number(self, node: Number) -> Cases:
        """What a number is, by cases that exclude each other."""
        if node not in self._numbers:
            cases = [(guard, linear) for guard, linear in self._number(node) if guard is not False]
            if len(cases) > MAX_CASES:
                raise TooWide
            self._numbers[node] = cases
        return self._numbers[node]

    def _number(self, node: Number) -> Iterable[tuple[Formula, Linear]]:
        solver = self.solver
        match node:
            case Given():
                yield from self._values(node)
            case Amount(index, given):
                if index in self.integers:
                    present = (self.option(above, 0) for above in self.case.places[index].above)
                    yield solver.every(present), (0, ((index, 1),))
                else:
                    yield from self._values(given)
            case Plus(left, right):
                for one, (a, terms) in self.number(left):
                    for other, (b, more) in self.number(right):
                        yield solver.every((one, other)), (a + b, _added(terms, more))
            case Times(factor, operand):
                for guard, (constant, terms) in self.number(operand):
                    yield (
                        guard,
                        (factor * constant, tuple((index, factor * by) for index, by in terms if factor)),
                    )
            case Chosen(condition, then, otherwise):
                for value, part in ((True, then), (False, otherwise)):
                    chosen = self.truth(condition, value)
                    if chosen is not False:
                        for guard, linear in self.number(part):
                            yield solver.every((chosen, guard)), linear

    def _values(self, part: Given) -> Iterable[tuple[Formula, Linear]]:
        by_value: dict[int, list[Choice]] = {}
        choices = self.case.choices(part)
        for choice in choices:
            value = self.case.value(part, choice)
            if value is not E:
                by_value.setdefault(rank(value) if part.real else value, []).append(choice)
        for value, holding in by_value.items():
            if len(holding) == len(choices):
                yield True, (value, ())
            else:
                yield self.solver.some(self.chosen(choice, part.fields) for choice in holding), (value, ())

    def _comparison(self, node: Comparison, wanted: bool) -> Formula:
        solver = self.solver
        found = []
        for one, (a, terms) in self.number(node.left):
            for other, (b, more) in self.number(node.right):
                guard = solver.every((one, other))
                if guard is not False:
                    difference = (a - b, _added(terms, tuple((index, -by) for index, by in more)))
                    found.append(solver.every((guard, self._compared(node.op, difference, wanted))))
        return solver.some(found)

    def _compared(self, op: str, difference: Linear, wanted: bool) -> Formula:
        """``difference op 0``, or not."""
        constant, terms = difference
        if op == "==":
            join = self.solver.every if wanted else self.solver.some
            return join(
                (self._compared("<=", difference, wanted), self._compared("<=", _negated(difference), wanted))
            )
        least = -constant if op == "<=" else -constant - 1
        if wanted:
            return self._at_most(terms, least)
        return self._at_most(tuple((index, -by) for index, by in terms), -least - 1)

    def _among(self, linear: Linear, items: Sequence[int], wanted: bool) -> Formula:
        join = self.solver.some if wanted else self.solver.every
        constant, terms = linear
        return join(self._compared("==", (constant - item, terms), wanted) for item in items)

    def _at_most(self, terms: Sequence[tuple[int, int]], bound: int) -> Formula:
        if len(terms) == 1:
            ((index, factor),) = terms
            edge = bound // factor if factor > 0 else -(bound // -factor)
            self.thresholds[index] |= {edge, edge + 1, edge - 1}
        return self.solver.at_most([(self.integers[index], factor) for index, factor in terms], bound)


def _added(terms: Sequence[tuple[int, int]], more: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    factors = dict(terms)
    for index, factor in more:
        factors[index] = factors.get(index, 0) + factor
    return tuple((index, factor) for index, factor in factors.items() if factor)


def _negated(linear: Linear) -> Linear:
    constant, terms = linear
    return -constant, tuple((index, -factor) for index, factor in terms)
