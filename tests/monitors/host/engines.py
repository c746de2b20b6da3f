"""A small engine of real torch, and the same engine under faults that its queries ask for."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from zlib import crc32

import torch
from torch import nn

from bartizan.monitors.types import Measurement, Passage, Query

VOCABULARY = 512


def query(text: str, *, probe: str = "injection", tenant: str = "", tool: str = "read") -> Query:
    return Query(probe, (Passage("user", "do it"), Passage("result", text)), tenant, tool)


class HashedEngine:
    """Embeds hashed words, mixes them, and pools: a probe is a direction. Shapes: B batch, T tokens, D width."""

    def __init__(self, width: int = 32) -> None:
        generator = torch.Generator().manual_seed(7)
        self._embed = nn.Embedding(VOCABULARY, width)
        self._mix = nn.Linear(width, width)
        self._heads = {name: torch.randn(width, generator=generator) for name in ("injection", "drift")}
        for parameter in (*self._embed.parameters(), *self._mix.parameters()):
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) / width**0.5)
        self.batches: list[list[Query]] = []

    def tokens(self, query: Query) -> int:
        return len(_words(query))

    @torch.inference_mode()
    def measure(self, queries: Sequence[Query]) -> list[Measurement]:
        self.batches.append(list(queries))
        words = [_words(query) for query in queries]
        longest = max(len(found) for found in words)
        ids_BT = torch.zeros(len(words), longest, dtype=torch.long)
        mask_BT = torch.zeros(len(words), longest)
        for row, found in enumerate(words):
            ids_BT[row, : len(found)] = torch.tensor([crc32(word.encode()) % VOCABULARY for word in found])
            mask_BT[row, : len(found)] = 1
        x_BTD = torch.tanh(self._mix(self._embed(ids_BT)))
        pooled_BD = (x_BTD * mask_BT[:, :, None]).sum(1) / mask_BT.sum(1, keepdim=True)
        return [self._answer(query, pooled_D) for query, pooled_D in zip(queries, pooled_BD, strict=True)]

    def _answer(self, query: Query, pooled_D: torch.Tensor) -> Measurement:
        head_D = self._heads.get(query.probe)
        if head_D is None:
            return Measurement.missing("no such probe")
        score = torch.sigmoid(pooled_D @ head_D).item()
        return Measurement(score, 1 - score, {"words": len(_words(query)), "tenant": query.tenant})


class FaultyEngine(HashedEngine):
    """Does what its queries say: a poisonous one raises, a slow one sleeps, a stopping one waits for ``go``."""

    def __init__(self, width: int = 32, seconds: float = 0.0) -> None:
        super().__init__(width)
        self.go = threading.Event()
        self.waiting = threading.Event()
        self.seconds = seconds
        self.counted: list[str] = []

    def tokens(self, query: Query) -> int:
        text = query.passages[-1].text if query.passages else ""
        self.counted.append(text)
        if "uncountable" in text:
            raise RuntimeError(f"cannot count {text}")
        return super().tokens(query)

    def measure(self, queries: Sequence[Query]) -> list[Measurement]:
        texts = [query.passages[-1].text for query in queries]
        if any("stop" in text for text in texts):
            self.waiting.set()
            self.go.wait()
        if self.seconds:
            time.sleep(self.seconds)
        if any("poison" in text for text in texts):
            self.batches.append(list(queries))
            raise RuntimeError(f"choked on {texts}")
        if any("exit" in text for text in texts):
            raise SystemExit(3)
        answers = super().measure(queries)
        if any("short" in text for text in texts):
            return answers[:-1]
        return [
            Measurement(float("nan")) if "nan" in text else answer
            for text, answer in zip(texts, answers, strict=True)
        ]


def _words(query: Query) -> list[str]:
    return [word for passage in query.passages for word in (passage.channel, *passage.text.split())]
