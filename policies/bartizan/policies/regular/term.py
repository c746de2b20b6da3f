"""Extended regular expressions as immutable terms, and their Brzozowski derivatives.

A term denotes a set of words over Unicode scalar values::

    Chars(S)             one character of S (Chars of the empty set, EMPTY, denotes no word)
    Epsilon              the empty word
    Concat(r, s)         a word of r, then a word of s; right-nested, so that tails are shared
    Union(M)             a word of some member
    Intersection(M)      a word of every member
    Complement(r)        every other word
    Loop(r, m, n)        m to n words of r, one after the other; n = None is unbounded (star: m = 0)

Build terms with the functions of :mod:`.algebra`, never with the classes: the functions keep terms in normal
form, where ``EMPTY``, ``EPSILON`` and ``ANYTHING`` are single objects and may be compared with ``is``.

Terms compare by structure. Each carries its hash, and equal terms built from one another share their parts, so
comparing is cheap without a global table of terms. Nesting is bounded by the parser; long concatenations are
walked with loops, not recursion.
"""

from __future__ import annotations

from .charset import EVERY, NONE, CharSet


class Term:
    """A regular expression. ``nullable``: whether it contains the empty word."""

    __slots__ = ("_hash", "nullable")
    nullable: bool
    _hash: int

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, Term) or self._hash != other._hash:
            return False
        return self.parts == other.parts

    @property
    def parts(self) -> tuple[object, ...]:
        """What tells this term apart from others of its class."""
        return ()

    def __repr__(self) -> str:
        from .show import show  # which imports the classes below

        return f"<{type(self).__name__} {show(self)}>"


class Epsilon(Term):
    __slots__ = ()

    def __init__(self) -> None:
        self.nullable = True
        self._hash = hash((0,))


class Chars(Term):
    __slots__ = ("chars",)

    def __init__(self, chars: CharSet) -> None:
        self.chars = chars
        self.nullable = False
        self._hash = hash((1, chars.ranges))

    @property
    def parts(self) -> tuple[object, ...]:
        return (self.chars,)


class Concat(Term):
    __slots__ = ("head", "tail")

    def __init__(self, head: Term, tail: Term) -> None:
        self.head = head
        self.tail = tail
        self.nullable = head.nullable and tail.nullable
        self._hash = hash((2, head._hash, tail._hash))

    @property
    def parts(self) -> tuple[object, ...]:
        return (self.head, self.tail)

    def __eq__(self, other: object) -> bool:
        left: Term = self
        right = other
        while isinstance(left, Concat) and isinstance(right, Concat):
            if left is right:
                return True
            if left._hash != right._hash or left.head != right.head:
                return False
            left, right = left.tail, right.tail
        return not isinstance(left, Concat) and not isinstance(right, Concat) and left == right

    __hash__ = Term.__hash__


class Union(Term):
    __slots__ = ("members",)

    def __init__(self, members: frozenset[Term]) -> None:
        self.members = members
        self.nullable = any(member.nullable for member in members)
        self._hash = hash((3, members))

    @property
    def parts(self) -> tuple[object, ...]:
        return (self.members,)


class Intersection(Term):
    __slots__ = ("members",)

    def __init__(self, members: frozenset[Term]) -> None:
        self.members = members
        self.nullable = all(member.nullable for member in members)
        self._hash = hash((4, members))

    @property
    def parts(self) -> tuple[object, ...]:
        return (self.members,)


class Complement(Term):
    __slots__ = ("inner",)

    def __init__(self, inner: Term) -> None:
        self.inner = inner
        self.nullable = not inner.nullable
        self._hash = hash((5, inner._hash))

    @property
    def parts(self) -> tuple[object, ...]:
        return (self.inner,)


class Loop(Term):
    __slots__ = ("body", "lower", "upper")

    def __init__(self, body: Term, lower: int, upper: int | None) -> None:
        self.body = body
        self.lower = lower
        self.upper = upper
        self.nullable = lower == 0 or body.nullable
        self._hash = hash((6, body._hash, lower, -1 if upper is None else upper))

    @property
    def parts(self) -> tuple[object, ...]:
        return (self.body, self.lower, self.upper)


EMPTY: Term = Chars(NONE)
EPSILON: Term = Epsilon()
ANY: Term = Chars(EVERY)
ANYTHING: Term = Loop(ANY, 0, None)
