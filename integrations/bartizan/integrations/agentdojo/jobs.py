"""Many runs, on several processes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bartizan.guard.audit import FileAuditLog
from bartizan.policies import load_policy
from bartizan.policies.program import Program
from bartizan.policies.repair import SolverProposer
from bartizan.policies.tools import tools_from_langchain

from .. import processes
from .attacks import ATTACKS
from .environment import tools_of
from .guarding import Protecting, Protection
from .monitoring import monitors_of
from .records import Run
from .runs import Setting, run, runs_of
from .service import Service, ServiceProtection
from .suites import load_suite
from .tally import grouped


@dataclass(frozen=True, slots=True)
class Job:
    """What one process does in one go: all runs of one user task under one attack (``None``: the benign run).

    ``policy`` is a file or the name of a pack of the library; ``None``: no guard. ``monitored``: the signals that it
    declares are measured; otherwise they are missing. ``correct``: what it opens is corrected by the solver. With a
    ``service`` that decides, under its own policy for the suite, and not a guard in this process.
    """

    suite: str
    user_task: str
    attack: str | None
    policy: str | None
    setting: Setting = Setting()
    monitored: bool = False
    correct: bool = False
    service: Service | None = None

    @property
    def size(self) -> int:
        """How many runs it makes."""
        return 1 if self.attack is None else len(load_suite(self.suite).injection_tasks)


def execute(jobs: Sequence[Job], workers: int, done: Callable[[Job], object] = lambda job: None) -> list[Run]:
    """The runs of all jobs, in the order of the jobs. ``done`` is told as each job ends, in any order."""
    if workers < 2 or len(jobs) < 2:
        results = []
        for job in jobs:
            results.append(work(job))
            done(job)
        return [run for result in results for run in result]
    with processes.workers(workers) as pool:
        try:
            waiting = {pool.submit(work, job): job for job in jobs}
            for future in as_completed(waiting):
                future.result()
                done(waiting[future])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [run for future in waiting for run in future.result()]


def work(job: Job) -> list[Run]:
    """The runs of one job, in this process."""
    attack = None if job.attack is None else ATTACKS[job.attack]
    guarded: contextlib.AbstractContextManager[Protecting | None]
    if job.policy is None:
        guarded = contextlib.nullcontext()
    elif job.service is not None:
        guarded = ServiceProtection(job.service, job.suite)
    else:
        program = program_for(job.suite, job.policy)
        proposers = (SolverProposer(),) if job.correct else ()
        guarded = Protection(program, monitors=monitors_of(program, job.monitored), proposers=proposers)
    with guarded as protection:
        return list(runs_of(load_suite(job.suite), job.user_task, attack, job.setting, protection))


def repeat(
    runs: Iterable[Run],
    policies: Mapping[str, str],
    setting: Setting,
    directory: Path,
    monitored: bool = False,
) -> None:
    """Make guarded runs again, with an audit log on disk: ``directory/<suite>``."""
    for suite, group in grouped(runs, lambda run: run.suite).items():
        log = FileAuditLog(directory / suite)
        program = program_for(suite, policies[suite])
        with Protection(program, log, monitors_of(program, monitored)) as protection:
            for kept in group:
                attack = None if kept.attack is None else ATTACKS[kept.attack]
                run(load_suite(suite), kept.user_task, kept.injection_task, attack, setting, protection)


@cache
def program_for(suite: str, policy: str) -> Program:
    """The policy for a suite's tools, whose types it may leave to the tools themselves.

    AgentDojo's tools say nothing about their effects, so a policy that does not declare them (the baseline pack)
    works with a guess from their names. Raises ``PolicyError`` and ``OSError``.
    """
    return load_policy(policy, tools_from_langchain(tools_of(load_suite(suite).tools), guess_effect=True))
