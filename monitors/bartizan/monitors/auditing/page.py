"""An audit shown: JSON on disk, tables for a terminal, a page in Markdown, a plot. Nothing in a name is markup."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from bartizan.monitors.replacing import replace_text

from .drift import RULE
from .errors import AuditError
from .report import AuditReport
from .sections import Section, sections, shown

_MARKUP = "\\`*_{}[]<>#|~&!$"


def write(report: AuditReport, path: str | Path) -> None:
    """As JSON, whole or not at all."""
    replace_text(Path(path), json.dumps(report.json(), indent=1, allow_nan=False) + "\n")


def tables(report: AuditReport, most: int = 12) -> Iterator[Table]:
    """Checkpoints first, then the features that moved most, then contracts and rebounds if there are any."""
    for part in sections(report, most):
        table = Table(*part.heads, title=Text(part.title))
        for row in part.rows:
            table.add_row(*map(Text, row))
        yield table


def plot(report: AuditReport, path: str | Path) -> None:
    """Overlap and decrease rate by checkpoint. Raises :class:`AuditError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise AuditError("plots need matplotlib: install bartizan[train]") from error
    figure = Figure(figsize=(max(6, 1.5 * len(report.checkpoints) + 4), 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    places = range(len(report.checkpoints))
    for which in ("general", "specific"):
        common = [getattr(one.drift, which).common for one in report.checkpoints]
        left.plot(places, common, "o-", label=which)
    left.set(title=f"of the top {report.n} features, the same after", ylim=(0, report.n + 0.1))
    left.legend()
    right.bar(places, [one.drift.idr if math.isfinite(one.drift.idr) else 0.0 for one in report.checkpoints])
    right.axhline(RULE, color="grey", linestyle="--", linewidth=1, label="15% rule")
    for place, one in enumerate(report.checkpoints):
        height = one.drift.idr if one.drift.idr > 0 else 0.0
        right.annotate(f"p = {one.drift.p:.2g}", (place, height), ha="center", va="bottom")
    right.set(title="intersection decrease rate")
    right.legend()
    for axis in (left, right):
        names = [ascii(shown(one.name))[1:-1] for one in report.checkpoints]  # no font has every letter
        axis.set_xticks(places, names, rotation=20, parse_math=False)
    figure.savefig(path, dpi=120)


def markdown(report: AuditReport, most: int = 50) -> str:
    """A page for people: the tables, with what was found above them."""
    names = ", ".join(_plain(one.name) for one in report.checkpoints)
    parts = [f"# Audit of {names} against {_plain(report.base)}"]
    for title, found in (("Objections", report.objections()), ("Undecided", report.undecided())):
        if found:
            parts += [f"## {title}", "\n".join(f"* {_plain(one)}" for one in found)]
    if len(parts) == 1:
        parts.append("Nothing significant was found, and what was promised still holds.")
    if report.probe_mismatch:
        parts.append("The base is not the model that the probe was fitted on: "
                     + "; ".join(map(_plain, report.probe_mismatch)))  # fmt: skip
    for section in sections(report, most):
        parts += [f"## {_plain(section.title)}", _table(section)]
        if section.note:
            parts.append(_plain(section.note))
    return "\n\n".join(parts) + "\n"


def _table(section: Section) -> str:
    lines = [_row(section.heads), "|" + "---|" * len(section.heads)]
    return "\n".join(lines + [_row(row) for row in section.rows])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    return "".join(f"\\{c}" if c in _MARKUP else c for c in shown(text))
