"""Attacks on claims that something is impossible: situations as near to a condition's own values as can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import inf, nextafter
from random import Random
from typing import Any

from bartizan.guard import Missing, Signal
from bartizan.policies.analysis.witness.decode import decimal_json, time_text
from bartizan.policies.evaluation.generators import TOOLS, Case, Generator
from bartizan.policies.evaluation.plan import language_of
from bartizan.policies.evaluation.scope import Scope
from bartizan.policies.language import ast
from bartizan.policies.language.types import (
    F64,
    Bool,
    Dec,
    Duration,
    Enum,
    Int,
    List,
    Record,
    Str,
    Time,
    Type,
)
from bartizan.policies.language.values import duration_text

from ..situations import scope_of
from .texts import near_misses, neighbours

_BOUNDARIES = (-1, 0, 1)


class Attack:
    """Values near those that a condition compares with, by type."""

    def __init__(self, condition: ast.Expr, random: Random) -> None:
        self.random = random
        self.generator = Generator(random)
        self.texts = ["", "a" * 12, "a" * 13]
        self.numbers = [-1, 0, 1, 2, 3, 4]
        self.floats = [0.0, 0.5, 1.0]
        for node in ast.walk(condition):
            match node:
                case ast.Const(str() as text):
                    self._text(text)
                case ast.OneOf(_, items):
                    for item in items:
                        self._text(item) if isinstance(item, str) else self._number(item)
                case ast.Const(value):
                    self._number(value)
                case ast.StringTest():
                    self.texts += near_misses(language_of(node))

    def _text(self, text: str) -> None:
        self.texts += [text, *neighbours(text)]

    def _number(self, value: Any) -> None:
        if isinstance(value, float):
            self.floats += [value, nextafter(value, inf), nextafter(value, -inf)]
        elif isinstance(value, int) and not isinstance(value, bool):
            self.numbers += [value + by for by in _BOUNDARIES]

    def situation(self, case: Case) -> Scope:
        """A situation with some of the values taken from the condition."""
        generator, random = self.generator, self.random
        call = generator.call("pay", "now")
        args = self._near(dict(call.args), TOOLS["pay"].args)
        history = generator.history() if random.random() < 0.7 else case.history
        latest = history[-1].time if history else case.now
        now = latest + random.choice((0, 1, 999_999, 1_000_000, 1_000_001, 3_000_000, 10_000_001))
        other = replace(
            case, call=replace(call, args=args), signals=self._signals(), history=history, now=now
        )
        roles = tuple(sorted({random.choice(self.texts) for _ in range(random.randrange(4))}))
        return scope_of(other, {"id": random.choice([t for t in self.texts if t]), "roles": roles})

    def _signals(self) -> dict[str, Signal]:
        measured = [*(value for value in self.floats if 0 <= value <= 1), Missing("down")]
        pick = self.random.choice
        names = [name for name in ("risk", "harm") if self.random.random() < 0.8]
        return {name: Signal(name, pick(measured), pick(measured)) for name in names}

    def _near(self, value: Any, type_: Type) -> Any:
        """The value, or another of its type."""
        random = self.random
        match type_:
            case Record(fields):
                kept = {
                    name: self._near(value[name], field.type)
                    for name, field in fields
                    if name in value and not (field.optional and random.random() < 0.1)
                }
                return kept if set(kept) | {n for n, f in fields if f.optional} >= set(value) else value
            case List(element):
                return [self._near(item, element) for item in value]
        return self._scalar(type_, value) if random.random() < 0.5 else value

    def _scalar(self, type_: Type, value: Any) -> Any:
        pick = self.random.choice
        match type_:
            case Str():
                return pick(self.texts)
            case Bool():
                return pick((True, False))
            case Int():
                return pick(self.numbers)
            case Dec(digits):
                return decimal_json(pick(self.numbers), digits)
            case F64():
                return pick(self.floats)
            case Time():
                return time_text(pick(self.numbers))
            case Duration():
                return duration_text(abs(pick(self.numbers)))
            case Enum(values):
                return pick(values)
        return value


def attacked(case: Case, random: Random, tries: int) -> Iterator[Scope]:
    """So many situations in which the condition of a case is likely to be what it seldom is."""
    attack = Attack(case.condition, random)
    for _ in range(tries):
        yield attack.situation(case)
