"""The stage of a session as formulas: :mod:`...evaluation.stages` with symbolic values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...evaluation.stages import is_heard
from ...language import ast
from ..encode.expressions import Encoder, Moment
from ..encode.past import Established, possible_stages
from ..formula import FALSE, TRUE, Formula, Formulas, Number
from .relevance import Happening

Happened = tuple[Happening, Formula, Moment]
"""An event that may happen: what it is, when it does, and the moment at which conditions are evaluated."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Whether the session may be in a stage, and the first and the last time at which it may have entered it.

    The times mean something for stages that end by themselves, and while ``may`` holds.
    """

    may: Formula
    first: Number
    last: Number


Stages = Mapping[str, Stay]


def at_start(machine: ast.Machine, encoder: Encoder) -> Stages:
    """A new session is in the initial stage."""
    zero = encoder.formulas.constant(0)
    return {name: Stay(TRUE if name == machine.initial else FALSE, zero, zero) for name in machine.stages}


def anywhere(machine: ast.Machine, encoder: Encoder, established: Established) -> Stages:
    """At any point of any session: some stages, entered at some time."""
    f, zero = encoder.formulas, encoder.formulas.constant(0)
    timed = {name for name, _, _ in machine.timed}
    possible = possible_stages(f"{machine.id} before", machine, encoder, established)
    stages: dict[str, Stay] = {}
    for name in machine.stages:
        first = last = zero
        if name in timed and name in possible:
            first, last = (f.whole(f"{machine.id} before {name} {which}") for which in ("first", "last"))
            encoder.fact(f.at_most(first, last))
            if machine.id in established.certain:
                encoder.fact(f.equal(first, last))
        stages[name] = Stay(possible.get(name, FALSE), first, last)
    return stages


def not_over(machine: ast.Machine, stages: Stages, now: Number, encoder: Encoder) -> Formula:
    """The stages were entered by now, and none is over."""
    f = encoder.formulas
    return f.all(
        f.implies(
            stay.may,
            f.both(f.at_most(stay.last, now), f.at_most(now, f.plus(stay.first, f.constant(duration)))),
        )
        for name, duration, _ in machine.timed
        for stay in (stages[name],)
    )


def in_doubt(machine: ast.Machine, stages: Stages, encoder: Encoder) -> Formula:
    """More than one stage is possible, or more than one time at which a stage that ends was entered."""
    f, stays = encoder.formulas, list(stages.values())
    timed = {name for name, _, _ in machine.timed}
    return f.some(
        [f.both(one.may, other.may) for index, one in enumerate(stays) for other in stays[:index]]
        + [f.both(stages[name].may, f.less(stages[name].first, stages[name].last)) for name in timed]
    )


def later(machine: ast.Machine, stages: Stages, now: Number, encoder: Encoder) -> Stages:
    """At a time at which nothing has happened since: what is over has ended."""
    f, passed = encoder.formulas, dict(stages)
    for name, duration, then in machine.timed:
        stay = passed[name]
        if stay.may is FALSE:
            continue
        length, one = f.constant(duration), f.constant(1)
        ends, lasts = f.plus(stay.first, length), f.plus(stay.last, length)
        ended = f.both(stay.may, f.less(ends, now))
        before_now = f.minus(now, one)
        latest = f.pick(f.less(lasts, now), lasts, before_now)
        passed[then] = _entered(f, passed[then], ended, ends, latest)
        since = f.minus(now, length)
        first = f.pick(f.less(stay.first, since), since, stay.first)
        passed[name] = Stay(f.both(stay.may, f.at_most(now, lasts)), first, stay.last)
    return passed


def after(
    machine: ast.Machine, before: Stages, happened: Sequence[Happened], time: Number, encoder: Encoder
) -> Stages:
    """After one of these events, or none of them. ``before`` are the stages at its time."""
    f = encoder.formulas
    surely: dict[str, list[Formula]] = {name: [] for name in machine.stages}
    possibly: dict[str, list[Formula]] = {name: [] for name in machine.stages}
    for event, happens, moment in happened:
        for move in machine.transitions:
            if not is_heard(move.match, event.kind, event.tool):
                continue
            condition = encoder.condition(move.body, moment)
            for source in move.sources:
                surely[source].append(f.both(happens, condition.true))
                taken = f.both(happens, before[source].may, f.neg(condition.false))
                possibly[move.target].append(taken)
    following: dict[str, Stay] = {}
    for name, stay in before.items():
        stays = Stay(f.both(stay.may, f.neg(f.some(surely[name]))), stay.first, stay.last)
        following[name] = _entered(f, stays, f.some(possibly[name]), time, time)
    return following


def _entered(f: Formulas, stay: Stay, enters: Formula, first: Number, last: Number) -> Stay:
    """A stage that may also have been entered between two times."""
    if enters is FALSE:
        return stay
    both = f.both(stay.may, enters)
    earlier, later_ = f.less(stay.first, first), f.less(last, stay.last)
    return Stay(
        f.either(stay.may, enters),
        f.pick(f.both(both, earlier), stay.first, f.pick(enters, first, stay.first)),
        f.pick(f.both(both, later_), stay.last, f.pick(enters, last, stay.last)),
    )
