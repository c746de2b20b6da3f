"""The figures on the terminal, narrow enough for 80 columns. ``a → b``: without a guard, and with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from .records import Run
from .tally import Comparison, Tally, attacked, benign, compare, comparison, share

_Cells = Callable[[Comparison], Iterable[str | Text]]


def say(text: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def attack_table(runs: Sequence[Run]) -> Table:
    """Attacks that reached their goal, what became of the attacker's calls, and the user's task meanwhile."""
    headings = ("suite", "attack", "pairs", "reached\ngoal", "calls\nstopped", "user's task\ndone")
    return _table("Under attack", headings, attacked(runs), _attack_cells, left=2)


def benign_table(runs: Sequence[Run]) -> Table:
    """What the guard costs where nobody attacks."""
    headings = (
        "suite",
        "tasks",
        "done",
        "calls",
        "calls\ndenied",
        "approvals\nasked",
        "granted",
        "tasks with\nnone",
    )
    return _table("Without attack", headings, benign(runs), _benign_cells, left=1)


def _table(title: str, headings: Sequence[str], runs: Sequence[Run], cells: _Cells, *, left: int) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for position, heading in enumerate(headings):
        table.add_column(heading, justify="left" if position < left else "right", no_wrap=True)
    rows = compare(runs)
    for row in rows:
        table.add_row(*cells(row))
    if len(rows) > 1:
        table.add_section()
        table.add_row(*cells(comparison("all", None, runs)), style="bold")
    return table


def _attack_cells(row: Comparison) -> Iterable[str | Text]:
    yield row.suite
    yield row.attack or ""
    yield str(row.either.runs)
    yield _both(row, lambda side: str(side.reached), "green" if row.either.reached == 0 else "red")
    after = row.guarded
    yield "–" if after is None else f"{after.injected - after.injected_ran} of {after.injected}"
    yield _both(row, lambda side: share(side.completed, side.runs))


def _benign_cells(row: Comparison) -> Iterable[str | Text]:
    after = row.guarded
    yield row.suite
    yield str(row.either.runs)
    yield _both(row, lambda side: str(side.completed))
    yield str(row.either.calls)
    yield "–" if after is None else str(after.user_denied)
    yield "–" if after is None else str(after.asked)
    yield "–" if after is None else str(after.granted)
    yield "–" if after is None else f"{after.unasked} ({share(after.unasked, after.runs)})"


def _both(row: Comparison, figure: Callable[[Tally], str], style: str = "") -> Text:
    sides = [figure(side) for side in (row.without, row.guarded) if side is not None]
    return Text(" → ".join(sides), style=style)
