"""The evaluation with the guard as a service in another process: the same, call by call."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bartizan.guard.audit import verify
from bartizan.integrations.agentdojo.jobs import Job, program_for, work
from bartizan.integrations.agentdojo.parity import differences, table
from bartizan.integrations.agentdojo.service import served

TASKS = [
    ("banking", "user_task_0", "polite"),
    ("slack", "user_task_4", "important_instructions"),
    ("travel", "user_task_3", None),
]


def test_the_service_decides_as_a_guard_in_the_process(policies: Path, tmp_path: Path) -> None:
    """Calls, outcomes, rules, approvals, what the agent read and AgentDojo's grades are equal; the log verifies."""
    files = {suite: str(policies / f"{suite}.yaml") for suite, _, _ in TASKS}
    names = {suite: program_for(suite, file).name for suite, file in files.items()}
    jobs = [Job(suite, task, attack, files[suite]) for suite, task, attack in TASKS]
    here = [run for job in jobs for run in work(job)]
    with served(files, names, tmp_path) as service:
        there = [run for job in jobs for run in work(dataclasses.replace(job, service=service))]
    assert differences(here, there) == []
    assert "!=" not in table(here, there)
    assert len(there) == sum(job.size for job in jobs) and any(run.asked for run in there)
    assert all(verify(tmp_path / suite / "worker-0").ok for suite in files)


def test_a_service_that_is_gone_lets_nothing_run(policies: Path, tmp_path: Path) -> None:
    """With the service stopped every call is denied, no goal is reached and no task done."""
    file = str(policies / "banking.yaml")
    with served({"banking": file}, {"banking": "banking"}, tmp_path) as stopped:
        pass
    runs = work(Job("banking", "user_task_0", "polite", file, service=stopped))
    assert len(runs) == 9 and not any(run.reached or run.completed for run in runs)
    assert not any(step.ran for run in runs for step in run.steps)
    assert differences(runs, runs) == []
