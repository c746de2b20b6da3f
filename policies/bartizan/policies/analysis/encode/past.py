"""Session operators in an arbitrary session: whatever they could possibly read.

An analysis of one call asks about every session. What an operator reads is then a free value of its type, with
what is true in every session as facts: a wider window holds what a narrower one holds, a count is not negative.
This says more sessions possible than there are, never fewer: what is proved so holds in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any as Json

from ...evaluation.registers import register_id
from ...language import ast
from ..formula import TRUE, Flag, Formula, Formulas, Number
from .expressions import Encoder, Moment
from .symbols import ONE, Amount, Condition, Opaque, Symbol


@dataclass(frozen=True, slots=True)
class Established:
    """What the analyses have proved of every session that a policy lets happen.

    Attributes:
        nonnegative: ids of sums that add up no negative amount.
        silent: ids of registers whose event never happens, or never satisfies the condition.
        unfiltered: ids of counts and sums whose condition is T of every call that is let go.
        at_most: the most that a count or a sum ever holds, by id.
        impossible: stages that no session is ever in, with their machine's id.
        certain: ids of machines of which the stage is always known.
    """

    nonnegative: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    unfiltered: frozenset[str] = frozenset()
    at_most: Mapping[str, int] = field(default_factory=dict)
    impossible: frozenset[tuple[str, str]] = frozenset()
    certain: frozenset[str] = frozenset()


NOTHING = Established()


@dataclass(slots=True, eq=False)
class FreePast:
    """Reads are free. ``reads`` are the operators read so far with their symbols, by register id."""

    established: Established = NOTHING
    reads: dict[str, tuple[ast.Register, Symbol]] = field(default_factory=dict)
    _families: dict[str, list[tuple[ast.Register, Symbol | Number, Formula]]] = field(default_factory=dict)

    def read(self, node: ast.Register, moment: Moment, encoder: Encoder) -> Symbol:
        name = register_id(node)
        if name not in self.reads:
            self.reads[name] = node, self._free(name, node, moment, encoder)
        return self.reads[name][1]

    def variables(self, name: str, moment: Moment, formulas: Formulas) -> tuple[Flag, Flag | Number]:
        """The free variables of a read: whether it is known, and what it is. A count's is the number without a cap."""
        node, called = self.reads[name][0], f"{moment.name}{name}"
        known = formulas.flag(f"{called} is known")
        match node:
            case ast.Once() | ast.Since() | ast.Previous() | ast.InStage():
                return known, formulas.flag(called)
            case ast.Count():
                return known, formulas.whole(_uncapped(node, moment))
            case _:
                return known, formulas.whole(called)

    def _free(self, name: str, node: ast.Register, moment: Moment, encoder: Encoder) -> Symbol:
        f = encoder.formulas
        called = f"{moment.name}{name}"
        known = encoder.knowledge(f"{called} is known")
        query = getattr(node, "query", None)
        if query is not None:
            known = f.both(known, _defined(encoder.encode(query, moment)))
        silent = name in self.established.silent
        match node:
            case ast.Once() | ast.Since() | ast.Previous():
                held: Formula = f.truth(False) if silent else f.flag(called)
                condition = Condition(f.both(known, held), f.both(known, f.neg(held)))
                self._relate(node, condition, known, encoder)
                return condition
            case ast.Count(_, _, cap, saturate):
                number = f.constant(0) if silent else f.whole(_uncapped(node, moment))
                encoder.fact(f.between(0, number, self.established.at_most.get(name)))
                self._relate(node, number, known, encoder)
                bound = f.constant(cap)
                if saturate:
                    return Amount(known, f.pick(f.at_most(number, bound), number, bound))
                return Amount(f.both(known, f.less(number, bound)), number)
            case ast.Sum():
                total = f.constant(0) if silent else f.whole(called)
                if name in self.established.nonnegative:
                    encoder.fact(f.between(0, total, self.established.at_most.get(name)))
                self._relate(node, total, known, encoder)
                return Amount(known, total)
            case ast.MaxSignal():
                largest = f.constant(0) if silent else f.whole(called)
                encoder.fact(f.between(0, largest, ONE))
                return Amount(known, largest)
            case ast.InStage(names, machine):
                inside: Formula = f.flag(called)
                condition = Condition(f.both(known, inside), f.both(known, f.neg(inside)))
                stages = possible_stages(f"{moment.name}{machine.id}", machine, encoder, self.established)
                read = stage_condition(stages, names, encoder)
                encoder.fact(f.same_truth(condition.true, read.true))
                encoder.fact(f.same_truth(condition.false, read.false))
                return condition

    def _relate(self, node: ast.Register, read: Symbol | Number, known: Formula, encoder: Encoder) -> None:
        """Facts between operators that differ in nothing but their windows, and between counts and ``once``.

        What made the narrower one E is in the wider window, too: where the wider count or sum is known, so is the
        narrower. Sums grow with their window where nothing negative is added.
        """
        f = encoder.formulas
        if isinstance(node, ast.Previous):
            return
        relatives = self._families.setdefault(_family(node, "within", "cap", "saturate"), [])
        for other, theirs, theirs_known in relatives:
            for (narrow, x, x_known), (wide, y, y_known) in permutations(
                ((node, read, known), (other, theirs, theirs_known))
            ):
                if not _is_narrower(narrow, wide):
                    continue
                if isinstance(x, Condition) and isinstance(y, Condition):
                    encoder.fact(f.both(f.implies(x.true, f.neg(y.false)), f.implies(y.false, x.false)))
                elif isinstance(x, Number) and isinstance(y, Number):
                    encoder.fact(f.implies(y_known, x_known))
                    if isinstance(node, ast.Count) or self._is_nonnegative(narrow, wide):
                        encoder.fact(f.at_most(x, y))
        relatives.append((node, read, known))
        if isinstance(node, ast.Count | ast.Once):
            self._relate_count(node, read, encoder)

    def _is_nonnegative(self, *sums: ast.Register) -> bool:
        return all(register_id(each) in self.established.nonnegative for each in sums)

    def _relate_count(self, node: ast.Count | ast.Once, read: Symbol | Number, encoder: Encoder) -> None:
        """At least one call was counted iff there once was one."""
        f = encoder.formulas
        match = node.match if isinstance(node, ast.Once) else ast.EventMatch("call", node.tool)
        if match.kind != "call" or match.tool is None:
            return
        shape = {"of": [match.tool, ast.to_json([node.body, node.within, node.key, node.query])]}
        relatives = self._families.setdefault(_text(shape), [])
        for other, theirs, _ in relatives:
            match read, theirs:
                case (Condition() as once, Number() as count) | (Number() as count, Condition() as once):
                    positive = f.at_most(f.constant(1), count)
                    encoder.fact(
                        f.both(f.implies(once.true, positive), f.implies(positive, f.neg(once.false)))
                    )
                case _:
                    assert type(other) is type(node)
        relatives.append((node, read, TRUE))


