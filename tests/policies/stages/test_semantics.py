"""The stage of a session has one meaning: in the register that runs, the interpreter, the formulas, every world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.policies.stages import machines

from bartizan.policies.analysis.sequences import cells
from bartizan.policies.analysis.sequences import stages as symbolic
from bartizan.policies.evaluation import stages
from bartizan.policies.language import ast
from bartizan.policies.language.types import F64
from bartizan.policies.language.values import E
from bartizan.policies.stages.graph import machine_of

CASES = 1_200


def _differs(seed: int) -> str | None:
    """What is wrong with one generated walk, if something is."""
    walk = machines.walk(seed, sure=seed % 4 == 0)
    found = machines.registers(walk)
    if found is not machines.reference(walk):
        return f"seed {seed}: the register reads {found}, the interpreter {machines.reference(walk)}"
    possible, certain = machines.worlds(walk)
    exact = machines.asked(walk, possible)
    if found is not exact and (certain or found is not E):
        return f"seed {seed}: the register reads {found}, the worlds say {exact}"
    return None


@pytest.mark.parametrize("chunk", range(4))
def test_the_register_is_the_interpreter_and_never_surer_than_the_worlds(chunk: int) -> None:
    """What is known of the stage is so in every way in which the session may have gone, and all of it is known where
    there is but one."""
    values: set[Any] = set()
    for seed in range(chunk * CASES // 4, (chunk + 1) * CASES // 4):
        assert _differs(seed) is None, _differs(seed)
        values.add(machines.registers(machines.walk(seed)))
    assert values == {True, False, E}


@pytest.mark.parametrize("chunk", range(2))
def test_the_formulas_are_the_register(chunk: int) -> None:
    """The symbolic register reads what the register reads, after every generated history."""
    for seed in range(chunk * 200, (chunk + 1) * 200):
        walk = machines.walk(seed)
        assert machines.symbolic(walk) is machines.registers(walk), f"seed {seed}"


def test_without_doubt_there_is_no_error() -> None:
    """Where no condition is E and no two transitions overlap, the answer is never E."""
    assert all(machines.registers(machines.walk(seed, sure=True)) is not E for seed in range(400))


def test_the_order_of_declarations_plays_no_part() -> None:
    """Transitions in another order are the same machine, by name and by what it reads."""
    for seed in range(150):
        walk = machines.walk(seed)
        was = walk.node.machine
        turned = machine_of(was.stages, was.initial, was.timed, tuple(reversed(was.transitions)))
        assert turned.id == was.id
        other = machines.Walk(type(walk.node)(walk.node.names, turned), walk.items, walk.now)
        assert machines.registers(other) is machines.registers(walk)


def test_losing_information_never_makes_an_answer() -> None:
    """A condition that becomes E turns no answer into another one: it can only be lost."""

    lost = 0
    for seed in range(300):
        walk = machines.walk(seed)
        was, before = walk.node.machine, machines.registers(walk)
        for index, move in enumerate(was.transitions):
            missing = ast.Transition(move.sources, move.target, move.match, _unknown())
            moves = (*was.transitions[:index], missing, *was.transitions[index + 1 :])
            machine = machine_of(was.stages, was.initial, was.timed, moves)
            after = machines.registers(
                machines.Walk(ast.InStage(walk.node.names, machine), walk.items, walk.now)
            )
            assert after in (before, E), f"seed {seed}: {before} became {after} without transition {index}"
            lost += after is not before
    assert lost > 40


def _unknown() -> Any:
    """A condition that is E at every event: a signal that nobody measures."""

    return ast.Compare("<=", ast.SignalValue("nobody", "value"), ast.Const(0.5, F64()))


MUTANTS: dict[str, Callable[[Any], None]] = {
    "windows are open": lambda m: m.setattr(
        stages, "possible", lambda machine, state, now, real=stages.possible: real(machine, state, now + 1)
    ),
    "stages last for ever": lambda m: m.setattr(stages, "possible", lambda machine, state, now: state),
    "the tool of an event is not looked at": lambda m: m.setattr(
        stages, "is_heard", lambda match, kind, tool: match.kind in (None, kind)
    ),
    "the first time of entering is forgotten": lambda m: m.setattr(
        stages, "_enter", lambda machine, found, name, first, last, real=stages._enter: (
            found.pop(name, None), real(machine, found, name, first, last))
    ),
    "what is unsure happens": lambda m: m.setattr(stages, "E", object()),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these bugs in the register is seen by the comparison."""
    MUTANTS[name](monkeypatch)
    assert any(_differs(seed) is not None for seed in range(CASES))


SYMBOLIC_MUTANTS = {
    "stages last for ever": (cells, "later", lambda machine, found, now, encoder: found),
    "the first time of entering is forgotten": (
        symbolic,
        "_entered",
        lambda f, stay, enters, first, last, real=symbolic._entered: real(
            f, symbolic.Stay(stay.may, first, stay.last), enters, first, last
        ),
    ),
    "the tool of an event is not looked at": (
        symbolic,
        "is_heard",
        lambda match, kind, tool: match.kind in (None, kind),
    ),
}


@pytest.mark.parametrize("name", SYMBOLIC_MUTANTS)
def test_a_mutant_of_the_formulas_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these bugs in the symbolic register is seen by the comparison."""
    monkeypatch.setattr(*SYMBOLIC_MUTANTS[name])
    assert any(_formulas_differ(seed) for seed in range(600))


def _formulas_differ(seed: int) -> bool:
    walk = machines.walk(seed)
    try:
        return machines.symbolic(walk) is not machines.registers(walk)
    except AssertionError:  # both true and false
        return True
