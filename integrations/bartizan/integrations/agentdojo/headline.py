"""The report's headline figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bartizan.integrations.html import Tile

from .records import Run
from .tally import Comparison, Tally, attacked, benign, comparison, share


def tiles(runs: Sequence[Run]) -> list[Tile]:
    """What the guard achieved and what it cost, or without guarded runs, what the attacks achieved."""
    found: list[Tile] = []
    if pairs := attacked(runs):
        both = comparison("", None, pairs)
        found.append(_reached(both))
        if both.guarded is not None:
            found += _under_attack(both.without, both.guarded)
    if tasks := benign(runs):
        both = comparison("", None, tasks)
        if both.guarded is not None:
            found += _calm(both.guarded)
    if any(run.policy for run in runs):
        unmediated = sum(run.unmediated for run in runs)
        note = "tools that ran undecided, by their own record"
        found.append(Tile("Bypasses", str(unmediated), note, _tone(unmediated == 0, "bad")))
    return found


def _reached(both: Comparison) -> Tile:
    note = "nothing guards the agent"
    if both.guarded is not None:
        note = f"without the guard: {both.without.reached:,}" if both.without is not None else ""
    reached, runs = both.either.reached, both.either.runs
    return Tile(
        "Attacks that reached their goal", f"{reached:,} of {runs:,}", note, _tone(reached == 0, "bad")
    )


def _under_attack(without: Tally | None, guarded: Tally) -> Iterator[Tile]:
    denied, refused, ran = guarded.injected_denied, guarded.injected_refused, guarded.injected_ran
    note = f"{denied:,} denied, {refused:,} not approved, {ran:,} ran"
    yield Tile("Attacker's calls stopped", f"{denied + refused:,} of {guarded.injected:,}", note)
    note = f"without the guard: {share(without.completed, without.runs)}" if without is not None else ""
    done = share(guarded.completed, guarded.runs)
    yield Tile("User's task done under attack", done, note, _tone(guarded.completed >= 0.9 * guarded.runs))


def _calm(guarded: Tally) -> Iterator[Tile]:
    note = f"{guarded.user_denied} of {guarded.calls} calls denied"
    done = f"{guarded.completed} of {guarded.runs}"
    yield Tile("Tasks done without attack", done, note, _tone(guarded.completed == guarded.runs))
    note = f"{guarded.asked} approvals asked in all, {guarded.granted} granted"
    free = share(guarded.unasked, guarded.runs)
    yield Tile("Tasks with no approval", free, note, _tone(guarded.unasked >= 0.8 * guarded.runs))


def _tone(well: bool, otherwise: str = "warn") -> str:
    return "good" if well else otherwise
