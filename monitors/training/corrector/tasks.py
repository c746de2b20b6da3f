"""The two things that a corrector can learn: calls of a policy, and texts. What the steps need to know of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import synthesise
from judging import Judge

from bartizan.monitors.corrector.grammar import CallGrammar
from bartizan.monitors.corrector.reading import ToolReading
from bartizan.monitors.corrector_training import examples
from bartizan.monitors.corrector_training.examples import Example


class Task(Protocol):
    """Where its examples are, how they are made, and what a script for one is worth."""

    @property
    def kind(self) -> Literal["calls", "texts"]: ...
    @property
    def policy_hash(self) -> str: ...
    @property
    def tools(self) -> Mapping[str, ToolReading]: ...
    def synthesise(self, count: int, seed: int, processes: int) -> None: ...
    def examples(self, split: str) -> list[Example]: ...
    def grammar(self, example: Example) -> CallGrammar | None: ...
    def reward(self, example: Example, text: bytes) -> float: ...
    def right(self, example: Example, text: bytes) -> bool: ...


class Calls:
    """Calls of a policy, labelled by the solver."""

    kind: Literal["calls"] = "calls"

    def __init__(self, policy: Path, out: Path) -> None:
        self._policy, self._out = policy, out
        self._kept: dict[str, list[Example]] = {}

    @cached_property
    def judge(self) -> Judge:
        return Judge.of(self._out / "data")

    @property
    def policy_hash(self) -> str:
        return self.judge.program(0).hash

    @property
    def tools(self) -> Mapping[str, ToolReading]:
        return self.judge.readings(0)

    def synthesise(self, count: int, seed: int, processes: int) -> None:
        synthesise.synthesise(
            self._policy, synthesise.HERE / "bookings.yaml", self._out, count, seed, processes
        )

    def examples(self, split: str) -> list[Example]:
        if split not in self._kept:
            self._kept[split] = examples.load(self._out / "data" / f"{split}.jsonl")
        return self._kept[split]

    def grammar(self, example: Example) -> CallGrammar:
        return self.judge.grammar(example)

    def reward(self, example: Example, text: bytes) -> float:
        return self.judge.reward(example, text)

    def right(self, example: Example, text: bytes) -> bool:
        return self.judge.verdict(example, text).optimal


TASKS: Mapping[str, Callable[[Path, Path], Task]] = {"calls": Calls}
