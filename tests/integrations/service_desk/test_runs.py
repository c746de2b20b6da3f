"""The service desk's figures are what its books say."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import pytest

from bartizan.guard import Proposal, Refused
from bartizan.integrations.service_desk.runs import Mode, main, run, table
from bartizan.integrations.service_desk.tasks import Task, tasks
from bartizan.integrations.service_desk.world import violations

TASKS = tasks(1)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_breaks_a_rule_as_proposed_and_none_as_expected(task: Task) -> None:
    """Judged without the policy: so that blocking is what the policy should do, and the goal is compliant."""
    assert violations(task.proposed)
    assert violations(task.expected) == []


@pytest.mark.parametrize("retries", [False, True])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_in_every_mode(task: Task, retries: bool) -> None:
    """Unguarded a rule is broken, guarded none; corrected, limits and slips end well, and all-or-nothing does not."""
    off, block, correct = (run(task, mode, retries=retries) for mode in get_args(Mode))
    assert off.broken and not off.done
    assert (block.broken, block.corrected, correct.broken) == (0, 0, 0)
    tries = retries and task.kind in ("limit", "slip")
    assert block.done is (task.kind in ("exact", "locked") or tries)
    assert correct.done is (task.kind != "exact")
    assert correct.corrected == (task.kind != "locked")
    assert correct.turns == block.turns - tries


def test_tasks_are_the_same_each_time() -> None:
    """By their seed, and no two have one name."""
    assert tasks(3) == tasks(3) != tasks(3, seed=8)
    assert len({task.name for task in tasks(3)}) == 3 * len(TASKS)


class _Crashes:
    name = "x"

    async def propose(self, refused: Refused) -> Any:
        raise RuntimeError("no")


class _Hangs:
    name = "x"

    async def propose(self, refused: Refused) -> Any:
        await asyncio.sleep(0.2)
        return None


class _Lies:
    name = "x"

    async def propose(self, refused: Refused) -> Any:
        return [Proposal({**refused.request.call.arguments(), "amount": 1e9, "order": "mine"}, "x")]


@pytest.mark.parametrize("proposer", [_Crashes, _Hangs, _Lies])
@pytest.mark.parametrize("task", TASKS[:3], ids=lambda task: task.name)
def test_a_broken_proposer_is_as_good_as_none(task: Task, proposer: Any) -> None:
    """The task ends as if it were blocked."""
    block = run(task, "block", retries=False)
    broken = run(task, "correct", retries=False, proposers=[proposer()])
    assert (broken.done, broken.broken, broken.turns) == (block.done, 0, block.turns)


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each agent and kind; no rule is broken under the guard, so it succeeds."""
    assert main(["--each", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 * 5
    assert lines[6].startswith("| gives up | all | 13 | 0 | 3 | 12 | 13 | 0 | 0 |")
    assert table([]).count("\n") == len(lines)
