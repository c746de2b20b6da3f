"""``bartizan diff``: the classes of calls that a new version decides otherwise, one witness each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bartizan.guard import Outcome

from ..policy import CheckedPolicy
from ..program import Program
from ..texts.rules import uncovered
from .answers import Budget, Counterexample, Unknown
from .checks.difference import ChangedClass, Comparison, Direction
from .checks.exposure import Results
from .checks.merging import Incomparable
from .findings import Change
from .solve.worker import Asking
from .witness.build import counterexample
from .witness.histories import by_search


@dataclass(frozen=True, slots=True)
class Found:
    """A class of changes, and in which direction."""

    direction: Direction
    change: Change


def questions(
    old: CheckedPolicy, new: CheckedPolicy, budget: Budget, skip: frozenset[str]
) -> Iterator[Asking | Found | Unknown]:
    """The changes, each question announced before it is asked. Questions in ``skip`` are not asked."""
    programs = Program(old), Program(new)
    yield from (Unknown(reason) for reason in uncovered(old.texts, new.texts))
    for tool in sorted({*old.tools, *new.tools}):
        if f"{tool}: calls" not in skip:
            yield Asking(f"{tool}: calls")
            yield from _calls(programs, tool, budget)
        if tool in old.tools and tool in new.tools and f"{tool}: results" not in skip:
            yield Asking(f"{tool}: results")
            yield from _results(programs, tool, budget, "loosened")
            yield from _results(programs, tool, budget, "tightened")


def _calls(programs: tuple[Program, Program], tool: str, budget: Budget) -> Iterator[Found | Unknown]:
    old, new = programs
    try:
        compared = Comparison(old.policy, new.policy, tool, budget)
    except Incomparable as error:
        yield Unknown(f"calls of {tool} cannot be compared: {error}")
        return
    directions: tuple[Direction, ...] = ("loosened", "tightened")
    for direction in directions:
        for found in compared.classes(direction):
            if isinstance(found, Unknown):
                yield Unknown(f"calls of {tool}: {found.reason}")
            else:
                yield Found(direction, _change(programs, found, direction, budget))


def _change(
    programs: tuple[Program, Program], found: ChangedClass, direction: Direction, budget: Budget
) -> Change:
    """The class with a witness, which is a case of the version that is less strict: there it is let go."""
    shown = programs[1] if direction == "loosened" else programs[0]
    histories = by_search(shown.policy, budget)
    witness = counterexample(shown, found.inquiry, found.model, found.wanted, histories)
    return Change(found.tool, found.old.rules, found.new.rules, found.old.outcome, found.new.outcome, witness)


def _results(
    programs: tuple[Program, Program], tool: str, budget: Budget, direction: Literal["loosened", "tightened"]
) -> Iterator[Found | Unknown]:
    before, after = programs if direction == "loosened" else programs[::-1]
    results = Results(before.policy, after.policy, tool, budget)
    for each in results.exposed():
        if isinstance(each, Unknown):
            if direction == "loosened":
                yield Unknown(f"results of {tool}: {each.reason}")
            continue
        witness: Counterexample = counterexample(after, results, each.model, each.wanted)
        hidden, shown = (each.rules, ("shown",)) if each.kind == "shown" else (("untrusted",), ("trusted",))
        if direction == "loosened":
            yield Found(direction, Change(tool, hidden, shown, Outcome.DENY, Outcome.ALLOW, witness))
        else:
            yield Found(direction, Change(tool, shown, hidden, Outcome.ALLOW, Outcome.DENY, witness))
