"""Session operators as registers: constant size, O(1) per event, flat in the length of the history.

A register is a small JSON value in the session's state. ``update`` is called once per matching event,
``read`` at a decision; both are pure. What each must equal is said by :mod:`.reference`, and a property test
compares them on generated histories. Windows are closed: an event exactly ``within`` ago is still in.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any as Json
from typing import Protocol

from ..language import ast
from ..language.values import E
from .plan import Evaluate, compile_expression
from .reference import SUM_LIMIT
from .scope import Scope
from .stages import StageCell, is_heard, possible

KEY_LIMIT = 1_024


class Cell(Protocol):
    """One register without a key. ``state`` is JSON; None stands for "never"."""

    def initial(self) -> Json: ...
    def update(self, state: Json, s: Scope) -> Json: ...
    def read(self, state: Json, now: int) -> Json: ...


def _fresh(time: int | None, now: int, within: int | None) -> bool:
    return time is not None and (within is None or now - time <= within)


class _TwoTimes:
    """Two times: T within the first one's window, else E within the second's."""

    __slots__ = ()
    within: int | None

    def initial(self) -> Json:
        return [None, None]

    def read(self, state: Json, now: int) -> Json:
        if _fresh(state[0], now, self.within):
            return True
        return E if _fresh(state[1], now, self.within) else False


@dataclass(frozen=True, slots=True)
class OnceCell(_TwoTimes):
    """``[last time T, last time E]``"""

    body: Evaluate
    within: int | None

    def update(self, state: Json, s: Scope) -> Json:
        value = self.body(s)
        if value is False:
            return state
        return [s.now, state[1]] if value is True else [state[0], s.now]


@dataclass(frozen=True, slots=True)
class SinceCell(_TwoTimes):
    """``[latest start that surely still holds, latest start that possibly still holds]``"""

    left: Evaluate
    right: Evaluate
    within: int | None

    def update(self, state: Json, s: Scope) -> Json:
        left, right = self.left(s), self.right(s)
        surely = s.now if right is True else state[0] if left is True else None
        possibly = s.now if right is not False else state[1] if left is not False else None
        return [surely, possibly]


@dataclass(frozen=True, slots=True)
class PreviousCell:
    """``true``, ``false``, or ``null`` for E"""

    body: Evaluate

    def initial(self) -> Json:
        return False

    def update(self, state: Json, s: Scope) -> Json:
        value = self.body(s)
        return None if value is E else value

    def read(self, state: Json, now: int) -> Json:
        return E if state is None else state


@dataclass(frozen=True, slots=True)
class CountCell:
    """``[the last ``cap`` times, last time E]``; without a window ``[number, last time E]``"""

    body: Evaluate
    within: int | None
    cap: int
    saturate: bool

    def initial(self) -> Json:
        return [0 if self.within is None else [], None]

    def update(self, state: Json, s: Scope) -> Json:
        value = self.body(s)
        if value is False:
            return state
        if value is E:
            return [state[0], s.now]
        if self.within is None:
            return [min(state[0] + 1, self.cap), state[1]]
        return [[*state[0], s.now][-self.cap :], state[1]]

    def read(self, state: Json, now: int) -> Json:
        if _fresh(state[1], now, self.within):
            return E
        if self.within is None:
            number = state[0]
        else:
            number = len(state[0]) - bisect_left(state[0], now - self.within)
        return E if number >= self.cap and not self.saturate else number


@dataclass(frozen=True, slots=True)
class SumCell:
    """``[[[time, running total], ...], total before these, last time E, time of the last one that fell out]``.

    Running totals make a windowed sum the difference of two entries. Entries leave when their window has passed,
    or when the list is full; the latter makes the sum E for as long as it would have counted. Without a window
    the first item is the total itself.
    """

    field: Evaluate
    body: Evaluate
    within: int | None

    def initial(self) -> Json:
        return [0 if self.within is None else [], 0, None, None]

    def update(self, state: Json, s: Scope) -> Json:
        value = self.body(s)
        if value is False:
            return state
        entries, before, unknown, dropped = state
        amount = self.field(s) if value is True else E
        if amount is E:
            return [entries, before, s.now, dropped]
        if self.within is None:
            return [entries + amount, before, unknown, dropped]
        total = (entries[-1][1] if entries else before) + amount
        leaving = bisect_left(entries, s.now - self.within, key=_time)
        if len(entries) - leaving >= SUM_LIMIT:
            dropped = entries[leaving][0]
            leaving += 1
        if leaving:
            before = entries[leaving - 1][1]
        return [[*entries[leaving:], [s.now, total]], before, unknown, dropped]

    def read(self, state: Json, now: int) -> Json:
        entries, before, unknown, dropped = state
        if _fresh(unknown, now, self.within):
            return E
        if self.within is None:
            return entries
        if _fresh(dropped, now, self.within):
            return E
        passed = bisect_left(entries, now - self.within, key=_time)
        total = entries[-1][1] if entries else before
        return total - (entries[passed - 1][1] if passed else before)


def _time(entry: list[int]) -> int:
    return entry[0]


@dataclass(frozen=True, slots=True)
class MaxSignalCell:
    """The largest value so far; ``null`` once one was missing"""

    value: Evaluate

    def initial(self) -> Json:
        return 0.0

    def update(self, state: Json, s: Scope) -> Json:
        value = self.value(s)
        return None if value is E or state is None else max(state, value)

    def read(self, state: Json, now: int) -> Json:
        return E if state is None else state


@dataclass(frozen=True, slots=True)
class Keyed:
    """A cell per key, in a bounded table: ``[{key: state}, last event with an E key, last overflow]``.

    When the table is full, keys whose window has passed make room; if none has, the event is not counted
    and every answer is E until the window has passed over the overflow.
    """

    cell: Cell
    key: Evaluate
    body: Evaluate
    within: int | None
    latest: Callable[[Json], int]
    existential: bool

    def initial(self) -> Json:
        return [{}, None, None]

    def update(self, state: Json, s: Scope) -> Json:
        if self.body(s) is False:
            return state
        table, unknown, full = state
        key = self.key(s)
        if key is E:
            return [table, s.now, full]
        name = str(key)
        if name not in table and len(table) >= KEY_LIMIT:
            table = {k: v for k, v in table.items() if _fresh(self.latest(v), s.now, self.within)}
            if len(table) >= KEY_LIMIT:
                return [table, unknown, s.now]
        cell = table.get(name) or self.cell.initial()
        return [{**table, name: self.cell.update(cell, s)}, unknown, full]

    def read(self, state: Json, now: int, key: Json) -> Json:
        table, unknown, full = state
        if key is E or _fresh(full, now, self.within):
            return E
        value = self.cell.read(table.get(str(key)) or self.cell.initial(), now)
        if _fresh(unknown, now, self.within) and not (self.existential and value is True):
            return E
        return value


@dataclass(frozen=True, slots=True)
class Register:
    """A named register: which events update it, and how it is read at a decision."""

    id: str
    match: ast.EventMatch
    cell: Cell | Keyed
    query: Evaluate | None
    signals: frozenset[str]

    def is_touched(self, kind: str, tool: str | None) -> bool:
        """Whether an event of this kind and tool updates it. A denied call is an event to stages only."""
        if isinstance(self.cell, StageCell):
            return self.cell.is_touched(kind, tool)
        return kind != "denied" and is_heard(self.match, kind, tool)

    def read(self, s: Scope) -> Json:
        """E for a session that did not start with the register; another question about the same stages knows them."""
        state = s.registers.get(self.id)
        if state is None and isinstance(self.cell, StageCell):
            alike = f"stage-{self.cell.machine.id}-"
            state = next((s.registers[name] for name in s.registers if name.startswith(alike)), None)
        if state is None and self.id not in s.registers:
            return E
        if isinstance(self.cell, Keyed):
            assert self.query is not None
            return self.cell.read(state, s.now, self.query(s))
        return self.cell.read(state, s.now)


def register_id(node: ast.Register) -> str:
    """Equal operators share a register, across rules and across versions of a policy.

    What asks about the stages of one machine begins alike: see :meth:`Register.read`. The name has 128 bits, so that
    nobody who writes a policy finds two operators that would share a register.
    """
    text = json.dumps(ast.to_json(node), sort_keys=True, separators=(",", ":"))
    kind = f"stage-{node.machine.id}" if isinstance(node, ast.InStage) else type(node).__name__.lower()
    return f"{kind}-{sha256(text.encode()).hexdigest()[:32]}"


class RegisterFile:
    """All registers of a policy. ``reader`` is what the planner asks for a session operator's closure."""

    def __init__(self) -> None:
        self.registers: dict[str, Register] = {}

    def reader(self, node: ast.Register) -> Evaluate:
        name = register_id(node)
        if name not in self.registers:
            self.registers[name] = self._build(name, node, frozenset(_event_signals(node)))
        return self.registers[name].read

    def initial(self) -> dict[str, Json]:
        return {name: register.cell.initial() for name, register in self.registers.items()}

    def stages(self, state: Mapping[str, Json], now: int) -> tuple[str, ...]:
        """The stages that a session may be in, as declared; none if nothing asks for them."""
        for name, register in self.registers.items():
            if isinstance(register.cell, StageCell) and name in state:
                machine = register.cell.machine
                found = possible(machine, state[name], now)
                return tuple(stage for stage in machine.stages if stage in found)
        return ()

    def touched_by(self, kind: str, tool: str | None) -> tuple[Register, ...]:
        """The registers that an event of this kind and tool updates."""
        return tuple(r for r in self.registers.values() if r.is_touched(kind, tool))

    def _plan(self, node: ast.Expr) -> Evaluate:
        return compile_expression(node, self.reader)

    def _build(self, name: str, node: ast.Register, signals: frozenset[str]) -> Register:
        match node:
            case ast.Once(matched, body, within, key, query):
                once = OnceCell(self._plan(body), within)
                latest = _latest_once
                return self._keyed(name, matched, signals, once, body, key, query, within, latest)
            case ast.Since(left, right, within):
                since = SinceCell(self._plan(left), self._plan(right), within)
                return Register(name, ast.EventMatch(), since, None, signals)
            case ast.Previous(body):
                return Register(name, ast.EventMatch(), PreviousCell(self._plan(body)), None, signals)
            case ast.Count(tool, body, cap, saturate, within, key, query):
                count = CountCell(self._plan(body), within, cap, saturate)
                calls = ast.EventMatch("call", tool)
                return self._keyed(name, calls, signals, count, body, key, query, within, _latest_count)
            case ast.Sum(tool, field, body, _, within, key, query):
                total = SumCell(self._plan(field), self._plan(body), within)
                calls = ast.EventMatch("call", tool)
                return self._keyed(name, calls, signals, total, body, key, query, within, _latest_sum)
            case ast.MaxSignal(signal, matched):
                value = self._plan(ast.SignalValue(signal, "value"))
                return Register(name, matched, MaxSignalCell(value), None, signals)
            case ast.InStage(names, machine):
                moves = tuple((move, self._plan(move.body)) for move in machine.transitions)
                ends = {stage: duration for stage, duration, _ in machine.timed}
                return Register(
                    name, ast.EventMatch(), StageCell(machine, frozenset(names), moves, ends), None, signals
                )

    def _keyed(
        self,
        name: str,
        match: ast.EventMatch,
        signals: frozenset[str],
        cell: Cell,
        body: ast.Expr,
        key: ast.Expr | None,
        query: ast.Expr | None,
        within: int | None,
        latest: Callable[[Json], int],
    ) -> Register:
        if key is None or query is None:
            return Register(name, match, cell, None, signals)
        table = Keyed(cell, self._plan(key), self._plan(body), within, latest, isinstance(cell, OnceCell))
        return Register(name, match, table, self._plan(query), signals)


