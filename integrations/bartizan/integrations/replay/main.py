"""``bartizan replay``: read, decide, report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bartizan.policies import PolicyError

from ..terminal import InertConsole
from .engine import History
from .formats import count
from .infer import infer_tools
from .page import html_report
from .plan import Plan, Runner
from .pool import in_order
from .programs import PolicyText, programs
from .record import RecordError
from .report import Report, print_report, report_json


def run_replay(
    paths: Sequence[Path],
    policy: Path,
    *,
    against: Path | None = None,
    html: Path | None = None,
    json_out: Path | None = None,
    limit: int | None = None,
    jobs: int = 2,
    tools: Literal["declared", "infer"] = "declared",
    history: History = "enforced",
    where: Mapping[str, str] | None = None,
    console: Console | None = None,
    runner: Runner | None = None,
) -> int:
    """Re-decide the recordings at ``paths`` under ``policy``, print the figures, write the files asked for.

    ``policy`` (and ``against``, the policy to compare with) is a file, or a folder with one ``<suite>.yaml`` per
    suite. ``where`` keeps the sessions whose ``meta`` has these values (``{"suite": "banking", "defense":
    "none"}``); ``limit`` ends after so many decided sessions. ``tools="infer"`` declares the tools that the recording
    shows, for policies that declare none. ``runner`` carries it out elsewhere than in ``jobs`` processes of this
    machine. Exit code: 0, or 2 where a policy or a recording cannot be used.
    """
    console = console or InertConsole()
    try:
        plan = Plan(tuple(paths), {}, None, history, dict(where or {}), limit)
        plan = _with_policies(plan, policy, against, infer=tools == "infer")
        names = (str(policy), ", ".join(str(path) for path in paths), str(against) if against else None)
        report = _replayed(plan, names, runner or _local(jobs), console)
    except (RecordError, PolicyError) as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    print_report(report, console)
    try:
        if html is not None:
            html.write_text(html_report(report), "utf-8")
            console.print(f"wrote {html}", markup=False, highlight=False)
        if json_out is not None:
            json_out.write_text(json.dumps(report_json(report), indent=2) + "\n", "utf-8")
            console.print(f"wrote {json_out}", markup=False, highlight=False)
    except OSError as error:
        console.print(f"cannot write {error.filename}: {error.strerror}", style="red", markup=False)
        return 2
    return 0


def _with_policies(plan: Plan, policy: Path, against: Path | None, *, infer: bool) -> Plan:
    declared = infer_tools(plan.sessions()) if infer else {}
    new = _checked(programs(policy, declared))
    old = _checked(programs(against, declared)) if against is not None else None
    return replace(plan, new=new, old=old)


def _replayed(plan: Plan, names: tuple[str, str, str | None], runner: Runner, console: Console) -> Report:
    policy, recording, against = names
    report = Report(policy, recording, plan.history, against=against)
    started = time.monotonic()
    with _progress(console) as progress:
        total = plan.limit or (None if plan.where else count(plan.paths))
        task = progress.add_task("deciding", total=total, calls=0)
        for part in runner(plan):
            report.merge(part)
            seen = report.sessions + (0 if plan.limit else report.skipped)
            progress.update(task, completed=seen, calls=report.tally.total)
    report.seconds = time.monotonic() - started
    if not report.sessions:
        raise RecordError(
            report.recording, "no session was decided: none is left, or none has a policy for its suite"
        )
    return report


def _local(jobs: int) -> Runner:
    def run(plan: Plan) -> Iterator[Report]:
        yield from in_order(plan.decide, plan.portions(), jobs)

    return run


def _checked(texts: dict[str, PolicyText]) -> dict[str, PolicyText]:
    """The policies, each compiled once here, so that a broken one is reported before anything is read."""
    for text in texts.values():
        text()
    return texts


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("sessions, {task.fields[calls]:,} calls"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # a log has no use for a bar
    )
