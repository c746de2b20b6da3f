"""The run-time matcher: a deterministic automaton, built from derivatives as texts are read.

One step for each character, whatever the pattern: there is no backtracking, so no text can make matching
slow (ReDoS). States and transitions are made on first use and remembered in a table of bounded size. When a text
needs more states than the table may hold, the rest of that text is matched by taking derivatives without
remembering them, and the next text starts a fresh table: memory stays bounded and the answer is the same.
"""

from __future__ import annotations

import threading
from bisect import bisect_right

from .charset import EVERY, partition
from .derivative import Derivatives, all_letters
from .term import ANYTHING, EMPTY, Term

MAX_STATES = 1024
_ROW = 256  # characters remembered in one state's row
_STRIDE = 256  # characters read between two looks whether the answer is already settled


class State(dict[str, "State"]):
    """One state: a row that maps a character to the next state, filled in as characters are met.

    ``accepting``: the text so far is a word. ``dead``: no continuation is a word. ``settled``: every continuation
    is a word, or none is. ``number`` identifies the state within its automaton; a state that is not in the table
    has the number -1.
    """

    __slots__ = ("accepting", "dead", "dfa", "number", "settled", "targets", "term")

    def __init__(self, dfa: DFA, term: Term, number: int) -> None:
        self.dfa = dfa
        self.term = term
        self.number = number
        self.accepting = term.nullable
        self.dead = term is EMPTY
        self.settled = self.dead or term is ANYTHING
        self.targets: dict[
            int, State
        ] = {}  # by character class: for characters that found no room in the row

    def __missing__(self, char: str) -> State:
        return self.dfa.step(self, char)


class DFA:
    """The automaton of one term. Any number of threads may match with it at the same time.

    Args:
        term: the language.
        max_states: how many states the table may hold.
    """

    __slots__ = ("_alphabet", "_derivative", "_lock", "_made", "_states", "max_states", "term")

    def __init__(self, term: Term, max_states: int = MAX_STATES) -> None:
        self.term = term
        self.max_states = max_states
        self._alphabet: _Alphabet | None = None
        self._derivative = Derivatives()
        self._states: dict[Term, State] = {}
        self._made = 0
        self._lock = threading.Lock()

    @property
    def state_count(self) -> int:
        """How many states the table holds now."""
        return len(self._states)

    def matches(self, text: str) -> bool:
        """Whether the whole of ``text``, which must hold no lone surrogate, is a word of the language."""
        state = self.start()
        for begin in range(0, len(text), _STRIDE):
            for char in text[begin : begin + _STRIDE]:
                state = state[char]
            if state.settled:
                break
        return state.accepting

    def start(self) -> State:
        """The state before the first character."""
        if len(self._states) >= self.max_states:
            with self._lock:
                self._states = {}
        return self._state(self.term)

    def step(self, state: State, char: str) -> State:
        """The state after ``state`` and ``char``, computed, and remembered where there is room."""
        if self._alphabet is None:
            self._alphabet = _Alphabet(self.term)
        code = self._alphabet.representative(ord(char))
        target = state.targets.get(code)
        if target is None:
            term = self._derivative(state.term, code)
            target = self._state(term)
            if target.number >= 0:
                state.targets[code] = target
        if target.number >= 0 and len(state) < _ROW:
            state[char] = target
        return target

    def _state(self, term: Term) -> State:
        known = self._states.get(term)
        if known is not None:
            return known
        with self._lock:
            known = self._states.get(term)
            if known is not None:
                return known
            if len(self._states) >= self.max_states:
                return State(self, term, -1)
            state = State(self, term, self._made)
            self._made += 1
            self._states[term] = state
            return state


class _Alphabet:
    """The characters in classes that the term never tells apart, each with one member that stands for it."""

    __slots__ = ("_representatives", "_starts")

    def __init__(self, term: Term) -> None:
        ranges = sorted(
            (start, members.sample())
            for members in partition(letter.chars for letter in all_letters(term))
            for start, _ in members.ranges
        )
        self._starts = [start for start, _ in ranges]
        self._representatives = [code for _, code in ranges]

    def representative(self, code: int) -> int:
        """The member that stands for the class of the character ``code``.

        Raises:
            ValueError: ``code`` is a surrogate, which is not a character.
        """
        if code not in EVERY:
            raise ValueError(f"expected Unicode scalar values, found the surrogate U+{code:04X}")
        return self._representatives[bisect_right(self._starts, code) - 1]
