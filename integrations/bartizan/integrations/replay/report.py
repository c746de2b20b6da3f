"""A replay's results as tables: on the terminal with rich, and as JSON. The page is in :mod:`.page`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bartizan.guard.canonical import JSON
from bartizan.guard.decision import Outcome
from bartizan.integrations.html import visible

from .engine import ReplayedSession
from .findings import Change, Changes, Example, Findings, Group
from .score import MEASURES, STOPPED, Category, Key, Measure, Proportion, Tally, as_json, figures

_PAST = {
    Outcome.ALLOW: "allowed",
    Outcome.CORRECT: "corrected",
    Outcome.ESCALATE: "escalated",
    Outcome.DENY: "denied",
}
GROUPINGS = ("suite", "model", "defense", "attack")


@dataclass(slots=True)
class Report:
    """Everything a replay found out under one policy, and how a second one differs."""

    policy: str
    recording: str
    history: str
    tally: Tally = field(default_factory=Tally)
    findings: Findings = field(default_factory=Findings)
    against: str | None = None
    changes: Changes = field(default_factory=Changes)
    sessions: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def add(self, replayed: ReplayedSession, before: ReplayedSession | None) -> None:
        """One more session, and the same under the policy (or in the record) that it is compared with, if any."""
        self.sessions += 1
        self.tally.add(replayed)
        self.findings.add(replayed)
        if before is not None:
            self.changes.add(before, replayed)

    def merge(self, part: Report) -> None:
        """Take in the report of later sessions. The order is that of the recording: examples are the first ones."""
        self.sessions += part.sessions
        self.skipped += part.skipped
        self.against = self.against or part.against
        self.tally.merge(part.tally)
        self.findings.merge(part.findings)
        self.changes.merge(part.changes)


class Grid(NamedTuple):
    """One table: the first ``left`` columns are text."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


def undefended(key: Key) -> bool:
    return key.defense == "none"


def measures(tally: Tally) -> list[Measure]:
    """The measures that this recording has observations for."""
    found = figures(tally)
    return [measure for measure in MEASURES if measure.name in found]


def grids(report: Report) -> Iterator[Grid]:
    """All tables of a report, headline first."""
    tally = report.tally
    shown = measures(tally)
    has_defenses = set(tally.values("defense")) > {"none"}
    everything, bare = figures(tally), figures(tally, undefended)
    headers = ["", "all calls", "only calls whose tool answered"]
    answered = figures(tally, lambda key: key.answered)
    rows = [[m.title, *(_cell(part, m) for part in (everything, answered))] for m in shown]
    if has_defenses:
        headers.append("undefended models")
        rows = [[*row, _cell(bare, m)] for row, m in zip(rows, shown, strict=True)]
    yield Grid("Calls", headers, rows)
    yield Grid(
        "Sessions", ["", "stopped at least once", "denied at least once", "nothing stopped"], _sessions(tally)
    )
    for grouping in GROUPINGS:
        values = [v for v in tally.values(grouping) if (grouping, v) != ("attack", "none")]
        if len(values) > 1:
            yield _grouped(tally, grouping, values, shown)
    yield Grid(
        "Deciding rules",
        ["rule", "category", "outcome", "calls"],
        [
            [rule, category, outcome.name.lower(), f"{count:,}"]
            for (rule, category, outcome), count in sorted(
                report.findings.rules.items(), key=lambda item: (item[0][1], -item[1], item[0][0])
            )
        ],
        left=3,
    )
    if report.against is not None:
        yield Grid(
            f"Changed decisions: {report.against} to {report.policy}",
            ["category", "from", "to", "rules before", "rules after", "calls"],
            [[*_change(change), f"{count:,}"] for change, count in report.changes.changed.most_common()],
            left=5,
        )


def examples(report: Report, each: int) -> Iterator[tuple[str, int, list[Example]]]:
    """Groups of calls worth reading, each with its title, its count and some examples.

    Attack calls let through come first, then ordinary calls denied, escalated, and attack calls stopped; of
    each kind the ``each`` largest groups.
    """
    shown: Counter[tuple[Category, Outcome]] = Counter()
    ordered = sorted(report.findings.groups.items(), key=lambda item: (_urgency(item[0]), -item[1], item[0]))
    for group, count in ordered:
        shown[group.category, group.outcome] += 1
        if shown[group.category, group.outcome] <= each:
            rules = ", ".join(group.rules) or "no rule"
            title = f"{group.category} call {_PAST[group.outcome]}: {group.suite} / {group.tool}, by {rules}"
            yield title, count, report.findings.examples[group]


