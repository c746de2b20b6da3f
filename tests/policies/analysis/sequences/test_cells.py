"""The symbolic registers are the registers that run."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bartizan.guard import Event
from bartizan.policies.evaluation.generators import Generator
from bartizan.policies.language.values import E

from .reading import reading_case, reads, same

CASES = 800


@pytest.mark.parametrize("chunk", range(4))
def test_registers_agree(chunk: int) -> None:
    """After any generated history, every symbolic register reads what the program's register reads."""
    seen: dict[str, set[Any]] = {}
    for seed in range(chunk * CASES // 4, (chunk + 1) * CASES // 4):
        case, nodes = reading_case(seed)
        for name, (expected, found) in reads(case, nodes).items():
            node = nodes[name]
            assert same(expected, found), f"seed {seed}: {expected}, not {found}\n{node}\n{case.history}"
            seen.setdefault(type(node).__name__, set()).add("E" if expected is E else expected)
    assert len(seen) == 6 and all(len(values) > 1 for values in seen.values()), seen


def test_events_of_the_generators_are_of_every_kind() -> None:
    """The comparison sees calls, results, prompts and texts."""
    kinds = {event.kind for seed in range(200) for event in _history(seed)}
    assert kinds == {"call", "result", "prompt", "text"}


def _history(seed: int) -> tuple[Event, ...]:
    return Generator(random.Random(seed)).case().history
