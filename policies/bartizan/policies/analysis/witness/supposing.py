"""The real evaluator, with some answers taken for granted: registers that read so, provenance that answers so.

Where no session can be shown that gives a model's answers, the rest of the model is still replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any as Json
from typing import cast

from bartizan.guard import Session, canonical_json

from ...evaluation.reference import evaluate
from ...evaluation.scope import Scope
from ...language import ast
from ...language.values import E
from ...policy import CheckedPolicy
from ...program import Program
from ...provenance import Provenance

Asked = tuple[str, str | None, bytes]
"""A provenance question: the predicate, the tool, the value as canonical JSON."""


def asked(predicate: str, tool: str | None, value: Json) -> Asked:
    return predicate, tool, canonical_json(value)


@dataclass(frozen=True, slots=True)
class Supposed:
    """Provenance with some answers given. The others are the session's."""

    real: Provenance
    given: Mapping[Asked, bool | None] = field(default_factory=dict)

    def _answer(self, predicate: str, value: Json, *tool: str) -> bool | None:
        question = asked(predicate, tool[0] if tool else None, value)
        if question in self.given:
            return self.given[question]
        answer: bool | None = getattr(self.real, predicate)(value, *tool)
        return answer

    def from_user(self, value: Json) -> bool | None:
        return self._answer("from_user", value)

    def from_tool(self, value: Json, tool: str) -> bool | None:
        return self._answer("from_tool", value, tool)

    def from_untrusted(self, value: Json) -> bool | None:
        return self._answer("from_untrusted", value)

    def grounded(self, value: Json) -> bool | None:
        return self._answer("grounded", value)

    def carries_untrusted(self, value: Json) -> bool | None:
        return self._answer("carries_untrusted", value)


class SupposingProgram(Program):
    """A program that is told what provenance answers."""

    def __init__(self, policy: CheckedPolicy, given: Mapping[Asked, bool | None]) -> None:
        super().__init__(policy)
        self._given = given

    def _provenance(self, session: Session) -> Provenance:
        return cast(Provenance, Supposed(super()._provenance(session), self._given))


def register_state(node: ast.Register, value: Json, number: int, scope: Scope) -> Json:
    """The state of a register that reads ``value`` in ``scope``; ``number`` is a count without its cap."""
    key, now = getattr(node, "query", None), scope.now
    if isinstance(node, ast.InStage):
        return _stages(node, value, now)
    unknown = now if value is E else None
    match node:
        case ast.Once() | ast.Since():
            cell: Json = [now if value is True else None, unknown]
        case ast.Previous() | ast.MaxSignal():
            cell = None if value is E else value
        case ast.Count(_, _, cap, _, within):
            counted = min(number, cap)
            cell = [counted if within is None else [now] * counted, None if number >= cap else unknown]
        case ast.Sum():
            total = 0 if value is E else value
            cell = [total if node.within is None else [[now, total]], 0, unknown, None]
    if key is None:
        return cell
    name = evaluate(key, scope)
    return [{} if name is E else {str(name): cell}, None, None]


def _stages(node: ast.InStage, value: Json, now: int) -> Json:
    """Stages inside and outside of those asked about, as the answer wants them."""
    inside = [] if value is False else list(node.names)
    outside = [] if value is True else [s for s in node.machine.stages if s not in node.names]
    timed = {name for name, _, _ in node.machine.timed}
    return {name: [now, now] if name in timed else [0, 0] for name in (*inside, *outside)}
