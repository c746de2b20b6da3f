"""``bartizan replay``: read, decide, report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, tee
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bartizan.policies import PolicyError

from .engine import History, ReplayedSession, program_of, replay
from .findings import as_recorded
from .formats import count, read
from .infer import infer_tools
from .page import html_report
from .programs import PolicyText, Tools, programs
from .record import RecordedSession, RecordError
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
) -> int:
    """Re-decide the recordings at ``paths`` under ``policy``, print the figures, write the files asked for.

    ``policy`` (and ``against``, the policy to compare with) is a file, or a folder with one ``<suite>.yaml`` per
    suite. ``where`` keeps the sessions whose ``meta`` has these values (``{"suite": "banking", "defense":
    "none"}``); ``limit`` ends after so many decided sessions. ``tools="infer"`` declares the tools that the recording
    shows, for policies that declare none. Exit code: 0, or 2 where a policy or a recording cannot be used.
    """
    console = console or Console()
    try:
        report = _replayed(paths, policy, against, limit, jobs, tools, history, where or {}, console)
    except (RecordError, PolicyError) as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    print_report(report, console)
    if html is not None:
        html.write_text(html_report(report), "utf-8")
        console.print(f"wrote {html}", markup=False, highlight=False)
    if json_out is not None:
        json_out.write_text(json.dumps(report_json(report), indent=2) + "\n", "utf-8")
        console.print(f"wrote {json_out}", markup=False, highlight=False)
    return 0


def _replayed(
    paths: Sequence[Path],
    policy: Path,
    against: Path | None,
    limit: int | None,
    jobs: int,
    tools: str,
    history: History,
    where: Mapping[str, str],
    console: Console,
) -> Report:
    def sessions() -> Iterator[RecordedSession]:
        return (s for s in read(paths) if all(s.meta.get(name) == value for name, value in where.items()))

    declared: Tools = infer_tools(sessions()) if tools == "infer" else {}
    new = _checked(programs(policy, declared))
    old = _checked(programs(against, declared)) if against is not None else None
    report = Report(
        str(policy),
        ", ".join(str(path) for path in paths),
        history,
        against=str(against) if against else None,
    )

    def decided() -> Iterator[RecordedSession]:
        for session in sessions():
            if program_of(new, session) is None or (old is not None and program_of(old, session) is None):
                report.skipped += 1
            else:
                yield session

    started = time.monotonic()
    with _progress(console) as progress:
        total = limit or (None if where else count(paths))
        task = progress.add_task("deciding", total=total, calls=0)
        for replayed, before in _both(islice(decided(), limit), new, old, jobs, history):
            report.sessions += 1
            report.tally.add(replayed)
            report.findings.add(replayed)
            if before is None and (before := as_recorded(replayed)) is not None:
                report.against = "the recorded decisions"
            if before is not None:
                report.changes.add(before, replayed)
            seen = report.sessions + (0 if limit else report.skipped)
            progress.update(task, completed=seen, calls=report.tally.total)
    report.seconds = time.monotonic() - started
    if not report.sessions:
        raise RecordError(
            report.recording, "no session was decided: none is left, or none has a policy for its suite"
        )
    return report


def _both(
    sessions: Iterator[RecordedSession],
    new: Mapping[str, PolicyText],
    old: Mapping[str, PolicyText] | None,
    jobs: int,
    history: History,
) -> Iterator[tuple[ReplayedSession, ReplayedSession | None]]:
    """Each session under the new policy and, if there is one, under the old; read once."""
    if old is None:
        for replayed in replay(sessions, new, jobs=jobs, history=history):
            yield replayed, None
        return
    first, second = tee(sessions)
    yield from zip(
        replay(first, new, jobs=jobs, history=history),
        replay(second, old, jobs=jobs, history=history),
        strict=True,
    )


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
    )
