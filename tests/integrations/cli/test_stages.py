"""``bartizan stages``."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from bartizan.integrations.cli import app

EXAMPLES = Path(__file__).parents[3] / "examples/stages"


def test_stages_are_drawn() -> None:
    """As text, a stage a paragraph; as a Mermaid diagram on demand."""
    text = CliRunner().invoke(app, ["stages", str(EXAMPLES / "mail.yaml")])
    assert text.exit_code == 0
    assert text.stdout.splitlines()[:2] == ["active (initial)", "  denied because strangers -> quarantined"]
    drawn = CliRunner().invoke(app, ["stages", "--mermaid", str(EXAMPLES / "release.yaml")])
    assert drawn.stdout.startswith("stateDiagram-v2\n") and "after 2h" in drawn.stdout


def test_a_policy_without_stages_has_none_to_draw() -> None:
    """It says so, with the exit code of an input that cannot be used."""
    found = CliRunner().invoke(app, ["stages", "baseline"])
    assert found.exit_code == 2 and "declares no stages" in found.output
