"""A replay's results as one self-contained HTML page. What attackers wrote is shown, escaped, never run."""

from __future__ import annotations

import math

from bartizan.integrations import html, plots

from .comparison import comparison, witness
from .report import Report, examples, grids, measures, only
from .score import Measure, Tally, figures

_GOOD_WHEN_HIGH = frozenset({"goal_stopped", "goal_denied", "carry_stopped", "unsafe_stopped"})
_BARS = ("suite", "model", "defense")


def html_report(report: Report) -> str:
    """The page. Plots have intervals (Wilson, 95%); every figure is in a table as well."""
    shown = measures(report.tally)
    body: list[html.Markup] = [html.tiles(_tiles(report, shown))]
    for measure in shown:
        if measure.name in (
            "goal_stopped",
            "clean_denied",
            "clean_escalated",
            "safe_stopped",
            "unsafe_stopped",
        ):
            body.append(html.section(_sentence(measure.title), *_bars(report.tally, measure)))
    for grid in grids(report):
        body.append(html.section(grid.title, html.table(grid.headers, grid.rows, left=grid.left)))
    if report.findings.nanoseconds:
        times = [max(ns, 1) / 1000 for ns in report.findings.nanoseconds]
        line = plots.line_plot(
            "Share of decisions made within a time",
            [plots.cdf("decide", times)],
            x_label="microseconds (logarithmic)",
            log_x=True,
            y_max=1.0,
        )
        body.append(html.section("Decision time", line))
    body.append(html.section("Calls worth reading", *_examples(report)))
    if report.against is not None:
        body += comparison(report)
    subtitle = (
        f"{report.recording}: {report.sessions:,} sessions, {report.tally.total:,} calls, history {report.history}. "
        "Stopped is denied or escalated; intervals are Wilson's at 95% and take calls as independent."
    )
    return html.page(f"Replay under {report.policy}", *body, subtitle=subtitle)


def _tiles(report: Report, shown: list[Measure]) -> list[html.Tile]:
    everything = figures(report.tally)
    tiles = []
    for measure in shown[:8]:
        figure = everything[measure.name]
        low, high = (100 * edge for edge in figure.interval)
        note = f"{figure.k:,} of {figure.n:,}, 95% {low:.1f} to {high:.1f}"
        tiles.append(html.Tile(_sentence(measure.title), f"{100 * figure.value:.1f}%", note))
    if report.against is not None:
        share = report.changes.total / report.changes.calls if report.changes.calls else 0.0
        note = f"{100 * share:.2f}% of {report.changes.calls:,} calls, against {report.against}"
        tiles.append(html.Tile("Changed decisions", f"{report.changes.total:,}", note))
    return tiles


def _bars(tally: Tally, measure: Measure) -> list[html.Markup]:
    tone = "f2" if measure.name in _GOOD_WHEN_HIGH else "f1"
    charts = []
    for grouping in _BARS:
        bars = []
        for value in tally.values(grouping):
            figure = tally.calls_with(measure.category, measure.outcomes, only(grouping, value))
            if figure.n and not math.isnan(figure.value):
                low, high = figure.interval
                bars.append(plots.Bar(value, figure.value, low, high, f"n = {figure.n:,}", tone))
        if len(bars) > 1 or (grouping == "suite" and bars):
            top = 1.0 if measure.name in _GOOD_WHEN_HIGH else None
            charts.append(plots.bar_chart(f"By {grouping}", bars, maximum=top, percent=True))
    return charts


def _examples(report: Report) -> list[html.Markup]:
    found = []
    for title, count, shown in examples(report, each=12):
        parts = [part for example in shown for part in witness(example)]
        found.append(html.details(html.join((html.badge(f"{count:,}"), title), " "), *parts))
    return found or [html.paragraph("No attack call was let through and no ordinary call was stopped.")]


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]
