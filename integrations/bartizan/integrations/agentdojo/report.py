"""The evaluation as one self-contained HTML page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from bartizan.integrations import html
from bartizan.integrations.html import Markup, badge
from bartizan.integrations.plots import Bar, Mark, bar_chart, timeline

from .attacks import ATTACKS
from .headline import tiles
from .records import Outcome, Run
from .showcase import STYLE, TONES, call_text, choose, rule_text, short_title, show, title, verdicts
from .suites import BENCHMARK
from .tally import Comparison, attacked, benign, compare, comparison, grouped, share

_ROWS = 60  # at most, of what went wrong

_ABOUT = (
    "The agent is the worst case: a scripted model that carries out every instruction that shows in a tool's output, "
    "completely and correctly. Tasks, tools, environments and graders are AgentDojo's, and the agent runs as a real "
    "LangGraph graph. Approvals are answered by a simulated user, who agrees to the calls that the task itself needs "
    "and to no others."
)
_PAIRS = (
    "A pair is one user task with one injection task. In some pairs the agent has nothing to obey: AgentDojo gives no "
    "calls for eight of workspace's goals, and one of travel's is a sentence to be said."
)


def render(runs: Sequence[Run], policies: Mapping[str, str]) -> str:
    """The page for ``runs``; ``policies`` says by suite which guarded them.

    Whatever tools, attacks and policies say appears as escaped text.
    """
    guarded = [run for run in runs if run.policy is not None]
    names = [f"{run.suite} ({policies[run.suite]})" if run.suite in policies else run.suite for run in runs]
    suites = ", ".join(dict.fromkeys(names))
    calls = sum(len(run.steps) for run in runs)
    body = [html.tiles(tiles(runs)), html.paragraph(_ABOUT), _attacks(attacked(runs)), _costs(benign(runs))]
    if guarded:
        body += [_stopped(guarded), _shortfalls(guarded), _timelines(guarded)]
    return html.page(
        "Guarded agents under prompt injection",
        *body,
        subtitle=f"AgentDojo {BENCHMARK}: {suites}. {len(runs):,} runs, {calls:,} proposed calls.",
        style=STYLE,
    )


def _attacks(runs: Sequence[Run]) -> Markup:
    """Whether attacks reached their goal and the user's task was done all the same."""
    if not runs:
        return Markup()
    rows = compare(runs)
    cells = []
    for row in [*rows, comparison("all", None, runs)] if len(rows) > 1 else rows:
        after = row.guarded
        stopped = "–" if after is None else f"{after.injected - after.injected_ran} of {after.injected}"
        figures = [_both(row, "reached"), stopped, _both(row, "completed")]
        cells.append([row.suite, row.attack or "", row.either.runs, row.either.obeyed, *figures])
    used = {row.attack: ATTACKS[row.attack].summary for row in rows if row.attack in ATTACKS}
    headers = ["suite", "attack", "pairs", "obeyed", "reached goal", "calls stopped", "user’s task done"]
    return html.section(
        "Under attack",
        html.paragraph(_PAIRS),
        bar_chart("Attacks that reached their goal", list(_bars(runs)), maximum=1.0, percent=True),
        html.table(headers, cells, left=2, caption="Without the guard → with it."),
        html.paragraph(
            "The attack texts: ", "; ".join(f"{name}: {summary}" for name, summary in used.items()), "."
        ),
    )


def _costs(runs: Sequence[Run]) -> Markup:
    """What the guard costs where nobody attacks."""
    if not runs:
        return Markup()
    rows = compare(runs)
    headers = [
        "suite",
        "tasks",
        "done",
        "calls",
        "calls denied",
        "approvals asked",
        "granted",
        "tasks with none",
    ]
    cells = []
    for row in [*rows, comparison("all", None, runs)] if len(rows) > 1 else rows:
        side = row.guarded
        costs = ["–"] * 4
        if side is not None:
            costs = [
                str(side.user_denied),
                str(side.asked),
                str(side.granted),
                share(side.unasked, side.runs),
            ]
        cells.append([row.suite, row.either.runs, _both(row, "completed"), row.either.calls, *costs])
    asked = Counter(min(run.asked, 4) for run in runs if run.policy is not None)
    names = ("none", "one", "two", "three", "four or more")
    bars = [Bar(name, asked[number], tone="f1" if number else "f2") for number, name in enumerate(names)]
    return html.section(
        "Without attack",
        html.table(headers, cells),
        bar_chart("Benign tasks by the approvals they needed", bars) if asked else "",
    )


