"""``bartizan replay``: re-decide recorded sessions under a policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ..replay.main import run_replay
from .console import give_up
from .monitors.options import needs


def replay(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings: an audit log, spans, transcripts.")],
    policy: Annotated[Path, typer.Option("--policy", help="A policy, or a folder with one per suite.")],
    against: Annotated[Path | None, typer.Option("--against", help="The policy to compare with.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a report.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many sessions.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes (default: 2); on Ray, actors (default: every CPU).")
    ] = None,
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
    on_ray: Annotated[
        bool, typer.Option("--ray", help="On Ray: a cluster's machines, or a Ray that is started here.")
    ] = False,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="The cluster: head:6379, or auto.")
    ] = None,
) -> None:
    """Re-decide recorded sessions and report what would have been stopped, asked and allowed."""
    conditions = {}
    for pair in where or ():
        key, equals, value = pair.partition("=")
        if not equals:
            give_up(f"--where takes KEY=VALUE, found {pair!r}")
        conditions[key] = value
    run = partial(
        run_replay,
        recordings,
        policy,
        against=against,
        html=html,
        json_out=json_out,
        limit=limit,
        jobs=jobs or 2,
        tools="infer" if infer else "declared",
        history="recorded" if open_loop else "enforced",
        where=conditions,
    )
    raise typer.Exit(_with_ray(run, ray_address, jobs) if on_ray or ray_address else run())


def _with_ray(run: Callable[..., int], address: str | None, jobs: int | None) -> int:
    needs("ray", extra="ray")
    from ..ray import CannotConnect, connected, on_ray  # on use: Ray takes a second to import

    try:
        with connected(address, cpus=jobs):
            return run(runner=on_ray(jobs))
    except CannotConnect as error:
        give_up(str(error))
