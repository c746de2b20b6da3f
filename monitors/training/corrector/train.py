"""Step 2: the corrector, from a policy file alone. Everything that happens is in ``main``, top to bottom.

    python monitors/training/corrector/train.py --policy monitors/training/corrector/payments.yaml --minutes 14

makes the labelled calls (step 1) if they are not there, and trains in stages: leaving alone, editing as the solver
does, and what the solver makes of the model's own proposals. In OUT: ``data/``, ``metrics.jsonl``,
``training.png`` (loss, exact matches), ``checkpoint.safetensors``, and ``corrector/`` (weights and config.json,
bound to the policy's hash).
Killed and started again with the same arguments, it goes on where it was, and ends with the same weights.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import abstain
import torch
from figures import plot, progress
from rich.console import Console
from tasks import TASKS, Task

from bartizan.guard.errors import BartizanError
from bartizan.monitors.corrector.model import SIZES
from bartizan.monitors.corrector.storage import Corrector
from bartizan.monitors.corrector_training import (
    CorrectorTrainingConfig,
    Trainer,
    answers,
    config_of,
    examples,
)
from bartizan.monitors.sae_training.checkpoint import keep_until

RESERVE = 40.0  # seconds for the model's own proposals, calibration and saving
TIMED = 40  # steps that are timed to know how many there is time for, after a few that are not
MARGIN = 1.15  # the last stages take longer, and so does a machine that has become warm
OWN = 1500  # examples for which the model proposes

console = Console()


def main() -> None:
    begun = time.monotonic()
    options = parse()
    out: Path = options.out
    checkpoint, metrics = out / "checkpoint.safetensors", out / "metrics.jsonl"
    if options.threads:
        torch.set_num_threads(options.threads)

    # What to learn from.
    task = TASKS[options.task](options.policy, out)
    if not (out / "data" / "train.jsonl").exists():
        task.synthesise(options.count, options.seed, options.processes)
    training = task.examples("train")

    # How, and how many steps.
    if checkpoint.exists():
        config = config_of(checkpoint)
    else:
        steps = options.steps or steps_in(begun + options.minutes * 60, training, task, options)
        config = configured(options, steps)
    trainer = Trainer(training, config, device=options.device)
    if checkpoint.exists():
        trainer.resume(checkpoint)
        console.print(f"going on after step {trainer.steps_done:,}")
    else:
        trainer.save(checkpoint)
    keep_until(metrics, trainer.steps_done)
    console.print(
        f"{len(training):,} examples, {trainer.model.parameters_count:,} parameters, {config.steps:,} steps of about "
        f"{config.tokens:,} tokens, {trainer.device}"
    )

    # The loop. A checkpoint and the lines of metrics up to it are written together.
    clock, cpu = time.monotonic(), time.process_time()
    with progress(console) as bar, metrics.open("a", encoding="utf-8") as lines:
        shown = bar.add_task("", total=config.steps, completed=trainer.steps_done)
        for line in shown_steps(trainer, task, out, options):
            lines.write(json.dumps(line) + "\n")
            if line["step"] % options.eval_every == 0 or trainer.finished:
                lines.flush()
                trainer.save(checkpoint)
            bar.update(shown, completed=line["step"], description=f"{line['stage']}  loss {line['loss']:.3f}")
    spent, worked = time.monotonic() - clock, time.process_time() - cpu
    plot(metrics, out / "training.png")

    # When to abstain, and what is kept.
    threshold, precision = abstain.threshold(trainer.average, task, task.examples("calibrate"))
    notes = {
        "training": asdict(config), "examples": len(training), "seconds": round(spent, 1),
        "cpu_seconds": round(worked, 1), "tokens": trainer.tokens_done, "calibration": precision,
    }  # fmt: skip
    Corrector(trainer.average, task.kind, task.policy_hash, task.tools, threshold, notes).save(
        out / "corrector"
    )
    console.print(
        f"{spent:.0f} s ({worked:.0f} s of CPU) for {trainer.tokens_done:,} tokens; abstains below log p "
        f"{threshold:.4f}: {precision['share']:.1%} of its edits are proposed, {precision['right']} of "
        f"{precision['accepted']} the best\nwrote {out / 'corrector'}, {time.monotonic() - begun:.0f} s in all"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).parent
    parser.add_argument("--task", choices=tuple(TASKS), default="calls")
    parser.add_argument("--policy", type=Path, default=here / "payments.yaml", help="of the task `calls`")
    parser.add_argument("--out", type=Path, default=Path("build/corrector"))
    parser.add_argument("--size", choices=tuple(SIZES), default="1m")
    parser.add_argument(
        "--minutes", type=float, default=14.0, help="for everything, the making of data included"
    )
    parser.add_argument("--steps", type=int, default=0, help="instead of --minutes")
    parser.add_argument("--count", type=int, default=40_000, help="examples to make")
    parser.add_argument("--tokens", type=int, default=4096, help="of a batch")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves it to torch")
    parser.add_argument("--processes", type=int, default=2, help="that make data")
    parser.add_argument("--held-out", type=int, default=200, help="examples that are tried while training")
    parser.add_argument("--eval-every", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def configured(options: argparse.Namespace, steps: int) -> CorrectorTrainingConfig:
    return CorrectorTrainingConfig(
        size=options.size, steps=steps, tokens=options.tokens, lr=options.lr, precision=options.precision,
        seed=options.seed,
    )  # fmt: skip


def steps_in(end: float, training: list[examples.Example], task: Task, options: argparse.Namespace) -> int:
    """How many steps there is time for: some are made, and looked at, with a network that is thrown away."""
    trial = Trainer(training, configured(options, 10_000), device=options.device)
    for _ in trial.run(TIMED // 4):
        pass
    begun = time.monotonic()
    for _ in trial.run(TIMED // 4 + TIMED):
        pass
    trained = time.monotonic()
    answers.exact(trial.average, held_out(task, options), grammar=task.grammar)
    looked = time.monotonic()
    each = (trained - begun) / TIMED + (looked - trained) / options.eval_every
    return max(100, int((end - RESERVE - looked) / (each * MARGIN)))


def held_out(task: Task, options: argparse.Namespace) -> list[examples.Example]:
    """Examples that are tried while training."""
    found = task.examples("calibrate")
    return found[:: max(1, len(found) // options.held_out)]


def shown_steps(
    trainer: Trainer, task: Task, out: Path, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """A line of metrics for every step that is shown. Before the last stage, the model's own proposals are judged."""
    tried = held_out(task, options)
    before = trainer.config.stages[-2][1]
    for until in (before, trainer.config.steps):
        if until == trainer.config.steps and not trainer.finished:
            trainer.learn_also(own(trainer, task, out / "data" / "own.jsonl"))
        for record in trainer.run(until):
            line: dict[str, Any] = asdict(record)
            if record.step % options.eval_every == 0 or trainer.finished:
                line["exact"] = answers.exact(trainer.average, tried, grammar=task.grammar)
            if record.step % 10 == 0 or "exact" in line or record.step == before:
                yield line


def own(trainer: Trainer, task: Task, path: Path) -> list[examples.Example]:
    """The best of the model's own proposals where it was not sure; kept, so that a run that goes on has the same."""
    if not path.exists():
        some = task.examples("train")[:: max(1, len(task.examples("train")) // OWN)][:OWN]
        found = answers.own_best(
            trainer.average, some, task.reward, seed=trainer.config.seed, grammar=task.grammar
        )
        examples.save(found, path)
    return examples.load(path)


if __name__ == "__main__":
    try:
        main()
    except BartizanError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from error
