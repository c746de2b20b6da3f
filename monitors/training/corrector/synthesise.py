"""Step 1: labelled calls, from a policy alone.

    python monitors/training/corrector/synthesise.py --policy monitors/training/corrector/payments.yaml

Each call is decided by the policy, and labelled with the cheapest permitted edit that it would allow, which the solver
finds; no person and no other model has a say. Some calls are of the same policy with other numbers, and with other
names, so that conditions are read and not only known. Writes into OUT/data:

    train        to learn from
    calibrate    other numbers again: for the threshold below which the corrector abstains
    calls        test: unseen calls of the policy
    withheld     test: the same, without the conditions that refused them
    thresholds   test: numbers that nothing was trained with
    combinations test: sets of violated rules that were left out of training
    schema       test: another policy, for another tool
    policies.json    the texts of all policies; an example names its own by number
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from problems import TRAINING_MIX, Labelled, Synthesiser
from rich.console import Console
from rich.progress import track
from variants import compiled, renamed, renumbered

from bartizan.guard.errors import BartizanError
from bartizan.monitors.corrector import script
from bartizan.monitors.corrector.reading import call_input
from bartizan.monitors.corrector_training import examples
from bartizan.monitors.corrector_training.examples import Example
from bartizan.monitors.sae_training.config import TrainingError

HERE = Path(__file__).parent
OWN, NUMBERS = 0.45, 0.3  # of the training calls; the others have other names, too
WITHHELD = 0.1  # of the calls of the policy itself are learned without their conditions
A_VARIANT = 60  # calls of one variant
LEFT_OUT = 5  # one in so many combinations of violated rules

console = Console()


@dataclass(frozen=True, slots=True)
class Part:
    """Some calls of one policy for one split. ``combinations``: of violated rules, those left out, or all others."""

    split: str
    policy: int
    count: int
    seed: int
    withheld: float = 0.0
    combinations: str = ""


def main() -> None:
    options = parse()
    synthesise(
        options.policy,
        options.other,
        options.out,
        options.count,
        options.seed,
        options.processes,
        options.tests,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--policy", type=Path, default=HERE / "payments.yaml")
    parser.add_argument("--other", type=Path, default=HERE / "bookings.yaml", help="for the split `schema`")
    parser.add_argument("--out", type=Path, default=Path("build/corrector"))
    parser.add_argument("--count", type=int, default=40_000, help="calls to learn from")
    parser.add_argument("--tests", type=int, default=1000, help="calls of a test split")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def synthesise(
    policy: Path, other: Path, out: Path, count: int, seed: int, processes: int, tests: int = 1000
) -> None:
    """Writes every split. The same arguments write the same bytes, however many processes there are."""
    texts, parts = plan(
        policy.read_text(encoding="utf-8"), other.read_text(encoding="utf-8"), count, seed, tests
    )
    splits: dict[str, list[Example]] = {}
    work = [(part, texts[part.policy]) for part in parts]
    with nullcontext() if processes == 1 else multiprocessing.get_context("spawn").Pool(processes) as pool:
        made = map(_made, work) if pool is None else pool.imap(_made, work, chunksize=4)
        for part, found in zip(
            parts, track(made, "calls with labels", total=len(parts), console=console), strict=True
        ):
            splits.setdefault(part.split, []).extend(found)
    if not splits.get("train"):
        raise TrainingError(f"{policy}: no calls could be made up; does it open anything under repair:?")
    data = out / "data"
    for name, found in splits.items():
        examples.save(found, data / f"{name}.jsonl")
    (data / "policies.json").write_text(json.dumps(texts), encoding="utf-8")
    console.print(", ".join(f"{name} {len(found):,}" for name, found in splits.items()), f"-> {data}")


def plan(text: str, other: str, count: int, seed: int, tests: int = 1000) -> tuple[list[str], list[Part]]:
    """The policies, and how many calls of each go where."""
    draw = random.Random(seed)
    texts, parts = [text], []

    def add(split: str, policy: int, number: int, withheld: float = 0.0, combinations: str = "") -> None:
        parts.append(Part(split, policy, number, draw.randrange(2**31), withheld, combinations))

    def variants(split: str, number: int, *, rename: bool) -> None:
        for _ in range(max(1, number // A_VARIANT)):
            changed = renumbered(text, draw)
            texts.append(renamed(changed, draw) if rename else changed)
            add(split, len(texts) - 1, A_VARIANT, combinations="kept")

    for _ in range(max(1, int(count * OWN) // 500)):
        add("train", 0, 500, WITHHELD, "kept")
    variants("train", int(count * NUMBERS), rename=False)
    variants("train", int(count * (1 - OWN - NUMBERS)), rename=True)
    variants("calibrate", 2 * tests, rename=False)
    add("calls", 0, 2 * tests)
    add("withheld", 0, tests, 1.0)
    variants("thresholds", tests, rename=False)
    add("combinations", 0, tests, combinations="left out")
    texts.append(other)
    add("schema", len(texts) - 1, tests)
    return texts, parts


def left_out(rules: Sequence[str]) -> bool:
    """Whether training never sees these rules violated together."""
    return len(rules) > 1 and sha256(",".join(rules).encode()).digest()[0] % LEFT_OUT == 0


def _made(work: tuple[Part, str]) -> list[Example]:
    part, text = work
    synthesiser = Synthesiser(compiled(text), part.seed)
    wanted = {"": lambda rules: True, "kept": lambda rules: not left_out(rules), "left out": left_out}
    mix = TRAINING_MIX if part.split == "train" else None
    if part.combinations == "left out":
        mix = {"several": 0.8, "deny": 0.2}
    found = synthesiser.problems(part.count, wanted[part.combinations], mix)
    return list(_examples(synthesiser, found, part))


def _examples(synthesiser: Synthesiser, found: Iterable[Labelled], part: Part) -> Iterable[Example]:
    for labelled in found:
        told = synthesiser.random.random() >= part.withheld
        tokens = tuple(call_input(labelled.refused, synthesiser.readings, told=told))
        problem = labelled.problem.to_json() | {
            "policy": part.policy,
            "told": told,
            "cost": list(labelled.cost),
        }
        yield Example(tokens, script.written(labelled.script), labelled.kind, problem)


if __name__ == "__main__":
    try:
        main()
    except BartizanError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from error
