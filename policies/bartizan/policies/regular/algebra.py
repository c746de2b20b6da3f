"""Constructors that keep terms in normal form.

Under this form a term has finitely many derivatives: unions and intersections are associative, commutative and
idempotent, because their members are flat frozensets (Brzozowski 1964; Owens, Reppy and Turon 2009). The other
rules are not needed for that; they make the automata smaller.
"""

from __future__ import annotations

from collections.abc import Iterable

from .charset import EVERY, NONE, CharSet
from .term import ANY, ANYTHING, EMPTY, EPSILON, Chars, Complement, Concat, Intersection, Loop, Term, Union


def letters(members: CharSet) -> Term:
    """One character of ``members``."""
    return Chars(members) if members else EMPTY


def concat(left: Term, right: Term) -> Term:
    """The words of ``left`` followed by words of ``right``."""
    if left is EMPTY or right is EMPTY:
        return EMPTY
    if left is EPSILON:
        return right
    heads = []
    while isinstance(left, Concat):
        heads.append(left.head)
        left = left.tail
    result = _prepend(left, right)
    for head in reversed(heads):
        result = _prepend(head, result)
    return result


def _prepend(head: Term, tail: Term) -> Term:
    if tail is EPSILON:
        return head
    if isinstance(head, Loop) and head.lower == 0 and head.upper is None:
        if head is ANYTHING and tail.nullable:
            return ANYTHING
        if head == (tail.head if isinstance(tail, Concat) else tail):
            return tail  # r* r* = r*
    return Concat(head, tail)


def loop(body: Term, lower: int, upper: int | None) -> Term:
    """``lower`` to ``upper`` words of ``body`` in sequence; ``upper`` None is unbounded.

    Raises:
        ValueError: the bounds are negative or cross.
    """
    if lower < 0 or (upper is not None and upper < lower):
        raise ValueError(f"loop bounds must satisfy 0 <= lower <= upper, found {lower} and {upper}")
    if upper == 0 or body is EPSILON:
        return EPSILON
    if body is EMPTY:
        return EPSILON if lower == 0 else EMPTY
    if body.nullable:
        lower = 0  # fewer words can stand for more, the rest being empty
    if isinstance(body, Loop) and body.upper is None and body.lower <= 1:
        if body.lower == 0 or lower == 0:  # (r*){m,n} = r*, (r+){0,n} = r*
            return loop(body.body, 0, None)
        return loop(body.body, lower, None)  # (r+){m,n} = r{m,}
    if lower == upper == 1:
        return body
    if lower == 0 and upper is None and body == ANY:
        return ANYTHING
    return Loop(body, lower, upper)


def star(body: Term) -> Term:
    """Any number of words of ``body`` in sequence."""
    return loop(body, 0, None)


def union(terms: Iterable[Term]) -> Term:
    """The words of any of ``terms``."""
    members: set[Term] = set()
    for term in terms:
        if isinstance(term, Union):
            members |= term.members
        elif term is ANYTHING:
            return ANYTHING
        elif term is not EMPTY:
            members.add(term)
    if len(members) > 1:
        _merge_letters(members)
        _merge_loops(members)
        if ANYTHING in members or _has_opposites(members):
            return ANYTHING
        if EPSILON in members and any(member.nullable for member in members if member is not EPSILON):
            members.discard(EPSILON)
    if len(members) <= 1:
        return members.pop() if members else EMPTY
    return Union(frozenset(members))


def _merge_letters(members: set[Term]) -> None:
    single = [member for member in members if isinstance(member, Chars)]
    if len(single) > 1:
        merged = NONE
        for member in single:
            merged |= member.chars
        members.difference_update(single)
        members.add(Chars(merged))


def _merge_loops(members: set[Term]) -> None:
    """Join ``r{a,b} t`` and ``r{c,d} t`` where the counts make one interval: ``r{min,max} t``.

    Without this rule a search for ``[a-z]{10,200}X`` keeps up to 200 counters at once.
    """
    groups: dict[tuple[Term, Term], list[tuple[Loop, Term]]] = {}
    for member in members:
        head, tail = (member.head, member.tail) if isinstance(member, Concat) else (member, EPSILON)
        if isinstance(head, Loop):
            groups.setdefault((head.body, tail), []).append((head, member))
    for (body, tail), group in groups.items():
        if len(group) > 1:
            members.difference_update(member for _, member in group)
            for lower, upper in _joined([head for head, _ in group]):
                members.add(concat(loop(body, lower, upper), tail))


def _joined(loops: list[Loop]) -> list[tuple[int, int | None]]:
    joined: list[tuple[int, int | None]] = []
    for each in sorted(loops, key=lambda each: each.lower):
        lower, upper = joined[-1] if joined else (0, -1)
        if joined and (upper is None or each.lower <= upper + 1):
            joined[-1] = (lower, None if upper is None or each.upper is None else max(upper, each.upper))
        else:
            joined.append((each.lower, each.upper))
    return joined


def _has_opposites(members: set[Term]) -> bool:
    return any(isinstance(member, Complement) and member.inner in members for member in members)


def intersection(terms: Iterable[Term]) -> Term:
    """The words that all of ``terms`` share."""
    members: set[Term] = set()
    for term in terms:
        if isinstance(term, Intersection):
            members |= term.members
        elif term is EMPTY:
            return EMPTY
        elif term is not ANYTHING:
            members.add(term)
    if len(members) > 1:
        if EPSILON in members:
            return EPSILON if all(member.nullable for member in members) else EMPTY
        if _has_opposites(members):
            return EMPTY
        single = [member for member in members if isinstance(member, Chars)]
        if len(single) > 1:
            members.difference_update(single)
            shared = EVERY
            for member in single:
                shared &= member.chars
            if not shared:
                return EMPTY
            members.add(Chars(shared))
    if len(members) <= 1:
        return members.pop() if members else ANYTHING
    return Intersection(frozenset(members))


def complement(term: Term) -> Term:
    """Every word that is not one of ``term``."""
    if isinstance(term, Complement):
        return term.inner
    if term is EMPTY:
        return ANYTHING
    return EMPTY if term is ANYTHING else Complement(term)


def word(text: str) -> Term:
    """Exactly ``text``.

    Raises:
        ValueError: ``text`` contains a lone surrogate.
    """
    result = EPSILON
    for position in range(len(text) - 1, -1, -1):
        code = ord(text[position])
        if code not in EVERY:
            raise ValueError(
                f"expected Unicode scalar values, found the surrogate U+{code:04X} at {position}"
            )
        result = concat(Chars(CharSet(((code, code),))), result)
    return result


def sequence(*terms: Term) -> Term:
    """The concatenation of ``terms``, in order."""
    result = EPSILON
    for term in reversed(terms):
        result = concat(term, result)
    return result


def reverse(term: Term) -> Term:
    """The words of ``term``, each read from its end."""
    if isinstance(term, Concat):
        result = EPSILON
        node: Term = term
        while isinstance(node, Concat):
            result = concat(reverse(node.head), result)
            node = node.tail
        return concat(reverse(node), result)
    if isinstance(term, Union):
        return union(reverse(member) for member in term.members)
    if isinstance(term, Intersection):
        return intersection(reverse(member) for member in term.members)
    if isinstance(term, Complement):
        return complement(reverse(term.inner))
    if isinstance(term, Loop):
        return loop(reverse(term.body), term.lower, term.upper)
    return term
