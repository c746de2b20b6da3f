"""Train a sparse autoencoder on collected activations. Everything that happens is in ``main``, top to bottom.

    python monitors/training/train_sae.py ACTIVATIONS OUT --architecture batchtopk --d-sae 4096 --k 32 --tokens 2000000

ACTIVATIONS is a folder written by the collecting step. In OUT: ``sae/`` (SAELens's layout: cfg.json and
sae_weights.safetensors), ``metrics.jsonl`` (a line every few steps), ``training.png`` (loss, FVU, L0, dead latents),
and ``checkpoint.safetensors``. Started again with the same arguments, it goes on where it was stopped, and ends with
the same weights as if it had never been.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bartizan.guard.errors import BartizanError
from bartizan.monitors import formats
from bartizan.monitors.sae_training import Activations, SAETrainingConfig, Trainer, finished
from bartizan.monitors.sae_training.checkpoint import keep_until

console = Console()


def main() -> None:
    arguments = parse()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, metrics = out / "checkpoint.safetensors", out / "metrics.jsonl"
    if arguments.threads:
        torch.set_num_threads(arguments.threads)

    # What to learn from, and how.
    data = Activations(arguments.activations)
    names = [field.name for field in dataclasses.fields(SAETrainingConfig)]
    config = SAETrainingConfig(
        **{name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    )
    trainer = Trainer(data, config, device=arguments.device)
    console.print(
        f"{len(data):,} rows of {data.hook_point} (d_in {data.d_in}) -> {config.architecture}, d_sae {config.d_sae}, "
        f"{config.steps:,} steps of {config.batch_size} rows, peak lr {config.peak_lr:.2g}, {trainer.device}"
    )
    if checkpoint.exists():
        trainer.resume(checkpoint)
        console.print(f"going on after step {trainer.steps_done:,}")
    keep_until(metrics, trainer.steps_done)

    # The loop. A checkpoint and the lines of metrics up to it are written together.
    with progress() as bar, metrics.open("a", encoding="utf-8") as lines:
        task = bar.add_task("", total=config.steps, completed=trainer.steps_done)
        for record in trainer.run():
            last = trainer.finished
            if record.step % arguments.log_every == 0 or last:
                line: dict[str, Any] = dataclasses.asdict(record)
                if record.step % arguments.eval_every < arguments.log_every or last:
                    line["held_out"] = dataclasses.asdict(trainer.evaluate())
                lines.write(json.dumps(line) + "\n")
            if record.step % arguments.save_every == 0 or last:
                lines.flush()
                trainer.save(checkpoint)
            said = f"fvu {record.fvu:.3f}  L0 {record.l0:.1f}  dead {record.dead:.1%}"
            bar.update(task, completed=record.step, description=said)

    # What came of it.
    quality = trainer.evaluate()
    formats.save(finished(trainer, quality), out / "sae")
    plot(metrics, out / "training.png")
    console.print(
        f"held out ({quality.rows:,} rows): FVU {quality.fvu:.4f}, L0 {quality.l0:.1f}, "
        f"never fired {quality.never_fired:.1%}, dead {quality.dead:.1%}\nwrote {out / 'sae'}"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("activations", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves it to torch")
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--eval-every", type=int, default=100)
    parser.add_argument("--save-every", type=int, default=200)
    # Every field of the configuration is an option; an option not given is the configuration's own default.
    parser.add_argument("--architecture", choices=("topk", "batchtopk", "jumprelu"), default="batchtopk")
    parser.add_argument("--d-sae", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    given = {"architecture", "d_sae", "tokens"}
    numbers = {"k": int, "batch_size": int, "seed": int, "aux_k": int, "dead_after": int, "eval_rows": int}
    words = {"decoder_norm", "b_dec_init", "surrogate"}
    for field in dataclasses.fields(SAETrainingConfig):
        if field.name in given:
            continue
        kind = str if field.name in words else numbers.get(field.name, float)
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=kind,
            default=argparse.SUPPRESS,
            help=f"default: {field.default}",
        )
    return parser.parse_args()


def plot(metrics: Path, path: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    held_out = [line for line in lines if "held_out" in line]
    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    for axis, (name, title) in zip(
        axes.flat,
        [
            ("loss", "loss"),
            ("fvu", "fraction of variance unexplained"),
            ("l0", "L0"),
            ("dead", "dead latents"),
        ],
        strict=True,
    ):
        axis.plot(
            [line["tokens"] for line in lines], [line[name] for line in lines], lw=1, label="training batch"
        )
        if name != "loss":
            points = [line["held_out"][name] for line in held_out]
            axis.plot([line["tokens"] for line in held_out], points, "o-", ms=3, lw=1, label="held out")
        axis.set(title=title, xlabel="tokens")
        axis.set_ylim(bottom=0 if name != "loss" else None)
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def progress() -> Progress:
    return Progress(
        BarColumn(), TextColumn("{task.completed:,.0f}/{task.total:,.0f}"), TextColumn("{task.description}"),
        TimeElapsedColumn(), TimeRemainingColumn(), console=console,
    )  # fmt: skip


if __name__ == "__main__":
    try:
        main()
    except BartizanError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from error
