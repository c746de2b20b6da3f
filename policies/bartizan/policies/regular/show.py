"""Terms as text, for messages and debugging: regex notation, with ``&`` and ``~`` for the Boolean operators."""

from __future__ import annotations

from .charset import DIGITS, EVERY, WORD, CharSet
from .term import ANYTHING, EMPTY, EPSILON, Chars, Complement, Concat, Intersection, Loop, Term, Union

_NAMED = {DIGITS: r"\d", WORD: r"\w", EVERY: "(?s:.)"}
_SPECIAL = frozenset("\\^$.|?*+()[]{}&~-")


def show(term: Term, limit: int = 200) -> str:
    """``term`` in regex notation, cut after ``limit`` characters."""
    text = _show(term, limit)
    return text if len(text) <= limit else text[:limit] + "..."


def _show(term: Term, limit: int) -> str:
    if term is EMPTY:
        return "[]"
    if term is EPSILON:
        return "()"
    if term is ANYTHING:
        return "(?s:.*)"
    if isinstance(term, Chars):
        return _letters(term.chars)
    if isinstance(term, Concat):
        return _concat(term, limit)
    if isinstance(term, Union):
        return "(" + "|".join(sorted(_show(member, limit) for member in term.members)) + ")"
    if isinstance(term, Intersection):
        return "(" + "&".join(sorted(_show(member, limit) for member in term.members)) + ")"
    if isinstance(term, Complement):
        return f"~({_show(term.inner, limit)})"
    assert isinstance(term, Loop)
    body = _show(term.body, limit)
    return (body if isinstance(term.body, Chars) else f"({body})") + _count(term)


def _concat(term: Concat, limit: int) -> str:
    text = ""
    node: Term = term
    while isinstance(node, Concat) and len(text) <= limit:
        text += _show(node.head, limit)
        node = node.tail
    return text if len(text) > limit else text + _show(node, limit)


def _count(term: Loop) -> str:
    known = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((term.lower, term.upper))
    if known is not None:
        return known
    if term.lower == term.upper:
        return f"{{{term.lower}}}"
    return f"{{{term.lower},{'' if term.upper is None else term.upper}}}"


def _letters(members: CharSet) -> str:
    if members in _NAMED:
        return _NAMED[members]
    negated = 0x10FFFF in members
    listed = ~members if negated else members
    if not negated and len(listed) == 1:
        return _letter(listed.ranges[0][0])
    inside = "".join(
        _letter(low) if low == high else f"{_letter(low)}-{_letter(high)}" for low, high in listed.ranges
    )
    return f"[{'^' if negated else ''}{inside}]"


def _letter(code: int) -> str:
    char = chr(code)
    if char in _SPECIAL:
        return "\\" + char
    return char if char.isprintable() else f"\\u{{{code:x}}}"
