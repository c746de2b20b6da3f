"""Tests that a policy deserves: the fewest calls that show everything it distinguishes.

For every goal (see :mod:`.goals`) a call is looked for, made concrete and replayed. A call that shows several goals
counts for all of them; the tests that a policy has already count too. Goals that no call can show are proved so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any as Json

from ...casework import case_of, run_test
from ...policy import CheckedPolicy
from ...program import Program
from ..answers import Answer, Budget, Counterexample, Proved, Unknown
from ..encode.past import NOTHING, Established
from ..formula import FALSE, Model
from ..sequences.established import establish
from ..witness.build import counterexample
from ..witness.past_events import FindHistory
from .asking import Asking, ResultAsking
from .bench import Bench, Strength
from .goals import Goal, On, goals_of

MAX_ENTRY = 4_096  # characters of JSON


@dataclass(frozen=True, slots=True)
class SynthesisedTest:
    """An entry of ``tests:``, JSON, and the goals that no earlier test shows as well."""

    entry: Mapping[str, Json]
    goals: tuple[Goal, ...]


@dataclass(frozen=True, slots=True)
class ReachedGoal:
    """A goal that a test of the policy itself shows."""

    goal: Goal
    test: str


@dataclass(frozen=True, slots=True)
class UnreachedGoal:
    """A goal without a test: no call can show it (:class:`Proved`), or none was found (:class:`Unknown`)."""

    goal: Goal
    answer: Answer


Synthesised = SynthesisedTest | ReachedGoal | UnreachedGoal


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many goals there are, by what became of them."""

    reached: int
    unreachable: int
    unknown: int

    @classmethod
    def of(cls, found: Iterable[Synthesised]) -> Coverage:
        reached = unreachable = unknown = 0
        for each in found:
            match each:
                case SynthesisedTest(_, goals):
                    reached += len(goals)
                case ReachedGoal():
                    reached += 1
                case UnreachedGoal(_, Proved()):
                    unreachable += 1
                case UnreachedGoal():
                    unknown += 1
        return cls(reached, unreachable, unknown)


@dataclass(slots=True)
class _Test:
    """A test, and how well it shows what it shows. ``own`` are the policy's own, which stay."""

    entry: Mapping[str, Json]
    shows: Mapping[Goal, Strength]
    own: bool = False


def synthesise(
    program: Program,
    budget: Budget | None = None,
    tools: Iterable[str] | None = None,
    established: Established = NOTHING,
    find_history: FindHistory | None = None,
) -> Iterator[Synthesised]:
    """The tests that the policy lacks, tool by tool, and the goals that need none or have none.

    Every goal is in exactly one of the values. The order is fixed, so the same policy gives the same tests.

    Args:
        budget: what one question may cost.
        tools: whose goals to look at; all by default.
        established: what is known of all sessions of the policy; of one with stages it is found out.
        find_history: who looks for the events that session operators have to have seen.
    """
    policy, budget = program.policy, budget or Budget()
    if established is NOTHING and policy.stages is not None:  # else each would have to be shown in doubt
        established = establish(policy, budget)
    chosen = sorted(policy.tools) if tools is None else sorted(set(tools))
    both: tuple[On, On] = ("call", "result")
    goals = {(on, tool): goals_of(policy, tool, on) for tool in chosen for on in both}
    bench = Bench(policy, [goal for each in goals.values() for goal in each])
    own: dict[tuple[On, str], list[_Test]] = {}
    for index, case in enumerate(policy.tests):
        on: On = "call" if case.call is not None else "result"
        subject = case.call or case.result
        assert subject is not None
        entry = {"name": case.name or f"#{index + 1} {subject.tool}"}
        own.setdefault((on, subject.tool), []).append(_Test(entry, bench.shows(case)[1], own=True))
    for (on, tool), wanted in goals.items():
        if wanted:
            asking = (Asking if on == "call" else ResultAsking)(policy, tool, budget, established)
            yield from _Synthesis(program, bench, asking, own.get((on, tool), []), find_history).run(wanted)