def possible_stages(
    name: str, machine: ast.Machine, encoder: Encoder, established: Established
) -> dict[str, Formula]:
    """For each stage whether the session may be in it: in any session, as far as is ``established``."""
    f = encoder.formulas
    stages: dict[str, Formula] = {
        stage: f.flag(f"{name} may be {stage}")
        for stage in machine.stages
        if (machine.id, stage) not in established.impossible
    }
    encoder.fact(f.some(stages.values()))
    if machine.id in established.certain:
        for index, stage in enumerate(stages.values()):
            encoder.fact(f.all(f.neg(f.both(stage, other)) for other in list(stages.values())[:index]))
    return stages


def stage_condition(stages: Mapping[str, Formula], names: Iterable[str], encoder: Encoder) -> Condition:
    """Whether a session that may be in these stages is in one of ``names``."""
    f, wanted = encoder.formulas, frozenset(names)
    return Condition(
        f.all(f.neg(may) for stage, may in stages.items() if stage not in wanted),
        f.all(f.neg(may) for stage, may in stages.items() if stage in wanted),
    )


def _defined(symbol: Symbol) -> Formula:
    match symbol:
        case Condition() | Opaque():
            return TRUE
        case _:
            defined: Formula = getattr(symbol, "defined", TRUE)
            return defined


def _is_narrower(node: ast.Register, other: ast.Register) -> bool:
    """Whether the window of ``node`` is no longer than that of ``other``."""
    window, wider = getattr(node, "within", None), getattr(other, "within", None)
    return wider is None or (window is not None and window <= wider)


def _uncapped(node: ast.Count, moment: Moment) -> str:
    return f"{moment.name}{_family(node, 'cap', 'saturate')}"


def _family(node: ast.Register, *but: str) -> str:
    """What is the same of operators that differ only in the named fields."""
    shape = ast.to_json(node)
    return _text({key: value for key, value in shape.items() if key not in but})


def _text(shape: Json) -> str:
    return json.dumps(shape, sort_keys=True, separators=(",", ":"))
