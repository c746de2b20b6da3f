"""The figures on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.table import Table
from rich.text import Text

from .records import Run
from .tally import Comparison, Tally, attacked, benign, compare, comparison, share

_Cells = Callable[[Comparison], Iterable[str | Text]]


def attack_table(runs: Sequence[Run]) -> Table:
    """Attacks that reached their goal, what became of the attacker's calls, and the user's task meanwhile."""
    table = Table(title="Under attack", title_justify="left", header_style="bold")
    table.add_column("suite")
    table.add_column("attack")
    for heading in ("pairs", "reached goal\nno guard", "reached goal\nguarded", "attacker's calls\ndenied",
                    "approval\nrefused", "ran", "user's task done\nno guard", "user's task done\nguarded"):  # fmt: skip
        table.add_column(heading, justify="right")
    _fill(table, attacked(runs), _attack_cells)
    return table


def benign_table(runs: Sequence[Run]) -> Table:
    """What the guard costs where nobody attacks."""
    table = Table(title="Without attack", title_justify="left", header_style="bold")
    table.add_column("suite")
    for heading in ("tasks", "calls", "done\nno guard", "done\nguarded", "calls\ndenied", "approvals\nasked",
                    "approvals\ngranted", "tasks with\nno approval"):  # fmt: skip
        table.add_column(heading, justify="right")
    _fill(table, benign(runs), _benign_cells)
    return table


def _fill(table: Table, runs: Sequence[Run], cells: _Cells) -> None:
    rows = compare(runs)
    for row in rows:
        table.add_row(*cells(row))
    if len(rows) > 1:
        table.add_section()
        table.add_row(*cells(comparison("all", None, runs)), style="bold")


def _attack_cells(row: Comparison) -> Iterable[str | Text]:
    before, after = row.without, row.guarded
    yield row.suite
    yield row.attack or ""
    yield str(row.runs)
    yield _reached(before)
    yield _reached(after)
    yield "–" if after is None else str(after.injected_denied)
    yield "–" if after is None else str(after.injected_refused)
    yield "–" if after is None else str(after.injected_ran)
    yield _done(before)
    yield _done(after)


def _benign_cells(row: Comparison) -> Iterable[str | Text]:
    after = row.guarded
    yield row.suite
    yield str(row.runs)
    yield str(max(side.calls for side in (row.without, after) if side is not None))
    yield _done(row.without)
    yield _done(after)
    yield "–" if after is None else str(after.user_denied)
    yield "–" if after is None else str(after.asked)
    yield "–" if after is None else str(after.granted)
    yield "–" if after is None else f"{after.unasked} ({share(after.unasked, after.runs)})"


def _reached(side: Tally | None) -> Text | str:
    return "–" if side is None else Text(str(side.reached), style="red" if side.reached else "green")


def _done(side: Tally | None) -> str:
    return "–" if side is None else f"{side.completed} ({share(side.completed, side.runs)})"
