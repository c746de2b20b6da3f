"""What is learned from: inputs as tokens, scripts as bytes; on disk as JSON lines; batches of them in a fixed order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..corrector import vocabulary
from ..replacing import replacing
from ..sae_training.config import TrainingError

CHUNK = 64
"""So many batches are cut from examples sorted by length: little padding, and still mixed."""

IGNORED = 0.0


@dataclass(frozen=True, slots=True)
class Example:
    """An input and the script that is right for it.

    ``kind`` is what stratifies it (``compliant``, ``one``, ``several``, ``deny``, ``text``); ``problem`` is what is
    needed to judge another script for it (JSON, the task's own).
    """

    tokens: tuple[int, ...]
    output: bytes
    kind: str
    problem: Mapping[str, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return len(self.tokens) + len(self.output) + 1


def save(examples: Iterable[Example], path: Path) -> None:
    """One JSON object a line, written beside and moved into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part, part.open("w", encoding="utf-8") as lines:
        for e in examples:
            line = {
                "tokens": e.tokens,
                "output": e.output.decode(),
                "kind": e.kind,
                "problem": dict(e.problem),
            }
            lines.write(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n")


def load(path: Path) -> list[Example]:
    try:
        with path.open(encoding="utf-8") as lines:
            found = [json.loads(line) for line in lines]
        return [Example(tuple(e["tokens"]), e["output"].encode(), e["kind"], e["problem"]) for e in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: cannot be read as examples, {error}; make them again") from error


def digest(examples: Sequence[Example]) -> str:
    """What identifies a training set: a run goes on only with the one that it began with."""
    hashed = sha256()
    for e in examples:
        hashed.update(np.asarray(e.tokens, dtype=np.int32).tobytes() + b"\0" + e.output + b"\0")
    return hashed.hexdigest()


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens [B, T], padded at the end, and how much each as a target weighs [B, T - 1]."""

    tokens_BT: Tensor
    weight_BT: Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """How much targets weigh: the bytes of an edit, of ``=``, and of the input itself."""

    edit: float = 1.0
    unchanged: float = 0.5
    input: float = 0.0


def batch(examples: Sequence[Example], weights: Weights) -> Batch:
    T = -(-max(e.length for e in examples) // 8) * 8 + 1  # few different shapes: kernels are made for each
    tokens_BT = torch.full((len(examples), T), vocabulary.PAD)
    weight_BT = torch.full((len(examples), T - 1), IGNORED)
    for row, e in enumerate(examples):
        n = len(e.tokens)
        tokens_BT[row, : e.length] = torch.tensor([*e.tokens, *e.output, vocabulary.END])
        weight_BT[row, : n - 1] = weights.input
        weight_BT[row, n - 1 : e.length - 1] = weights.unchanged if e.output == b"=" else weights.edit
    return Batch(tokens_BT, weight_BT)


class Batches:
    """Batches of about ``tokens`` tokens, in an order that the seed and the step number determine."""

    def __init__(self, examples: Sequence[Example], tokens: int, *, seed: Sequence[int]) -> None:
        if not examples:
            raise TrainingError("there are no examples of this kind; make more")
        self.examples, self.tokens, self.seed = examples, tokens, tuple(seed)
        self._lengths = np.array([e.length for e in examples])

    def after(self, step: int) -> Iterator[Sequence[Example]]:
        """The endless batches from ``step`` (counted from 0) on."""
        epoch, skip = 0, step
        while True:
            rows = self._epoch(epoch)
            for row in rows[skip:]:
                yield [self.examples[i] for i in row]
            epoch, skip = epoch + 1, max(0, skip - len(rows))

    def _epoch(self, epoch: int) -> list[Sequence[int]]:
        generator = np.random.default_rng([*self.seed, epoch])
        order = generator.permutation(len(self.examples))
        a_batch = max(1, int(self.tokens // self._lengths.mean()))
        rows: list[Sequence[int]] = []
        for start in range(0, len(order), a_batch * CHUNK):
            part = order[start : start + a_batch * CHUNK]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            cut: list[int] = []
            for i in part.tolist():
                if cut and (len(cut) + 1) * int(self._lengths[i]) > self.tokens:
                    rows.append(cut)
                    cut = []
                cut.append(i)
            rows.append(cut)
        return [rows[i] for i in generator.permutation(len(rows))]
