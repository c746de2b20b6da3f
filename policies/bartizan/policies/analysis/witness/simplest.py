"""The model that is easiest to read: one preference after the other is asked for, and kept where it can be had.

First that nothing went wrong (no value over its bound, no signal missing), that nothing happened before, that
optional fields are absent; then small numbers, short words. The order is fixed, so the answer is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...casework import DEFAULT_NOW
from ...language import ast
from ...language.environment import RESULT_TEXT
from ...language.types import F64, Bool, Dec, Duration, Enum, Field, Int, Record, Str, Time, ToolDecl, Type
from ...regular import literal
from ..answers import Unknown
from ..encode.expressions import Encoder, Moment
from ..encode.past import FreePast
from ..encode.symbols import Amount, Condition, Elements, Fields, String, float_of, rank_of
from ..formula import TRUE, Flag, Formula, Formulas, Model, Number, Text
from ..solve import EASY, Unsat
from .places import Place, optional_fields, places
from .question import Question
from .words import Subject, languages_of, nearest, subjects_of

RESULT = Record((("text", Field(RESULT_TEXT)), ("is_error", Field(Bool()))))
_FLOATS = (0.0, 1.0, 0.5, 0.9, 0.1, 0.99, 0.01, 2.0, 10.0, 100.0, 1000.0, -1.0)
_SPANS = (1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000, 0)
_FEW = 8
_PATIENCE = 5  # preferences that stay undecided, before no more are asked about
ACCOUNT = 12_345_678
"""A number that is long enough to be somebody's account."""


def simplest(question: Question, model: Model, wanted: Iterable[Formula]) -> Model:
    """A model of ``wanted`` that is easy to read."""
    return Simplifier(question, model, wanted).simplest()


def roots(question: Question) -> Iterator[tuple[str, Type]]:
    """The inputs that a test case spells out, with their types."""
    inputs = question.moment.inputs
    if "args" in inputs:
        yield "args", question.decl.args
    record = inputs.get("event", inputs.get("result"))
    if isinstance(record, Fields):
        there = tuple(field for field in RESULT.fields if _is_there(record, field[0]))
        yield ("event" if "event" in inputs else "result"), Record(there)


def _is_there(record: Fields, name: str) -> bool:
    return name in record.fields and record.fields[name][0] is TRUE


