"""Counterexamples for findings: what the checks ask the witness room."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...program import Program
from ..answers import Answer, Budget, Refuted
from ..formula import Formula, Model
from ..inquiry import Inquiry
from ..witness.build import counterexample
from ..witness.histories import by_search


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Makes counterexamples to the policy of one program."""

    program: Program
    budget: Budget = field(default_factory=Budget)

    def of(self, inquiry: Inquiry, wanted: Formula, model: Model, *, history: bool = True) -> Answer:
        """The answer that ``wanted`` is satisfied by a call: the easiest one to read, replayed.

        Without ``history``, what session operators read is assumed rather than looked for: it is cheaper.
        """
        histories = by_search(self.program.policy, self.budget) if history else None
        return Refuted(counterexample(self.program, inquiry, model, wanted, histories))
