"""What a counterexample is built from: a question about one call, or one result, and how to ask it again."""

from __future__ import annotations

from typing import Protocol

from ...language.types import ToolDecl
from ..answers import Unknown
from ..encode.expressions import Encoder, Moment
from ..formula import Formula, Formulas, Model
from ..solve import Unsat


class Question(Protocol):
    """An encoder and a solver that share their formulas, about calls (or results) of one tool.

    ``decl`` is the declaration that ``moment`` was made of; ``check`` adds the encoder's new facts by itself. Its
    ``effort`` is the part of the budget that the answer is worth.
    """

    @property
    def decl(self) -> ToolDecl: ...
    @property
    def formulas(self) -> Formulas: ...
    @property
    def encoder(self) -> Encoder: ...
    @property
    def moment(self) -> Moment: ...
    def check(self, *assumptions: Formula, effort: float = 1.0) -> Model | Unsat | Unknown: ...
