"""Repairing the calls of one tool: what depends on the policy alone is made once, the rest anew for each call."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any as Json

from bartizan.guard import Request, Session, ToolCall

from ..edits import Clamp, Opening, Template
from ..program import Program
from .advice import advisable
from .case import Case, TooWide, signatures
from .encode import Encoding
from .enumerate import enumerated
from .hitting import TooMany
from .parts import Amount, Given, Guess, Truth, within
from .refine import Refinement
from .search import Budget, Found, OutOfBudget, Search, pointers
from .taking import Taker
from .z3 import Arithmetic, SolverMissing, available


@dataclass(frozen=True, slots=True)
class Limits:
    """What one repair may spend. Beyond it there is none: never a wrong one.

    Attributes:
        checks: questions to the solver.
        rlimit: Z3's resource units for one of them; the same on a busy machine and on an idle one.
        milliseconds: wall clock of the whole, a backstop.
        rounds: guesses about what only the evaluator knows.
    """

    checks: int = 400
    rlimit: int = 1_000_000
    milliseconds: int = 2_000
    rounds: int = 24


DEFAULT = Limits()


@dataclass(frozen=True, slots=True)
class Repair:
    """The best call that the program allows, with what was found on the way.

    Attributes:
        call: the call to make instead; the same call if it is allowed as it is.
        cost: the costs of the edits, added up.
        edits: pointers of the arguments that changed.
        cores: arguments that cannot all be kept as they are: why nothing is cheaper.
        checks: questions to the solver.
        minimal: whether nothing better exists. False if that rests on what the evaluator said elsewhere.
    """

    call: ToolCall
    cost: int = 0
    edits: tuple[str, ...] = ()
    cores: tuple[tuple[str, ...], ...] = ()
    checks: int = 0
    minimal: bool = True

    def evidence(self) -> Mapping[str, Json]:
        """As JSON, for a proposal."""
        return {
            "cost": self.cost,
            "edits": list(self.edits),
            "cores": [list(core) for core in self.cores],
            "checks": self.checks,
            "minimal": self.minimal,
        }


@dataclass(slots=True)
class RepairPlan:
    """A tool's conditions taken apart, for these openings. May be shared: each thread has a solver of its own."""

    program: Program
    openings: tuple[Opening, ...]
    refusing: tuple[Truth, ...]
    allowing: tuple[Truth, ...]
    numbers: frozenset[int]
    signed: Mapping[int, tuple[Given, ...]]
    sticky: tuple[Given, ...]
    _local: threading.local

    @classmethod
    def of(cls, program: Program, tool: str, openings: Sequence[Opening]) -> RepairPlan:
        taker = Taker(openings, program.evaluator)
        rules = [rule for rule in program.policy.rules if tool in rule.conditions and not rule.shadow]
        refusing = tuple(taker.truth(r.conditions[tool]) for r in rules if r.effect in ("deny", "escalate"))
        allowing = tuple(taker.truth(r.conditions[tool]) for r in rules if r.effect == "allow")
        parts = [part for condition in (*refusing, *allowing) for part in within(condition)]
        numbers = {part.index for part in parts if isinstance(part, Amount)}
        numbers |= {index for part in parts if isinstance(part, Guess) for index in part.numbers}
        sticky = tuple(part for part in parts if isinstance(part, Given) and part.sticks)
        local = program.kept("repair-solvers", threading.local)
        return cls(
            program,
            tuple(openings),
            refusing,
            allowing,
            frozenset(numbers),
            _signed(openings, parts),
            sticky,
            local,
        )

    def repair(self, request: Request, session: Session, limits: Limits = DEFAULT) -> Repair | None:
        """The best allowed edit of a call; None if there is none, or none was found within the limits."""
        case = Case.of(self.program, request, session, self.openings)
        if case is None:
            return None
        if case.allows(request.call):
            return Repair(request.call)
        try:
            self._narrow(case)
            if not available():
                return self._without_solver(case, limits)
            return self._solved(case, limits)
        except (OutOfBudget, TooMany, TooWide):
            return None

    def _narrow(self, case: Case) -> None:
        """Of alternatives that no rule can tell apart, only the best; numbers that no rule reads stay."""
        kept: dict[int, list[int]] = {}
        for index, place in enumerate(case.places):
            if index not in self.numbers:
                place.origin = None
            parts = self.signed.get(index)
            if parts is None or len(place.options) < 2:
                continue
            best: dict[tuple[Json, ...], int] = {}
            for number, signature in enumerate(signatures(case, index, parts)):
                other = best.setdefault(signature, number)
                if place.options[number].cost < place.options[other].cost:
                    best[signature] = number
            kept[index] = sorted(best.values())
        case.narrowed(kept)

    def _without_solver(self, case: Case, limits: Limits) -> Repair | None:
        if any(place.origin is not None for place in case.places):
            raise SolverMissing
        for part in self.sticky:
            if case.stuck(part):  # the program alone, asked about the edited call, would not know
                for index in part.fields:
                    if isinstance(case.places[index].opening, Template):
                        case.narrowed({index: [0]})
        found, checks = enumerated(case, limits.checks)
        return None if found is None else _repair(case, found, checks)

    def _solved(self, case: Case, limits: Limits) -> Repair | None:
        solver = self._solver(limits)
        solver.begin()
        try:
            encoding = Encoding(case, solver)
            encoding.declare()
            for condition in self.refusing:
                holds = encoding.truth(condition, False)
                if holds is False:
                    return None
                solver.require(holds)
            solver.require(solver.some(encoding.truth(condition, True) for condition in self.allowing))
            budget = Budget(limits.checks, time.monotonic() + limits.milliseconds / 1_000)
            if encoding.guesses:
                return self._refined(encoding, budget, limits)
            search = Search(encoding, budget)
            found = search.best()
            if found is None or not case.allows(case.call(found.choice, found.numbers)):
                return None
            return _repair(case, found, budget.spent, pointers(search))
        finally:
            solver.end()

    def _refined(self, encoding: Encoding, budget: Budget, limits: Limits) -> Repair | None:
        refinement = Refinement(encoding, budget, limits.rounds)
        found = refinement.best()
        if found is None:
            return None
        return _repair(encoding.case, found, budget.spent, refinement.cores, refinement.minimal)

    def _solver(self, limits: Limits) -> Arithmetic:
        """This thread's solver; Z3 objects belong to the thread that made them."""
        key = (limits.rlimit, limits.milliseconds)
        held: tuple[tuple[int, int], Arithmetic] | None = getattr(self._local, "solver", None)
        if held is None or held[0] != key:
            held = self._local.solver = key, Arithmetic(*key)
        return held[1]


