"""Benign episodes: what an agent's tools answered in one run in which nobody attacked. Promises rest on them.

ToolEmu's runs (emulated tools, 96 cases) and AgentDyn's clean runs (shopping and daily life, 32 tasks), each with many
agents; also AgentDyn's attacked runs in which the agent never came to read what was planted. Runs with the same results
count once, and no task counts for more than :data:`MOST`. All runs of a task belong to one fold: fresh episodes are of
tasks that calibration has not seen.
"""

from __future__ import annotations

import json
import lzma
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from folds import fold_of

MOST = 30  # runs of a task


@dataclass(frozen=True, slots=True)
class Episode:
    """``task`` is what the user wanted, ``results`` what the tools answered, in order."""

    source: str
    task: str
    run: str
    results: tuple[str, ...]

    @property
    def fold(self) -> int:
        return fold_of(self.task)


def load(data: Path) -> list[Episode]:
    """All episodes that have a result, each different, in a fixed order."""
    found: dict[tuple[str, tuple[str, ...]], Episode] = {}
    for episode in (*_judged(data), *_recorded(data)):
        if episode.results:
            found.setdefault((episode.task, episode.results), episode)
    tasks: dict[str, list[Episode]] = defaultdict(list)
    for episode in found.values():
        tasks[episode.task].append(episode)
    rng = random.Random(0)
    return [episode for task in tasks.values() for episode in rng.sample(task, min(MOST, len(task)))]


def _judged(data: Path) -> Iterator[Episode]:
    for row in _lines(data / "trajectories.jsonl.xz"):
        if row["source"] == "toolemu":
            results = tuple(turn["observation"] for turn in row["turns"] if turn.get("observation"))
            yield Episode("toolemu", str(row["group"] or row["id"]), str(row["id"]), results)


def _recorded(data: Path) -> Iterator[Episode]:
    texts = {row["output_sha"]: row["text"] for row in _lines(data / "outputs.jsonl.xz")}
    calls: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for call in _lines(data / "calls.jsonl.xz"):
        text = texts.get(call.get("output_sha") or "", "")
        if text.strip():
            calls[call["run_id"]].append((call["step"], text))
    for run in _lines(data / "runs.jsonl.xz"):
        unseen = run["run_kind"] == "attack" and not run["saw_injection"]
        if run["source"] != "agentdyn" or not (unseen or run["run_kind"] == "clean"):
            continue
        results = tuple(text for _, text in sorted(calls[run["run_id"]]))
        if not any("<INFORMATION>" in text for text in results):  # half of an attack may stand there
            yield Episode("agentdyn", f"{run['suite']}/{run['user_task']}", run["run_id"], results)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
