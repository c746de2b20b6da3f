"""Deterministic automata of many terms, made state by state and remembered between questions.

A node is a state of one term's automaton together with a sign: the number of a derivative times two, plus one if
the word must *not* be in its language. ``WON`` (whatever follows, the literal holds) and ``LOST`` (it never does)
are two nodes for all terms.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import groupby

from .algebra import union
from .budget import Meter
from .charset import UNPRINTABLE, partition, readability
from .derivative import Derivatives, all_letters, next_letters
from .term import ANYTHING, EMPTY, EPSILON, Chars, Concat, Term, Union

WON, LOST = 0, 1
MAX_REMEMBERED = 1_000_000
_MEMBER = 5  # steps to derive a member of a union by a character, and to bring it into normal form

Row = tuple[int, ...]
"""The node that follows a node, for each class of an alphabet."""

Runs = list[tuple[int, int]]
"""A text as (code point, how many of them in a row)."""


class Alphabet:
    """The classes of characters that some character sets tell apart, the most readable first.

    Attributes:
        codes: for each class, the code point of the member that stands for it.
        printable: how many classes have a printable member; they come first.
        rows: the rows of nodes over this alphabet that were computed so far.
    """

    def __init__(self, letters: frozenset[Chars]) -> None:
        classes = []
        for members in partition(letter.chars for letter in letters):
            code = members.sample()
            classes.append((readability(code), code, members))
        classes.sort(key=lambda each: each[:2])
        self.codes = tuple(code for _, code, _ in classes)
        self.printable = sum(rank != UNPRINTABLE for rank, _, _ in classes)
        self.rows: dict[int, Row] = {}
        starts = sorted(
            (start, i) for i, (_, _, members) in enumerate(classes) for start, _ in members.ranges
        )
        self._starts = [start for start, _ in starts]
        self._classes = [index for _, index in starts]
        self._inside: dict[Chars, list[int]] = {}
        self._maps: dict[Alphabet, Row] = {}

    def class_of(self, code: int) -> int:
        """The class that the character ``code`` belongs to."""
        return self._classes[bisect_right(self._starts, code) - 1]

    def inside(self, letter: Chars) -> list[int]:
        """The classes that lie in ``letter``, which is one of the sets that the alphabet tells apart."""
        found = self._inside.get(letter)
        if found is None:
            classes: set[int] = set()
            for start, end in letter.chars.ranges:
                classes.update(
                    self._classes[bisect_left(self._starts, start) : bisect_right(self._starts, end)]
                )
            found = self._inside[letter] = sorted(classes)
        return found

    def map_to(self, coarser: Alphabet) -> Row:
        """For each class, the class of the ``coarser`` alphabet that it is a part of."""
        found = self._maps.get(coarser)
        if found is None:
            found = self._maps[coarser] = tuple(map(coarser.class_of, self.codes))
        return found


class Automata:
    """The automata of all terms that were asked about.

    Handing the same object to several questions about the same terms saves most of the work. It may be used by
    one thread at a time, and forgets what it knows when it holds more than ``MAX_REMEMBERED`` entries.

    Attributes:
        meter: what the work is counted with; set by each question.
    """

    def __init__(self) -> None:
        self.meter = Meter()
        self._forget()

    def begin(self, meter: Meter) -> None:
        """Count the work that follows with ``meter``; nodes handed out earlier are no longer valid."""
        if self._remembered > MAX_REMEMBERED:
            self._forget()
        self.meter = self._derivative.meter = meter

    def _forget(self) -> None:
        self._derivative = Derivatives(limit=100_000)
        self._terms: list[Term] = [EMPTY]  # number 0 is that of WON and LOST
        self._numbers: dict[Term, int] = {}
        self._letters: dict[Term, frozenset[Chars]] = {}
        self._alphabets: dict[frozenset[Chars], Alphabet] = {}
        self._targets: dict[int, tuple[Alphabet, Row, Row]] = {}
        self._remembered = 0

    def node(self, term: Term, positive: bool) -> int:
        """The node at which a word of ``term``, or of its complement, begins."""
        if term is EMPTY:
            return LOST if positive else WON
        if term is ANYTHING:
            return WON if positive else LOST
        number = self._numbers.get(term)
        if number is None:
            number = self._numbers[term] = len(self._terms)
            self._terms.append(term)
            self._remembered += 1
        return 2 * number + (not positive)

    def accepting(self, node: int) -> bool:
        """Whether the word that ends at ``node`` satisfies its literal."""
        return self._terms[node >> 1].nullable != bool(node & 1)

    def alphabet(self, terms: list[Term]) -> Alphabet:
        """The classes of characters that matter to any of ``terms``."""
        letters: set[Chars] = set()
        for term in terms:
            found = self._letters.get(term)
            if found is None:
                found = self._letters[term] = all_letters(term)
                self._remembered += len(found) + 1
                self.meter.spend(len(found) + 1)
            letters |= found
        return self._alphabet(frozenset(letters))

    def _alphabet(self, letters: frozenset[Chars]) -> Alphabet:
        found = self._alphabets.get(letters)
        if found is None:
            self.meter.spend(20 + 10 * len(letters))
            found = self._alphabets[letters] = Alphabet(letters)
            self._remembered += 3 * len(letters) + 5
        return found

    def row(self, node: int, alphabet: Alphabet) -> Row:
        """The nodes that follow ``node``, for each class of ``alphabet``, which must cover the node's term."""
        row = alphabet.rows.get(node)
        if row is None:
            row = self._row(node, alphabet)
            self.meter.spend(2 + (len(row) >> 3))
            self._remembered += len(row)
            alphabet.rows[node] = row
        return row

    def _row(self, node: int, alphabet: Alphabet) -> Row:
        number, positive = node >> 1, not node & 1
        term = self._terms[number]
        if all(member is EPSILON or isinstance(_head(member), Chars) for member in _members(term)):
            # A union of words: most classes begin none of them.
            nodes = [self.node(EMPTY, positive)] * len(alphabet.codes)
            for index, parts in self._parts(term, alphabet).items():
                nodes[index] = self.node(union(parts), positive)
            return tuple(nodes)
        if number not in self._targets:
            local = self._alphabet(next_letters(term))
            parts_of = self._parts(term, local)
            targets = [union(parts_of.get(index, ())) for index in range(len(local.codes))]
            self._targets[number] = (
                local,
                tuple(self.node(target, True) for target in targets),
                tuple(self.node(target, False) for target in targets),
            )
            self._remembered += 2 * len(targets)
        local, if_positive, if_negative = self._targets[number]
        nodes_of = if_positive if positive else if_negative
        return tuple(map(nodes_of.__getitem__, alphabet.map_to(local)))

    def _parts(self, term: Term, alphabet: Alphabet) -> dict[int, list[Term]]:
        """The derivatives of ``term`` by class, as unions that are not yet built."""
        parts: dict[int, list[Term]] = {}
        for member in _members(term):
            head = _head(member)
            if isinstance(head, Chars):
                classes = alphabet.inside(head)
                self.meter.spend(3 + len(classes))
                for index in classes:
                    parts.setdefault(index, []).append(member.tail if isinstance(member, Concat) else EPSILON)
            elif member is not EPSILON:
                self.meter.spend(_MEMBER * len(alphabet.codes))
                for index, code in enumerate(alphabet.codes):
                    parts.setdefault(index, []).append(self._derivative(member, code))
        return parts

    def matches(self, term: Term, text: Runs) -> bool:
        """Whether ``text`` is a word of ``term``; a long run of one character costs little."""
        for code, count in text:
            for _ in range(count):
                following = self._derivative(term, code)
                self.meter.spend(1)
                if following == term:
                    break  # and so for the rest of the run
                term = following
            if term is EMPTY or term is ANYTHING:
                break
        return term.nullable


def runs(text: str) -> Runs:
    """``text`` as its runs of equal characters."""
    return [(ord(char), sum(1 for _ in run)) for char, run in groupby(text)]


def _members(term: Term) -> Iterable[Term]:
    return term.members if isinstance(term, Union) else (term,)


def _head(term: Term) -> Term:
    return term.head if isinstance(term, Concat) else term
