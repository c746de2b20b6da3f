"""Where a pattern occurs in a text: leftmost-longest, non-overlapping, non-empty spans."""

from __future__ import annotations

from dataclasses import dataclass

from .algebra import reverse, sequence, union
from .dfa import DFA, State
from .term import ANYTHING, EMPTY, Term

_LANDMARK = 16  # how far apart the remembered positions are: remembering costs more than a step


@dataclass(frozen=True, slots=True)
class Pattern:
    """What to look for, sorted by its anchors: four languages of occurrences.

    ``free`` may occur anywhere, ``at_start`` only where the text begins (``^r``), ``at_end`` only where it ends
    (``r$``), and ``whole`` only as the whole text (``^r$``).
    """

    free: Term = EMPTY
    at_start: Term = EMPTY
    at_end: Term = EMPTY
    whole: Term = EMPTY

    def texts(self) -> Term:
        """The texts in which the pattern occurs."""
        return union(
            (
                sequence(ANYTHING, self.free, ANYTHING),
                sequence(self.at_start, ANYTHING),
                sequence(ANYTHING, self.at_end),
                self.whole,
            )
        )

    def words(self) -> Term:
        """The pattern without its anchors."""
        return union((self.free, self.at_start, self.at_end, self.whole))

    def __or__(self, other: Pattern) -> Pattern:
        return Pattern(
            union((self.free, other.free)),
            union((self.at_start, other.at_start)),
            union((self.at_end, other.at_end)),
            union((self.whole, other.whole)),
        )


class SpanFinder:
    """Finds the occurrences of one pattern.

    One pass from the end of the text marks where occurrences begin, so that no start is tried in vain. From a
    marked start a forward automaton reads on for the longest occurrence; the states in which it read on in
    vain are remembered at every few positions, so that no later start repeats that work (Reps 1998, "Maximal-munch
    tokenization in linear time"). While the automaton's table holds its states, the time is at most the length of
    the text times the number of states, and for ordinary patterns it is linear in the text.
    """

    __slots__ = ("_anywhere", "_begins", "_ends", "_first", "_whole")

    def __init__(self, pattern: Pattern) -> None:
        self._anywhere = DFA(pattern.free)
        self._first = DFA(union((pattern.free, pattern.at_start)))
        self._begins = DFA(sequence(ANYTHING, reverse(pattern.free)))
        self._ends = DFA(reverse(pattern.at_end))
        self._whole = DFA(pattern.whole)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Half-open ranges of character offsets, in order; ``text`` must hold no lone surrogate."""
        if not text:
            return []
        if self._whole.matches(text):
            return [(0, len(text))]
        found: list[tuple[int, int]] = []
        begins = _nullable_suffixes(self._begins, text)
        ends = _nullable_suffixes(self._ends, text)
        state = self._first.start()
        elsewhere = self._anywhere.start()
        in_vain: set[tuple[int, int]] = set()
        position = 0
        while 0 <= position < len(text):
            if ends[position]:
                found.append((position, len(text)))
                break
            # The two automata number their states apart: what one read in vain says nothing of the other.
            end = _longest(state, text, position, in_vain if state is elsewhere else set())
            state = elsewhere
            if end > position:
                found.append((position, end))
            position = _next_mark(begins, ends, max(end, position + 1))
        return found


def _next_mark(begins: bytearray, ends: bytearray, position: int) -> int:
    marks = [mark for mark in (begins.find(1, position), ends.find(1, position)) if mark >= 0]
    return min(marks, default=-1)


def _nullable_suffixes(reversed_dfa: DFA, text: str) -> bytearray:
    """For each offset i, 1 where the automaton accepts ``text[i:]`` read from its end, else 0."""
    marks = bytearray(len(text) + 1)
    state = reversed_dfa.start()
    for position, char in zip(range(len(text) - 1, -1, -1), reversed(text), strict=True):
        state = state[char]
        if state.accepting:
            marks[position] = 1
        elif state.dead:
            break
    return marks


def _longest(state: State, text: str, begin: int, in_vain: set[tuple[int, int]]) -> int:
    """The end of the longest word that begins at ``begin``; ``begin`` itself if there is none but the empty one.

    ``in_vain`` holds (offset, state) pairs from which no acceptance lies ahead; it is read and added to.
    """
    end = begin
    pending: list[tuple[int, int]] = []
    for position in range(begin, len(text)):
        state = state[text[position]]
        if state.accepting:
            end = position + 1
            pending.clear()
        elif state.dead:
            break
        elif position % _LANDMARK == 0 and state.number >= 0:
            here = (position + 1, state.number)
            if here in in_vain:
                break
            pending.append(here)
    in_vain.update(pending)
    return end
