"""Time: the wall clock in microseconds, and a stopwatch for the stages of one decision."""

from __future__ import annotations

import time


def now_us() -> int:
    """Microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


class Stopwatch:
    """How long each stage took, in nanoseconds; a stage that ran more than once is summed."""

    __slots__ = ("_mark", "stages", "started")

    def __init__(self) -> None:
        self.started = time.time_ns()
        self.stages: dict[str, int] = {}
        self._mark = time.perf_counter_ns()

    def lap(self, stage: str) -> None:
        """The time since the last lap belongs to this stage."""
        mark = time.perf_counter_ns()
        self.stages[stage] = self.stages.get(stage, 0) + mark - self._mark
        self._mark = mark

    @property
    def total(self) -> int:
        return sum(self.stages.values())

    def microseconds(self) -> dict[str, int]:
        return {stage: ns // 1000 for stage, ns in self.stages.items()}
