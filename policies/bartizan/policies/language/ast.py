"""The checked AST: typed, name-resolved, one tree for every back end.

The checker produces it from the syntax tree, once per rule and tool; the reference interpreter, the
evaluator and the analyses all read it. Its canonical JSON is what a policy's hash is made of.
Values are T, F or E (error): see :mod:`.values`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any as AnyValue
from typing import Literal, cast, get_args

from .syntax import NOWHERE, Span
from .types import F64, Bool, Int, Type

_BOOL = Bool()


def _span() -> Span:
    return field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Const:
    """A literal, already a value of its type (a ``dec(2)`` literal ``1.50`` is 150)."""

    value: AnyValue
    type: Type
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Input:
    """A path into the environment, ``("args", "amount")``. E where an optional field is absent."""

    path: tuple[str, ...]
    type: Type
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Bound:
    """A path into the element bound by the ``depth``-th enclosing quantifier (0 = innermost)."""

    depth: int
    path: tuple[str, ...]
    type: Type
    span: Span = _span()


Path = Input | Bound


@dataclass(frozen=True, slots=True)
class Has:
    """Is the optional field at the end of ``subject`` present? E if something before it is absent."""

    subject: Path
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Not:
    operand: Expr
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class And:
    left: Expr
    right: Expr
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Or:
    left: Expr
    right: Expr
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class If:
    condition: Expr
    then: Expr
    otherwise: Expr
    type: Type
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Compare:
    """``==``, ``<`` or ``<=`` of two values of one type (the other operators are sugar)."""

    op: Literal["==", "<", "<="]
    left: Expr
    right: Expr
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class OneOf:
    """``operand in [literals]``."""

    operand: Expr
    items: tuple[AnyValue, ...]
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Add:
    left: Expr
    right: Expr
    type: Type
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Scale:
    """``factor * operand`` with a literal integer factor (linear arithmetic only)."""

    factor: int
    operand: Expr
    type: Type
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Size:
    """Code points of a string, elements of a list."""

    operand: Expr
    span: Span = _span()
    type: Type = field(default=Int())


@dataclass(frozen=True, slots=True)
class StringTest:
    """Membership of a string in the regular language ``predicate(*params)`` of the builtin table."""

    predicate: str
    operand: Expr
    params: tuple[AnyValue, ...]
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Quantifier:
    """``over.all(x, body)`` and ``over.exists(x, body)``: Kleene conjunction and disjunction."""

    kind: Literal["all", "exists"]
    over: Path
    body: Expr
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a value comes from. A free boolean to the analyses, with the laws of the builtin table."""

    predicate: str
    subject: Path
    tool: str | None = None
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class SignalValue:
    """A signal's value or p-value for the event at hand. E when missing."""

    name: str
    which: Literal["value", "p_value"]
    span: Span = _span()
    type: Type = field(default=F64())


@dataclass(frozen=True, slots=True)
class EventMatch:
    """Which events a session operator looks at: ``kind`` and ``tool``, None meaning any.

    ``denied``, a call that was not let go, is for stages only: to no other operator it is an event.
    """

    kind: Literal["prompt", "call", "result", "text", "denied"] | None = None
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """Did ``body`` hold at some past matching event (at most ``within`` microseconds ago)?"""

    match: EventMatch
    body: Expr
    within: int | None = None
    key: Expr | None = None
    query: Expr | None = None
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Since:
    """``left`` has held at every event after one (at most ``within`` ago) where ``right`` held."""

    left: Expr
    right: Expr
    within: int | None = None
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Previous:
    """Did ``body`` hold at the event just before? F at the start of the session."""

    body: Expr
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Count:
    """How many past calls of ``tool`` satisfied ``body`` within the window.

    ``cap`` bounds the register. With ``saturate`` the value is ``min(count, cap)``, exact for the literal it is
    compared with (``cap`` is that literal + 1); without, a count that reaches ``cap`` is E.
    """

    tool: str
    body: Expr
    cap: int
    saturate: bool
    within: int | None = None
    key: Expr | None = None
    query: Expr | None = None
    span: Span = _span()
    type: Type = field(default=Int())


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of ``field`` over past calls of ``tool`` that satisfied ``body`` within the window."""

    tool: str
    field: Expr
    body: Expr
    type: Type
    within: int | None = None
    key: Expr | None = None
    query: Expr | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class MaxSignal:
    """The largest value of a signal so far; 0.0 before the first; E once one was missing."""

    name: str
    match: EventMatch
    span: Span = _span()
    type: Type = field(default=F64())


@dataclass(frozen=True, slots=True)
class Allowed:
    """``allowed(tool)`` in an invariant: the call is one of ``tool`` and the policy lets it go."""

    tool: str
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Because:
    """At a denied call: is one of these among the rules that denied it? Never E."""

    rules: tuple[str, ...]
    span: Span = _span()
    type: Type = _BOOL


@dataclass(frozen=True, slots=True)
class Transition:
    """From any of ``sources`` to ``target``, at an event where ``body`` holds."""

    sources: tuple[str, ...]
    target: str
    match: EventMatch
    body: Expr


@dataclass(frozen=True, slots=True)
class Machine:
    """The stages of a session.

    ``timed`` are those that end by themselves, each with its microseconds and what comes then, in an order in which
    no stage comes after what follows it. ``id`` names all of this.
    """

    id: str
    stages: tuple[str, ...]
    initial: str
    timed: tuple[tuple[str, int, str], ...]
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class InStage:
    """Is the session in one of the stages ``names``? E while it may be in one of them and in another one."""

    names: tuple[str, ...]
    machine: Machine = field(repr=False)
    span: Span = _span()
    type: Type = _BOOL


Register = Once | Since | Previous | Count | Sum | MaxSignal | InStage

Expr = (
    Const
    | Input
    | Bound
    | Has
    | Not
    | And
    | Or
    | If
    | Compare
    | OneOf
    | Add
    | Scale
    | Size
    | StringTest
    | Quantifier
    | Provenance
    | SignalValue
    | Allowed
    | Because
    | Register
)

TRUE = Const(True, _BOOL)
_NODES: tuple[type, ...] = get_args(Expr)


def children(node: Expr) -> Iterator[Expr]:
    """The direct sub-expressions of a node, those that a register evaluates at past events included."""
    if isinstance(node, InStage):
        yield from (move.body for move in node.machine.transitions)
        return
    for f in dataclasses.fields(node):
        value = getattr(node, f.name)
        if isinstance(value, _NODES):
            yield cast(Expr, value)


def walk(node: Expr) -> Iterator[Expr]:
    """The node and everything under it, depth first."""
    yield node
    for child in children(node):
        yield from walk(child)


def to_json(value: AnyValue) -> AnyValue:
    """Canonical JSON of a node (or of anything a node holds): spans left out, types as text."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, Machine):
        return value.id
    if dataclasses.is_dataclass(value) and isinstance(value, (*_NODES, EventMatch)):
        fields = {
            f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name != "span"
        }
        return {"node": type(value).__name__, **fields}
    return str(value)
