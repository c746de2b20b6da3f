"""Derivatives of terms, and the characters that a term cannot tell apart.

The derivative of a language by a character c is what may follow c: ``{w : c w in L}``. A word is in the
language iff the derivative by all its characters contains the empty word (Brzozowski 1964).
"""

from __future__ import annotations

from collections.abc import Iterator

from .algebra import complement, concat, intersection, loop, union
from .budget import Meter
from .charset import CharSet, partition
from .term import EMPTY, EPSILON, Chars, Complement, Concat, Intersection, Loop, Term, Union

_MEMBER = 5  # steps to derive a member of a union or intersection and to bring it into normal form


class Derivatives:
    """Derivatives by single characters, remembered for the parts that states are made of.

    A state of a plain expression is a union of few distinct parts (its partial derivatives, Antimirov 1996):
    remembering the parts and not the unions makes a step of an unseen state cost one look-up a part.
    The memory is bounded: it is dropped when it holds ``limit`` entries. Safe to share between threads, as
    entries are only ever added whole, or all dropped.

    Attributes:
        meter: what the work is counted with: a step for each part of a term that is looked at or made.
    """

    __slots__ = ("_limit", "_memory", "meter")

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._memory: dict[tuple[Term, int], Term] = {}
        self.meter = Meter()

    def __call__(self, term: Term, code: int) -> Term:
        """The derivative of ``term`` by the character with code point ``code``.

        Raises:
            OverBudget: the meter ran out.
        """
        if isinstance(term, Union):
            self.meter.spend(_MEMBER * len(term.members))
            return union([self(member, code) for member in term.members])
        if isinstance(term, Chars):
            return EPSILON if code in term.chars else EMPTY
        if isinstance(term, Concat) and isinstance(term.head, Chars):
            return term.tail if code in term.head.chars else EMPTY
        key = (term, code)
        result = self._memory.get(key)
        if result is None:
            self.meter.spend(2)
            result = self._derive(term, code)
            if len(self._memory) >= self._limit:
                self._memory.clear()
            self._memory[key] = result
        return result

    def _derive(self, term: Term, code: int) -> Term:
        if isinstance(term, Concat):
            return union(self._derive_concat(term, code))
        if isinstance(term, Loop):
            upper = None if term.upper is None else term.upper - 1
            rest = loop(term.body, max(term.lower - 1, 0), upper)
            return union(self._followed(self(term.body, code), rest))
        if isinstance(term, Intersection):
            self.meter.spend(_MEMBER * len(term.members))
            return intersection([self(member, code) for member in term.members])
        if isinstance(term, Complement):
            return complement(self(term.inner, code))
        return EMPTY  # Epsilon

    def _derive_concat(self, term: Term, code: int) -> Iterator[Term]:
        while isinstance(term, Concat):
            yield from self._followed(self(term.head, code), term.tail)
            if not term.head.nullable:
                return
            term = term.tail
        yield self(term, code)

    def _followed(self, term: Term, tail: Term) -> Iterator[Term]:
        """``term tail``, as one part for each member of a union: (r | s) t = r t | s t."""
        for member in term.members if isinstance(term, Union) else (term,):
            steps = 1
            node = member
            while isinstance(node, Concat):  # concat() builds these anew
                steps += 1
                node = node.tail
            self.meter.spend(steps)
            yield concat(member, tail)


def next_letters(term: Term) -> frozenset[Chars]:
    """The character sets that the derivative of ``term`` by one character depends on."""
    return _letters(term, everywhere=False)


def all_letters(term: Term) -> frozenset[Chars]:
    """Every character set that occurs in ``term``, and so in any of its derivatives."""
    return _letters(term, everywhere=True)


def _letters(term: Term, everywhere: bool) -> frozenset[Chars]:
    found: set[Chars] = set()
    seen: set[int] = set()  # by identity: shared parts are met often, and to compare terms may be slow
    stack = [term]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Chars):
            found.add(node)
        elif isinstance(node, Concat):
            stack.append(node.head)
            if everywhere or node.head.nullable:
                stack.append(node.tail)
        elif isinstance(node, Union | Intersection):
            stack.extend(node.members)
        elif isinstance(node, Complement):
            stack.append(node.inner)
        elif isinstance(node, Loop):
            stack.append(node.body)
    return frozenset(found)


def derivative_classes(term: Term) -> tuple[CharSet, ...]:
    """A partition of the characters: by all characters of one class, ``term`` has the same derivative."""
    return partition(letter.chars for letter in next_letters(term))
