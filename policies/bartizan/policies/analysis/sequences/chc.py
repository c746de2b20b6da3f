"""Proofs about all sessions by an inductive invariant over the registers, which Spacer looks for.

Where k-induction fails it is for want of a fact about the session so far: that two counters move in step, say. Here
such a fact is looked for, in a system that does more than sessions do, never less. Its state are the registers without
a window and without a key: what was ever held, what was ever unsure, how much has ever been added up. Of each register
that has one, the same without is in the state, and bounds what it reads, as :class:`.prefix.Prefix` says. All else is
free at every step: times, arguments, signals, what is asked of texts, and which call a result answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ...evaluation.registers import register_id
from ...language import ast
from ...policy import CheckedPolicy
from ..answers import Budget, Proved
from ..encode.past import NOTHING, Established
from ..encode.symbols import Amount, Condition
from ..formula import Flag, Formula, Number, Truth, Whole
from ..solve.spacer import System, never_wrong
from .cells import Cell, State
from .prefix import Query
from .relevance import Happening, Relevance, relevance
from .unroll import Option, Unrolling, roomy_encoder

_MILLISECONDS = 5_000


def inductive(
    policy: CheckedPolicy,
    tools: tuple[str, ...],
    question: Callable[[Unrolling, Option], Formula],
    budget: Budget,
    *,
    about: Iterable[ast.Expr] = (),
    established: Established = NOTHING,
    approvals: bool = True,
) -> Proved | None:
    """A proof that the question holds of no call of one of the tools in any session; None says nothing.

    Args:
        question: as it is asked of what follows any session.
    """
    about = tuple(about)
    relevant = relevance(policy, about, tuple(Happening("call", tool) for tool in tools))
    ever = {name: _ever(node) for name, node in relevant.registers.items()}
    registers = {**relevant.registers, **{register_id(node): node for node in ever.values()}}
    encoder = roomy_encoder(policy, relevant, about)
    widened = _widened(established, {name: register_id(node) for name, node in ever.items()})
    unrolling = Unrolling(
        policy, Relevance(registers, relevant.happenings), encoder, widened, approvals, seen=False
    )
    before = unrolling.registers
    step = unrolling.extend()
    f = encoder.formulas
    wrong = [question(unrolling, step.option("call", tool)) for tool in tools]
    after = before.after([(o.happening, o.happens, o.moment) for o in step.options], step.time)

    initial: dict[Flag | Whole, bool | int] = {}
    following: dict[Flag | Whole, Formula | Number] = {}
    query = Query(step.time)
    for name in dict.fromkeys(map(register_id, ever.values())):
        cell = before.cells[name]
        start, now, then = (
            _parts(cell, state, query) for state in (cell.initial(), before.states[name], after.states[name])
        )
        for index, (first, value, next_value) in enumerate(zip(start, now, then, strict=True)):
            called = f"{name} held {index}"
            variable: Flag | Whole
            if isinstance(value, Number):
                number = f.whole(called)
                encoder.fact(f.equal(number, value))
                ((unknown, _),) = number.terms
                assert isinstance(unknown, Whole)
                variable = unknown
            else:
                variable = f.flag(called)
                encoder.fact(f.same_truth(variable, value))
            initial[variable] = _value(first)
            following[variable] = next_value
    facts = f.all(encoder.new_facts())
    steps = [f.both(facts, option.happens) for option in step.options]
    system = System(initial, following, steps, [f.both(facts, each) for each in wrong])
    if never_wrong(system, budget.rlimit, min(_MILLISECONDS, int(budget.seconds * 100))):
        return Proved("by an inductive invariant that Spacer found")
    return None


def _ever(node: ast.Register) -> ast.Register:
    """The same register of the whole session and of all keys together."""
    match node:
        case ast.Once() | ast.Count() | ast.Sum():
            return replace(node, within=None, key=None, query=None)
        case ast.Since():
            return replace(node, within=None)
        case _:
            return node


def _widened(established: Established, ever: Mapping[str, str]) -> Established:
    """What is established about registers, said of those without a window and a key as well.

    That is what holds of every event that they look at. How much there ever is in a window is no bound without it.
    """

    def also(names: frozenset[str]) -> frozenset[str]:
        return names | {ever[name] for name in names if name in ever}

    return replace(
        established,
        nonnegative=also(established.nonnegative),
        silent=also(established.silent),
        unfiltered=also(established.unfiltered),
    )


def _parts(cell: Cell, state: State, query: Query) -> tuple[Formula | Number, ...]:
    """All that a cell without a window and a key knows."""
    match cell.node:
        case ast.InStage():  # when stages were entered is left free: they may end at any time
            return tuple(stay.may for stay in state.stages.values())
        case ast.Once() | ast.Since():
            held, unsure = cell.some(state, query)  # a read leaves out what is unsure besides
            return held, cell.encoder.formulas.either(held, unsure)
        case ast.Count() | ast.Sum():
            return cell.total(state, query)
        case _:
            read = cell.read(state, query)
            if isinstance(read, Condition):
                return read.true, read.false
            assert isinstance(read, Amount)
            return read.number, read.defined


def _value(part: Formula | Number) -> bool | int:
    """The value of a part of an initial state."""
    if isinstance(part, Number):
        assert not part.terms
        return part.constant
    assert isinstance(part, Truth)
    return part.value