def changed_examples(report: Report, most: int) -> Iterator[tuple[str, int, list[Example]]]:
    """The ``most`` frequent changes of a decision, each with its title, its count and some examples."""
    for change, count in report.changes.changed.most_common(most):
        category, old, new, old_rules, new_rules = _change(change)
        title = (
            f"{category} call, was {old} by {old_rules or 'no rule'}, now {new} by {new_rules or 'no rule'}"
        )
        yield title, count, report.changes.examples[change]


def _urgency(group: Group) -> int:
    attack = group.category in (Category.GOAL, Category.CARRY, Category.UNSAFE)
    stopped = group.outcome in STOPPED
    return 3 if attack and stopped else 0 if attack else 2 if group.outcome is Outcome.ESCALATE else 1


def print_report(report: Report, console: Console, *, each: int = 3) -> None:
    """Tables, then the ``each`` largest groups of each kind of call worth reading."""
    console.print(f"[bold]{escape(report.policy)}[/] on {escape(report.recording)}", highlight=False)
    rate = report.tally.total / report.seconds * 60 if report.seconds else 0.0
    skipped = f", {report.skipped:,} sessions without a policy for their suite" if report.skipped else ""
    console.print(
        f"{report.sessions:,} sessions, {report.tally.total:,} calls in {report.seconds:.1f} s "
        f"({rate:,.0f} calls a minute), history {report.history}{skipped}",
        highlight=False,
    )
    for grid in grids(report):
        console.print(_rich(grid))
    for title, count, shown in (*examples(report, each), *changed_examples(report, 2 * each)):
        console.print(f"[bold]{count:,}x[/] {escape(visible(title))}", highlight=False)
        for example in shown[:1]:
            for line in (f"{example.where} {example.arguments}", "; ".join(example.reasons)):
                console.print(f"    {escape(visible(line))}", style="dim", highlight=False)


def report_json(report: Report) -> JSON:
    """The figures as JSON: ``figures`` by filter, and by each grouping."""
    tally = report.tally
    by = {
        grouping: {value: as_json(figures(tally, only(grouping, value))) for value in tally.values(grouping)}
        for grouping in GROUPINGS
    }
    return {
        "policy": report.policy,
        "recording": report.recording,
        "history": report.history,
        "sessions": report.sessions,
        "skipped": report.skipped,
        "calls": tally.total,
        "not_counted": tally.uncounted,
        "seconds": round(report.seconds, 3),
        "figures": {
            "all": as_json(figures(tally)),
            "answered": as_json(figures(tally, lambda key: key.answered)),
            "undefended": as_json(figures(tally, undefended)),
        },
        "by": by,
        "against": report.against,
        "changed": [
            {**dict(zip(("category", "from", "to", "before", "after"), _change(c), strict=True)), "calls": n}
            for c, n in report.changes.changed.most_common()
        ],
    }


def _grouped(tally: Tally, grouping: str, values: Sequence[str], shown: Sequence[Measure]) -> Grid:
    rows = []
    for value in values:
        found = figures(tally, only(grouping, value))
        rows.append([value, *(_brief(found, measure) for measure in shown)])
    return Grid(f"By {grouping}", [grouping, *(measure.title for measure in shown)], rows)


def only(grouping: str, value: str) -> Callable[[Key], bool]:
    return lambda key: bool(getattr(key, grouping) == value)


def _sessions(tally: Tally) -> list[list[str]]:
    rows = []
    for category in Category:
        stopped = tally.sessions_with(category, (Outcome.ESCALATE, Outcome.DENY))
        if stopped.n:
            denied = tally.sessions_with(category, (Outcome.DENY,))
            rest = Proportion(stopped.n - stopped.k, stopped.n)
            rows.append([f"with {category} calls", str(stopped), str(denied), str(rest)])
    return rows


def _cell(found: dict[str, Proportion], measure: Measure) -> str:
    figure = found.get(measure.name)
    return str(figure) if figure is not None else ""


def _brief(found: dict[str, Proportion], measure: Measure) -> str:
    """A cell of a wide table; the interval is in the plots and in the JSON."""
    figure = found.get(measure.name)
    return f"{100 * figure.value:.1f}%  {figure.k}/{figure.n}" if figure is not None else ""


def _change(change: Change) -> list[str]:
    return [
        change.category or "not counted",
        change.old.name.lower(),
        change.new.name.lower(),
        ", ".join(change.old_rules),
        ", ".join(change.new_rules),
    ]


def _rich(grid: Grid) -> Table:
    table = Table(title=escape(grid.title), title_justify="left", title_style="bold")
    for number, header in enumerate(grid.headers):
        table.add_column(escape(header), justify="left" if number < grid.left else "right", overflow="fold")
    for row in grid.rows:
        table.add_row(*(escape(visible(cell)) for cell in row))
    return table
