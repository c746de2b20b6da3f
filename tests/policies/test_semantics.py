"""The evaluator and the registers mean what the reference interpreter says."""

from __future__ import annotations

import itertools
import random
from typing import Any
from zlib import crc32

import pytest

from bartizan.guard import Event
from bartizan.policies.evaluation.generators import TOOLS, Case, Generator
from bartizan.policies.evaluation.plan import compile_expression
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.registers import RegisterFile, advance
from bartizan.policies.evaluation.scope import PastEvent, Scope, conform, event_scope
from bartizan.policies.language import ast
from bartizan.policies.language.types import Bool
from bartizan.policies.language.values import E

CASES = 24_000
CHUNKS = 8


class Answers:
    """Provenance answers that depend on the question only: true, false, or unknown."""

    def __init__(self, salt: int) -> None:
        self.salt = salt

    def _answer(self, *question: Any) -> bool | None:
        return (True, False, None)[crc32(repr((self.salt, question)).encode()) % 3]

    def from_user(self, value: Any) -> bool | None:
        return self._answer("user", value)

    def from_tool(self, value: Any, tool: str) -> bool | None:
        return self._answer("tool", value, tool)

    def from_untrusted(self, value: Any) -> bool | None:
        return self._answer("untrusted", value)

    def grounded(self, value: Any) -> bool | None:
        return self._answer("grounded", value)

    def carries_untrusted(self, value: Any) -> bool | None:
        return self._answer("carries", value)


def past_of(history: tuple[Event, ...]) -> tuple[PastEvent, ...]:
    """The history as the reference interpreter sees it; provenance answers change from event to event."""
    past: tuple[PastEvent, ...] = ()
    for index, event in enumerate(history):
        scope = event_scope(event, TOOLS, lambda i=index: Answers(i), {}, past)
        past = (*past, PastEvent(event.kind, event.tool, event.time, scope))
    return past


def scope_of(case: Case, registers: Any, past: tuple[PastEvent, ...]) -> Scope:
    args = dict(case.call.args)
    inputs = {"args": conform(args, TOOLS["pay"].args), "tool": "pay", "now": case.now}
    return Scope(inputs, {"args": args}, case.now, case.signals, lambda: Answers(-1), registers, past)


def both(case: Case) -> tuple[Any, Any]:
    """The condition's value by the reference interpreter and by closures over registers."""
    registers = RegisterFile()
    run = compile_expression(case.condition, registers.reader)
    state: Any = registers.initial()
    for index, event in enumerate(case.history):
        here = event_scope(event, TOOLS, lambda i=index: Answers(i), state)
        state = advance(registers.touched_by(event.kind, event.tool), state, here)
    expected = evaluate(case.condition, scope_of(case, {}, past_of(case.history)))
    return expected, run(scope_of(case, state, ()))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_evaluator_equals_reference_on_generated_cases(chunk: int) -> None:
    """On 24,000 generated conditions, calls and histories the evaluator gives the reference's value."""
    seen = {True: 0, False: 0, E: 0}
    for seed in range(chunk * CASES // CHUNKS, (chunk + 1) * CASES // CHUNKS):
        case = Generator(random.Random(seed)).case()
        expected, found = both(case)
        assert found is expected, f"seed {seed}: reference {expected}, evaluator {found}\n{case}"
        seen[expected] += 1
    assert min(seen.values()) > CASES // CHUNKS // 20, f"the generator is lopsided: {seen}"


_ATOMS = (ast.Input(("t",), Bool()), ast.Input(("f",), Bool()), ast.Input(("e",), Bool()))


def _all_trees(size: int) -> list[ast.Expr]:
    """Every boolean tree with ``size`` nodes over T, F and E."""
    if size == 1:
        return list(_ATOMS)
    trees: list[ast.Expr] = [ast.Not(t) for t in _all_trees(size - 1)]
    for left in range(1, size - 1):
        for a, b in itertools.product(_all_trees(left), _all_trees(size - 1 - left)):
            trees += [ast.And(a, b), ast.Or(a, b)]
    for first in range(1, size - 2):
        for second in range(1, size - 1 - first):
            third = size - 1 - first - second
            if third >= 1:
                parts = (_all_trees(first), _all_trees(second), _all_trees(third))
                trees += [ast.If(a, b, c, Bool()) for a, b, c in itertools.product(*parts)]
    return trees


def test_small_scope_is_exhausted() -> None:
    """Every boolean tree of at most 6 nodes over T, F and E has the same value in both, and no value but these."""
    scope = Scope({"t": True, "f": False}, {}, 0, {}, lambda: Answers(0))
    count = 0
    for tree in itertools.chain.from_iterable(_all_trees(n) for n in range(1, 7)):
        expected = evaluate(tree, scope)
        assert expected in (True, False, E)
        assert compile_expression(tree)(scope) is expected, tree
        count += 1
    assert count > 1_000


_ORDER = {False: (False,), True: (True,), E: (False, True, E)}


def test_small_scope_information_monotonicity() -> None:
    """Turning inputs into E can only turn a tree's value into E, for every tree of at most 6 nodes."""
    for tree in itertools.chain.from_iterable(_all_trees(n) for n in range(1, 7)):
        for t, f in itertools.product((True, None), (False, None)):
            known = {name: v for name, v in (("t", t), ("f", f)) if v is not None}
            less = evaluate(tree, Scope(known, {}, 0, {}, lambda: Answers(0)))
            full = evaluate(tree, Scope({"t": True, "f": False}, {}, 0, {}, lambda: Answers(0)))
            assert less is E or less is full, tree


def _less(value: Any, random_: random.Random) -> Any:
    """A value with some of its parts turned into E."""
    if isinstance(value, dict):
        return {key: E if random_.random() < 0.3 else _less(item, random_) for key, item in value.items()}
    return value


class Forgetful(Answers):
    """The same answers, some of them lost."""

    def _answer(self, *question: Any) -> bool | None:
        return None if crc32(repr(question).encode()) % 5 == 0 else super()._answer(*question)


def _lossy(scope: Scope, random_: random.Random, past: tuple[PastEvent, ...]) -> Scope:
    salt = scope.sources().salt  # type: ignore[attr-defined]
    signals = {name: s for name, s in scope.signals.items() if random_.random() < 0.7}
    inputs = _less(scope.inputs, random_)
    return Scope(inputs, scope.raw, scope.now, signals, lambda: Forgetful(salt), scope.registers, past)


@pytest.mark.parametrize("chunk", range(4))
def test_losing_information_never_decides_otherwise(chunk: int) -> None:
    """Dropping values, signals and provenance, now and in the past, turns a condition's value into E or leaves it."""
    lost = 0
    for seed in range(chunk * 1_500, (chunk + 1) * 1_500):
        random_ = random.Random(seed)
        case = Generator(random.Random(seed)).case()
        past = past_of(case.history)
        dimmed: tuple[PastEvent, ...] = ()
        for p in past:
            scope = _lossy(p.scope, random_, dimmed)
            scope.inputs = {**scope.inputs, "event": p.scope.inputs["event"]}
            dimmed = (*dimmed, PastEvent(p.kind, p.tool, p.time, scope))
        full = scope_of(case, {}, past)
        value = evaluate(case.condition, full)
        less = evaluate(case.condition, _lossy(full, random_, dimmed))
        assert less is E or less is value, f"seed {seed}: {value} became {less}\n{case}"
        lost += less is E and value is not E
    assert lost > 100, "the test must actually lose something"
