"""What step 1 wrote, as the later steps use it: texts with their tokens' activations, and splits by group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

CALIBRATE, VERIFY = (0, 1), (2,)  # of five folds of groups; the others train


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
        return int(hashlib.sha256(self.group.encode()).hexdigest(), 16) % 5


def load(folder: Path, hook_point: str) -> list[Gathered]:
    """Every text, its activations memory-mapped."""
    return [text for shard in sorted(folder.glob("texts-*.jsonl")) for text in _shard(shard, hook_point)]


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


def tokens(texts: Sequence[Gathered], seed: int, most: int = 15_000) -> tuple[Array, npt.NDArray[np.int64]]:
    """Tokens to learn from, x[N, D] and y[N]: injected ones, and those of benign texts, at most so many a source.

    What surrounds an injection is left out: its activations know of it.
    """
    rng = np.random.default_rng(seed)
    xs, ys = [], []
    for part in sorted({(text.source, text.label) for text in texts}):
        rows = [
            np.asarray(text.x_TD[_sample(text, rng)], dtype=np.float32)
            for text in texts
            if (text.source, text.label) == part and text.injected is not None and len(text.x_TD)
        ]
        x_ND = np.concatenate(rows) if rows else np.empty((0, 0), np.float32)
        if len(x_ND) > most:
            x_ND = x_ND[rng.choice(len(x_ND), most, replace=False)]
        if len(x_ND):
            xs.append(x_ND)
            ys.append(np.full(len(x_ND), part[1]))
    return np.concatenate(xs), np.concatenate(ys)


def _sample(text: Gathered, rng: np.random.Generator, most: int = 48) -> npt.NDArray[np.int64]:
    found = np.array(text.injected if text.label else range(len(text.x_TD)), dtype=np.int64)
    return found if len(found) <= most else np.sort(rng.choice(found, most, replace=False))
