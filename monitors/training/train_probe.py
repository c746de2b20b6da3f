"""Step 3: the injection probe, and how well it does on sources that it never saw.

    python monitors/training/train_probe.py --gathered build/monitors --out build/monitors/probe

Hook point, head, window and strength are chosen by leave-one-dataset-out; for each line of the table they are chosen
again without the source of that line. Beside the probe stand a bag of words and a regular expression for the
best-known template. ``--heads`` names the heads to choose from (each then has lines of its own).

Writes ``candidate.safetensors``, ``evaluation.json``, ``roc.svg``, and for a head fitted by gradient ``loss.svg``. What
is finished is kept in ``fits/``: started again, it goes on, and ends with the same weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import gathered
import matplotlib as mpl
import numpy as np
import torch
from corpus import HELD_OUT
from gathered import Gathered
from matplotlib import pyplot
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from safetensors.torch import save_file

from bartizan.guard.errors import BartizanError
from bartizan.monitors.probe_training import (
    Choice,
    Descent,
    Example,
    Fitted,
    Fold,
    LeaveOut,
    Memory,
    Setting,
    bag_of_words,
    pattern,
)
from bartizan.monitors.probe_training.examples import Role
from bartizan.monitors.probes.evaluation import PROBE, verdict
from bartizan.monitors.probes.heads import Head

TEMPLATE = r"<INFORMATION>|This is an important message from me"
NAMES = {"cyberseceval_indirect": "cyberseceval"}  # in the table, where they differ
FAMILIES = dict.fromkeys(("torn", "languages"), "composed")  # share wordings: left out together
LOOK_ALIKES = ("composed", "languages")  # benign texts that quote attacks, or ask people for something
UNUSED = ("cyberseceval_direct", "cyberseceval_hard")  # user prompts, and prompts that tools do not answer
NEVER_LEARNED = (*HELD_OUT, "cyberseceval_indirect")
BESIDE = ("toolemu", "agentdyn")  # benign texts of the fold that verifies: no training has seen them
SEEDS = (0, 1, 2, 3, 4)

console = Console()


def main() -> None:
    options = parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)

    # What to learn from, and what to choose from.
    examples = {name: load(options.gathered, name) for name in options.hook_points}
    heads = {name: list(settings(name, options)) for name in options.heads}
    methods = {PROBE: [setting for part in heads.values() for setting in part]}
    if len(heads) > 1:
        methods |= heads
    baselines = {"bag of words": bag_of_words, "regular expression": pattern(TEMPLATE)}
    search = LeaveOut(examples, methods, baselines, SEEDS, Memory(options.out / "fits"))

    # Every fit.
    columns = (
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("")
        for step in search.run():
            bar.update(task, total=step.total, completed=step.done, description=step.what)

    # What came of it.
    choice = search.ships[PROBE]
    fitted = search.shipped(PROBE)
    save_file(
        {name: value.contiguous() for name, value in fitted.head.state_dict().items()},
        options.out / "candidate.safetensors",
        metadata={"head": fitted.head.config.model_dump_json(), "hook_point": choice.setting.hook_point},
    )
    shown = [fold.row for (method, _), fold in search.folds.items() if method not in heads]
    document = {
        "setting": dataclasses.asdict(choice.setting), "says": str(choice.setting), "epochs": choice.epochs,
        "hook_point": choice.setting.hook_point, "window": choice.setting.window, "strength": choice.setting.strength,
        "seeds": SEEDS, "trained": counts(examples[choice.setting.hook_point]), "tried": choice.tried,
        "rows": [row.model_dump(mode="json") for row in shown], "verdict": verdict(shown),
        "heads": [fold.row.model_dump(mode="json") for (method, _), fold in search.folds.items() if method in heads],
        "chosen": {
            f"{method} without {source}": str(fold.choice.setting)
            for (method, source), fold in search.folds.items() if fold.choice is not None
        },
    }  # fmt: skip
    (options.out / "evaluation.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    plot(search.folds, choice, fitted, options.out)
    console.print(table(search))
    console.print(
        f"ships: {choice.setting}, mean AUROC left out {choice.auroc:.3f}; written to {options.out}"
    )
    for sentence in document["verdict"]:
        console.print(sentence)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gathered", type=Path, default=Path("build/monitors"))
    parser.add_argument("--out", type=Path, default=Path("build/monitors/probe"))
    parser.add_argument("--hook-points", nargs="+", default=["resid_post.2", "resid_post.3"])
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=["rolling"])
    parser.add_argument("--windows", nargs="+", type=int, default=[8, 16], help="of rolling heads")
    parser.add_argument("--strengths", nargs="+", type=float, default=[0.01, 0.03, 0.1])
    parser.add_argument(
        "--hard", type=float, default=0.0, help="share of benign texts that weigh more in a second fit"
    )
    parser.add_argument(
        "--epochs", type=int, default=Descent().epochs, help="at most, of heads fitted by gradient"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves it to torch")
    return parser.parse_args()


# What --heads may name: kind, method, and what else is fixed. Strength, hook point and window vary.
HEADS: dict[str, dict[str, object]] = {
    "last": {"kind": "last", "method": "pooled"},
    "mean": {"kind": "mean", "method": "pooled"},
    "ema": {"kind": "ema", "method": "tokens"},
    "multimax": {"kind": "multimax", "method": "tokens"},
    "rolling": {"kind": "rolling", "method": "tokens"},
    "ema-gradient": {"kind": "ema", "method": "gradient"},
    "multimax-gradient": {"kind": "multimax", "method": "gradient", "n_heads": 4},
    "rolling-gradient": {"kind": "rolling", "method": "gradient", "n_heads": 4},
    "attention": {"kind": "attention", "method": "gradient", "n_heads": 4},
}


def settings(name: str, options: argparse.Namespace) -> list[Setting]:
    """What is tried of this head."""
    fixed, descent = HEADS[name], Descent(epochs=options.epochs)
    return [
        Setting(point, strength=strength, window=window, hard=options.hard, descent=descent, **fixed)
        for point in options.hook_points
        for window in (options.windows if fixed["kind"] == "rolling" else [Setting(point).window])
        for strength in options.strengths
    ]  # fmt: skip


def load(folder: Path, hook_point: str) -> list[Example]:
    """The gathered texts, and what each may be used for."""
    return [
        example_of(text)
        for text in gathered.load(folder, hook_point)
        if len(text.x_TD) and text.source not in UNUSED
    ]


def example_of(text: Gathered) -> Example:
    role = role_of(text)
    injected_T = None
    if text.injected is not None:
        injected_T = np.zeros(len(text.x_TD), dtype=bool)
        injected_T[list(text.injected)] = True
    return Example(
        text.x_TD,
        text.label,
        NAMES.get(text.source, text.source),
        role,
        injected_T=injected_T,
        words=text.text,
        hard=text.source in LOOK_ALIKES and not text.label,
        family=FAMILIES.get(text.source, ""),
    )


def role_of(text: Gathered) -> Role:
    """Groups that calibrate and verify teach nothing benign; sources that are never learned from teach nothing."""
    if text.source in NEVER_LEARNED:
        return "test"
    if text.label or text.fold not in (*gathered.CALIBRATE, *gathered.VERIFY):
        return "train"
    return "beside" if text.source in BESIDE and text.fold in gathered.VERIFY else "test"


def scorer(head: Head) -> Callable[[Gathered], float]:
    """What the head says of one gathered text."""

    @torch.inference_mode()
    def score(text: Gathered) -> float:
        return float(head(torch.from_numpy(np.asarray(text.x_TD, dtype=np.float32))[None]))

    return score


def counts(examples: Sequence[Example]) -> dict[str, tuple[int, int]]:
    """Attacks and benign texts of each source that is learned from."""
    learned = [example for example in examples if example.role == "train"]
    return {
        source: (sum(e.label for e in part), sum(not e.label for e in part))
        for source in sorted({example.source for example in learned})
        if (part := [example for example in learned if example.source == source])
    }


def plot(folds: Mapping[tuple[str, str], Fold], choice: Choice, fitted: Fitted, out: Path) -> None:
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "bartizan"  # the same figures, the same file
    sources = list(dict.fromkeys(source for _, source in folds))
    figure, axes = pyplot.subplots(
        2, -(-len(sources) // 2), figsize=(14, 7), layout="constrained", squeeze=False
    )
    for axis, source in zip(axes.flat, sources, strict=False):
        for (method, at), fold in folds.items():
            if at == source:
                axis.plot(
                    *roc(fold), lw=1.5 if method == PROBE else 0.8, label=f"{method} {fold.row.auroc:.3f}"
                )
        axis.set(
            title=source, xscale="symlog", xlim=(0, 1), xlabel="benign texts above", ylabel="attacks above"
        )
        axis.set_xscale("symlog", linthresh=0.01)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, loc="lower right")
    for axis in list(axes.flat)[len(sources) :]:
        axis.set_axis_off()
    figure.savefig(out / "roc.svg", metadata={"Date": None})
    pyplot.close(figure)
    if fitted.curve:
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained")
        left.plot(range(1, len(fitted.curve) + 1), [epoch.loss for epoch in fitted.curve], "o-")
        left.set(xlabel="epoch", ylabel="mean loss", title="the fit that ships")
        right.plot(range(1, len(choice.curve) + 1), choice.curve, "o-")
        right.axvline(len(fitted.curve), color="grey", ls="--")
        right.set(xlabel="epoch", ylabel="mean AUROC", title="sources that were left out")
        figure.savefig(out / "loss.svg", metadata={"Date": None})
        pyplot.close(figure)


def roc(fold: Fold) -> tuple[list[float], list[float]]:
    """Shares of benign texts and of attacks at or above each threshold."""
    scores_N, labels_N = np.array(fold.scores), np.array(fold.labels)
    at = [np.inf, *np.unique(scores_N)[::-1]]
    return tuple([float(np.mean(scores_N[labels_N == label] >= t)) for t in at] for label in (0, 1))  # type: ignore[return-value]


def table(search: LeaveOut) -> Table:
    found = Table("source", "method", "AUROC", "± seeds", "recall at 1%", "caught", "false alarms", box=None)
    for (method, source), fold in search.folds.items():
        row = fold.row
        spread = "" if row.spread is None else f"{row.spread:.4f}"
        rates = (
            "-" if rate is None else f"{rate.rate:.3f}"
            for rate in (row.recall_1, row.caught, row.false_alarms)
        )
        found.add_row(source, method, f"{row.auroc:.3f}", spread, *rates)
    return found


if __name__ == "__main__":
    try:
        main()
    except BartizanError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from error
