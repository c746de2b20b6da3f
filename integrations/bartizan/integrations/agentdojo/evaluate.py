"""The evaluation's command line: which runs to make, on how many processes, and what to write.

``main(argv)`` is what ``bartizan demo`` calls.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bartizan.guard.decision import Program
from bartizan.policies import load_policy

from .attacks import ATTACKS, DEFAULT_ATTACK
from .records import Run
from .report import write_report
from .runs import Setting, runs_of
from .suites import BENCHMARK, SUITES, load_suite
from .tables import attack_table, benign_table

POLICIES = Path("examples/agentdojo/policies")
REPORTS = Path("reports/agentdojo")


@dataclass(frozen=True, slots=True)
class Job:
    """What one process does in one go: all runs of one user task under one attack (``None``: the benign run)."""

    suite: str
    user_task: str
    attack: str | None
    policy: Path | None
    supplement: bool = False
    speaks: bool = False

    @property
    def size(self) -> int:
        return 1 if self.attack is None else len(load_suite(self.suite).injection_tasks)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation. Returns 0, or 1 if a tool ran that no decision had let go."""
    options = _parser().parse_args(argv)
    console = Console(stderr=False)
    jobs = list(plan(options))
    runs = execute(jobs, options.workers, console)
    console.print(attack_table(runs), benign_table(runs), sep="\n")
    options.out.mkdir(parents=True, exist_ok=True)
    results, page = options.out / "results.json", options.out / "report.html"
    write_results(runs, results)
    write_report(runs, page)
    console.print(f"\nreport  {page}\nresults {results}")
    unmediated = sum(run.unmediated for run in runs)
    if unmediated:
        console.print(f"{unmediated} tool calls ran that no decision let go", style="bold red")
    return 1 if unmediated else 0


def plan(options: argparse.Namespace) -> Iterator[Job]:
    """The jobs that the options ask for: without a guard first, then with it."""
    suites = SUITES if options.all else options.suite or ("banking",)
    policies: list[Path | None] = [] if options.no_baseline and not options.unguarded else [None]
    if not options.unguarded:
        policies.append(options.policies)
    for folder in policies:
        for suite in suites:
            policy = None if folder is None else folder / f"{suite}.yaml"
            for attack in (*_attacks(options), None):
                for user_task in load_suite(suite).user_task_ids():
                    yield Job(suite, user_task, attack, policy, options.supplement, options.speak)


def execute(jobs: Sequence[Job], workers: int, console: Console) -> list[Run]:
    """The runs of all jobs, in the order of the jobs, with a progress bar."""
    total = sum(job.size for job in jobs)
    columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("starting", total=total)

        def done(job: Job) -> None:
            guard = "guarded" if job.policy else "no guard"
            progress.update(bar, advance=job.size, description=f"{guard}: {job.suite} {job.attack or 'benign'}")

        if workers < 2:
            results = []
            for job in jobs:
                results.append(work(job))
                done(job)
        else:
            results = _in_processes(jobs, workers, done)
        progress.update(bar, description="done")
    return [run for result in results for run in result]


def work(job: Job) -> list[Run]:
    """The runs of one job."""
    program = None if job.policy is None else _program(job.policy)
    attack = None if job.attack is None else ATTACKS[job.attack]
    setting = Setting(program, job.supplement, job.speaks)
    return list(runs_of(load_suite(job.suite), job.user_task, attack, setting))
