"""Decides formulas: Z3 proposes, the texts dispose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, thread_time

from ..answers import Budget, Unknown
from ..formula import FALSE, TRUE, Flag, Formula, Formulas, Length, Member, Model, Same, Whole
from . import cvc5
from .errors import Disagreement, SolverUnavailable, UnsoundModel
from .evaluate import Evaluator, Structure
from .implicant import Facts, Reasons
from .strings import Strings
from .theory import Lemmas, Stuck, Theory
from .words import OneWord
from .z3 import Skeleton

_SMALL_CORE = 12
_LEAST_RLIMIT = 1_000_000
_CVC5_ALONE = 1 / 3  # cvc5's part of a question's seconds where we have no answer
_CVC5_BESIDE = 1 / 60  # and where it has one to confirm
EASY = 0.02
"""The effort for a question whose answer would be nice to have."""


@dataclass(frozen=True, slots=True)
class Unsat:
    """No model. ``core``: assumptions that suffice for that, together with what was added."""

    core: tuple[Formula, ...] = ()


class Solver:
    """Answers questions that share definitions: formulas are added for good, assumptions hold for one check.

    What is learned about texts in one check serves all later ones. Confined to one thread.

    Args:
        formulas: the maker of all formulas that are handed in.
        budget: what one check may cost.

    Raises:
        UnsoundModel: by :meth:`check`, if a model does not satisfy what it was found for: an internal error.
        Disagreement: by :meth:`check`, if cvc5 says the opposite: an internal error.
    """

    def __init__(self, formulas: Formulas, budget: Budget | None = None) -> None:
        self.formulas = formulas
        self.budget = budget = Budget() if budget is None else budget
        self.rounds = 0
        # The clock of the worker process runs on: half of it is ours, of the rest cvc5 may use two thirds.
        self._skeleton = Skeleton(budget.rlimit, int(budget.seconds * 500))
        self._structure = Structure()
        self._strings = Strings(budget.steps)
        self._theory = Theory(formulas, self._strings)
        self._one_word = OneWord(formulas)
        self._reasons = Reasons(self._structure)
        self._added: dict[Formula, None] = {}
        self._guards = 0

    def add(self, formula: Formula) -> None:
        """Have ``formula`` hold in every model from now on."""
        if formula is not TRUE and formula not in self._added:
            self._added[formula] = None
            self._learn(formula)
            self._reasons.add(formula)
            self._skeleton.require(formula)

    def _learn(self, formula: Formula) -> None:
        for node in self._structure.learn(formula):
            if isinstance(node, Member):
                self._theory.notice(node)
                for lemma in self._one_word.lemmas(node):
                    self._skeleton.require(lemma)

    def check(self, *assumptions: Formula, effort: float = 1.0) -> Model | Unsat | Unknown:
        """A model of what was added and of ``assumptions``, or that there is none, or that it is not known.

        ``effort`` is the part of the budget that the question is worth; with less than all of it cvc5 is not asked,
        and time counts only while this thread works: a busy machine makes no easy question a hard one.
        """
        if FALSE in assumptions:
            return Unsat((FALSE,))
        assumed = [formula for formula in dict.fromkeys(assumptions) if formula is not TRUE]
        for formula in assumed:
            self._learn(formula)
        found = self._check(assumed, effort)
        wanted = self.budget.second_opinion
        if effort >= 1 and (wanted == "always" or (wanted == "on-unknown" and isinstance(found, Unknown))):
            return self._compared(found, assumed)
        return found

    def _check(self, assumed: list[Formula], effort: float) -> Model | Unsat | Unknown:
        seconds, clock = self.budget.seconds / 2, monotonic
        if effort < 1:
            seconds, clock = min(seconds, max(1.0, seconds * effort)), thread_time
        deadline = clock() + seconds
        self._limit(effort)
        guards: list[Flag] = []
        for _ in range(self.budget.rounds):
            self.rounds += 1
            found = self._skeleton.check([*assumed, *guards])
            if isinstance(found, Unknown):
                return found
            if found == "unsat":
                core = self._skeleton.core()
                if any(guard in core for guard in guards):
                    return Unknown(f"the strings of the question exceed {self.budget.steps} steps")
                return Unsat(tuple(self._minimised(core)))
            outcome = self._realised(assumed)
            if isinstance(outcome, Model):
                return outcome
            if isinstance(outcome, Stuck):
                guards.append(self._guard(outcome.facts))
            else:
                for lemma in outcome.formulas:
                    self._skeleton.require(lemma)
            if clock() > deadline:
                return Unknown(f"the question took more than {seconds:g} s")
        return Unknown(f"the strings refuted {self.budget.rounds} proposals")

    def _limit(self, effort: float) -> None:
        rlimit = self.budget.rlimit
        self._skeleton.limit(
            min(rlimit, max(_LEAST_RLIMIT, int(rlimit * effort))), int(self.budget.seconds * 500)
        )

    def _realised(self, assumed: Sequence[Formula]) -> Model | Lemmas | Stuck:
        """The proposal of the skeleton with words for its texts, or why there are none."""
        proposed = self._reasons.facts(assumed, self._skeleton)
        if proposed is None:
            raise UnsoundModel("Z3's model does not satisfy the formulas that it was found for")
        outcome = self._theory.realise(proposed)
        if isinstance(outcome, Lemmas | Stuck):
            return outcome
        flags, wholes = self._skeleton.values()
        model = Model(flags, wholes, outcome.words)
        self._confirm(model, proposed)
        return model

    def _confirm(self, model: Model, found: Facts) -> None:
        """The atoms have the values in ``model`` from which, as was checked, the formulas follow."""
        evaluator = Evaluator(self._structure, _Concrete(model, self._strings))
        for atom, value in found.leaves.items():
            if evaluator.truth(atom) != value:
                raise UnsoundModel(f"{model} was found for {atom} being {value}, which it is not in it")

    def _compared(self, ours: Model | Unsat | Unknown, assumed: list[Formula]) -> Model | Unsat | Unknown:
        """What cvc5 says where we do not know; else our own answer, which cvc5 must not contradict."""
        share = _CVC5_ALONE if isinstance(ours, Unknown) else _CVC5_BESIDE
        theirs = self._other(assumed, self.budget.seconds * share)
        if isinstance(theirs, Unknown):
            return Unknown(f"{ours.reason}; {theirs.reason}") if isinstance(ours, Unknown) else ours
        if isinstance(ours, Unknown):
            return theirs
        if isinstance(ours, Model) != isinstance(theirs, Model):
            raise Disagreement(f"cvc5 finds {theirs}, this solver {ours}, for {[*self._added, *assumed]}")
        return ours

    def _other(self, assumed: list[Formula], seconds: float) -> Model | Unsat | Unknown:
        asked = [*self._added, *assumed]
        try:
            theirs = cvc5.second_opinion(asked, self.budget, seconds)
        except SolverUnavailable as error:
            return Unknown(str(error))
        if theirs == "unsat":
            return Unsat(tuple(assumed))
        if isinstance(theirs, Model) and not all(map(theirs.holds, asked)):
            raise UnsoundModel(f"cvc5's model {theirs} does not satisfy {asked}")
        return theirs

    def _guard(self, conjunction: Formula) -> Flag:
        """A flag under which ``conjunction`` is left aside, for one check, because it could not be decided."""
        self._guards += 1
        guard = self.formulas.flag(f"undecided conjunction {self._guards}")
        self._skeleton.require(self.formulas.implies(guard, self.formulas.neg(conjunction)))
        return guard

    def _minimised(self, core: list[Formula]) -> list[Formula]:
        """``core`` without what a check of Z3 alone finds dispensable."""
        if len(core) > _SMALL_CORE:
            return core
        self._limit(EASY)
        for formula in list(core):
            fewer = [other for other in core if other is not formula]
            found = self._skeleton.check(fewer, with_model=False)
            if isinstance(found, Unknown):
                break
            if found == "unsat":
                core = self._skeleton.core()
                core = [other for other in fewer if other in core]
        return core


class _Concrete:
    """A model as an assignment to atoms, with the memory of the string engine."""

    def __init__(self, model: Model, strings: Strings) -> None:
        self._model = model
        self._strings = strings

    def truth(self, atom: Flag | Member | Same) -> bool:
        match atom:
            case Member(text, language):
                return self._strings.matches(language, self._model.text(text))
            case Same(left, right):
                return self._model.text(left) == self._model.text(right)
        return self._model.flags.get(atom, False)

    def integer(self, unknown: Whole | Length) -> int:
        if isinstance(unknown, Length):
            return len(self._model.text(unknown.text))
        return self._model.wholes.get(unknown, 0)
