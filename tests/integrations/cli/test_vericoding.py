"""`bartizan certify --vericoding`: tasks for provers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.policies.lean.test_vericoding import TEXT, desk, specification
from typer.testing import CliRunner

from bartizan.integrations.cli import app


def test_the_command_writes_the_tasks_beside_a_certificate(tmp_path: Path) -> None:
    """It certifies, and writes the specification's tasks and the policy's; without the project it says what to give."""
    (tmp_path / "desk.yaml").write_text(TEXT, "utf-8")
    target = tmp_path / "tasks.jsonl"
    arguments = ["certify", str(tmp_path / "desk.yaml"), "--vericoding", str(target)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    tasks = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert len(tasks) == len(specification()) + 1
    assert tasks[-1] == desk()
    refused = CliRunner().invoke(app, [*arguments, "--lean-project", str(tmp_path)])
    assert refused.exit_code == 2
    assert "policies/lean" in " ".join(refused.output.split())
