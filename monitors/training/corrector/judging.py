"""What a script is worth: whether the policy allows what it makes of the call, and how far it is from the best."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from problems import Problem, cost, readings, refused_of
from variants import compiled

from bartizan.guard import Request, ToolCall
from bartizan.guard.canonical import canonical_json
from bartizan.monitors.corrector import script
from bartizan.monitors.corrector.errors import NoScript
from bartizan.monitors.corrector.grammar import CallGrammar
from bartizan.monitors.corrector.reading import ToolReading
from bartizan.monitors.corrector.script import Word
from bartizan.monitors.corrector_training.examples import Example
from bartizan.policies.program import Program

# What the reward takes off for a cost above the best, and for editing an allowed call.
GAP, CHANGED = 0.5, 1.0
UNPARSED, PARSED, RIGHT = 0.0, 0.2, 1.2


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one script. ``word`` is ``=``, ``DENY`` or empty; the rest is about the edited call, where there is one.

    ``gap`` and ``distance`` compare its cost, and how far its numbers moved, with the solver's: (x - x*) / (1 + x*).
    """

    parsed: bool
    exact: bool
    word: str = ""
    allowed: bool = False
    permitted: bool = False
    optimal: bool = False
    gap: float = 0.0
    distance: float = 0.0
    edited: bytes = b""

    @property
    def emitted(self) -> bool:
        """Whether the gate lets the edited call go."""
        return self.allowed and self.permitted


class Judge:
    """Judges scripts for examples of a data folder, each by its own policy."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self.program: Callable[[int], Program] = cache(lambda number: compiled(self._texts[number]))
        self.readings: Callable[[int], Mapping[str, ToolReading]] = cache(lambda n: readings(self.program(n)))
        self._grammar = cache(lambda n, tool: CallGrammar(self.readings(n)[tool].editable))

    @classmethod
    def of(cls, data: Path) -> Judge:
        return cls(json.loads((data / "policies.json").read_text(encoding="utf-8")))

    def grammar(self, example: Example) -> CallGrammar:
        found: CallGrammar = self._grammar(example.problem["policy"], example.problem["tool"])
        return found

    def verdict(self, example: Example, text: bytes) -> Verdict:
        exact = text == example.output
        try:
            found = script.read(text)
            if isinstance(found, Word):
                return Verdict(True, exact, found.value, optimal=exact)
            args = script.applied(found, example.problem["args"])
        except NoScript:
            return Verdict(False, False)
        return self._of_call(example, args, exact)

    def _of_call(self, example: Example, args: Mapping[str, Any], exact: bool) -> Verdict:
        problem = Problem.from_json(example.problem)
        program = self.program(example.problem["policy"])
        refused = refused_of(program, problem)
        call = refused.request.call
        edited = ToolCall.of(call.id, call.tool, args)
        request = Request(edited, refused.request.now, refused.request.principal, before=call)
        allowed = program.decide(request, refused.session).allowed
        permitted = program.permits(call, edited)
        gap = distance = 0.0
        optimal = False
        if allowed and permitted and example.output not in (b"=", b"DENY"):
            (total, moved), (least, nearest) = cost(program, problem, args), example.problem["cost"]
            gap = (total - least) / (1 + least)
            distance = (moved - nearest) / (1 + nearest) if total == least else 0.0
            optimal = total == least and abs(moved - nearest) < 1e-6
        return Verdict(
            True, exact, "", allowed, permitted, optimal, gap, distance, canonical_json(dict(args))
        )

    def reward(self, example: Example, text: bytes) -> float:
        """+1 for what the policy lets go (or rightly given up), +0.2 for a script; less what it costs too much."""
        found = self.verdict(example, text)
        if not found.parsed:
            return UNPARSED
        if example.output in (b"=", b"DENY"):
            if found.exact:
                return RIGHT
            return PARSED - CHANGED if example.output == b"=" and not found.word else PARSED
        if not found.emitted:
            return PARSED
        exact = 1e-3 if found.exact else 0.0  # of equals the canonical one
        return RIGHT - GAP * max(0.0, found.gap) - 0.1 * min(1.0, max(0.0, found.distance)) + exact - 1e-3
