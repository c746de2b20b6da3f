"""What has to be taken for granted where no session was found, in words, and the replay with it taken for granted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any as Json

from ...evaluation.registers import register_id
from ...evaluation.scope import Scope
from ...language import ast
from ...language.types import Dec, Int
from ...language.values import E
from ...policy import CheckedPolicy
from ...program import Program
from ..encode.past import FreePast
from ..encode.symbols import Amount, Condition, float_of
from ..formula import Formula, Model, Number
from .assign import Assignment, Origin, follow
from .decode import decimal_json
from .question import Question
from .replay import Staged
from .supposing import Asked, SupposingProgram, asked, register_state

_NAMES: Mapping[type[ast.Register], str] = {
    ast.Once: "once",
    ast.Since: "since",
    ast.Previous: "prev",
    ast.Count: "count",
    ast.Sum: "sum",
    ast.MaxSignal: "max_signal",
    ast.InStage: "stage",
}


@dataclass(frozen=True, slots=True)
class Read:
    """A session operator, and what it reads in a model; ``number`` is a count without its cap."""

    name: str
    node: ast.Register
    value: Json
    number: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """A provenance question, and what it answers in a model; None for E."""

    origin: Origin
    answer: bool | None


Deviation = Read | Answered


def reads_of(question: Question, model: Model) -> Iterator[Read]:
    """What the session operators read in a model."""
    past = question.moment.past
    if not isinstance(past, FreePast):
        return
    for name, (node, symbol) in past.reads.items():
        number = 0
        match symbol:
            case Condition(true, false):
                value: Json = True if model.holds(true) else False if model.holds(false) else E
            case Amount(defined, amount):
                counted = model.number(amount)
                value = E if not model.holds(defined) else counted
                if value is not E and isinstance(node, ast.MaxSignal):
                    value = float_of(counted)
                _, what = past.variables(name, question.moment, question.formulas)
                number = model.number(what) if isinstance(what, Number) else 0
        yield Read(name, node, value, number)


def answers_of(question: Question, model: Model) -> Iterator[Answered]:
    """What the provenance questions answer in a model."""
    for origin, condition in question.moment.origins.items():
        true, false = model.holds(condition.true), model.holds(condition.false)
        yield Answered(origin, True if true else False if false else None)


def deviations(question: Question, intended: Model, truth: Model) -> list[Deviation]:
    """In what two models differ that a session could bring about."""
    real = {*reads_of(question, truth), *answers_of(question, truth)}
    supposed: list[Deviation] = [*reads_of(question, intended), *answers_of(question, intended)]
    return [each for each in supposed if each not in real]


def with_deviations(question: Question, truth: Model, intended: Model, those: list[Deviation]) -> Model:
    """``truth``, but for what deviates: that as in ``intended``."""
    assignment = Assignment.of(question.encoder, truth)
    past = question.moment.past
    for each in those:
        if isinstance(each, Answered):
            assignment.origin(question.moment, each.origin, each.answer)
        elif isinstance(past, FreePast):
            known, what = past.variables(each.name, question.moment, question.formulas)
            assignment.truth(known, intended.holds(known))
            if isinstance(what, Number):
                assignment.number(what, intended.number(what))
            else:
                assignment.truth(what, intended.holds(what))
    return assignment.model()


def needed(
    question: Question, wanted: Formula, truth: Model, intended: Model
) -> tuple[list[Deviation], Model] | None:
    """Deviations that make ``wanted`` hold, none of which can be left out, with the model; None if none do."""
    those = deviations(question, intended, truth)
    if not with_deviations(question, truth, intended, those).holds(wanted):
        return None
    for each in list(those):
        fewer = [other for other in those if other is not each]
        if with_deviations(question, truth, intended, fewer).holds(wanted):
            those = fewer
    return those, with_deviations(question, truth, intended, those)


def supposing(
    program: Program, staged: Staged, scope: Scope, those: list[Deviation]
) -> tuple[Program, Staged]:
    """The program and the staged case with the deviations taken for granted."""
    given: dict[Asked, bool | None] = {}
    state: Mapping[str, Json] = staged.session.state
    for each in those:
        if isinstance(each, Answered):
            predicate, path, tool = each.origin
            value = follow(scope.raw, path)
            if value is not None:
                given[asked(predicate, tool, value)] = each.answer
        elif each.name in state:
            cell = register_state(each.node, each.value, each.number, scope)
            state = {**state, each.name: _merged(state[each.name], cell, each.node)}
    session = replace(staged.session, state=state)
    return SupposingProgram(program.policy, given), replace(staged, session=session)


def _merged(before: Json, cell: Json, node: ast.Register) -> Json:
    """A keyed register keeps what it holds of other keys."""
    if getattr(node, "key", None) is None:
        return cell
    return [{**before[0], **cell[0]}, cell[1], cell[2]]


def sentences(policy: CheckedPolicy, those: list[Deviation]) -> tuple[str, ...]:
    """What is taken for granted, a sentence each."""
    return tuple(_sentence(policy, each) for each in those)


def _sentence(policy: CheckedPolicy, each: Deviation) -> str:
    if isinstance(each, Answered):
        predicate, path, tool = each.origin
        question = f"{predicate}({path}" + (f', "{tool}")' if tool else ")")
        if each.answer is None:
            return f"{question} is unknown, because the session has dropped events"
        return f"{question} is {str(each.answer).lower()}"
    return f"{_source(policy, each)} is {_shown(each)}"


def _shown(read: Read) -> str:
    if read.value is E:
        return "unknown"
    if isinstance(read.value, bool):
        return str(read.value).lower()
    if isinstance(read.node.type, Dec):
        number = decimal_json(read.value, read.node.type.digits)
        digits = read.node.type.digits
        return f"{read.value / 10**digits:.{digits}f}" if abs(read.value) < 10**15 else str(number)
    if isinstance(read.node.type, Int) and isinstance(read.node, ast.Count) and read.value >= read.node.cap:
        return f"{read.value} or more"
    return str(read.value)


def _source(policy: CheckedPolicy, read: Read) -> str:
    """The operator as some rule or invariant writes it."""
    for rule in policy.rules:
        for condition in rule.conditions.values():
            for node in ast.walk(condition):
                if isinstance(node, ast.Register) and register_id(node) == read.name:
                    text = rule.text_of(node)
                    if text:
                        return text
    return f"session.{_NAMES[type(read.node)]}(...)"
