"""From a model to a counterexample: made simple, made concrete, given a session, and replayed in the evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any as Json

from bartizan.guard import Outcome

from ...program import Program
from ..answers import Budget, Counterexample
from ..encode.past import FreePast
from ..encode.symbols import Amount, String
from ..formula import Formula, Model, Number, Text
from .assign import Assignment
from .assumptions import (
    Answered,
    answers_of,
    deviations,
    needed,
    sentences,
    supposing,
)
from .draft import Draft, draft
from .histories import by_search
from .past_events import FindHistory, told
from .prediction import Mismatch, Prediction, prediction
from .question import Question
from .replay import Result, Staged, expecting, is_expressible, past_calls, stage
from .session import violation
from .sessions import cases
from .simplest import all_places, simplest
from .words import subjects_of

__all__ = ["Mismatch", "counterexample", "violation"]

ROUNDS = 8
HISTORIES = Budget(rlimit=10_000_000, rounds=500, seconds=10.0)


def counterexample(
    program: Program,
    question: Question,
    model: Model,
    wanted: Formula,
    find_history: FindHistory | None = None,
    budget: Budget = HISTORIES,
) -> Counterexample:
    """A situation in which ``wanted`` holds, as simple as can be, and what ``program`` makes of it.

    Args:
        question: about calls or results of one tool; its moment reads the past freely.
        model: a model of ``wanted``, to begin with.
        wanted: in terms of the moment's own variables (not of flags that somebody defined with ``add``).
        find_history: who is asked for a history where the session operators have to read something; by default
            :func:`.histories.by_search`, within ``budget``.

    Raises:
        Mismatch: the program does not do what the model says: an internal error.
    """
    search = _Search(program, question, wanted, prediction(question, program.policy))
    return search.run(model, find_history or by_search(program.policy, budget))


@dataclass(frozen=True, slots=True)
class _Search:
    program: Program
    question: Question
    wanted: Formula
    prediction: Prediction

    def run(self, model: Model, find_history: FindHistory) -> Counterexample:
        base = [self.wanted, *laws(self.question)]
        found = self.question.check(*base)
        if not isinstance(found, Model):
            base, found = [self.wanted], model
        first = None
        for _ in range(ROUNDS):
            simple = simplest(self.question, found, base)
            first = first or simple
            shown = self._told(
                draft(self.question.encoder, self.question.moment, self.question.decl, simple), simple
            )
            if isinstance(shown, Counterexample):
                return shown
            base += shown
            found = self.question.check(*base)
            if not isinstance(found, Model):
                break
        assert first is not None
        return self._with_history(first, find_history) or self._assumed(first)

    # --- with a session

    def _told(
        self, drafted: Draft, intended: Model, principals: Sequence[Mapping[str, Json]] = ()
    ) -> Counterexample | list[Formula]:
        """The counterexample, in a session that shows it; or what to ask for instead."""
        lessons: list[Formula] = []
        for case in self._cases(drafted):
            if is_expressible(case):
                staged = stage(self.program, case)
                truth = self._truth(staged, intended)
                if truth.holds(self.wanted) and self._are_let_go(case, principals):
                    return self._replayed(case, staged.happen(self.program), truth)
                lessons = lessons or self._lessons(intended, truth)
        return lessons

    def _cases(self, drafted: Draft) -> Iterator[dict[str, Json]]:
        return cases(drafted.case, drafted.wishes, self.program.tools)

    def _truth(self, staged: Staged, intended: Model) -> Model:
        """The model of what is staged. What belongs to no moment of the session stays as intended."""
        assignment = Assignment.of(self.question.encoder, intended)
        assignment.moment(self.question.moment, staged.scope(self.program, self.question.decl))
        return assignment.model()

    def _are_let_go(self, case: Mapping[str, Json], principals: Sequence[Mapping[str, Json]]) -> bool:
        """Whether every call of the history could happen: allowed, or allowed once approved."""
        return Outcome.DENY not in past_calls(self.program, case, principals)

    def _lessons(self, intended: Model, truth: Model) -> list[Formula]:
        """What the session showed: answers that do not go together, reads that cannot be had with these answers."""
        f = self.question.formulas
        wrong = deviations(self.question, intended, truth)
        answers = list(answers_of(self.question, intended))
        paths = dict.fromkeys(each.origin[1] for each in wrong if isinstance(each, Answered))
        if paths:
            return [
                f.neg(f.all(self._is_so(each) for each in answers if each.origin[1] == path))
                for path in paths
            ]
        if wrong:
            said = f.all(self._is_so(each) for each in answers if each.answer)
            return [f.implies(said, self._reads_as_in(truth))]
        return []

    def _is_so(self, each: Answered) -> Formula:
        f, condition = self.question.formulas, self.question.moment.origins[each.origin]
        if each.answer is None:
            return f.neg(f.either(condition.true, condition.false))
        return condition.true if each.answer else condition.false

    def _reads_as_in(self, model: Model) -> Formula:
        """Every session operator reads what it reads in the model."""
        f, moment, past = self.question.formulas, self.question.moment, self.question.moment.past
        same: list[Formula] = []
        if isinstance(past, FreePast):
            for name in past.reads:
                known, what = past.variables(name, moment, f)
                same.append(known if model.holds(known) else f.neg(known))
                if isinstance(what, Number):
                    same.append(f.equal(what, f.constant(model.number(what))))
                else:
                    same.append(what if model.holds(what) else f.neg(what))
        return f.all(same)

    def _replayed(
        self, case: Mapping[str, Json], result: Result, model: Model, *assumed: str
    ) -> Counterexample:
        self.prediction.check(model, result, case)
        return Counterexample(expecting(case, result), result.outcome, result.because, assumed)

    # --- without one

    def _with_history(self, intended: Model, find_history: FindHistory) -> Counterexample | None:
        past = self.question.moment.past
        if not (isinstance(past, FreePast) and past.reads):
            return None
        trace = find_history(self.question, self.wanted, intended)
        if trace is None:
            return None
        found = told(trace, self.program.tools)
        shown = self._told(replace(found.last, wishes=found.wishes), intended, found.principals)
        return shown if isinstance(shown, Counterexample) else None

    def _assumed(self, intended: Model) -> Counterexample:
        """The call, with what has to be taken for granted."""
        found = draft(self.question.encoder, self.question.moment, self.question.decl, intended)
        case = next(self._cases(found))
        staged = stage(self.program, case)
        truth = self._truth(staged, intended)
        supposed = needed(self.question, self.wanted, truth, intended)
        if supposed is None:
            raise Mismatch("what was asked for", self.prediction.of(truth), case)
        those, model = supposed
        scope = staged.scope(self.program, self.question.decl)
        program, staged = supposing(self.program, staged, scope, those)
        assumed = sentences(self.program.policy, those)
        return self._replayed(case, staged.happen(program), model, *assumed)


def laws(question: Question) -> list[Formula]:
    """What is true of provenance in a session that is all there: it answers, and of equal values the same."""
    f = question.formulas
    subjects = subjects_of(question.moment)
    found: list[Formula] = [
        f.either(answer.true, answer.false) for subject in subjects for answer in subject.answers.values()
    ]
    variables = _variables(question)
    for one, other in combinations(subjects, 2):
        shared = [key for key in one.answers if key in other.answers]
        match variables.get(one.path), variables.get(other.path):
            case Text() as x, Text() as y:
                equal = f.same(x, y)
            case Number() as m, Number() as n:
                equal = f.equal(m, n)
            case _:
                continue
        found += [
            f.implies(equal, f.same_truth(one.answers[key].true, other.answers[key].true)) for key in shared
        ]
    return found


def _variables(question: Question) -> dict[str, Text | Number]:
    found: dict[str, Text | Number] = {}
    for place in all_places(question, None):
        match place.symbol:
            case String(_, ((_, Text() as text),)):
                found[place.path] = text
            case Amount(_, number):
                found[place.path] = number
    return found
