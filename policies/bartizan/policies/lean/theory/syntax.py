"""The syntax trees of the theory's notation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    value: int


@dataclass(frozen=True, slots=True)
class Hole:
    pass


@dataclass(frozen=True, slots=True)
class Apply:
    function: Syntax
    args: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """``(t).f``"""

    term: Syntax
    path: str


@dataclass(frozen=True, slots=True)
class Binder:
    name: str
    type: Syntax | None
    implicit: bool = False


@dataclass(frozen=True, slots=True)
class Fun:
    binders: tuple[Binder, ...]
    body: Syntax


@dataclass(frozen=True, slots=True)
class ForAll:
    binders: tuple[Binder, ...]
    body: Syntax


@dataclass(frozen=True, slots=True)
class Typed:
    """``(t : T)``, and ``show T; t``."""

    term: Syntax
    type: Syntax


@dataclass(frozen=True, slots=True)
class Arm:
    constructor: str
    names: tuple[str, ...]
    body: Syntax


@dataclass(frozen=True, slots=True)
class Match:
    subject: Syntax
    equation: str | None
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Rewrite:
    rules: tuple[tuple[bool, Syntax], ...]
    body: Syntax


@dataclass(frozen=True, slots=True)
class Have:
    name: str
    type: Syntax
    value: Syntax
    body: Syntax


@dataclass(frozen=True, slots=True)
class Auto:
    cases: tuple[Syntax, ...]


Syntax: TypeAlias = (
    Name | Number | Hole | Apply | Field | Fun | ForAll | Typed | Match | Rewrite | Have | Auto
)


@dataclass(frozen=True, slots=True)
class Command:
    """``kind`` is the keyword. ``constructors``: name, fields, result (None: the type itself)."""

    kind: str
    name: str
    levels: tuple[str, ...]
    binders: tuple[Binder, ...]
    type: Syntax | None
    value: Syntax | None = None
    constructors: tuple[tuple[str, tuple[Binder, ...], Syntax | None], ...] = ()
    fields: tuple[Binder, ...] = ()
