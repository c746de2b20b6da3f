"""The registers of a policy at one point of a session, as symbols: what session operators read there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any as Json

from ...evaluation.registers import register_id
from ...language import ast
from ..encode.expressions import Encoder, Moment
from ..encode.past import NOTHING, Established
from ..encode.symbols import Amount, Symbol
from ..formula import Formula, Number
from .cells import Cell, Occasion, State
from .prefix import Prefix, Query, Read
from .relevance import Happening, match_of, touches
from .stages import anywhere, not_over


@dataclass(frozen=True, slots=True, eq=False)
class Registers:
    """Symbolic registers after some events. Implements :class:`..encode.expressions.Past`."""

    cells: Mapping[str, Cell]
    states: Mapping[str, State]

    @classmethod
    def initial(cls, nodes: Mapping[str, ast.Register], encoder: Encoder) -> Registers:
        """At the start of a session."""
        cells = {name: Cell(node, encoder) for name, node in nodes.items()}
        return cls(cells, {name: cell.initial() for name, cell in cells.items()})

    @classmethod
    def anywhere(
        cls, nodes: Mapping[str, ast.Register], encoder: Encoder, established: Established = NOTHING
    ) -> Registers:
        """At any point of any session, as far as is ``established``."""
        cells = {name: Cell(node, encoder) for name, node in nodes.items()}
        families: dict[str, list[Read]] = {}
        states = {}
        for name, cell in cells.items():
            node, known = cell.node, f"{name} before"
            if isinstance(node, ast.InStage):
                states[name] = State(stages=anywhere(node.machine, encoder, established))
                continue
            body = getattr(node, "body", None)
            prefix = Prefix(
                known,
                match_of(node).kind,
                encoder,
                getattr(node, "within", None),
                None if body == ast.TRUE or name in established.unfiltered else body,
                not isinstance(node, ast.Sum) or name in established.nonnegative,
                name in established.silent,
                established.at_most.get(name),
                families.setdefault(_family(node), []),
            )
            states[name] = cell.anywhere(known, prefix)
        return cls(cells, states)

    def read(self, node: ast.Register, moment: Moment, encoder: Encoder) -> Symbol:
        name = register_id(node)
        now = moment.inputs["now"]
        assert isinstance(now, Amount)
        query = getattr(node, "query", None)
        key = encoder.encode(query, moment) if query is not None else None
        return self.cells[name].read(self.states[name], Query(now.number, key))

    def held(self, node: ast.Count | ast.Sum, query: Query) -> Number:
        """What a count or sum adds up to, were it never E."""
        name = register_id(node)
        return self.cells[name].total(self.states[name], query)[0]

    def unknown_part(self, node: ast.Count | ast.Sum, now: Number) -> Number | None:
        """What the events before the first known one contribute to :meth:`total`."""
        prefix = self.states[register_id(node)].prefix
        return None if prefix is None else prefix.number(Query(now))[0]

    def as_seen(self, now: Number, encoder: Encoder) -> Registers:
        """The registers of any session, as they are at a time: of stages, with those that are over ended."""
        states = dict(self.states)
        for name, cell in self.cells.items():
            if isinstance(cell.node, ast.InStage):
                encoder.fact(not_over(cell.node.machine, states[name].stages, now, encoder))
                states[name] = replace(states[name], seen=now)
        return Registers(self.cells, states)

    def after(self, events: Sequence[tuple[Happening, Formula, Moment]], time: Number) -> Registers:
        """The registers after one of the events, at a time. Bodies see these, through the events' moments."""
        states = dict(self.states)
        for name, cell in self.cells.items():
            if isinstance(cell.node, ast.InStage):
                states[name] = cell.moved(states[name], events, time)
                continue
            occasions: list[Occasion] = [
                (happens, moment) for event, happens, moment in events if touches(cell.node, event)
            ]
            states[name] = cell.update(states[name], occasions, time)
        return Registers(self.cells, states)


def _family(node: ast.Register) -> str:
    """What registers share whose reads can be compared: the events that they look at, and what they add up."""
    shape: Json
    match node:
        case ast.Once() | ast.Count():
            match = match_of(node)
            shape = [match.kind if match.tool is None else "tool", match.tool]
        case ast.Sum(_, field):
            shape = ["sum", node.tool, ast.to_json(field)]
        case ast.Since(left, right):
            shape = ["since", ast.to_json([left, right])]
        case _:
            shape = [type(node).__name__, ast.to_json(node)]
    return json.dumps(shape, sort_keys=True, separators=(",", ":"))
