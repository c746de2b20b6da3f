"""The automaton of a conjunction of literals: its states are sets of nodes, made as they are reached.

A node that has won is left out and a state with a node that has lost is never made, so that the many literals
that a text settles early (prefixes, equalities) cost nothing from there on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter

from .answers import Interval, Literal
from .automata import LOST, WON, Automata
from .layers import Layers
from .term import Complement, Intersection

DEAD = -1

Edge = tuple[int, int]
"""A following state and the class of characters that leads there, the most readable of those that do."""


class Product:
    """The conjunction of ``literals``.

    Attributes:
        accepting: for each state made so far, whether a text that ends there satisfies every literal.
        start: the state before the first character; ``DEAD`` if no text satisfies the literals.
    """

    def __init__(self, automata: Automata, literals: Iterable[Literal]) -> None:
        self.accepting: list[bool] = []
        self._automata = automata
        self._nodes: list[tuple[int, ...]] = []
        self._edges: list[list[Edge] | None] = []
        self._numbers: dict[tuple[int, ...], int] = {}
        literals = [atom for literal in literals for atom in atoms(literal)]
        automata.meter.spend(4 * len(literals))
        self._alphabet = automata.alphabet([term for term, _ in literals])
        self.start = self._state(tuple(automata.node(term, positive) for term, positive in literals))

    @property
    def state_count(self) -> int:
        """How many states were made."""
        return len(self._nodes)

    def edges(self, state: int, printable: bool) -> list[Edge]:
        """The states that follow, each once, the most readable first; only by printable characters if so asked."""
        edges = self._edges[state]
        if edges is None:
            edges = self._edges[state] = self._follow(state)
        if printable and edges and edges[-1][1] >= self._alphabet.printable:
            return [edge for edge in edges if edge[1] < self._alphabet.printable]
        return edges

    def _follow(self, state: int) -> list[Edge]:
        nodes = self._nodes[state]
        if not nodes:
            return [(state, 0)]
        alphabet = self._alphabet
        columns = list(zip(*(self._automata.row(node, alphabet) for node in nodes), strict=True))
        # Of equal columns, that of the most readable class is written last and stays.
        classes = dict(zip(reversed(columns), range(len(columns) - 1, -1, -1), strict=True))
        self._automata.meter.spend(2 + 2 * len(classes) + (len(columns) * len(nodes) >> 4))
        edges: dict[int, int] = {}
        for column, index in sorted(classes.items(), key=itemgetter(1)):
            target = self._numbers.get(column)
            if target is None:
                target = self._state(column)
            if target != DEAD:
                edges.setdefault(target, index)
        return list(edges.items())

    def _state(self, column: tuple[int, ...]) -> int:
        nodes = set(column)
        if LOST in nodes:
            number = DEAD
        else:
            nodes.discard(WON)
            canonical = tuple(sorted(nodes))
            number = self._numbers.get(canonical, len(self._nodes))
            if any(node ^ 1 in nodes for node in nodes):  # in a language and not in it
                number = DEAD
            elif number == len(self._nodes):
                self._automata.meter.spend(3 + (len(nodes) >> 3))
                self._nodes.append(canonical)
                self._edges.append(None)
                self.accepting.append(all(map(self._automata.accepting, canonical)))
                self._numbers[canonical] = number
        self._numbers[column] = number
        return number

    def find(self, lengths: Interval) -> str | None:
        """The most readable text that satisfies every literal and has a length in ``lengths``; None if none does.

        Printable texts come before others, then short ones before long ones, then letters before other signs.

        Raises:
            OverBudget: the automata's meter ran out.
        """
        if self.start == DEAD:
            return None
        every_class_printable = self._alphabet.printable == len(self._alphabet.codes)
        for printable in (True,) if every_class_printable else (True, False):
            found = self._find(lengths, printable)
            if found is not None:
                return "".join(chr(self._alphabet.codes[index]) for index in found)
        return None

    def _find(self, lengths: Interval, printable: bool) -> list[int] | None:
        shortest = self._shortest(lengths.high, printable)
        if shortest is None:
            return None
        states, classes = shortest
        if len(classes) >= lengths.low:
            return classes
        loops = [
            (index, position)
            for position, state in enumerate(states)
            for target, index in self.edges(state, printable)
            if target == state
        ]
        if loops:  # a character that can be repeated makes the path as long as it must be
            index, position = min(loops)
            self._automata.meter.spend(lengths.low >> 3)
            return classes[:position] + [index] * (lengths.low - len(classes)) + classes[position:]
        layers = self.layers(lengths.high, printable)
        length = layers.first(lengths)
        return None if length is None else layers.path(length)

    def _shortest(self, high: int | None, printable: bool) -> tuple[list[int], list[int]] | None:
        """The states and the classes of a shortest path to acceptance of at most ``high`` characters, if any."""
        came_from: dict[int, Edge] = {}
        for state, target, index in self._walk(high, printable):
            if target not in came_from:
                came_from[target] = (state, index)
                if self.accepting[target]:
                    break
        else:
            return None
        states, classes = [target], []
        while states[-1] != self.start:
            state, index = came_from[states[-1]]
            states.append(state)
            classes.append(index)
        return states[::-1], classes[::-1]

    def _walk(self, high: int | None, printable: bool) -> Iterator[tuple[int, int, int]]:
        """(state, following state, class) for every edge up to ``high`` steps from the start, breadth first.

        The start itself is the first to follow, by no class: it follows itself, by class -1.
        """
        yield self.start, self.start, -1
        seen = {self.start}
        frontier = [self.start]
        depth = 0
        while frontier and depth != high:
            depth += 1
            following = []
            for state in frontier:
                for target, index in self.edges(state, printable):
                    yield state, target, index
                    if target not in seen:
                        seen.add(target)
                        following.append(target)
            frontier = following

    def layers(self, high: int | None, printable: bool = False) -> Layers:
        """For each length up to ``high``, the states where paths of that length to acceptance begin.

        Raises:
            OverBudget: the automata's meter ran out.
        """
        edges: dict[int, list[Edge]] = {self.start: []}
        for state, target, index in self._walk(high, printable):
            edges.setdefault(target, [])
            if index >= 0:
                edges[state].append((target, index))
        accepting = [state for state in edges if self.accepting[state]]
        return Layers(self.start, accepting, edges, self._automata.meter)


def atoms(literal: Literal) -> Iterator[Literal]:
    """The literals that a literal is a conjunction of: no complements, and no intersections to be in."""
    term, positive = literal
    if isinstance(term, Complement):
        yield from atoms((term.inner, not positive))
    elif positive and isinstance(term, Intersection):
        for member in term.members:
            yield from atoms((member, positive))
    else:
        yield term, positive
