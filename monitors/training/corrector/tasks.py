"""The two things that a corrector can learn: calls of a policy, and texts. What the steps need to know of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import synthesise
from judging import Judge
from texts import Sentence, sentences

from bartizan.monitors.corrector import spans
from bartizan.monitors.corrector.grammar import CallGrammar
from bartizan.monitors.corrector.reading import ToolReading, text_input
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


class Texts:
    """Sentences with secrets and contradictions in them, labelled by the grammar that made them."""

    kind: Literal["texts"] = "texts"
    policy_hash = ""
    tools: Mapping[str, ToolReading] = {}

    def __init__(self, policy: Path, out: Path) -> None:
        self._data = out / "data"
        self._kept: dict[str, list[Example]] = {}

    def synthesise(self, count: int, seed: int, processes: int) -> None:
        for number, (split, part) in enumerate(
            (("train", count), ("calibrate", 2000), ("texts", 2000), ("wordings", 1000))
        ):
            made = sentences(part, seed * 4 + number, unseen=split == "wordings")
            examples.save(map(_example, made), self._data / f"{split}.jsonl")

    def examples(self, split: str) -> list[Example]:
        if split not in self._kept:
            self._kept[split] = examples.load(self._data / f"{split}.jsonl")
        return self._kept[split]

    def grammar(self, example: Example) -> None:
        return None

    def reward(self, example: Example, text: bytes) -> float:
        return 1.0 if text == example.output else 0.0

    def right(self, example: Example, text: bytes) -> bool:
        return text == example.output


def _example(sentence: Sentence) -> Example:
    tokens = tuple(text_input("", sentence.text, about=sentence.about))
    problem = {"text": sentence.text, "about": sentence.about, "secret": sentence.secret}
    output = spans.written(sentence.edits) if sentence.edits else b"="
    return Example(tokens, output, sentence.kind, problem)


TASKS: Mapping[str, Callable[[Path, Path], Task]] = {"calls": Calls, "texts": Texts}
