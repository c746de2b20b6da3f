"""The parts of a condition: what a call decides, what an edit decides, and what only a test can tell.

A :class:`Given` does not depend on a number that may be changed: the evaluator gives its value, for each choice among
the alternatives of the (few) other arguments that it depends on. What compares numbers that may be changed is linear
arithmetic. Anything else that depends on such a number is a :class:`Guess`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any as Json
from typing import Literal

from ..evaluation.plan import Evaluate


@dataclass(eq=False, slots=True)
class Given:
    """A part with a value of its own. ``fields`` are the openings with alternatives that it depends on.

    ``own``: it depends on nothing else, so that its value for a listed alternative is always the same (``known``).
    ``sticks``: it asks whether a value comes from untrusted data; what an edit makes of that value comes from it too.
    """

    evaluate: Evaluate
    real: bool
    fields: tuple[int, ...]
    own: bool
    sticks: bool = False
    known: dict[int, Json] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Amount:
    """A number that may be changed. ``given`` is its value in a call where it cannot be."""

    index: int
    given: Given


@dataclass(eq=False, slots=True)
class Plus:
    left: Number
    right: Number


@dataclass(eq=False, slots=True)
class Times:
    factor: int
    operand: Number


@dataclass(eq=False, slots=True)
class Chosen:
    """``condition ? then : otherwise``, of numbers or of truth values."""

    condition: Truth
    then: Json
    otherwise: Json


Number = Given | Amount | Plus | Times | Chosen


@dataclass(eq=False, slots=True)
class Negation:
    operand: Truth


@dataclass(eq=False, slots=True)
class Both:
    left: Truth
    right: Truth


@dataclass(eq=False, slots=True)
class Either:
    left: Truth
    right: Truth


@dataclass(eq=False, slots=True)
class Agree:
    """``left == right`` of truth values."""

    left: Truth
    right: Truth


@dataclass(eq=False, slots=True)
class Comparison:
    op: Literal["==", "<", "<="]
    left: Number
    right: Number


@dataclass(eq=False, slots=True)
class Among:
    operand: Number
    items: tuple[int, ...]


@dataclass(eq=False, slots=True)
class Guess:
    """A truth value that depends on ``numbers`` in a way that is not arithmetic. ``given`` is its value elsewhere.

    ``strict``: it asks where its one number comes from, so that only numbers that stand in the session are special.
    """

    given: Given
    numbers: tuple[int, ...]
    strict: bool = False


Truth = Given | Negation | Both | Either | Agree | Chosen | Comparison | Among | Guess


def within(part: Json) -> Iterator[Json]:
    """A part and everything in it."""
    yield part
    match part:
        case Negation(operand) | Among(operand, _) | Times(_, operand):
            yield from within(operand)
        case Both() | Either() | Agree() | Comparison() | Plus():
            yield from within(part.left)
            yield from within(part.right)
        case Chosen():
            for inner in (part.condition, part.then, part.otherwise):
                yield from within(inner)
