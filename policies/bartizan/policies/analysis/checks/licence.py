"""What goes in which stage of a session: who gains by getting from one to another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...language import ast
from ...policy import CheckedPolicy
from ..answers import Budget, Unknown
from ..encode.decision import Verdict, verdict
from ..encode.expressions import Encoder, Moment, Past
from ..encode.past import Established
from ..encode.symbols import Condition, Symbol
from ..inquiry import Inquiry
from ..solve import Unsat


class StillOpen(Exception):
    """A question stayed open."""

    def __init__(self, answer: Unknown) -> None:
        super().__init__(answer.reason)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _In:
    """A past in which the session is surely in one stage."""

    past: Past
    stage: str

    def read(self, node: ast.Register, moment: Moment, encoder: Encoder) -> Symbol:
        if isinstance(node, ast.InStage):
            inside = encoder.formulas.truth(self.stage in node.names)
            return Condition(inside, encoder.formulas.neg(inside))
        return self.past.read(node, moment, encoder)


@dataclass(slots=True)
class Licence:
    """What goes in which stage."""

    policy: CheckedPolicy
    budget: Budget
    facts: Established
    _inquiries: dict[str, Inquiry] = field(default_factory=dict)
    _verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    _found: dict[tuple[str, str], tuple[str, str] | None] = field(default_factory=dict)

    def gained(self, before: str, after: str) -> tuple[str, str] | None:
        """A tool of which some call goes unasked in the stage ``after``, and does not in ``before``.

        Where a person is asked nobody gains by getting there.
        """
        if (before, after) not in self._found:
            self._found[before, after] = next(
                ((tool, after) for tool in sorted(self.policy.tools) if self._is_freer(tool, before, after)),
                None,
            )
        return self._found[before, after]

    def _is_freer(self, tool: str, before: str, after: str) -> bool:
        if before == after:
            return False
        was, now = self._verdict(tool, before), self._verdict(tool, after)
        f = self._inquiries[tool].formulas
        freer = f.both(now.allowed(), f.neg(was.allowed()))
        found = self._inquiries[tool].check(freer)
        if isinstance(found, Unknown):
            raise StillOpen(found)
        return not isinstance(found, Unsat)

    def _verdict(self, tool: str, stage: str) -> Verdict:
        if tool not in self._inquiries:
            self._inquiries[tool] = Inquiry((self.policy,), tool, self.budget, self.facts)
        if (tool, stage) not in self._verdicts:
            inquiry = self._inquiries[tool]
            moment = replace(inquiry.moment, past=_In(inquiry.past, stage))
            self._verdicts[tool, stage] = verdict(inquiry.encoder, self.policy, tool, moment)
        return self._verdicts[tool, stage]
