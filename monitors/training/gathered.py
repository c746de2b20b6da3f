"""What step 1 wrote, as the later steps use it: texts with their tokens' activations, and splits by group."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from episodes import Episode
from folds import CALIBRATE, VERIFY, fold_of

__all__ = ["CALIBRATE", "VERIFY", "Gathered", "episodes", "fold_of", "load"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """One text. ``injected``: the numbers of its injected tokens; None where an attack's are not known."""

    source: str
    label: int
    group: str
    episode: str
    text: str
    injected: tuple[int, ...] | None
    x_TD: npt.NDArray[np.float16]

    @property
    def fold(self) -> int:
        """Of five, by the group: texts with the same context never stand on both sides of a split."""
        return fold_of(self.group)


def load(folder: Path, hook_point: str) -> list[Gathered]:
    """Every text, its activations memory-mapped."""
    return _load(folder, "texts", hook_point)


def episodes(folder: Path, hook_point: str, folds: Sequence[int]) -> list[tuple[Episode, list[Gathered]]]:
    """The benign episodes of these folds, with their results; those that cannot be read are missing."""
    results = {text.text: text for text in _load(folder, "results", hook_point)}
    lines = (folder / "episodes.jsonl").read_text(encoding="utf-8").splitlines()
    found = [Episode(**{**(row := json.loads(line)), "results": tuple(row["results"])}) for line in lines]
    return [
        (episode, [results[text] for text in episode.results if text in results])
        for episode in found
        if episode.fold in folds
    ]


def _load(folder: Path, kind: str, hook_point: str) -> list[Gathered]:
    return [text for shard in sorted(folder.glob(f"{kind}-*.jsonl")) for text in _shard(shard, hook_point)]


def _shard(shard: Path, hook_point: str) -> Iterator[Gathered]:
    x_ND = np.load(shard.with_name(f"{shard.stem}-{hook_point}.npy"), mmap_mode="r")
    start = 0
    for line in shard.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        end = start + row["tokens"]
        injected = None if row["injected"] is None else tuple(row["injected"])
        yield Gathered(
            row["source"], row["label"], row["group"], row["episode"], row["text"], injected, x_ND[start:end]
        )
        start = end
