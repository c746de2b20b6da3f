"""What happened so far, and what is going on: counts and histograms of a batcher."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(eq=False, slots=True)
class Histogram:
    """Counts of values up to each bound, and above the last."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def cumulative(self) -> list[int]:
        """How many values were at most each bound; the last is all of them."""
        return list(accumulate(self.counts))

    def copy(self) -> Histogram:
        return Histogram(self.bounds, list(self.counts), self.total)


@dataclass(eq=False, slots=True)
class Recorder:
    """Where a batcher writes down what it does. Not thread-safe: the batcher holds its lock."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    failing: int = 0
    tokens: int = 0
    padded_tokens: int = 0
    batch: Histogram = field(default_factory=lambda: Histogram(BATCHES))
    queued: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    computed: Histogram = field(default_factory=lambda: Histogram(SECONDS))


@dataclass(frozen=True, slots=True)
class Stats:
    """A batcher at one moment. ``answers`` counts by outcome: ``measured``, or the reason why not.

    ``failures`` counts batches on which the engine raised, ``failing`` those since it last succeeded. ``queued`` and
    ``computed`` are histograms of seconds, by query and by batch; ``batch`` of queries in a batch.
    """

    queue_depth: int
    queue_tokens: int
    tenants_waiting: int
    computing: int
    answers: Mapping[str, int]
    failures: int
    failing: int
    tokens: int
    padded_tokens: int
    batch: Histogram
    queued: Histogram
    computed: Histogram
