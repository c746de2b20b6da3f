"""The stage that a session is in, as a register: every stage that it *may* be in, with when it was entered.

A transition whose condition is E is taken and not taken: the session may then be in either stage, and a question about
the stage is E where the answer depends on which. Two transitions of one event that lead to different stages are both
taken, so the order in which they are declared plays no part. Losing information only ever makes more stages possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any as Json

from ..language import ast
from ..language.values import E
from .plan import Evaluate
from .scope import Scope


def is_heard(match: ast.EventMatch, kind: str, tool: str | None) -> bool:
    """Whether an event of this kind and tool is one of those looked at."""
    return match.kind in (None, kind) and match.tool in (None, tool)


@dataclass(frozen=True, slots=True)
class StageCell:
    """``{stage: [first, last]}``: the stages that are possible.

    For a stage that ends by itself the numbers are the first and the last time at which it may have been entered; what
    lies between them is possible, too. For others they are zeros. ``ends`` are the durations of the former.
    """

    machine: ast.Machine
    names: frozenset[str]
    moves: tuple[tuple[ast.Transition, Evaluate], ...]
    ends: Mapping[str, int]

    def is_touched(self, kind: str, tool: str | None) -> bool:
        return any(is_heard(move.match, kind, tool) for move, _ in self.moves)

    def initial(self) -> Json:
        return {self.machine.initial: [0, 0]}

    def update(self, state: Json, s: Scope) -> Json:
        event = s.inputs["event"]
        kind, tool = event["kind"], event.get("tool")
        taken = [
            (move, value)
            for move, body in self.moves
            if is_heard(move.match, kind, tool) and (value := body(s)) is not False
        ]
        if not taken:
            return state
        after: dict[str, list[int]] = {}
        for name, entered in possible(self.machine, state, s.now).items():
            leaving = [(move.target, value) for move, value in taken if name in move.sources]
            if all(value is E for _, value in leaving):
                _enter(self.machine, after, name, *entered)
            for target, _ in leaving:
                _enter(self.machine, after, target, s.now, s.now)
        return after

    def read(self, state: Json, now: int) -> Json:
        if len(state) == 1:  # there is no doubt: what decisions mostly find
            for name, (first, _) in state.items():
                if name not in self.ends or first + self.ends[name] >= now:
                    return name in self.names
        inside = [name in self.names for name in possible(self.machine, state, now)]
        return True if all(inside) else E if any(inside) else False


def possible(machine: ast.Machine, state: Mapping[str, list[int]], now: int) -> Mapping[str, list[int]]:
    """The stages that are possible at a time at which nothing has happened since.

    A stage that lasts an hour lasts until an hour after it was entered, that moment included.
    """
    if not any(name in state for name, _, _ in machine.timed):
        return state
    after = dict(state)
    for name, duration, then in machine.timed:
        if name in after and after[name][0] + duration < now:
            first, last = after.pop(name)
            _enter(machine, after, then, first + duration, min(last + duration, now - 1))
            if last + duration >= now:
                after[name] = [now - duration, last]
    return after


def _enter(machine: ast.Machine, stages: dict[str, list[int]], name: str, first: int, last: int) -> None:
    if all(name != timed for timed, _, _ in machine.timed):
        stages[name] = [0, 0]
    elif name in stages:
        stages[name] = [min(stages[name][0], first), max(stages[name][1], last)]
    else:
        stages[name] = [first, last]
