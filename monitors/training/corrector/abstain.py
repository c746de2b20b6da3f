"""Step 3: below which log-probability the corrector abstains, so that nearly all that it proposes is the best edit.

    python monitors/training/corrector/abstain.py --out build/corrector

Measured on calls of policies with numbers that training did not have. Training does it at its end; done again, it
changes only the threshold in ``corrector/config.json``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from tasks import TASKS, Task

from bartizan.monitors.corrector import storage
from bartizan.monitors.corrector.model import EditModel
from bartizan.monitors.corrector_training import answers
from bartizan.monitors.corrector_training.abstaining import chosen
from bartizan.monitors.corrector_training.examples import Example

PRECISION = 0.999

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", choices=tuple(TASKS), default="calls")
    parser.add_argument("--policy", type=Path, default=Path(__file__).parent / "payments.yaml")
    parser.add_argument("--out", type=Path, default=Path("build/corrector"))
    parser.add_argument("--precision", type=float, default=PRECISION)
    options = parser.parse_args()
    task = TASKS[options.task](options.policy, options.out)
    corrector = storage.load(options.out / "corrector")
    found, notes = threshold(corrector.model, task, task.examples("calibrate"), options.precision)
    replace(corrector, threshold=found, notes={**corrector.notes, "calibration": notes}).save(
        options.out / "corrector"
    )
    console.print(f"threshold {found:.4f}: {notes}")


def threshold(
    model: EditModel, task: Task, held_out: list[Example], precision: float = PRECISION
) -> tuple[float, dict[str, Any]]:
    """The threshold, and what it rests on: edits accepted, how many of them are the best, of how many."""
    scored = [
        (written.log_p, written.ended and task.right(held_out[place], written.text))
        for place, written in answers.answers(model, held_out, grammar=task.grammar)
        if written.text not in (b"=", b"DENY")
    ]
    found = chosen(scored, precision)
    return found.threshold, {
        "asked_for": precision, "accepted": found.accepted, "right": found.right, "of": len(scored),
        "share": found.accepted / max(1, len(scored)),
    }  # fmt: skip


if __name__ == "__main__":
    main()
