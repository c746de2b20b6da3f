"""Which lengths the paths of a graph can have, without a product of the graph and the lengths.

Layer n holds the states from which a path of exactly n steps leads to acceptance. Each layer follows from the one
before, so the layers run into a cycle sooner or later, and the set of lengths is ultimately periodic (the words'
lengths are a regular language over one letter; Chrobak 1986, "Finite automata and unary languages").
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

from .answers import Interval
from .budget import Meter


class Layers:
    """The layers of a graph, computed as they are asked for.

    Args:
        start: the state where paths begin.
        accepting: the states where they may end.
        edges: for each state, the states that follow it and the class of characters that leads there.
        meter: what the work is counted with; every method raises ``OverBudget`` when it runs out.
    """

    def __init__(
        self, start: int, accepting: Iterable[int], edges: Mapping[int, list[tuple[int, int]]], meter: Meter
    ) -> None:
        self._start = start
        self._edges = edges
        self._meter = meter
        self._before: dict[int, list[int]] = {state: [] for state in edges}
        for state, following in edges.items():
            for target, _ in following:
                self._before[target].append(state)
        self._last = frozenset(accepting)
        self._layers: list[array[int]] = []
        self._by_hash: dict[int, list[int]] = {}
        self._from_start = bytearray()
        self.cycle: int | None = None
        """The layer that follows the last one computed, once that is one of those before; else None."""
        self._append(self._last)

    def _append(self, layer: frozenset[int]) -> None:
        # Layers may be many: they are kept as arrays, and compared as sets.
        for index in self._by_hash.setdefault(hash(layer), []):
            if len(self._layers[index]) == len(layer) and layer.issuperset(self._layers[index]):
                self.cycle = index
                return
        self._by_hash[hash(layer)].append(len(self._layers))
        self._layers.append(array("I", layer))
        self._from_start.append(self._start in layer)
        self._last = layer

    def _index(self, length: int) -> int:
        """Where the layer of ``length`` is kept; computes it, and those before, if need be."""
        while length >= len(self._layers) and self.cycle is None:
            before = [self._before[state] for state in self._last]
            self._meter.spend(3 + (sum(map(len, before)) >> 3))
            self._append(frozenset().union(*before))
        if length < len(self._layers):
            return length
        assert self.cycle is not None
        return self.cycle + (length - self.cycle) % (len(self._layers) - self.cycle)

    def __contains__(self, length: int) -> bool:
        """Whether there is a path of ``length`` steps from the start to acceptance."""
        return bool(self._from_start[self._index(length)])

    def up_to(self, length: int) -> list[bool]:
        """For 0, 1, ... steps, whether there is such a path: to ``length``, or to the end of the first round."""
        self._index(length)
        return [bool(each) for each in self._from_start[: length + 1]]

    def first(self, lengths: Interval) -> int | None:
        """The least length in ``lengths`` that a path has."""
        length = lengths.low
        while length in lengths:
            if length in self:
                return length
            length += 1
            if (
                self.cycle is not None
                and length >= max(lengths.low, self.cycle) + len(self._layers) - self.cycle
            ):
                break  # a whole round was tried
        return None

    def path(self, length: int) -> list[int]:
        """The classes of a path of ``length`` steps, at each step the first that leads on."""
        classes = []
        state = self._start
        for left in range(length - 1, -1, -1):
            layer = self._layers[self._index(left)]
            self._meter.spend(1 + (len(layer) >> 5))
            state, index = next(edge for edge in self._edges[state] if edge[0] in layer)
            classes.append(index)
        return classes
