"""Mistakes in AgentDojo's user tasks: blocked the task fails, corrected it is done, and no attack profits."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartizan.integrations.agentdojo.correction import fitting, main
from bartizan.integrations.agentdojo.jobs import Job, work
from bartizan.integrations.agentdojo.records import Run
from bartizan.integrations.agentdojo.runs import Setting
from bartizan.integrations.agentdojo.slips import KEY, SLIPS
from bartizan.integrations.agentdojo.suites import SUITES, load_suite


def made(
    policies: Path, suite: str, task: str, slip: str | None, *, correct: bool, attack: str | None = None
) -> list[Run]:
    policy = str(policies / f"{suite}-limits.yaml")
    return work(Job(suite, f"user_task_{task}", attack, policy, Setting(slip=slip), correct=correct))


@pytest.mark.parametrize(
    ("suite", "task", "slip"),
    [
        ("workspace", "13", "blind-copy"), ("travel", "3", "blind-copy"), ("workspace", "32", "more-rights"),
        ("banking", "15", "recurring"), ("slack", "13", "key-in-text"),
    ],
)  # fmt: skip
def test_a_task_is_saved(policies: Path, suite: str, task: str, slip: str) -> None:
    """AgentDojo's grader says that it is done only where the mistake was corrected; the call ran corrected."""
    [block], [correct] = (made(policies, suite, task, slip, correct=on) for on in (False, True))
    assert (block.completed, correct.completed) == (False, True)
    assert any(step.outcome == "denied" for step in block.steps)
    assert all(step.outcome != "denied" for step in correct.steps)
    assert any(step.corrected and step.ran for step in correct.steps)


def test_an_amount_is_not_put_right(policies: Path) -> None:
    """Ten times the amount is denied and stays so: nobody opened it."""
    [run] = made(policies, "banking", "11", "tenfold", correct=True)
    assert not run.completed
    assert not any(step.corrected for step in run.steps)


def test_mistakes_fit_where_they_are_said_to() -> None:
    """Each fits some task, changes its call, and no call that AgentDojo's tasks need as it is."""
    for slip in SLIPS.values():
        assert any(list(fitting(suite, slip)) for suite in SUITES)
    assert list(fitting("workspace", SLIPS["more-rights"])) == ["user_task_32", "user_task_37"]
    assert KEY not in str([task.PROMPT for suite in SUITES for task in load_suite(suite).user_tasks.values()])


def test_no_attack_profits(policies: Path) -> None:
    """Under attack, with corrections on: no goal is reached, and nothing runs undecided."""
    runs = made(policies, "banking", "3", None, correct=True, attack="important_instructions")
    assert len(runs) == 9
    assert not any(run.reached or run.unmediated for run in runs)


def test_an_attacker_who_breaks_limits_is_corrected_into_nothing(policies: Path) -> None:
    """Calls of the attacker's that a correction is tried for: what is let go reaches no goal."""
    policy = str(policies / "workspace-limits.yaml")
    setting = Setting(overreach=True)
    runs = work(Job("workspace", "user_task_6", "important_instructions", policy, setting, correct=True))
    denied = [
        step
        for run in runs
        for step in run.injected
        if "limits-blind-copies" in [why.rule for why in step.why]
    ]
    assert denied
    assert not any(run.reached or run.unmediated for run in runs)


def test_the_command_prints_what_was_saved(policies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables as Markdown, with the tasks by name."""
    assert main(["--suite", "travel", "--policies", str(policies), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "| blind-copy | 1 | 1 | 0 | 1 | 1 | 0 | 0 | 1 |" in said
    assert "* blind-copy: saved travel/3; not done none" in said
    assert "Without a mistake: 20 of 20 tasks done, 0 denied calls." in said


def test_an_attack_that_there_is_not_is_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names of those that there are."""
    with pytest.raises(SystemExit):
        main(["--attack", "own"])
    said = capsys.readouterr().err
    assert "--attack: invalid choice: 'own'" in said and "important_instructions" in said
