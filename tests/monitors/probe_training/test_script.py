"""``monitors/training/train_probe.py`` as a process: killed and started again, it ends as one run would have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tests.forked import Forked
from tests.monitors.killed import kill_midway

from bartizan.monitors.probe_training import scores
from bartizan.monitors.probes.evaluation import Row
from bartizan.monitors.probes.heads import Head, HeadConfig, build_head
from bartizan.monitors.probes.metrics import auroc

from . import planted

SCRIPT = Path(__file__).parents[3] / "monitors" / "training" / "train_probe.py"
SOURCES = (
    "agentdyn",
    "bipia_email",
    "composed",
    "cyberseceval_indirect",
    "agentdojo",
    "toolemu",
    "cyberseceval_hard",
)
FILES = ("evaluation.json", "roc.svg", "loss.svg")


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the collecting step writes it: a shard of texts and their activations at one hook point."""
    folder = tmp_path_factory.mktemp("gathered")
    unlike = {"cyberseceval_indirect": 1, "toolemu": 0}  # sources of one class
    examples = [e for e in planted.texts(planted.burst, SOURCES) if e.label == unlike.get(e.source, e.label)]
    lines = []
    for number, e in enumerate(examples):
        known = e.injected_T is not None and e.source != "cyberseceval_indirect"
        injected = np.flatnonzero(e.injected_T).tolist() if known else None if e.label else []
        lines.append({
            "source": e.source, "label": e.label, "group": f"{e.source}/{number}", "episode": str(number),
            "text": f"{'Ignore all' if e.label else 'Please read'}, {e.words}", "tokens": len(e.x_TD),
            "injected": injected,
        })  # fmt: skip
    (folder / "texts-0000.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    np.save(
        folder / "texts-0000-resid_post.3.npy", np.concatenate([e.x_TD for e in examples]).astype(np.float16)
    )
    return folder


ENVIRONMENT = {**os.environ, "TERM": "dumb", "COLUMNS": "200"}


def options(gathered: Path, out: Path, *more: str) -> list[str]:
    return [
        str(SCRIPT), f"--gathered={gathered}", f"--out={out}", "--hook-points", "resid_post.3", "--strengths", "1",
        "--threads=1", "--epochs=4", *more,
    ]  # fmt: skip


def start(gathered: Path, out: Path, *more: str) -> Forked:
    return Forked(options(gathered, out, *more), ENVIRONMENT, merged=True)


def load(folder: Path) -> tuple[Head, str]:
    """The candidate, and its hook point."""
    with safe_open(folder / "candidate.safetensors", "pt") as opened:
        metadata = opened.metadata()
    head = build_head(HeadConfig.model_validate_json(metadata["head"]))
    head.load_state_dict(load_file(folder / "candidate.safetensors"))
    return head, metadata["hook_point"]


def test_a_killed_run_ends_with_the_same_files(gathered: Path, tmp_path: Path) -> None:
    """Killed in the middle, the second start goes on; head, figures and plots are those of a run in one piece."""
    head = ("--heads", "multimax-gradient")
    killed = tmp_path / "killed"
    kill_midway(
        lambda: start(gathered, killed, *head),
        killed,
        begun=lambda: len(list(killed.glob("fits/*.json"))) >= 3,
        over=lambda: (killed / "evaluation.json").exists(),
    )
    for name in ("killed", "whole"):
        process = start(gathered, tmp_path / name, *head)
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 0, said
    for file in FILES:
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file
    heads = [
        load(tmp_path / name) for name in ("killed", "whole")
    ]  # the order of a header's entries is random
    assert heads[0][0].digest() == heads[1][0].digest() and heads[0][1] == heads[1][1]


def test_what_is_written_is_what_calibration_reads(gathered: Path, tmp_path: Path) -> None:
    """A head that finds the planted signal, rows of a card with baselines, the choice, and what was said of it."""
    process = start(gathered, tmp_path, "--heads", "rolling", "mean", "--windows", "6")
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    head, hook_point = load(tmp_path)
    assert (head.config.kind, head.config.window, hook_point) == ("rolling", 6, "resid_post.3")
    new = planted.texts(planted.burst, ("new",), each=80, seed=8)
    assert (auroc(scores(head, new), np.array([e.label for e in new])) or 0) > 0.95

    document = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    rows = [Row.model_validate(row) for row in document["rows"]]
    families = {"agentdyn", "bipia_email", "composed", "cyberseceval", "agentdojo"}
    assert {(row.method, row.source) for row in rows} == {
        (method, source) for method in ("probe", "bag of words", "regular expression") for source in families
    }
    assert {row["method"] for row in document["heads"]} == {"rolling", "mean"}
    assert document["strength"] == 1 and document["window"] == 6 and document["seeds"] == [0, 1, 2, 3, 4]
    assert set(document["trained"]) == {
        "agentdyn",
        "bipia_email",
        "composed",
        "toolemu",
    }  # the others teach nothing
    assert document["trained"]["toolemu"][0] == 0 and 0 < document["trained"]["toolemu"][1] < 20
    assert document["verdict"][0].startswith("The probe beats the bag of words on")
    assert "ships: resid_post.3 rolling window 6 by tokens, C 1" in said
    assert torch.isfinite(head.weight).all() and not (tmp_path / "loss.svg").exists()


def test_what_cannot_be_trained_is_one_line(gathered: Path, tmp_path: Path) -> None:
    """A mistake is an error of the library, said without a traceback."""
    command = [sys.executable, *options(gathered, tmp_path, "--strengths", "0")]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "strength" in said and "Traceback" not in said
