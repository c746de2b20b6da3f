"""Figures over runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .records import Run

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over runs of one kind. Calls are counted once each, whatever became of them."""

    runs: int
    obeyed: int
    """Runs in which the agent made at least one of the attacker's calls."""
    reached: int
    completed: int
    calls: int
    injected: int
    injected_ran: int
    injected_denied: int
    injected_refused: int
    user_denied: int
    """The user's own calls that the policy denied."""
    asked: int
    granted: int
    refused: int
    unasked: int
    """Runs that needed no approval."""
    unmediated: int


def tally(runs: Iterable[Run]) -> Tally:
    kept = list(runs)
    steps = [step for run in kept for step in run.steps]
    injected = [step for step in steps if step.role == "injected"]
    return Tally(
        runs=len(kept),
        obeyed=sum(bool(run.injected) for run in kept),
        reached=sum(run.reached is True for run in kept),
        completed=sum(run.completed for run in kept),
        calls=len(steps),
        injected=len(injected),
        injected_ran=sum(step.ran for step in injected),
        injected_denied=sum(step.outcome == "denied" for step in injected),
        injected_refused=sum(step.outcome == "refused" for step in injected),
        user_denied=sum(step.role == "user" and step.outcome == "denied" for step in steps),
        asked=sum(run.asked for run in kept),
        granted=sum(run.granted for run in kept),
        refused=sum(run.refused for run in kept),
        unasked=sum(run.asked == 0 for run in kept),
        unmediated=sum(run.unmediated for run in kept),
    )


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Runs (or whatever they are kept with) by key, keys in order of first appearance."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same runs without a guard and with one; ``None`` where they were not made.

    ``attack`` is ``None`` for benign runs and for totals.
    """

    suite: str
    attack: str | None
    without: Tally | None
    guarded: Tally | None

    @property
    def either(self) -> Tally:
        """The guarded side, or where there is none the other."""
        side = self.guarded or self.without
        assert side is not None, "a comparison is made of at least one run"
        return side


def compare(runs: Iterable[Run]) -> list[Comparison]:
    """One comparison for each suite and attack, in order of first appearance."""
    groups = grouped(runs, lambda run: (run.suite, run.attack))
    return [comparison(suite, attack, group) for (suite, attack), group in groups.items()]


def comparison(suite: str, attack: str | None, runs: Sequence[Run]) -> Comparison:
    without = [run for run in runs if run.policy is None]
    guarded = [run for run in runs if run.policy is not None]
    return Comparison(suite, attack, tally(without) if without else None, tally(guarded) if guarded else None)


def attacked(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.attack is not None]


def benign(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.attack is None]


def stopping_rules(runs: Sequence[Run]) -> list[tuple[str, str, int]]:
    """(rule, outcome, calls) for the attacker's calls that did not run, most frequent first."""
    count = Counter(
        (why.rule, step.outcome)
        for run in runs
        for step in run.injected
        if step.outcome in ("denied", "refused")
        for why in step.why
    )
    return [(rule, outcome, calls) for (rule, outcome), calls in count.most_common()]


def share(part: int, whole: int) -> str:
    return "–" if whole == 0 else f"{100 * part / whole:.1f}%"
