"""The lines of metrics of a run, and the figure of them."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def plot(metrics: Path, path: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for stage in dict.fromkeys(line["stage"] for line in lines):
        part = [line for line in lines if line["stage"] == stage]
        left.plot([line["step"] for line in part], [line["loss"] for line in part], lw=1, label=stage)
    left.set(title="loss of a byte of the scripts", xlabel="step", yscale="log")
    left.legend(fontsize=8)
    tried = [line for line in lines if "exact" in line]
    right.plot([line["step"] for line in tried], [line["exact"] for line in tried], "o-", ms=3, lw=1)
    right.set(title="held out: the solver's own script", xlabel="step", ylim=(0, 1))
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def progress(console: Console) -> Progress:
    return Progress(
        BarColumn(), TextColumn("{task.completed:,.0f}/{task.total:,.0f}"), TextColumn("{task.description}"),
        TimeElapsedColumn(), TimeRemainingColumn(), console=console,
    )  # fmt: skip
