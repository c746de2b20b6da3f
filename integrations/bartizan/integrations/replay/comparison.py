"""The part of a replay's page that compares two policies: what each stops, and what changed by which rule."""

from __future__ import annotations

from bartizan.guard.decision import Outcome
from bartizan.integrations import html, plots

from .findings import Change, Example
from .report import Report
from .score import MEASURES, STOPPED, Measure, Proportion, figures

_MOST_RULES = 40
_MOST_CHANGES = 12  # of one rule
_TONES = {Outcome.ALLOW: "good", Outcome.CORRECT: "good", Outcome.ESCALATE: "warn", Outcome.DENY: "bad"}


def comparison(report: Report) -> list[html.Markup]:
    """Sections of the page; only of a report that has something to compare with."""
    changes = report.changes
    stricter = sum(n for (old, new), n in changes.outcomes.items() if new in STOPPED and old not in STOPPED)
    laxer = sum(n for (old, new), n in changes.outcomes.items() if old in STOPPED and new not in STOPPED)
    tiles = html.tiles(
        (
            html.Tile("Newly stopped", f"{stricter:,}", f"let through by {report.against}"),
            html.Tile("Newly let through", f"{laxer:,}", f"stopped by {report.against}"),
            html.Tile("Same outcome", f"{changes.calls - changes.total:,}", f"of {changes.calls:,} calls"),
        )
    )
    return [
        html.section("Two policies", tiles, *_measures(report), _matrix(report)),
        html.section("Changed calls, by rule", *_rules(report)),
    ]


def _measures(report: Report) -> list[html.Markup]:
    """Every measure under both, in a table, and the shares as pairs of bars."""
    before, after = figures(report.changes.before), figures(report.tally)
    shown = [measure for measure in MEASURES if measure.name in before and measure.name in after]
    rows = [[measure.title, str(before[measure.name]), str(after[measure.name])] for measure in shown]
    bars = [bar for measure in shown for bar in _pair(measure, before[measure.name], after[measure.name])]
    return [
        html.table(["", str(report.against), report.policy], rows),
        plots.bar_chart("Before and now, with 95% intervals", bars, maximum=1.0, percent=True),
    ]


def _pair(measure: Measure, before: Proportion, after: Proportion) -> list[plots.Bar]:
    return [
        plots.Bar(label, share.value, *share.interval, f"n = {share.n:,}", tone)
        for label, share, tone in ((measure.title, before, "f5"), ("now", after, "f0"))
    ]


def _matrix(report: Report) -> html.Markup:
    """Where calls went: rows are the outcomes before, columns those of now."""
    seen = {outcome for pair in report.changes.outcomes for outcome in pair}
    outcomes = [outcome for outcome in Outcome if outcome in seen]
    rows = [
        [
            html.badge(old.name.lower(), _TONES[old]),
            *(
                f"{report.changes.outcomes[old, new]:,}" if report.changes.outcomes[old, new] else ""
                for new in outcomes
            ),
        ]
        for old in outcomes
    ]
    headers = ["before \\ now", *(outcome.name.lower() for outcome in outcomes)]
    return html.table(headers, rows, caption="Calls by their outcome before and now")


def _rules(report: Report) -> list[html.Markup]:
    grouped = report.changes.by_rule()
    if not grouped:
        return [html.paragraph("No decision changed.")]
    bars = [plots.Bar(_named(rules), count) for rules, count, _ in grouped[:20]]
    parts = [plots.bar_chart("Changed calls by the rule that decides now, or decided before", bars)]
    for rules, count, changes in grouped[:_MOST_RULES]:
        inner = [part for change in changes[:_MOST_CHANGES] for part in _change(report, change)]
        summary = html.join((html.badge(f"{count:,}"), _named(rules)), " ")
        parts.append(html.details(summary, *inner))
    if len(grouped) > _MOST_RULES:
        parts.append(html.paragraph(f"And {len(grouped) - _MOST_RULES:,} more, in the table above."))
    return parts


def _change(report: Report, change: Change) -> list[html.Markup]:
    """One kind of change, and calls that witness it."""
    head = html.join(
        (
            html.badge(f"{report.changes.changed[change]:,}"),
            f"{change.category or 'not counted'}:",
            html.badge(change.old.name.lower(), _TONES[change.old]),
            f"by {_named(change.old_rules)}, now",
            html.badge(change.new.name.lower(), _TONES[change.new]),
            f"by {_named(change.new_rules)}",
        ),
        " ",
    )
    witnesses = [part for example in report.changes.examples[change] for part in witness(example)]
    return [html.paragraph(head), *witnesses]


def witness(example: Example) -> list[html.Markup]:
    """A call that was recorded, where, and why it is decided as it is. What attackers wrote is escaped."""
    return [
        html.paragraph(f"{example.where}, step {example.step} of {example.session}"),
        html.code(f"{example.tool} {example.arguments}"),
        *(html.paragraph(reason) for reason in example.reasons),
    ]


def _named(rules: tuple[str, ...]) -> str:
    return ", ".join(rules) or "no rule"