def _repair(
    case: Case,
    found: Found,
    checks: int,
    cores: tuple[tuple[str, ...], ...] = (),
    minimal: bool = True,
) -> Repair:
    chosen = dict(found.choice)
    edits = tuple(
        place.opening.pointer
        for index, place in enumerate(case.places)
        if index in chosen or found.numbers.get(index, place.origin) != place.origin
    )
    return Repair(case.call(found.choice, found.numbers), found.cost, edits, cores, checks, minimal)


def _signed(openings: Sequence[Opening], parts: Sequence[Json]) -> Mapping[int, tuple[Given, ...]]:
    """For each opening with alternatives the parts that tell them apart, if none of these reads another one."""
    found: dict[int, dict[Given, None]] = {
        index: {} for index, opening in enumerate(openings) if not isinstance(opening, Clamp)
    }
    for part in parts:
        given = part.given if isinstance(part, Amount | Guess) else part
        if isinstance(given, Given):
            for index in given.fields:
                if isinstance(part, Given) and len(given.fields) == 1:
                    found.get(index, {})[given] = None
                else:
                    found.pop(index, None)
    return {index: tuple(givens) for index, givens in found.items()}


def repair(program: Program, request: Request, session: Session, limits: Limits = DEFAULT) -> Repair | None:
    """The cheapest edit of a call that the program allows, and among the cheapest the nearest.

    Only what the policy opens is changed, and an approval of the call as it was counts for nothing. The call itself
    where it is allowed. None if there is no such edit, or if it was not found within the limits; raises
    :class:`~.z3.SolverMissing` if a number may be changed and Z3 is not installed.
    """
    tool = request.call.tool
    if tool not in program.tools:
        return None
    plan = program.kept(("repair", tool), lambda: RepairPlan.of(program, tool, program.openings(tool)))
    return plan.repair(request, session, limits)


def advise(program: Program, request: Request, session: Session, limits: Limits = DEFAULT) -> Repair | None:
    """The same as if nothing were locked (:mod:`.advice`): for a denial to name, never to be put in its place."""
    tool = request.call.tool
    if tool not in program.tools:
        return None
    plan = program.kept(
        ("advice", tool), lambda: RepairPlan.of(program, tool, advisable(program.policy, tool))
    )
    return plan.repair(request, session, limits)
