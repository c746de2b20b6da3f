"""What a file declares: axioms, definitions, theorems, inductive types with their recursors, quotients.

Types and values are closed, and speak of the declaration's own level parameters and of constants declared before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .terms import Expr

Hint: TypeAlias = int | Literal["abbrev", "opaque"]


@dataclass(frozen=True, slots=True)
class Axiom:
    """A constant without a value: refused, unless the name is on the allow-list."""

    name: str
    level_params: tuple[str, ...]
    type: Expr


@dataclass(frozen=True, slots=True)
class Definition:
    """A constant that unfolds to ``value``.

    ``hint`` only says in which order to unfold: the height over other definitions, ``"abbrev"`` (first) or ``"opaque"``
    (last). The kernel computes heights itself.
    """

    name: str
    level_params: tuple[str, ...]
    type: Expr
    value: Expr
    hint: Hint = 0


@dataclass(frozen=True, slots=True)
class Theorem:
    """A proof: ``type`` is a Prop. Unfolded only where a recursor eliminates it."""

    name: str
    level_params: tuple[str, ...]
    type: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class Opaque:
    """A constant whose value is checked and then forgotten."""

    name: str
    level_params: tuple[str, ...]
    type: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class Constructor:
    """``type`` is ``forall params fields, Ind params indices``."""

    name: str
    type: Expr


@dataclass(frozen=True, slots=True)
class RecursorRule:
    """``rec params motives minors (constructor params fields) = rhs params motives minors fields``."""

    constructor: str
    fields: int
    rhs: Expr


@dataclass(frozen=True, slots=True)
class Recursor:
    """An eliminator: ``type`` is ``forall params motives minors indices (major : Ind params indices), motive ...``.

    ``k``: an inductive Prop with one constructor without fields, which reduces for every major premise.
    """

    name: str
    level_params: tuple[str, ...]
    type: Expr
    params: int
    indices: int
    motives: int
    minors: int
    rules: tuple[RecursorRule, ...]
    k: bool


@dataclass(frozen=True, slots=True)
class InductiveType:
    """One type of an inductive declaration: ``type`` is ``forall params indices, Sort u``."""

    name: str
    type: Expr
    constructors: tuple[Constructor, ...]


@dataclass(frozen=True, slots=True)
class Inductive:
    """An inductive declaration; several ``types`` are mutually inductive.

    The kernel derives the recursors. ``recursors`` are the ones that a file declares, to be compared; None: not
    compared. ``Environment.declarations`` has every accepted declaration with its recursors.
    """

    level_params: tuple[str, ...]
    params: int
    types: tuple[InductiveType, ...]
    recursors: tuple[Recursor, ...] | None = None

    @property
    def name(self) -> str:
        """The first type's name, which stands for the declaration in messages."""
        return self.types[0].name if self.types else ""


QuotientKind: TypeAlias = Literal["type", "ctor", "lift", "ind"]


@dataclass(frozen=True, slots=True)
class Quotient:
    """One of the four constants for quotients of types: ``Quot``, ``Quot.mk``, ``Quot.lift``, ``Quot.ind``."""

    name: str
    level_params: tuple[str, ...]
    type: Expr
    kind: QuotientKind


Declaration: TypeAlias = Axiom | Definition | Theorem | Opaque | Inductive | Quotient
