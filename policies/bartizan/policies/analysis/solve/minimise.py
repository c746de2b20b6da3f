"""The simplest model: a counterexample that a person can take in at a glance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...regular.algebra import letters, star
from ...regular.charset import CharSet
from ..answers import Unknown
from ..formula import Formula, Model, Number, Text
from .solver import Solver, Unsat

MAX_CHECKS = 300

# What can be read in a terminal, and typed: ASCII without the control characters.
_READABLE = star(letters(CharSet(((0x20, 0x7E),))))


def minimise(
    solver: Solver,
    assumptions: Sequence[Formula],
    flags: Sequence[Formula] = (),
    numbers: Sequence[Number] = (),
    texts: Sequence[Text] = (),
    checks: int = MAX_CHECKS,
) -> Model | Unsat | Unknown:
    """A model of ``assumptions`` that is as simple as ``checks`` questions can make it.

    First each of ``flags`` is made false if it can be, in their order; then each of ``numbers`` as small in
    absolute value as it can be; then each of ``texts`` readable, and short. What comes earlier matters more.

    Returns:
        The model; if there is none, or none is known, what the solver says.
    """
    found = solver.check(*assumptions)
    if not isinstance(found, Model):
        return found
    search = _Search(solver, list(assumptions), found, checks)
    if flags and not search.fixed(solver.formulas.all(map(solver.formulas.neg, flags))):
        for flag in flags:
            search.fixed(solver.formulas.neg(flag))
    for number in numbers:
        search.small(number)
    for text in texts:
        search.short(text)
    return search.model


class _Search:
    """The best model so far, and what is not to get worse again."""

    def __init__(self, solver: Solver, fixed: list[Formula], model: Model, checks: int) -> None:
        self.model = model
        self._solver = solver
        self._fixed = fixed
        self._checks = checks

    def fixed(self, wish: Formula) -> bool:
        """Whether ``wish`` can be had with all that was wished before; if so it stays."""
        if not self._possible(wish):
            return False
        self._fixed.append(wish)
        return True

    def _possible(self, wish: Formula) -> bool:
        if self.model.holds(wish):
            return True
        if self._checks <= 0:
            return False
        self._checks -= 1
        found = self._solver.check(*self._fixed, wish)
        if isinstance(found, Model):
            self.model = found
            return True
        return False

    def small(self, number: Number) -> None:
        make = self._solver.formulas
        for value in (0, 1):
            if self.fixed(make.equal(number, make.constant(value))):
                return
        self._least(
            lambda bound: make.between(-bound, number, bound), lambda: abs(self.model.number(number)), low=1
        )
        self.fixed(make.equal(number, make.constant(self.model.number(number))))

    def short(self, text: Text) -> None:
        make = self._solver.formulas
        self.fixed(make.member(text, _READABLE))
        length = make.length(text)
        least = self._least(
            lambda bound: make.at_most(length, make.constant(bound)),
            lambda: len(self.model.text(text)),
            low=0,
        )
        self.fixed(make.at_most(length, make.constant(least)))

    def _least(self, within: Callable[[int], Formula], now: Callable[[], int], low: int) -> int:
        """Make the model's size ``now()`` as small as possible: at least ``low``, doubling, then halving."""
        step = 1
        high = now()
        while low < high and low + step < high:  # low .. high: the least is in there
            if self._possible(within(low + step - 1)):
                high = now()
                break
            low, step = low + step, 2 * step
        while low < high:
            middle = (low + high) // 2
            if self._possible(within(middle)):
                high = min(now(), middle)
            else:
                low = middle + 1
        return high