def flag_of(flag: Formula, moment: Moment) -> bool:
    """Whether a flag says something of this moment."""
    return isinstance(flag, Flag) and flag.name.startswith(moment.name)


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of a session as a question of its own."""

    decl: ToolDecl
    encoder: Encoder
    moment: Moment
    ask: Callable[..., Model | Unsat | Unknown]

    @property
    def formulas(self) -> Formulas:
        return self.encoder.formulas

    def check(self, *assumptions: Formula, effort: float = 1.0) -> Model | Unsat | Unknown:
        return self.ask(*assumptions, effort=effort)


def simplest_session(points: Iterable[Point], model: Model, wanted: Iterable[Formula]) -> Model:
    """A model of ``wanted`` in which every one of these moments is easy to read, and they agree on origins."""
    points, held = list(points), list(wanted)
    first = Simplifier(points[0], model, held)
    first.each(_alike(points))
    model, held = first.model, first.held
    for point in points:
        simplifier = Simplifier(point, model, held)
        model, held = simplifier.simplest(), simplifier.held
    return model


def _alike(points: Sequence[Point]) -> Iterator[Formula]:
    """Where something comes from is answered alike at every moment: one session has to make all the answers so."""
    for one, other in pairwise(points):
        f = one.formulas
        for origin, answer in one.moment.origins.items():
            if origin in other.moment.origins:
                theirs = other.moment.origins[origin]
                yield f.both(f.same_truth(answer.true, theirs.true), f.same_truth(answer.false, theirs.false))


def all_places(question: Question, model: Model | None) -> list[Place]:
    """The values of the call (and the result) in a model; without one, all that there can be."""
    inputs = question.moment.inputs
    return [p for name, type_ in roots(question) for p in places(inputs[name], type_, name, model)]


class Simplifier:
    """Holds on to a model of ``wanted`` and makes it simpler, preference by preference."""

    def __init__(self, question: Question, model: Model, wanted: Iterable[Formula]) -> None:
        self.question = question
        self.f = question.formulas
        self.held = list(wanted)
        self.model = model
        self._patience = _PATIENCE

    def simplest(self) -> Model:
        """At the moment of the question."""
        question = self.question
        self.each(flag for flag in question.encoder.known if flag_of(flag, question.moment))
        self.each(_quiet(question))
        for count in _counted(question):
            if self.model.holds(count.defined):
                self.smallest(count.number, 0)
        subjects = {subject.path: subject for subject in subjects_of(question.moment)}
        self._shape(subjects)
        self._circumstances()
        self.each(answer.false for subject in subjects.values() for answer in subject.answers.values())
        found = all_places(question, self.model)
        for place in found:
            self._value(place, nearest(place.path, subjects))
        for signal in question.moment.signals.values():
            if self.model.holds(signal.defined):
                self._float(signal.number)
        self._texts(found, subjects)
        return self.model

    # --- preferences

    def prefer(self, formula: Formula) -> bool:
        """Have ``formula`` hold from now on, if it can, and if that is easily found out."""
        if not self.model.holds(formula):
            if not self._patience:
                return False
            found = self.question.check(*self.held, formula, effort=EASY)
            if not isinstance(found, Model):
                self._patience -= isinstance(found, Unknown)
                return False
            self.model = found
        self.held.append(formula)
        return True

    def each(self, formulas: Iterable[Formula]) -> None:
        """Have all of these hold, or as many as can, the first ones first."""
        wanted = list(formulas)
        if not self.prefer(self.f.all(wanted)):
            for formula in wanted:
                self.prefer(formula)

    def first(self, formulas: Iterable[Formula]) -> bool:
        """Have the first of these hold that can."""
        return any(self.prefer(formula) for formula in formulas)

    def smallest(self, number: Number, least: int) -> None:
        """Make a number as small as it can be, at least ``least``; if it has to be less, as near to that as it can."""
        f = self.f
        if not self.prefer(f.at_most(f.constant(least), number)):
            number, least = f.times(-1, number), -least
        low, reach = least, 1
        while low < self.model.number(number):
            high = min(least + reach - 1, self.model.number(number) - 1)
            if self.prefer(f.at_most(number, f.constant(high))):
                break
            low, reach = high + 1, reach * 10
        while low < (value := self.model.number(number)):
            middle = (low + value) // 2
            if not self.prefer(f.at_most(number, f.constant(middle))):
                low = middle + 1
        self.prefer(f.equal(number, f.constant(self.model.number(number))))

    # --- of a call

    def _shape(self, subjects: Mapping[str, Subject]) -> None:
        """Few fields, short lists; but something where the origin is asked, since nothing comes from anywhere."""
        inputs = self.question.moment.inputs
        for place in all_places(self.question, None):
            if place.path in subjects and isinstance(place.symbol, Fields):
                self.prefer(self.f.some(there for there, _ in place.symbol.fields.values()))
        for name, type_ in roots(self.question):
            self.each(self.f.neg(there) for there in optional_fields(inputs[name], type_, name))
        for place in all_places(self.question, self.model):
            if isinstance(place.symbol, Elements) and self.model.holds(place.symbol.defined):
                self.smallest(place.symbol.length, int(nearest(place.path, subjects) is not None))

    def _circumstances(self) -> None:
        """Nobody in particular, at the usual time."""
        f, inputs = self.f, self.question.moment.inputs
        now, principal = inputs.get("now"), inputs.get("principal")
        if isinstance(now, Amount):
            self.prefer(f.equal(now.number, f.constant(DEFAULT_NOW)))
        if isinstance(principal, Fields):
            id, roles = principal.fields["id"][1], principal.fields["roles"][1]
            assert isinstance(id, String) and isinstance(roles, Elements)
            self.smallest(roles.length, 0)
            texts = [symbol.leaves[0][1] for symbol in (id, *roles.items) if isinstance(symbol, String)]
            for text in texts[: 1 + self.model.number(roles.length)]:
                assert isinstance(text, Text)
                names = [literal("anonymous"), *languages_of(None, self.model)]
                self.first(f.member(text, language) for language in names[text is not texts[0] :])

    def _value(self, place: Place, subject: Subject | None) -> None:
        f = self.f
        carries = subject is not None and subject.carries(self.model)
        match place.type, place.symbol:
            case Bool(), Condition(_, false):
                self.prefer(false)
            case _, Amount(defined, number) if self.model.holds(defined):
                match place.type:
                    case Int() | Dec():
                        digits = place.type.digits if isinstance(place.type, Dec) else 0
                        self.smallest(number, ACCOUNT * 10**digits if carries else 1)
                    case F64():
                        self._float(number)
                    case Time():
                        self.prefer(f.equal(number, f.constant(DEFAULT_NOW)))
                    case Duration():
                        if not self.first(f.equal(number, f.constant(span)) for span in _SPANS):
                            self.smallest(number, 0)
                    case Enum(values):
                        codes = [self.question.encoder.number(v, place.type) for v in values[:_FEW]]
                        self.first(f.equal(number, code) for code in codes)

    def _float(self, number: Number) -> None:
        """A float of few digits."""
        f = self.f

        def at(value: float) -> Formula:
            return f.equal(number, f.constant(rank_of(value)))

        if self.prefer(f.some(map(at, _FLOATS))):
            self.first(map(at, _FLOATS))
            return
        for digits in range(1, 5):
            value = float_of(self.model.number(number))
            near = float(f"{value:.{digits}g}")
            unit = abs(near) * 10.0 ** (1 - digits) or 10.0 ** (-digits)
            if self.first(at(float(f"{x:.{digits}g}")) for x in (near, near + unit, near - unit)):
                return

    def _texts(self, found: Iterable[Place], subjects: Mapping[str, Subject]) -> None:
        for place in found:
            match place.type, place.symbol:
                case Str(), String(defined, ((_, Text() as text),)) if self.model.holds(defined):
                    languages = languages_of(nearest(place.path, subjects), self.model)
                    self.first(self.f.member(text, language) for language in languages)


def _quiet(question: Question) -> Iterator[Formula]:
    """Every session operator reads what it reads at the start of a session."""
    past, f = question.moment.past, question.formulas
    if isinstance(past, FreePast):
        for _, symbol in past.reads.values():
            match symbol:
                case Condition(_, false):
                    yield false
                case Amount(_, number):
                    yield f.equal(number, f.constant(0))


def _counted(question: Question) -> Iterator[Amount]:
    """What the counts and sums of session operators read."""
    past = question.moment.past
    if isinstance(past, FreePast):
        for node, symbol in past.reads.values():
            if isinstance(node, ast.Count | ast.Sum) and isinstance(symbol, Amount):
                yield symbol