class _Synthesis:
    """The tests of one tool."""

    def __init__(
        self,
        program: Program,
        bench: Bench,
        asking: Asking | ResultAsking,
        own: list[_Test],
        find_history: FindHistory | None,
    ) -> None:
        self.program = program
        self.find_history = find_history
        self.bench = bench
        self.asking = asking
        self.tests = list(own)
        self.best: dict[Goal, Strength] = {}
        self.unreached: list[UnreachedGoal] = []
        for test in self.tests:
            self._count(test)

    def _count(self, test: _Test) -> None:
        for goal, strength in test.shows.items():
            self.best[goal] = max(strength, self.best.get(goal, 0))

    def run(self, goals: list[Goal]) -> Iterator[Synthesised]:
        for goal in goals:
            if self.best.get(goal, 0) < 3:
                answer = self._reach(goal)
                if answer is not None:
                    self.unreached.append(UnreachedGoal(goal, answer))
        yield from self._report()

    def _reach(self, goal: Goal) -> Answer | None:
        """Find a call that shows the goal better than the tests so far. None if one does now, or did before."""
        reasons: list[str] = []
        inquiry, levels = self.asking.ask(goal)
        for strength, formula in levels:
            if self.best.get(goal, 0) >= strength:
                return None
            found = inquiry.check(formula) if formula is not FALSE else None
            if isinstance(found, Unknown):
                reasons.append(found.reason)
            elif isinstance(found, Model):
                shown = counterexample(self.program, inquiry, found, formula, self.find_history)
                test = self._test(goal, shown)
                if isinstance(test, str):
                    reasons.append(test)
                elif test.shows.get(goal, 0) < strength:
                    reasons.append("the session that was found decides otherwise")
                else:
                    self.tests.append(test)
                    self._count(test)
                    return None
        if self.best.get(goal, 0):
            return None
        return Unknown(reasons[0]) if reasons else Proved("no call shows it")

    def _test(self, goal: Goal, shown: Counterexample) -> _Test | str:
        """The test of a concrete call; or why there is none."""
        if shown.assumed:
            return f"no session was found in which {'; '.join(shown.assumed)}"
        entry = {"name": str(goal), **shown.case}
        if len(json.dumps(entry)) > MAX_ENTRY:
            return "the call is too long to be written down"
        case = case_of(entry)
        if not run_test(self.program, case).passed:
            return "it is decided otherwise when it is replayed"
        return _Test(entry, self.bench.shows(case)[1])

    def _report(self) -> Iterator[Synthesised]:
        """Every goal once: with the first test that shows it best. Tests that show nothing better are left out."""
        kept = self._needed()
        shown: dict[int, list[Goal]] = {}
        for goal, strength in self.best.items():
            first = next(i for i in kept if self.tests[i].shows.get(goal, 0) == strength)
            shown.setdefault(first, []).append(goal)
        for index in kept:
            test, goals = self.tests[index], shown.get(index, [])
            if test.own:
                yield from (ReachedGoal(goal, test.entry["name"]) for goal in goals)
            else:
                yield SynthesisedTest(test.entry, tuple(goals))
        yield from (each for each in self.unreached if each.goal not in self.best)

    def _needed(self) -> list[int]:
        """The places of the tests without which some goal is shown less well; from the last to the first, those
        that the others make superfluous are dropped."""
        kept = list(range(len(self.tests)))
        for index in reversed(range(len(self.tests))):
            if self.tests[index].own:
                continue
            others = [i for i in kept if i != index]
            if all(
                any(self.tests[i].shows.get(goal, 0) == strength for i in others)
                for goal, strength in self.tests[index].shows.items()
                if strength == self.best[goal]
            ):
                kept = others
        return kept


def with_tests(policy: CheckedPolicy, found: Iterable[Synthesised]) -> CheckedPolicy:
    """The policy with the synthesised tests added to its own."""
    new = tuple(case_of(each.entry) for each in found if isinstance(each, SynthesisedTest))
    return replace(policy, tests=(*policy.tests, *new))
