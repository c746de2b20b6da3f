"""What the kernel remembers of each constant it has accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..calculus.terms import Expr

Kind: TypeAlias = Literal[
    "axiom", "definition", "theorem", "opaque", "inductive", "constructor", "recursor", "quotient"
]


@dataclass(frozen=True, slots=True)
class Family:
    """An inductive type as the checker needs it."""

    name: str
    params: int
    indices: int
    constructors: tuple[str, ...]
    recursive: bool

    @property
    def is_record(self) -> bool:
        """Whether its fields can be projected: one constructor, no indices."""
        return len(self.constructors) == 1 and self.indices == 0

    @property
    def is_structure(self) -> bool:
        """Whether eta holds: a record, not recursive."""
        return self.is_record and not self.recursive


@dataclass(frozen=True, slots=True)
class Made:
    """A constructor of ``family``."""

    family: str
    params: int
    fields: int


@dataclass(frozen=True, slots=True)
class Eliminator:
    """A recursor: ``rules`` give for each constructor a closed function of params, motives, minors, fields.

    ``first`` is how many arguments stand before the indices, ``major`` the place of the major premise.
    """

    family: str
    params: int
    first: int
    major: int
    k: bool
    rules: dict[str, Expr]


@dataclass(frozen=True, slots=True)
class Lifting:
    """``Quot.lift``, ``Quot.ind``: where argument ``major`` is ``Quot.mk r a``, argument ``fn`` applied to ``a``."""

    fn: int
    major: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of the environment."""

    name: str
    kind: Kind
    level_params: tuple[str, ...]
    type: Expr
    value: Expr | None = None
    height: int = 0
    family: Family | None = None
    made: Made | None = None
    eliminator: Eliminator | None = None
    lifting: Lifting | None = None
