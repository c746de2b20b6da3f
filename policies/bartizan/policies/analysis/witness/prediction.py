"""What a model says that a program will do, and the loud end of an analysis that was wrong about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...policy import CheckedPolicy
from ..encode.decision import Verdict, verdict
from ..encode.symbols import Condition
from ..formula import Formula, Model
from .question import Question
from .replay import Result

_REFUSED = ("schema", "unknown-tool")


class Mismatch(Exception):
    """The evaluator does not do what the analysis says it does: an error in this package, never in a policy."""

    def __init__(self, predicted: object, found: object, case: object) -> None:
        super().__init__(
            f"the analysis and the evaluator disagree: expected {predicted}, found {found}, in the case {case!r}; "
            "please report this with the policy"
        )
        self.predicted, self.found, self.case = predicted, found, case


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a program does with the call or the result, in any model."""

    of: Callable[[Model], Result]

    def check(self, model: Model, found: Result, case: object) -> None:
        """Raises :class:`Mismatch`. What is refused for its shape was never asked about."""
        if found.because and found.because[0] in _REFUSED:
            return
        expected = self.of(model)
        if expected.outcome != found.outcome or set(expected.because) != set(found.because):
            raise Mismatch(expected, found, case)


def prediction(question: Question, policy: CheckedPolicy) -> Prediction:
    """What the policy does, by the encoder: encodes all of its rules about the tool."""
    if "result" in question.moment.inputs:
        return _of_result(question, policy)
    side = verdict(question.encoder, policy, question.decl.name, question.moment)
    return Prediction(lambda model: decided(side, model))


def decided(side: Verdict, model: Model) -> Result:
    """The outcome of the model's call, and the rules that determine it."""
    outcome, hits = side.deciding(model)
    return Result(outcome, tuple(hit.id for hit, _ in hits) or ("default",))


def _of_result(question: Question, policy: CheckedPolicy) -> Prediction:
    rules: list[tuple[str, Formula]] = []
    for rule in policy.rules:
        node = rule.conditions.get(question.decl.name)
        if node is not None and rule.effect in ("redact", "label") and not rule.shadow:
            condition: Condition = question.encoder.condition(node, question.moment)
            fires = question.formulas.neg(condition.false)
            rules.append((rule.id, condition.true if rule.label == "trusted" else fires))
    return Prediction(lambda model: Result(None, tuple(id for id, fires in rules if model.holds(fires))))
