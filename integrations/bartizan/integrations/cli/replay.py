"""``bartizan replay``: re-decide recorded sessions under a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..replay.main import run_replay
from .console import give_up


def replay(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings: an audit log, spans, transcripts.")],
    policy: Annotated[Path, typer.Option("--policy", help="A policy, or a folder with one per suite.")],
    against: Annotated[Path | None, typer.Option("--against", help="The policy to compare with.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a report.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many sessions.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    infer: Annotated[
        bool, typer.Option("--infer-tools", help="Declare the tools that the recordings show.")
    ] = False,
    open_loop: Annotated[
        bool,
        typer.Option(
            "--recorded-history", help="Take what happened in the record as history, denied or not."
        ),
    ] = False,
    where: Annotated[list[str] | None, typer.Option("--where", help="KEY=VALUE: only such sessions.")] = None,
) -> None:
    """Re-decide recorded sessions and report what would have been stopped, asked and allowed."""
    conditions = {}
    for pair in where or ():
        key, equals, value = pair.partition("=")
        if not equals:
            give_up(f"--where takes KEY=VALUE, found {pair!r}")
        conditions[key] = value
    code = run_replay(
        recordings,
        policy,
        against=against,
        html=html,
        json_out=json_out,
        limit=limit,
        jobs=jobs,
        tools="infer" if infer else "declared",
        history="recorded" if open_loop else "enforced",
        where=conditions,
    )
    raise typer.Exit(code)
