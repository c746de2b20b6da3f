"""The registers of the theory, folded by the kernel, hold what the registers that run hold."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bartizan.policies.evaluation.registers import Cell, CountCell, OnceCell, PreviousCell, SinceCell
from bartizan.policies.language.values import E
from bartizan.policies.lean.calculus.build import app, lam, local
from bartizan.policies.lean.calculus.declarations import Theorem
from bartizan.policies.lean.calculus.terms import ONE, ZERO, Const, Expr, Lit
from bartizan.policies.lean.certificates.proofs import checked_theory
from bartizan.policies.lean.encoding.emit import bool_term, listed, ours, value_term
from bartizan.policies.lean.kernel import Environment, KernelError

SEEDS = 60
_NAT, _BOOL = Const("Nat"), Const("Bool")


@dataclass(frozen=True)
class Moment:
    """An event as a register's conditions see it: ``now`` is its time."""

    now: int
    value: Any
    left: Any


def past_of(seed: int) -> tuple[list[Moment], int, int | None]:
    """Events from the oldest on, a time to ask at, and a window; often with equal times and times at its edge."""
    rng = random.Random(seed)
    moments, now = [], 0
    for _ in range(rng.randint(0, 7)):
        now += rng.choice((0, 0, 1, 2, 5))
        moments.append(Moment(now, rng.choice((True, False, E)), rng.choice((True, True, False, E))))
    return moments, now + rng.choice((0, 1, 3)), rng.choice((None, 0, 1, 3, 5))


def held(cell: Cell, moments: Sequence[Moment], now: int) -> Any:
    """What the register that runs reads."""
    state = cell.initial()
    for moment in moments:
        state = cell.update(state, moment)  # type: ignore[arg-type]
    return cell.read(state, now)


def option(type_: Expr, value: Expr | None) -> Expr:
    constructor = Const("Option.none" if value is None else "Option.some", (ZERO,))
    return app(constructor, type_) if value is None else app(constructor, type_, value)


def three(value: Any) -> Expr:
    return value_term(None if value is E else value)


def seen(moments: Iterable[Moment]) -> Expr:
    """The past, newest first."""
    made = [app(ours("Seen.mk"), Lit(m.now), three(m.value)) for m in moments]
    return listed(ours("Seen"), reversed(made))


def run(state: Expr, event: Expr, step: Expr, start: Expr, past: Expr) -> Expr:
    return app(ours("run"), state, event, step, start, past)


def computes(environment: Environment, type_: Expr, left: Expr, right: Expr) -> bool:
    """Whether the kernel accepts ``left = right`` by computing both."""
    claim = app(Const("Eq", (ONE,)), type_, left, right)
    try:
        environment.fork().add(Theorem("claim", (), claim, app(Const("Eq.refl", (ONE,)), type_, right)))
    except KernelError:
        return False
    return True


def agrees(read: Expr, specified: Expr, expected: Any) -> None:
    """Both the register and the definition compute to the value, and to no other."""
    type_ = app(Const("Option", (ZERO,)), _BOOL)
    for value in (True, False, E):
        for term in (read, specified):
            assert computes(checked_theory(), type_, term, three(value)) is (value is expected)


@pytest.mark.parametrize("register", ["once", "previous", "since"])
def test_registers_of_truth_values_agree(register: str) -> None:
    """On generated pasts the kernel folds to the value that the register which runs reads; so does the definition."""
    found = set()
    for seed in range(SEEDS):
        moments, now, within = past_of(seed)
        window, at = option(_NAT, None if within is None else Lit(within)), Lit(now)
        marks = ours("Marks")
        cell: Cell
        if register == "once":
            cell = OnceCell(lambda s: s.value, within)  # type: ignore[attr-defined]
            state = run(marks, ours("Seen"), ours("onceStep"), ours("noMarks"), seen(moments))
            read, said = (
                app(ours("marksRead"), window, at, state),
                app(ours("onceSpec"), window, at, seen(moments)),
            )
        elif register == "previous":
            cell = PreviousCell(lambda s: s.value)  # type: ignore[attr-defined]
            type_ = app(Const("Option", (ZERO,)), _BOOL)
            event = local("s", ours("Seen"))
            step = lam([local("before", type_), event], app(ours("Seen.value"), event))
            read = run(type_, ours("Seen"), step, three(False), seen(moments))
            said = app(ours("previousSpec"), seen(moments))
        else:
            cell = SinceCell(lambda s: s.left, lambda s: s.value, within)  # type: ignore[attr-defined]
            pairs = [app(ours("Pair.mk"), Lit(m.now), three(m.left), three(m.value)) for m in moments]
            past = listed(ours("Pair"), reversed(pairs))
            state = run(marks, ours("Pair"), ours("sinceStep"), ours("noMarks"), past)
            read, said = app(ours("marksRead"), window, at, state), app(ours("sinceSpec"), window, at, past)
        expected = held(cell, moments, now)
        agrees(read, said, expected)
        found.add(expected)
    assert found == {True, False, E}


@pytest.mark.parametrize("saturate", [True, False])
def test_counts_agree(saturate: bool) -> None:
    """The ring of the last times counts like the register that runs, exactly below the cap."""
    found = set()
    for seed in range(SEEDS):
        moments, now, within = past_of(seed)
        window, cap = option(_NAT, None if within is None else Lit(within)), 1 + seed % 4
        expected = held(CountCell(lambda s: s.value, within, cap, saturate), moments, now)  # type: ignore[attr-defined]
        state = run(
            ours("Ring"), ours("Seen"), app(ours("ringStep"), Lit(cap)), ours("noRing"), seen(moments)
        )
        how = (window, Lit(now), bool_term(saturate), Lit(cap))
        type_ = app(Const("Option", (ZERO,)), _NAT)
        for term in (app(ours("ringRead"), *how, state), app(ours("countSpec"), *how, seen(moments))):
            assert computes(
                checked_theory(), type_, term, option(_NAT, None if expected is E else Lit(expected))
            )
            assert not computes(checked_theory(), type_, term, option(_NAT, Lit(cap + 1)))
        found.add(expected)
    assert E in found
    assert {0, 1} <= found
