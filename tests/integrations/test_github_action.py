"""The GitHub action: its scripts run as they would there, in a real repository with a real base branch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ACTION = Path(__file__).resolve().parents[2] / "integrations/deploy/github"
POLICY = """\
version: 1
name: sample
tools:
  pay: {args: {cost: dec(2)}}
rules:
  - {id: any, allow: [pay]}
  - {id: cap, deny: [pay], when: args.cost > 100.00}
invariants:
  - never: allowed(pay) && args.cost > 100.00
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone with a policy on its base branch."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    git(tmp_path, "init", "-q", "-b", "main", str(origin))
    (origin / "policies").mkdir()
    (origin / "policies" / "a policy.yaml").write_text(POLICY)
    git(origin, "add", ".")
    git(origin, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one")
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    return clone


def git(where: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=where, check=True, capture_output=True)


def check(step: str, repository: Path, **settings: str) -> tuple[int, str]:
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(repository),
        "RUNNER_TEMP": str(repository.parent / "runner"),
        "POLICIES": "\n  policies/**/*.yaml  \n",
        "TIMEOUT": "60",
        **settings,
    }
    command = [str(ACTION / "check"), step]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True)
    assert step == "verdict" or done.returncode == 0, done.stderr
    return done.returncode, done.stdout


def sarif(repository: Path, step: str) -> list[str]:
    document = json.loads((repository.parent / "runner" / "bartizan" / f"{step}.sarif").read_text())
    return [result["ruleId"] for result in document["runs"][0]["results"]]


def test_a_sound_change_passes(repository: Path) -> None:
    """Nothing is found, nothing is newly allowed: the verdict is 0, and the SARIF files are there."""
    for step in ("lint", "prove"):
        check(step, repository, UPLOAD="true")
        assert sarif(repository, step) == []
    check("diff", repository, BASE="main")
    assert check("verdict", repository)[0] == 0


def test_a_loosening_change_fails(repository: Path) -> None:
    """A higher cap breaks the invariant and is newly allowed: annotations, and the verdict is 1."""
    policy = repository / "policies" / "a policy.yaml"
    policy.write_text(POLICY.replace("args.cost > 100.00}", "args.cost > 200.00}"))
    check("lint", repository, UPLOAD="true", NOTES="true")
    check("prove", repository, UPLOAD="true")
    assert sarif(repository, "prove") == ["refuted"]
    _, log = check("diff", repository, BASE="main")
    assert "::warning file=policies/a policy.yaml,line=6" in log
    assert "newly-allowed" in log
    assert check("verdict", repository)[0] == 1


def test_a_tightening_change_fails_when_strict(repository: Path) -> None:
    """A lower cap denies calls: a notice, and a failure only where that was asked for."""
    (repository / "policies" / "a policy.yaml").write_text(POLICY.replace("> 100.00}", "> 50.00}"))
    check("diff", repository, BASE="main")
    assert check("verdict", repository)[0] == 0
    check("diff", repository, BASE="main", STRICT="true")
    assert check("verdict", repository)[0] == 1


def test_what_cannot_be_checked_fails(repository: Path) -> None:
    """A pattern without files, or a policy that does not load, is no pass."""
    check("lint", repository, POLICIES="nowhere/*.yaml")
    assert check("verdict", repository)[0] == 2
    (repository.parent / "runner" / "bartizan" / "codes").unlink()
    (repository / "policies" / "a policy.yaml").write_text("version: 2\n")
    check("lint", repository)
    assert check("verdict", repository)[0] == 2


def test_a_new_policy_is_compared_with_nothing(repository: Path) -> None:
    """A policy that the base does not have is not a change; nor is anything without a base."""
    (repository / "policies" / "new.yaml").write_text(POLICY)
    check("diff", repository, BASE="main", POLICIES="policies/new.yaml")
    check("diff", repository, BASE="")
    assert check("verdict", repository)[0] == 0


def test_no_expression_stands_in_a_script() -> None:
    """Inputs reach the shell in variables: a file name or branch can never become a command."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert "run" not in step or step["shell"] == "bash"
    declared = set(action["inputs"])
    used = {
        word
        for word in (ACTION / "action.yml").read_text().replace("}", " ").split()
        if word.startswith("inputs.")
    }
    assert {word.removeprefix("inputs.") for word in used} == declared


def test_the_example_uses_inputs_that_exist() -> None:
    """The workflow to copy is YAML and asks for no more rights than it needs."""
    example = yaml.safe_load((ACTION / "example-workflow.yml").read_text())
    assert example["permissions"] == {"contents": "read", "security-events": "write"}
    (step,) = [s for s in example["jobs"]["analyse"]["steps"] if "bartizan" in s["uses"]]
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    assert set(step["with"]) <= set(action["inputs"])
