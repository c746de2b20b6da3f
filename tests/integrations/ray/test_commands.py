"""The commands that take Ray."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bartizan.integrations.cli import app
from bartizan.integrations.cli.monitors.on_ray import serve_on_ray
from bartizan.monitors.host import Limits

from .test_replay import POLICY, lines


def test_a_replay_on_ray_from_the_command_line(on_this_machine: None, tmp_path: Path) -> None:
    """``--ray`` decides what is decided without, and writes the same figures."""
    (tmp_path / "small.yaml").write_text(POLICY)
    recording = str(lines(tmp_path / "a.jsonl", count=40))
    figures = []
    for where in ((), ("--ray",)):
        out = tmp_path / "out.json"
        told = [
            "replay",
            recording,
            "--policy",
            str(tmp_path / "small.yaml"),
            "--jobs",
            "1",
            "--json",
            str(out),
        ]
        result = CliRunner().invoke(app, [*told, *where])
        assert result.exit_code == 0, result.output
        figures.append({**json.loads(out.read_text()), "seconds": 0})
    assert figures[0] == figures[1]
    assert figures[0]["sessions"] == 40


@pytest.mark.parametrize("replicas", ["many", "0", "4-1", ""])
def test_replicas_are_a_number_or_two(replicas: str) -> None:
    """Anything else is refused before Ray is started."""
    with pytest.raises(typer.Exit):
        serve_on_ray(list, None, "127.0.0.1", 0, Limits(), None, replicas, 0.0)  # type: ignore[arg-type]
