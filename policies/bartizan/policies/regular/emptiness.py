"""Whether a language is empty, and its most readable word if it is not.

The derivatives of a term are explored lazily, one character of each derivative class at a time, so that
intersections and complements cost only the states that are reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

from .charset import CharSet, partition
from .derivative import Derivatives, next_letters
from .term import EMPTY, Chars, Term

DEFAULT_BUDGET = 10_000


@dataclass(frozen=True, slots=True)
class Nonempty:
    """The language has words; ``word`` has as few unprintable characters, then characters, as possible."""

    word: str


@dataclass(frozen=True, slots=True)
class Empty:
    """The language has no word: all its ``states`` derivatives were seen, and none holds the empty word."""

    states: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """The search ended undecided, having reached more derivatives than its ``budget``."""

    budget: int


def explore(term: Term, budget: int = DEFAULT_BUDGET) -> Nonempty | Empty | Unknown:
    """Search the derivatives of ``term`` for a word, cheapest first (Dijkstra).

    Args:
        term: the language.
        budget: how many distinct derivatives to reach before giving up.
    """
    if term is EMPTY:
        return Empty(0)
    derivative = Derivatives()
    alphabets: dict[frozenset[Chars], list[tuple[int, int]]] = {}
    came_from: dict[Term, tuple[Term, int] | None] = {term: None}
    cost_of = {term: (0, 0)}
    done: set[Term] = set()
    queue: list[tuple[int, int, int, Term]] = [(0, 0, 0, term)]
    pushed = 0
    while queue:
        unprintable, length, _, current = heappop(queue)
        if current.nullable:
            return Nonempty(_word(current, came_from))
        if current in done:
            continue
        done.add(current)
        letters = next_letters(current)
        if letters not in alphabets:
            alphabets[letters] = [_choice(members) for members in partition(each.chars for each in letters)]
        for penalty, code in alphabets[letters]:
            target = derivative(current, code)
            cost = (unprintable + penalty, length + 1)
            if target is EMPTY or (target in cost_of and cost_of[target] <= cost):
                continue
            if target not in cost_of and len(cost_of) >= budget:
                return Unknown(budget)
            cost_of[target] = cost
            came_from[target] = (current, code)
            pushed += 1
            heappush(queue, (*cost, pushed, target))
    return Empty(len(done))


def _choice(members: CharSet) -> tuple[int, int]:
    """(1 if unprintable else 0, code point) of the member that a word should use."""
    code = members.sample()
    return (0 if chr(code).isprintable() else 1), code


def _word(term: Term, came_from: dict[Term, tuple[Term, int] | None]) -> str:
    codes: list[int] = []
    step = came_from[term]
    while step is not None:
        codes.append(step[1])
        step = came_from[step[0]]
    return "".join(map(chr, reversed(codes)))
