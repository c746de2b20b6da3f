from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bartizan.guard.audit import verify
from bartizan.integrations.agentdojo.evaluate import main
from bartizan.integrations.agentdojo.jobs import Job, execute
from bartizan.integrations.agentdojo.runs import Setting


def test_the_command_line_writes_table_report_results_and_log(
    policies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One suite under one attack, with and without its policy: figures, a page, JSON, and an intact audit log."""
    options = ["--suite", "banking", "--attack", "direct", "--workers", "1"]
    code = main([*options, "--policies", str(policies), "--out", str(tmp_path)])
    assert code == 0
    assert "143 → 0" in capsys.readouterr().out
    runs = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["runs"]
    assert len(runs) == 2 * (144 + 16)
    assert sum(run["reached"] is True for run in runs if run["policy"]) == 0
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    (log,) = tmp_path.glob("audit-*/banking")
    assert verify(log).problems == ()


def test_processes_change_nothing(policies: Path) -> None:
    """On two processes the same jobs give the same runs, in the same order."""
    policy = str(policies / "slack.yaml")
    jobs = [Job("slack", task, "split", policy, Setting()) for task in ("user_task_0", "user_task_7")]
    told: list[Job] = []
    apart = execute(jobs, 2, told.append)
    together = execute(jobs, 1, told.append)
    assert [replace(run, seconds=0.0) for run in apart] == [replace(run, seconds=0.0) for run in together]
    assert len(apart) == sum(job.size for job in jobs)
    assert sorted(told, key=str) == sorted(jobs * 2, key=str)


def test_a_policy_that_does_not_load_guards_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing policy, or one with a mistake, ends the command before anything runs, and says where it is wrong."""
    folder = tmp_path / "policies"
    folder.mkdir()
    arguments = ["--suite", "slack", "--policies", str(folder), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "slack.yaml" in capsys.readouterr().err
    text = "version: 1\nname: slack\nrules:\n  - id: all\n    allow: [get_webpag]\n"
    (folder / "slack.yaml").write_text(text, encoding="utf-8")
    assert main(arguments) == 2
    assert "get_webpage" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unknown_suites_and_attacks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt suite or attack is a usage error that names the choices."""
    for arguments in (["--suite", "bank"], ["--attack", "politely"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert "choose from" in capsys.readouterr().err


def test_a_measured_signal_saves_approvals_and_a_missing_one_does_not() -> None:
    """With the built-in probe fewer approvals are asked; without monitors the policy asks as the baseline pack does."""
    policy = "baseline-monitored"
    tasks = ("user_task_0", "user_task_3", "user_task_5", "user_task_15")

    def asked(policy: str, monitored: bool) -> int:
        jobs = [Job("banking", task, None, policy, Setting(), monitored) for task in tasks]
        return sum(run.asked for run in execute(jobs, 1, lambda job: None))

    unmeasured = asked(policy, False)
    assert unmeasured == asked("baseline", False) > asked(policy, True)
    attacked = execute(
        [Job("banking", "user_task_0", "polite", policy, Setting(), True)], 1, lambda job: None
    )
    assert [run.reached for run in attacked] == [False] * len(attacked)
