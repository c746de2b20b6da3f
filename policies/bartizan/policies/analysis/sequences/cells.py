"""Registers as formulas: for each cell of :mod:`...evaluation.registers`, the same cell with symbolic values.

A cell here remembers the events themselves, as a list with a guard, a time and an amount each, where the one that
runs remembers of them what it will need. Times do not decrease along a session, so both read the same: "the last
time" is fresh iff some time is. Two limits are out of reach of the analyses and are left out: a key table overflows
at 1,024 keys, a windowed sum at 1,000 calls.

A state begins empty, as at the start of a session, or with a :class:`Prefix`: events of which nothing is known, for
proofs about sessions of every length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...language import ast
from ..encode.expressions import Encoder, Moment
from ..encode.past import stage_condition
from ..encode.symbols import ONE, Amount, Condition, String, Symbol
from ..formula import FALSE, TRUE, Formula, Number
from .prefix import Prefix, Query
from .stages import Happened, Stay, after, at_start, later

Occasion = tuple[Formula, Moment]
"""An event that may happen: when it does, and the moment at which bodies are evaluated."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A remembered event: ``held`` when it counts, ``unsure`` when nobody knows (it happened, and was E)."""

    time: Number
    held: Formula
    unsure: Formula
    amount: Number | None = None
    key: Symbol | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What a cell remembers.

    Attributes:
        entries: events, the oldest first.
        prefix: what came before them, where that is unknown.
        still: of ``since``: whether what began in the prefix surely, and possibly, holds on.
        last: of ``prev``.
        largest: of ``max_signal``.
        stages: of ``stage``: those that are possible.
        seen: of ``stage``: the time at which they are so, and none is over, if that is known.
    """

    entries: tuple[Entry, ...] = ()
    prefix: Prefix | None = None
    still: tuple[Formula, Formula] = (TRUE, TRUE)
    last: Condition | None = None
    largest: Amount | None = None
    stages: Mapping[str, Stay] = field(default_factory=dict)
    seen: Number | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """The cell of one session operator.

    ``update`` takes every event that may happen at a point of the session (at most one does) and returns the state
    after it; bodies see the state before, through their moments. ``read`` is what a decision reads.
    """

    node: ast.Register
    encoder: Encoder

    def initial(self) -> State:
        """At the start of a session."""
        match self.node:
            case ast.Previous():
                return State(last=Condition(FALSE, TRUE))
            case ast.MaxSignal():
                return State(largest=Amount(TRUE, self.encoder.formulas.constant(0)))
            case ast.InStage(_, machine):
                return State(stages=at_start(machine, self.encoder))
            case _:
                return State()

    def anywhere(self, name: str, prefix: Prefix) -> State:
        """At any point of any session."""
        f = self.encoder.formulas
        match self.node:
            case ast.Previous():
                last, unsure = f.flag(name), f.flag(f"{name} is unsure")
                return State(last=Condition(f.both(last, f.neg(unsure)), f.both(f.neg(last), f.neg(unsure))))
            case ast.MaxSignal():
                largest = f.whole(name)
                self.encoder.fact(f.between(0, largest, ONE))
                return State(largest=Amount(f.flag(f"{name} is known"), largest))
            case _:
                return State(prefix=prefix)

    def update(self, state: State, occasions: Sequence[Occasion], time: Number) -> State:
        if not occasions:
            return state
        match self.node:
            case ast.Once(_, body, _, key):
                return self._remember(state, self._entries(occasions, body, None, key, time))
            case ast.Count(_, body, _, _, _, key):
                return self._remember(state, self._entries(occasions, body, None, key, time))
            case ast.Sum(_, amount, body, _, _, key):
                return self._remember(state, self._entries(occasions, body, amount, key, time))
            case ast.Since(left, right):
                return self._since(state, occasions, left, right, time)
            case ast.Previous(body):
                assert state.last is not None
                return replace(state, last=self._chosen(state.last, occasions, body))
            case ast.MaxSignal(signal):
                return replace(state, largest=self._larger(state.largest, occasions, signal))
            case ast.InStage():
                raise TypeError("what a session's stage becomes depends on the event: see moved()")

    def moved(self, state: State, happened: Sequence[Happened], time: Number) -> State:
        """The state after one of these events, of a session's stage."""
        assert isinstance(self.node, ast.InStage)
        before = self._at(state, time)
        return replace(
            state, stages=after(self.node.machine, before, happened, time, self.encoder), seen=None
        )

    def _at(self, state: State, now: Number) -> Mapping[str, Stay]:
        assert isinstance(self.node, ast.InStage)
        return (
            state.stages if state.seen == now else later(self.node.machine, state.stages, now, self.encoder)
        )

    def read(self, state: State, query: Query) -> Symbol:
        """The symbol of the operator. A key that is E reads E, whatever is remembered."""
        f = self.encoder.formulas
        known = _defined(query.key) if query.key is not None else TRUE
        match self.node:
            case ast.Once() | ast.Since():
                held, unsure = self.some(state, query)
                if state.prefix is not None:
                    known = f.both(known, f.neg(state.prefix.lost(query)))
                true = f.both(known, held)
                return Condition(true, f.both(known, f.neg(held), f.neg(unsure)))
            case ast.Previous():
                assert state.last is not None
                return state.last
            case ast.Count(_, _, cap, saturate):
                number, unsure = self.total(state, query)
                known = f.both(known, f.neg(unsure))
                if state.prefix is None and len(state.entries) < cap:
                    return Amount(known, number)
                bound = f.constant(cap)
                if saturate:
                    return Amount(known, f.pick(f.at_most(number, bound), number, bound))
                return Amount(f.both(known, f.less(number, bound)), number)
            case ast.Sum():
                number, unsure = self.total(state, query)
                return Amount(f.both(known, f.neg(unsure)), number)
            case ast.MaxSignal():
                assert state.largest is not None
                return state.largest
            case ast.InStage(names):
                now = self._at(state, query.now)
                return stage_condition({name: stay.may for name, stay in now.items()}, names, self.encoder)

    # --- lists of events

    def _remember(self, state: State, entries: Sequence[Entry]) -> State:
        kept = tuple(entry for entry in entries if entry.held is not FALSE or entry.unsure is not FALSE)
        return replace(state, entries=(*state.entries, *kept))

    def _entries(
        self,
        occasions: Sequence[Occasion],
        body: ast.Expr,
        amount: ast.Expr | None,
        key: ast.Expr | None,
        time: Number,
    ) -> list[Entry]:
        """One entry for each occasion; one for all of them together where they need not be told apart."""
        if amount is None and key is None:
            true, unsure = self._holds(occasions, body)
            return [Entry(time, true, unsure)]
        f = self.encoder.formulas
        entries = []
        for happens, moment in occasions:
            condition = self.encoder.condition(body, moment)
            sure, number = condition.true, None
            if amount is not None:
                symbol = self.encoder.encode(amount, moment)
                assert isinstance(symbol, Amount)
                sure, number = f.both(sure, symbol.defined), symbol.number
            unsure = f.both(happens, f.neg(condition.false), f.neg(sure))
            found = self.encoder.encode(key, moment) if key is not None else None
            entries.append(Entry(time, f.both(happens, sure), unsure, number, found))
        return entries

    def _holds(self, occasions: Sequence[Occasion], body: ast.Expr) -> tuple[Formula, Formula]:
        """Something happens where the body is T; something happens where it is E."""
        f = self.encoder.formulas
        true, unsure = [], []
        for happens, moment in occasions:
            condition = self.encoder.condition(body, moment)
            true.append(f.both(happens, condition.true))
            unsure.append(f.both(happens, f.neg(condition.true), f.neg(condition.false)))
        return f.some(true), f.some(unsure)

    def _seen(self, entry: Entry, query: Query) -> tuple[Formula, Formula]:
        """Whether an entry counts for a read, and whether nobody knows."""
        f = self.encoder.formulas
        within = getattr(self.node, "within", None)
        fresh = TRUE if within is None else f.at_most(f.minus(query.now, entry.time), f.constant(within))
        if query.key is None:
            return f.both(fresh, entry.held), f.both(fresh, entry.unsure)
        assert entry.key is not None
        same, lost = self.encoder.equal(entry.key, query.key).true, f.neg(_defined(entry.key))
        unsure = f.either(f.both(entry.unsure, f.either(same, lost)), f.both(entry.held, lost))
        return f.both(fresh, entry.held, same), f.both(fresh, unsure)

    def some(self, state: State, query: Query) -> tuple[Formula, Formula]:
        f = self.encoder.formulas
        seen = [self._seen(entry, query) for entry in state.entries]
        if state.prefix is not None:
            held, unsure = state.prefix.flag(query)
            seen.append((f.both(held, state.still[0]), f.both(f.either(held, unsure), state.still[1])))
        return f.some(held for held, _ in seen), f.some(unsure for _, unsure in seen)

    def total(self, state: State, query: Query) -> tuple[Number, Formula]:
        """Of a count or a sum: the number of what surely counts, whatever the cap, and whether something is unsure."""
        f = self.encoder.formulas
        one, zero = f.constant(1), f.constant(0)
        numbers, unknown = [], []
        for entry in state.entries:
            held, unsure = self._seen(entry, query)
            numbers.append(f.pick(held, one if entry.amount is None else entry.amount, zero))
            unknown.append(unsure)
        if state.prefix is not None:
            number, unsure = state.prefix.number(query)
            numbers.append(number)
            unknown.append(unsure)
        return f.plus(*numbers), f.some(unknown)

    # --- the other cells

    def _since(
        self, state: State, occasions: Sequence[Occasion], left: ast.Expr, right: ast.Expr, time: Number
    ) -> State:
        """Starts that surely (``held``) or possibly (``held`` or ``unsure``) still hold.

        The cell that runs keeps the latest of each only. An older start that still holds is as good: where it is
        fresh the newer one is.
        """
        f = self.encoder.formulas
        quiet = f.neg(f.some(happens for happens, _ in occasions))
        surely, unsure = self._holds(occasions, left)
        surely = f.either(quiet, surely)
        possibly = f.either(surely, unsure)
        kept = [
            Entry(e.time, f.both(e.held, surely), f.both(f.either(e.held, e.unsure), possibly))
            for e in state.entries
        ]
        start, maybe = self._holds(occasions, right)
        still = f.both(state.still[0], surely), f.both(state.still[1], possibly)
        return self._remember(replace(state, entries=tuple(kept), still=still), [Entry(time, start, maybe)])

    def _chosen(self, before: Condition, occasions: Sequence[Occasion], body: ast.Expr) -> Condition:
        f = self.encoder.formulas
        quiet = f.neg(f.some(happens for happens, _ in occasions))
        true, unsure = self._holds(occasions, body)
        happened = f.neg(quiet)
        return Condition(
            f.either(true, f.both(quiet, before.true)),
            f.either(f.both(happened, f.neg(true), f.neg(unsure)), f.both(quiet, before.false)),
        )

    def _larger(self, before: Amount | None, occasions: Sequence[Occasion], signal: str) -> Amount:
        f = self.encoder.formulas
        assert before is not None
        largest, known = before.number, [before.defined]
        for happens, moment in occasions:
            value = self.encoder.encode(ast.SignalValue(signal, "value"), moment)
            assert isinstance(value, Amount)
            larger = f.both(happens, f.less(before.number, value.number))
            largest = f.pick(larger, value.number, largest)
            known.append(f.implies(happens, value.defined))
        return Amount(f.all(known), largest)


def _defined(symbol: Symbol) -> Formula:
    match symbol:
        case Amount(defined) | String(defined):
            return defined
        case _:
            return TRUE
