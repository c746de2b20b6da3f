"""The reports as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from .features import FeatureVerdict
from .run import FilterReport


def filter_table(report: FilterReport) -> Table:
    table = Table(
        title=f"Filtered by what {report.channels[0]} and {report.channels[1]} share", show_header=False
    )
    table.add_row("rows", f"{report.rows:,}")
    table.add_row("kept", f"{report.kept:,} (best {report.fraction:.0%} of {report.scored:,} scored)")
    table.add_row("threshold", "none" if report.threshold is None else f"{report.threshold:.4f}")
    table.add_row("scores 0/10/25/50/75/90/100%", "  ".join(f"{value:.3f}" for value in report.scores))
    table.add_row("no feature active", f"{report.unscored:,}")
    table.add_row("malformed", f"{report.malformed:,}")
    table.add_row(
        "features", f"{report.features:,}, of which {report.one_sided:,} fire in one channel at most"
    )
    for name, found in (("most shared", report.most_shared), ("least shared", report.least_shared)):
        table.add_row(name, "  ".join(f"{feature}: {w:.2f}" for feature, w in found[:6]))
    return table


def feature_table(verdicts: Sequence[FeatureVerdict], most: int = 30) -> Table:
    kept = sum(not verdict.dropped for verdict in verdicts)
    table = Table(
        "feature", "cosine", "injected", "benign", "verdict", title=f"{kept} of {len(verdicts)} features kept"
    )
    for one in verdicts[:most]:
        table.add_row(
            str(one.feature),
            f"{one.cosine:.2f}",
            f"{one.injected_fired}/{one.injected}",
            f"{one.benign_fired}/{one.benign}",
            one.dropped or "kept",
        )
    return table
