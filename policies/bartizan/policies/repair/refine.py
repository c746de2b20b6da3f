"""What is no arithmetic, found out as far as needed: guess, ask the program, learn, and guess again.

The solver may choose what it likes for a :class:`~.parts.Guess`, so that its best is at least as good as the true best;
if the program allows it, it is the true best. If not, what the evaluator says at that very place is learned.

Each lesson is about one place. Where a few do not suffice, a guess is taken to be everywhere else as it was last, and
what is then found is checked like everything, but not known to be the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..language.values import E
from .case import Choice
from .encode import Encoding
from .parts import Guess
from .search import Budget, Found, Search, pointers
from .z3 import Formula

EXACT_ROUNDS = 6
"""Rounds before a guess is taken to be everywhere else as it was last."""


@dataclass(slots=True)
class Refinement:
    encoding: Encoding
    budget: Budget
    rounds: int
    minimal: bool = True
    cores: tuple[tuple[str, ...], ...] = ()
    _known: list[dict[int, int]] = field(default_factory=list)
    _lessons: dict[Guess, list[tuple[Formula, object]]] = field(default_factory=dict)

    def best(self) -> Found | None:
        """The best edit that the program allows; None if there is none, or none was found in time."""
        encoding, case = self.encoding, self.encoding.case
        self._learn((), {index: case.places[index].origin or 0 for index in encoding.integers})
        for number in range(self.rounds):
            exact = number < EXACT_ROUNDS
            encoding.solver.push()
            try:
                if not exact:
                    self._generalise()
                search = Search(encoding, self.budget, list(self._known))
                found = search.best()
            finally:
                encoding.solver.pop()
            if exact:
                self._known = search.cores
            if found is None:
                return None
            if case.allows(case.call(found.choice, found.numbers)):
                self.minimal, self.cores = exact, pointers(search)
                return found
            if not self._learn(found.choice, found.numbers):
                return None
        return None

    def _learn(self, choice: Choice, numbers: dict[int, int]) -> bool:
        """What every guess is at this place. False if that is what was guessed, so that nothing is learned."""
        encoding, solver = self.encoding, self.encoding.solver
        case = encoding.case
        call = case.call(choice, numbers)
        scope = case.program.scope(case.asked(call), case.session)
        learned = False
        for guess, (true, false) in encoding.guesses.items():
            value = guess.given.evaluate(scope)
            here = solver.every(
                (self._at(guess.numbers, numbers), encoding.chosen(choice, guess.given.fields))
            )
            lessons = self._lessons.setdefault(guess, [])
            lessons.append((here, value))
            solver.require(self._follows(here, true, false, value))
            learned = True
        return learned

    def _follows(self, here: Formula, true: Formula, false: Formula, value: object) -> Formula:
        solver = self.encoding.solver
        says = solver.every(
            (true if value is True else solver.no(true), false if value is False else solver.no(false))
        )
        return solver.some((solver.no(here), says))

    def _at(self, indices: Sequence[int], numbers: dict[int, int]) -> Formula:
        encoding, solver = self.encoding, self.encoding.solver
        return solver.every(
            solver.at_most(((encoding.integers[index], sign),), sign * numbers[index])
            for index in indices
            if index in encoding.integers
            for sign in (1, -1)
        )

    def _generalise(self) -> None:
        """Everywhere else as it was last."""
        solver = self.encoding.solver
        for guess, lessons in self._lessons.items():
            true, false = self.encoding.guesses[guess]
            elsewhere = solver.no(solver.some(here for here, _ in lessons))
            last = next((value for _, value in reversed(lessons) if value is not E), E)
            solver.require(self._follows(elsewhere, true, false, last))
