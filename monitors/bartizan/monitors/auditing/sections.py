"""An audit as tables of plain text. Names come from folders: nothing in them moves a cursor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .drift import RULE
from .report import AuditReport, CheckpointAudit


@dataclass(frozen=True, slots=True)
class Section:
    """A table: its title, heads and rows, all plain text that moves no cursor."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def shown(text: str) -> str:
    """``text`` on one line, with whatever cannot be seen written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def sections(report: AuditReport, most: int) -> Iterator[Section]:
    """The tables of a report, ``most`` rows of features that moved a checkpoint."""
    yield _overview(report)
    for one in report.checkpoints:
        if one.drift.shifts:
            yield _moved(one, most)
    if any(one.survival for one in report.checkpoints):
        yield _contracts(report)
    if report.rebounds:
        rows = [
            (shown(found.checkpoint), f"{found.reversed:.0%}", f"{found.low:.0%} to {found.high:.0%}", found.verdict)
            for found in report.rebounds
        ]  # fmt: skip
        title = f"Rebound from {shown(report.aligned or '')}"
        yield Section(title, ("checkpoint", "reversed", "95% interval", "verdict"), tuple(rows))


def _overview(report: AuditReport) -> Section:
    rows = []
    for one in report.checkpoints:
        found = one.drift
        rows.append(
            (
                shown(one.name) if one.differences else f"{shown(one.name)} (the same model)",
                f"{found.general.common:.2f} of {found.general.active:.2f}",
                f"{found.specific.common:.2f} of {found.specific.active:.2f}",
                _share(found.idr),
                f"{found.p:.2g}",
                "yes" if found.above_rule else "no",
                f"{_number(found.general.value_change)} / {_number(found.specific.value_change)}",
                f"{len(found.shifts)} of {found.tested}",
            )
        )
    heads = (
        "checkpoint",
        "general",
        "specific",
        "decrease",
        "p",
        f"above {RULE:.0%}",
        "value change",
        "shifted",
    )
    title = f"Top {report.n} features at {report.hook_point}, in common with {shown(report.base)}"
    return Section(title, heads, tuple(rows))


def _moved(one: CheckpointAudit, most: int) -> Section:
    rows = [
        (str(shift.feature), shift.prompts, f"{shift.before:.3f}", f"{shift.after:.3f}", f"{shift.p:.2g}",
         f"{shift.q:.2g}")
        for shift in one.drift.shifts[:most]
    ]  # fmt: skip
    more = len(one.drift.shifts) - len(rows)
    return Section(
        f"Features that moved: {shown(one.name)}",
        ("feature", "prompts", "before", "after", "p", "q"),
        tuple(rows),
        f"{more} more moved less." if more else "",
    )


def _contracts(report: AuditReport) -> Section:
    rows = []
    for one in report.checkpoints:
        found = one.survival
        if found is None:
            continue
        benign = "none" if found.benign is None else f"{found.benign.alarms} of {found.benign.episodes}"
        caught = f"{found.recall_before.estimate:.0%} to {found.recall_after.estimate:.0%}"
        rows.append((
            shown(one.name), shown(found.probe), found.verdict, found.why, f"{found.contract.fpr:.2%}", benign,
            caught if found.attacks else "-", str(found.unscored),
        ))  # fmt: skip
    heads = (
        "checkpoint",
        "probe",
        "verdict",
        "why",
        "promised",
        "false alarms",
        "attacks caught",
        "unscored",
    )
    return Section("Contracts", heads, tuple(rows))


def _share(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "-"


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"
