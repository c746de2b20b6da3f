"""The unknown beginning of a session: what it contributes to the reads of a register.

Every read is free, but for what follows from definitions. Of two reads of the same events, the one whose window
starts later, whose condition is narrower, or which asks for one key of all, sees no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...language import ast
from ..encode.expressions import Encoder
from ..encode.symbols import Symbol
from ..formula import FALSE, TRUE, Formula, Number


@dataclass(frozen=True, slots=True)
class Query:
    """A read: at what time, and of which key."""

    now: Number
    key: Symbol | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What a register was found to hold: whether something counts, or how much; and whether something is unsure.

    ``kind`` are the events that it looks at; ``body`` is what counts, None for every event of the kind.
    """

    kind: str | None
    query: Query
    within: int | None
    body: ast.Expr | None
    monotonic: bool
    value: Formula | Number
    unsure: Formula


@dataclass(slots=True, eq=False)
class Prefix:
    """Reads of one register.

    Args:
        name: unique.
        kind: of the events that it looks at.
        within: its window.
        body: its condition, None if that is true of every event of the kind.
        monotonic: whether seeing less means that there is less.
        silent: nothing ever counts.
        most: as much as there ever is, if that is known.
        family: the reads of all registers that look at the same events, or at calls and results of the same tool.
    """

    name: str
    kind: str | None
    encoder: Encoder
    within: int | None
    body: ast.Expr | None
    monotonic: bool
    silent: bool
    most: int | None
    family: list[Read]
    _reads: dict[tuple[Number | None, Symbol | None], Read] = field(default_factory=dict)

    def flag(self, query: Query) -> tuple[Formula, Formula]:
        """For ``once`` and ``since``: something counts, something is unsure."""
        read = self._read(query, number=False)
        assert not isinstance(read.value, Number)
        return read.value, read.unsure

    def number(self, query: Query) -> tuple[Number, Formula]:
        """For counts and sums: how much counts, something is unsure."""
        read = self._read(query, number=True)
        assert isinstance(read.value, Number)
        return read.value, read.unsure

    def lost(self, query: Query) -> Formula:
        """The table of keys has overflowed: nothing is known of any key."""
        return FALSE if query.key is None else self.encoder.formulas.flag(f"{self._name(query)} is lost")

    def _name(self, query: Query) -> str:
        at = (None if self.within is None else query.now, query.key)
        return f"{self.name} #{list(self._reads).index(at) + 1}"

    def _read(self, query: Query, number: bool) -> Read:
        at = (None if self.within is None else query.now, query.key)
        if at not in self._reads:
            f = self.encoder.formulas
            name = f"{self.name} #{len(self._reads) + 1}"
            value: Formula | Number
            if number:
                value = f.constant(0) if self.silent else f.whole(name)
                self.encoder.fact(f.between(0 if self.monotonic else None, value, self.most))
            else:
                value = FALSE if self.silent else f.flag(name)
            read = Read(
                self.kind, query, self.within, self.body, self.monotonic, value, f.flag(f"{name} is unsure")
            )
            for other in self.family:
                self._relate(read, other)
                self._relate(other, read)
            self._reads[at] = read
            self.family.append(read)
        return self._reads[at]

    def _relate(self, less: Read, more: Read) -> None:
        """The facts if everything that the one read sees is seen by the other."""
        f = self.encoder.formulas
        if less.kind != more.kind:
            self._relate_result(less, more)
            return
        alike = less.query.key == more.query.key and less.body == more.body
        inside = (more.query.key is None or alike) and (more.body is None or less.body == more.body)
        if not inside:
            return
        within = self._starts_later(less, more)
        if more.monotonic:
            self.encoder.fact(f.implies(within, _at_most(self.encoder, less.value, more.value)))
        elif alike:
            both = f.both(within, self._starts_later(more, less))
            self.encoder.fact(f.implies(both, _at_most(self.encoder, less.value, more.value)))
        if less.query.key is not None:
            return  # a table of keys overflows at its own time
        if alike:
            self.encoder.fact(f.implies(within, f.implies(less.unsure, more.unsure)))
        elif not isinstance(more.value, Number):
            seen = f.either(more.value, more.unsure)
            self.encoder.fact(f.implies(within, f.implies(less.unsure, seen)))

    def _relate_result(self, less: Read, more: Read) -> None:
        """A result has the arguments of a call before it: where there is one, there is the other."""
        f = self.encoder.formulas
        if (less.kind, more.kind) != ("result", "call") or more.body is not None or more.within is not None:
            return
        if more.query.key is None or more.query.key == less.query.key:
            assert not isinstance(less.value, Number)
            seen = less.value if less.query.key is not None else f.either(less.value, less.unsure)
            if isinstance(more.value, Number):
                self.encoder.fact(f.implies(less.value, f.at_most(f.constant(1), more.value)))
            else:
                self.encoder.fact(f.implies(seen, f.either(more.value, more.unsure)))
                self.encoder.fact(f.implies(less.value, more.value))

    def _starts_later(self, less: Read, more: Read) -> Formula:
        f = self.encoder.formulas
        if more.within is None:
            return TRUE
        if less.within is None:
            return FALSE
        return f.at_most(f.plus(more.query.now, f.constant(less.within - more.within)), less.query.now)


def _at_most(encoder: Encoder, less: Formula | Number, more: Formula | Number) -> Formula:
    """Of numbers, of conditions, and of one of each: that something counts is a number of at least one."""
    f, one = encoder.formulas, encoder.formulas.constant(1)
    if isinstance(less, Number):
        return f.at_most(less, more) if isinstance(more, Number) else f.implies(f.at_most(one, less), more)
    return f.implies(less, f.at_most(one, more) if isinstance(more, Number) else more)