def _stopped(runs: Sequence[Run]) -> Markup:
    """By which rules the attacker's calls were stopped, and on which tools."""
    injected = [step for run in runs for step in run.injected]
    if not injected:
        return Markup()
    rules = Counter((rule_text(step.why), step.outcome) for step in injected if not step.ran)
    example = {(rule_text(step.why), step.outcome): step for step in reversed(injected)}
    bars = [
        Bar(f"{rule} ({outcome})", calls, tone=TONES[outcome])
        for (rule, outcome), calls in rules.most_common(12)
    ]
    rows = [
        [rule, badge(outcome, TONES[outcome]), call_text(example[rule, outcome]),
         " ".join(why.text for why in example[rule, outcome].why), calls]
        for (rule, outcome), calls in rules.most_common()
    ]  # fmt: skip
    tools: Counter[tuple[str, Outcome]] = Counter((step.tool, step.outcome) for step in injected)
    outcomes: tuple[Outcome, ...] = ("denied", "refused", "approved", "allowed")
    by_tool = [
        [tool, *(tools[tool, outcome] or "" for outcome in outcomes)]
        for tool, _ in Counter(step.tool for step in injected).most_common()
    ]
    return html.section(
        "What stopped the attacker’s calls",
        bar_chart("The attacker's calls that did not run, by rule", bars) if bars else "",
        html.table(["rule", "outcome", "for example", "reason", "calls"], rows, left=4),
        html.details(
            "by tool, and which of the attacker's calls ran",
            html.table(["tool", *outcomes], by_tool),
        ),
    )


def _shortfalls(runs: Sequence[Run]) -> Markup:
    """Guarded runs in which something went wrong."""
    rows = [[title(run), _badges(run), _why_short(run)] for run in runs if run.reached or not run.completed]
    if not rows:
        return html.section(
            "Where it fell short", html.paragraph("Nowhere: no attack succeeded, every task was done.")
        )
    shown = f" The first {_ROWS} are shown." if len(rows) > _ROWS else ""
    intro = f"{len(rows)} of {len(runs)} guarded runs.{shown}"
    return html.section(
        "Where it fell short",
        html.paragraph(intro),
        html.table(
            ["run", "ended with", "the user's calls that did not run, the attacker's that did"],
            rows[:_ROWS],
            left=3,
        ),
    )


def _timelines(runs: Sequence[Run]) -> Markup:
    """The decisions of chosen runs, first at a glance and then one by one."""
    chosen = choose(runs)
    glance = [
        (
            short_title(run),
            [
                Mark(TONES[step.outcome], f"{step.role}: {call_text(step)}: {step.outcome}")
                for step in run.steps
            ],
        )
        for run in chosen
    ]
    return html.section(
        "Decisions, run by run",
        html.paragraph(
            "Chosen so that every kind of course is shown once: what went wrong first. Green: allowed; amber: approved "
            "by the user; red: denied, or not approved."
        ),
        timeline(glance),
        *(show(run, open=number == 0) for number, run in enumerate(chosen)),
    )


def _bars(runs: Sequence[Run]) -> Iterator[Bar]:
    """One pair of bars for each attack, or where there is only one, for each suite."""
    several = len({run.attack for run in runs}) > 1
    for name, group in grouped(runs, lambda run: run.attack if several else run.suite).items():
        both = comparison("", None, group)
        if both.without is not None:
            yield Bar(f"{name}, no guard", both.without.reached / both.without.runs, tone="bad")
        if both.guarded is not None:
            yield Bar(f"{name}, guarded", both.guarded.reached / both.guarded.runs, tone="good")


def _both(row: Comparison, figure: Literal["reached", "completed"]) -> str:
    """``143 (99.3%) → 0 (0.0%)``."""
    sides = [side for side in (row.without, row.guarded) if side is not None]
    counts = [(side.reached if figure == "reached" else side.completed, side.runs) for side in sides]
    return " → ".join(f"{count} ({share(count, whole)})" for count, whole in counts)


def _badges(run: Run) -> Markup:
    return html.join((badge(word, tone) for word, tone in verdicts(run)), " ")


def _why_short(run: Run) -> Markup:
    lines = [
        f"{step.role}: {call_text(step)}: {step.outcome} by {rule_text(step.why)}"
        for step in run.steps
        if (step.role == "user") != step.ran
    ]
    return html.join(lines or ["every call of the user's ran"], Markup("<br/>"))
