"""Tests of a text as regular languages, and that no text passes several: shown by a closed set of derivatives.

The set has the language that is asked for, and with each of its members all derivatives of that member. If none of
them has the empty word, none of them has any word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any as Json
from typing import NamedTuple, TypeAlias

from ...language.builtins import STRING_PREDICATES
from ...regular import literal, one_of
from ...regular.algebra import complement, intersection, loop
from ...regular.budget import EXHAUSTED, Meter
from ...regular.derivative import Derivatives, derivative_classes
from ...regular.show import show
from ...regular.term import ANY, EMPTY, Term

MAX_STATES = 5_000
SHOWN_STATES, SHOWN_LETTERS = 64, 16_384
_STEPS = 2_000_000
MAX_LENGTH = 64
"""The largest size that is looked at: each length is a state of its own."""

Lengths: TypeAlias = Callable[[int], tuple[int, int | None]]
_BELOW: Mapping[str, Lengths] = {
    "==": lambda n: (n, n),
    "<": lambda n: (0, n - 1),
    "<=": lambda n: (0, n),
}
_ABOVE: Mapping[str, Lengths] = {
    "==": lambda n: (n, n),
    "<": lambda n: (n + 1, None),
    "<=": lambda n: (n, None),
}


class Emptiness(NamedTuple):
    """How many derivatives show that no text is left, their digest, and they themselves where they are few."""

    states: int
    closed: str
    derivatives: tuple[str, ...]


def emptiness(tests: Iterable[tuple[Term, bool]]) -> Emptiness | None:
    """That no text is in each language that is paired with True and in none that is paired with False, if so."""
    states = closed_set(intersection(term if value else complement(term) for term, value in tests))
    if states is None or any(state.nullable for state in states):
        return None
    shown = sorted(show(state, 1 << 20) for state in states)
    digest = sha256("\n".join(shown).encode()).hexdigest()
    few = tuple(shown) if len(shown) <= SHOWN_STATES and sum(map(len, shown)) <= SHOWN_LETTERS else ()
    return Emptiness(len(states), digest, few)


def closed_set(term: Term) -> tuple[Term, ...] | None:
    """The term with all its derivatives: a set that no derivative leads out of. None if it is too large."""
    derive = Derivatives()
    derive.meter = Meter(_STEPS)
    seen, waiting = {term}, [term]
    try:
        while waiting:
            state = waiting.pop()
            for letters in derivative_classes(state):
                follower = derive(state, letters.ranges[0][0])
                if follower not in seen:
                    if len(seen) >= MAX_STATES:
                        return None
                    seen.add(follower)
                    waiting.append(follower)
    except EXHAUSTED:
        return None
    return tuple(seen)


def tested(node: Json) -> tuple[Json, Term] | None:
    """The text that a condition tests, and the language that it asks for; None for another condition."""
    kind = node["node"]
    if kind == "StringTest" and _is_text(node["operand"]):
        predicate = STRING_PREDICATES[node["predicate"]]
        params = node["params"]
        made = (
            predicate.language(tuple(params)) if predicate.param == "texts" else predicate.language(*params)
        )
        return node["operand"], made.term
    if kind == "OneOf" and _is_text(node["operand"]):
        return node["operand"], one_of(node["items"]).term
    if kind == "Compare":
        left, right = node["left"], node["right"]
        if right["node"] == "Const":
            return _compared(left, node["op"], right["value"], _BELOW)
        if left["node"] == "Const":
            return _compared(right, node["op"], left["value"], _ABOVE)
    return None


def _compared(node: Json, op: str, value: Json, lengths: Mapping[str, Lengths]) -> tuple[Json, Term] | None:
    """A text that equals a literal, or whose size is compared with a small one."""
    if op == "==" and _is_text(node):
        return node, literal(value).term
    if node["node"] == "Size" and _is_text(node["operand"]) and 0 <= value <= MAX_LENGTH:
        low, high = lengths[op](value)
        return node["operand"], EMPTY if high is not None and high < low else loop(ANY, low, high)
    return None


def _is_text(node: Mapping[str, Json]) -> bool:
    return bool(node["type"] == "str")
