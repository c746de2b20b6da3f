"""Step 4: what the corrector is worth, beside the solver that taught it, on calls that it was not trained with.

    python monitors/training/corrector/evaluate.py --out build/corrector

Prints the table and writes it to OUT/evaluation.md; OUT/evaluation.json has the same figures. Every proposal goes
through the gate as in a guard: what is emitted is what the policy permits and allows, and the figures say how often.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from judging import Judge, Verdict
from problems import Problem, refused_of
from rich.console import Console
from tasks import Calls

from bartizan.guard import Proposal, Request, ToolCall
from bartizan.guard.gate import gate
from bartizan.monitors.calibration.binomial import clopper_pearson
from bartizan.monitors.corrector import storage
from bartizan.monitors.corrector.decode import Written
from bartizan.monitors.corrector.edit_script import EditScriptCorrector
from bartizan.monitors.corrector_training import answers
from bartizan.monitors.corrector_training.examples import Example
from bartizan.policies.repair import SolverProposer

SPLITS = ("calls", "thresholds", "combinations", "schema", "withheld")
TIMED = 200

console = Console()


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one proposer on one split. Shares are pairs of counts: (so many, of so many)."""

    split: str
    proposer: str
    raw: tuple[int, int]
    emitted: tuple[int, int]
    exact: tuple[int, int]
    optimal: tuple[int, int]
    gap: float
    gap_95: float
    benign: tuple[int, int]
    locked: tuple[int, int]
    accepted: tuple[int, int]
    abstained: tuple[int, int]
    precise: tuple[int, int]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/corrector"))
    parser.add_argument("--policy", type=Path, default=Path(__file__).parent / "payments.yaml")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    corrector = storage.load(options.out / "corrector", device=options.device)
    task = Calls(options.policy, options.out)
    rows = []
    for split in SPLITS:
        examples = task.examples(split)
        if not examples:
            continue  # the policy has too few rules for combinations of them
        found = sorted(
            answers.answers(corrector.model, examples, grammar=task.grammar), key=lambda pair: pair[0]
        )
        written = [w for _, w in found]
        rows.append(row(split, "corrector", task.judge, examples, written, corrector.threshold))
        labels = [Written(e.output, 0.0, True) for e in examples]
        rows.append(row(split, "solver", task.judge, examples, labels, float("-inf")))
    times = asyncio.run(latency(task, options.out, options.device))
    text = markdown(rows, times)
    (options.out / "evaluation.md").write_text(text, encoding="utf-8")
    figures = {"rows": [{f: getattr(r, f) for f in Row.__slots__} for r in rows], "milliseconds": times}
    (options.out / "evaluation.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    console.print(text, markup=False)


def row(
    split: str,
    proposer: str,
    judge: Judge,
    examples: Sequence[Example],
    written: Sequence[Written],
    threshold: float,
) -> Row:
    """``raw`` to ``gap``: of all edits that it writes, likely or not. ``accepted``: of what it would really propose."""
    verdicts = [judge.verdict(e, w.text if w.ended else b"") for e, w in zip(examples, written, strict=True)]
    both = list(zip(examples, written, verdicts, strict=True))
    wrong = [(e, w, v) for e, w, v in both if e.kind != "compliant"]
    edits = [(e, w, v) for e, w, v in wrong if v.parsed and not v.word]
    repairable = [(e, w, v) for e, w, v in wrong if e.output != b"DENY"]
    proposed = [(e, w, v) for e, w, v in edits if w.log_p >= threshold]
    gaps = sorted(v.gap for _, _, v in edits if v.emitted)
    compliant = [v for e, _, v in both if e.kind == "compliant"]
    emitted = [passes(judge, e, v) for e, _, v in proposed]
    return Row(
        split, proposer,
        raw=(sum(v.allowed for _, _, v in edits), len(edits)),
        emitted=(sum(ok for ok, out in emitted if out), sum(out for _, out in emitted)),
        exact=(sum(v.exact for _, _, v in wrong), len(wrong)),
        optimal=(sum(v.optimal for _, _, v in repairable), len(repairable)),
        gap=sum(gaps) / max(1, len(gaps)), gap_95=gaps[int(0.95 * len(gaps))] if gaps else 0.0,
        benign=(sum(v.word == "=" for v in compliant), len(compliant)),
        locked=(sum(bool(v.edited) and not v.permitted for _, _, v in edits), len(edits)),
        accepted=(sum(out for _, out in emitted), len(repairable)),
        abstained=(len(edits) - len(proposed), len(edits)),
        precise=(sum(v.optimal for _, _, v in proposed), len(proposed)),
    )  # fmt: skip


def passes(judge: Judge, example: Example, verdict: Verdict) -> tuple[bool, bool]:
    """Through the real gate: whether what comes out is allowed (decided once more), and whether something comes out."""
    program = judge.program(example.problem["policy"])
    refused = refused_of(program, Problem.from_json(example.problem))

    def allows(call: ToolCall) -> bool:
        asked = refused.request
        request = Request(call, asked.now, asked.principal, before=asked.call)
        return program.decide(request, refused.session).allowed

    proposal = Proposal(json.loads(verdict.edited), "corrector")
    found = gate(refused.request.call, [proposal], allows=allows, permits=program.permits)
    return (found is not None and allows(found.call), found is not None)


async def latency(task: Calls, out: Path, device: str) -> dict[str, list[float]]:
    """Milliseconds of a proposal, from its question to its answer: one at a time, 8 and 32 at once; of the solver."""
    refused = [
        refused_of(task.judge.program(0), Problem.from_json(e.problem))
        for e in task.examples("calls")
        if e.kind in ("one", "several")
    ][:TIMED]
    corrector, solver = (
        EditScriptCorrector.load(out / "corrector", device=device, within=60.0),
        SolverProposer(),
    )

    async def timed(proposer: Any, one: Any) -> float:
        begun = time.perf_counter()
        await proposer.propose(one)
        return (time.perf_counter() - begun) * 1000

    found: dict[str, list[float]] = {}
    for name, proposer, at_once in (
        ("corrector, 1 at once", corrector, 1), ("corrector, 8 at once", corrector, 8),
        ("corrector, 32 at once", corrector, 32), ("solver, 1 at once", solver, 1),
    ):  # fmt: skip
        await timed(proposer, refused[0])
        times: list[float] = []
        for start in range(0, len(refused), at_once):
            times += await asyncio.gather(*(timed(proposer, one) for one in refused[start : start + at_once]))
        found[name] = [round(sorted(times)[int(q * (len(times) - 1))], 1) for q in (0.5, 0.95, 0.99)]
    corrector.close()
    return found


def share(pair: tuple[int, int]) -> str:
    """A share with its 95% Clopper-Pearson interval."""
    if not pair[1]:
        return "-"
    low, high = clopper_pearson(*pair)[1:]
    return f"{pair[0] / pair[1]:.1%} of {pair[1]} ({low:.1%}-{high:.1%})"


COLUMNS = (
    ("raw", "allowed, raw"), ("emitted", "allowed, emitted"), ("exact", "the solver's script"),
    ("optimal", "best edit"), ("benign", "benign left alone"), ("locked", "not permitted"),
    ("accepted", "corrected"), ("abstained", "abstains"), ("precise", "best, of proposed"),
)  # fmt: skip


def markdown(rows: Sequence[Row], times: dict[str, list[float]]) -> str:
    lines = [
        "| split | proposer | " + " | ".join(title for _, title in COLUMNS) + " | cost gap, mean / p95 |"
    ]
    lines.append("|" + "---|" * (len(COLUMNS) + 3))
    for r in rows:
        cells = [share(getattr(r, name)) for name, _ in COLUMNS]
        lines.append(
            f"| {r.split} | {r.proposer} | " + " | ".join(cells) + f" | {r.gap:.3f} / {r.gap_95:.3f} |"
        )
    lines += ["", "| milliseconds a proposal | p50 | p95 | p99 |", "|---|---|---|---|"]
    lines += [f"| {name} | " + " | ".join(map(str, found)) + " |" for name, found in times.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
