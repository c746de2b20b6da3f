"""Where a pattern occurs in a text that is still arriving, and how much of the text may be let go meanwhile.

Everything but the longest end of the text that could begin an occurrence is let go at once: usually all of it. The
occurrences are those of :meth:`.language.Language.spans` on the whole text, however it arrives. What is held is
bounded: an end that could be an occurrence for longer than that is withheld as if it were one, for as long as it could.

Each place where an occurrence may have begun is a thread through the pattern's automaton. Two threads in one state
have one future, so the later is dropped: there are never more threads than states.
"""

from __future__ import annotations

from dataclasses import dataclass

from .algebra import union
from .dfa import DFA, State
from .occurrences import Pattern


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that is decided: let go, or ``matched``. Not ``sure``: what grew too long to be held, and may be none."""

    text: str
    matched: bool = False
    sure: bool = True


@dataclass(slots=True)
class _Thread:
    """An occurrence that may have begun at ``start``. ``last``: it only counts if the text ends where it does."""

    start: int
    state: State
    last: bool


class _Automata:
    """The pattern's, for threads that begin with the text and for those that begin later; shared by all forks."""

    __slots__ = ("first_free", "first_last", "free", "last")

    def __init__(self, pattern: Pattern) -> None:
        self.free, self.last = DFA(pattern.free), DFA(pattern.at_end)
        self.first_free = DFA(union((pattern.free, pattern.at_start)))
        self.first_last = DFA(union((pattern.at_end, pattern.whole)))


class HoldBack:
    """Follows one text. At most ``limit`` characters are held when :meth:`push` returns.

    ``ValueError`` for a lone surrogate, which is no text.
    """

    __slots__ = ("_automata", "_best", "_first", "_held", "_limit", "_over", "_threads")

    def __init__(self, pattern: Pattern, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"expected to hold at least 1 character, found {limit}")
        self._limit = limit
        self._automata = _Automata(pattern)
        self._first = True  # no character was read yet
        self._held = ""  # what is not decided, all of it read by the threads
        self._threads: list[_Thread] = []  # the earliest first
        self._best: dict[int, int] = {}  # where the longest occurrence from a start ends, so far
        self._over: list[State] = []  # of what grew too long: withheld while any of them lives

    def fork(self) -> HoldBack:
        """Another one, at the same place of the same text: what it reads, this one does not."""
        other: HoldBack = object.__new__(HoldBack)
        other._limit, other._automata, other._first = self._limit, self._automata, self._first
        other._held, other._best, other._over = self._held, dict(self._best), list(self._over)
        other._threads = [_Thread(thread.start, thread.state, thread.last) for thread in self._threads]
        return other

    def drop(self) -> None:
        """Forget what is held: another text goes on where it began."""
        self._held, self._threads, self._best, self._over = "", [], {}, []

    @property
    def held(self) -> str:
        return self._held

    def push(self, text: str) -> list[Piece]:
        """What is decided now, in order. Joined, all pieces and what is held are the text."""
        found: list[Piece] = []
        at = 0
        while at < len(text):  # one by one: what is decided does not depend on how the text arrives
            self._read(text[at], found)
            if rest := self._settle(found):
                text, at = rest + text[at + 1 :], 0
                continue
            at += 1
            if len(self._held) > self._limit:
                self._withhold(found)
        return _joined(found)

    def finish(self) -> list[Piece]:
        """The rest: the text ends here."""
        return self._rest(at_end=True)

    def cut(self) -> list[Piece]:
        """The rest: what follows here is no part of any occurrence, and the text goes on after that."""
        found = self._rest(at_end=False)
        self._first, self._over = False, []
        return found

    def _rest(self, at_end: bool) -> list[Piece]:
        found: list[Piece] = []
        while self._held:
            for thread in self._threads:
                if at_end and thread.last and thread.state.accepting:
                    self._best[thread.start] = len(self._held)
            self._threads = []
            if not self._best:
                found.append(Piece(self._held))
                self._held = ""
            elif rest := self._settle(found):
                found += self.push(rest)
        return _joined(found)

    def _read(self, char: str, found: list[Piece]) -> None:
        if self._over:
            self._over = [after for state in self._over if not (after := state[char]).dead]
            if self._over:
                found.append(Piece(char, matched=True, sure=False))
                return
        start = len(self._held)
        self._held += char
        self._threads += self._starting(start)
        living: dict[tuple[bool, int, int], _Thread] = {}
        for thread in self._threads:
            thread.state = thread.state[char]
            if thread.state.dead:
                continue
            number = thread.state.number  # within its automaton; -1 if it found no room there
            state = (id(thread.state.dfa), number if number >= 0 else -id(thread.state))
            living.setdefault((thread.last, *state), thread)
            if thread.state.accepting and not thread.last:
                self._best[thread.start] = start + 1
        self._threads = list(living.values())

    def _starting(self, start: int) -> list[_Thread]:
        automata = self._automata
        free = automata.first_free if self._first else automata.free
        last = automata.first_last if self._first else automata.last
        self._first = False
        return [_Thread(start, free.start(), False), _Thread(start, last.start(), True)]

    def _settle(self, found: list[Piece]) -> str:
        """Decide what can be decided; what it returns has to be read again."""
        living = min((thread.start for thread in self._threads), default=len(self._held))
        start = min(self._best, default=len(self._held))
        if not self._best or living <= start:  # an earlier occurrence, or a longer one, may still come
            if done := min(living, start):
                found.append(Piece(self._held[:done]))
                self._held = self._held[done:]
                for thread in self._threads:
                    thread.start -= done
                self._best = {begin - done: end - done for begin, end in self._best.items()}
            return ""
        end = self._best[start]
        if start:
            found.append(Piece(self._held[:start]))
        found.append(Piece(self._held[start:end], matched=True))
        rest, self._held = self._held[end:], ""
        self._threads, self._best = [], {}
        return rest

    def _withhold(self, found: list[Piece]) -> None:
        """What is held begins where the earliest thread does, and that has lived too long."""
        found.append(Piece(self._held, matched=True, sure=False))
        self._over = [thread.state for thread in self._threads if thread.start == 0]
        self._held, self._threads, self._best = "", [], {}


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Neighbours of one kind as one, but occurrences apart."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.matched, last.sure) == (piece.matched, piece.sure)
            and not (piece.matched and piece.sure)
        ):
            joined[-1] = Piece(last.text + piece.text, piece.matched, piece.sure)
        else:
            joined.append(piece)
    return joined