def direct_signals(node: ast.Expr) -> set[str]:
    """The signals that ``node`` reads of the event at hand, not those that a register reads of past ones."""
    if isinstance(node, ast.SignalValue):
        return {node.name}
    if isinstance(node, ast.Register):
        return set()
    return {name for child in ast.children(node) for name in direct_signals(child)}


def _event_signals(node: ast.Register) -> set[str]:
    if isinstance(node, ast.MaxSignal):
        return {node.name}
    return {name for child in ast.children(node) for name in direct_signals(child)}


def _latest_once(cell: Json) -> int:
    return max(time or 0 for time in cell)


def _latest_count(cell: Json) -> int:
    times = cell[0] if isinstance(cell[0], list) else []
    return int(max([*times[-1:], cell[1] or 0]))


def _latest_sum(cell: Json) -> int:
    entries = cell[0] if isinstance(cell[0], list) else []
    return int(max([*(time for time, _ in entries[-1:]), *(time or 0 for time in cell[2:])]))


def advance(registers: tuple[Register, ...], state: Mapping[str, Json], s: Scope) -> Mapping[str, Json]:
    """The state after an event: every body is evaluated against the state before it.

    A register that the session did not start with (the policy is newer) stays absent, hence E: it has not
    seen the beginning.
    """
    changed = {r.id: r.cell.update(state[r.id], s) for r in registers if r.id in state}
    return {**state, **changed} if changed else state
