"""``monitors/training/train_sae.py`` as a process: killed, started again, it ends with the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from tests.forked import Forked
from tests.monitors.killed import kill_midway

from bartizan.monitors import formats
from bartizan.monitors.sae_training import Activations

SCRIPT = Path(__file__).parents[3] / "monitors" / "training" / "train_sae.py"
OPTIONS = [
    "--architecture=batchtopk",
    "--d-sae=48",
    "--k=4",
    "--batch-size=64",
    "--save-every=20",
    "--eval-every=50",
]
ENVIRONMENT = {**os.environ, "TERM": "dumb", "COLUMNS": "200"}


def command(data: Path, out: Path, tokens: int) -> list[str]:
    return [str(SCRIPT), str(data), str(out), f"--tokens={tokens}", "--threads=1", *OPTIONS]


def start(data: Path, out: Path, tokens: int) -> Forked:
    return Forked(command(data, out, tokens), ENVIRONMENT, merged=True)


def test_a_killed_run_ends_with_the_same_bytes(
    write_activations: Callable[..., Activations], tmp_path: Path
) -> None:
    """Killed in the middle, the second start goes on from the checkpoint; weights, metrics and plot are complete."""
    data, tokens = write_activations(3000).folder, 64 * 600
    killed = tmp_path / "killed"
    kill_midway(
        lambda: start(data, killed, tokens),
        killed,
        begun=lambda: (killed / "checkpoint.safetensors").exists(),
        over=lambda: (killed / "sae").exists(),
    )
    for name in ("killed", "whole"):
        process = start(data, tmp_path / name, tokens)
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 0, said
        assert ("going on after step" in said) == (name == "killed")
        assert (tmp_path / name / "training.png").stat().st_size > 5000
    weights = [
        (tmp_path / name / "sae" / "sae_weights.safetensors").read_bytes() for name in ("killed", "whole")
    ]
    assert weights[0] == weights[1]
    metrics = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("killed", "whole")]
    assert metrics[0] == metrics[1]
    lines = [json.loads(line) for line in metrics[1].splitlines()]
    assert [line["step"] for line in lines] == list(range(10, 601, 10))
    assert lines[-1]["held_out"]["fvu"] < lines[0]["fvu"]
    sae = formats.load(tmp_path / "whole" / "sae")
    x_ND = torch.from_numpy(Activations(data).read(2700, 3000))
    variance = (x_ND - x_ND.mean(0)).pow(2).sum()
    assert abs(float((x_ND - sae(x_ND)).pow(2).sum() / variance) - lines[-1]["held_out"]["fvu"]) < 1e-3


def test_what_is_wrong_is_said_in_a_line(tmp_path: Path) -> None:
    """No traceback for a folder that holds no activations."""
    shell = [sys.executable, *command(tmp_path / "nothing", tmp_path / "out", 6400)]
    done = subprocess.run(shell, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    assert done.returncode == 1
    assert "expected meta.json" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
