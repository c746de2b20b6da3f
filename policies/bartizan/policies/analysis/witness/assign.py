"""The inverse of decoding: what an encoder's variables are in a situation that really happened.

``Model.holds`` of an encoded condition then says what the evaluator says of that situation. The tests of the encoder
rest on this, and so does every counterexample: what was built is read back before it is believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any as Json

from ...evaluation.reference import evaluate
from ...evaluation.scope import Scope
from ...language import ast
from ...language.values import E
from ...regular.algebra import word
from ..encode.expressions import Encoder, Moment
from ..encode.past import FreePast
from ..encode.symbols import Amount, Condition, Elements, Fields, Opaque, String, Symbol, rank_of
from ..formula import Flag, Formula, Formulas, Model, Neg, Number, Text, Truth, Whole

Origin = tuple[str, str, str | None]
"""A provenance question: the predicate, the path of the subject as the encoder names it, the tool."""

_UNCAPPED = 1 << 62


class Unrepresentable(Exception):
    """A value that the encoder has no variable for: a list longer than the analysis looks at."""


@dataclass(slots=True)
class Assignment:
    """Values of an encoder's variables, collected."""

    encoder: Encoder
    flags: dict[Flag, bool] = field(default_factory=dict)
    wholes: dict[Whole, int] = field(default_factory=dict)
    texts: dict[Text, str] = field(default_factory=dict)

    @classmethod
    def of(cls, encoder: Encoder, model: Model) -> Assignment:
        """A copy of a model, to be changed."""
        return cls(encoder, dict(model.flags), dict(model.wholes), dict(model.texts))

    def model(self) -> Model:
        return Model(dict(self.flags), dict(self.wholes), dict(self.texts))

    # --- variables

    def truth(self, formula: Formula, value: bool) -> None:
        """Set a flag (or the flag that this negates)."""
        match formula:
            case Flag():
                self.flags[formula] = value
            case Neg(Flag() as flag):
                self.flags[flag] = not value
            case Truth(fixed) if fixed != value:
                raise Unrepresentable(f"expected {fixed}, found {value}")

    def number(self, number: Number, value: int) -> None:
        """Set the integer variable that this number is; a constant is left alone."""
        match number.terms:
            case ((Whole() as whole, 1),):
                self.wholes[whole] = value - number.constant

    # --- values

    def value(self, symbol: Symbol, value: Json) -> None:
        """Set what a symbol of an input is: a value of the evaluator's, or E."""
        known = value is not E
        match symbol:
            case Condition(true):
                self.truth(true, value is True)
            case Amount(defined, number):
                self.truth(defined, known)
                if known:
                    self.number(number, self._integer(value))
            case String(defined, ((_, leaf),)):
                self.truth(defined, known)
                if known and isinstance(leaf, Text):
                    self.texts[leaf] = value
            case Elements(defined, length, items):
                self.truth(defined, known)
                if known:
                    self._elements(length, items, value)
            case Fields(fields):
                for name, (present, inner) in fields.items():
                    there = isinstance(value, dict) and name in value
                    self.truth(present, there)
                    if there:
                        self.value(inner, value[name])
            case Opaque():
                pass

    def _elements(self, length: Number, items: tuple[Symbol, ...], values: tuple[Json, ...]) -> None:
        if len(values) > len(items):
            raise Unrepresentable(f"expected at most {len(items)} elements, found {len(values)}")
        self.number(length, len(values))
        for item, element in zip(items, values, strict=False):
            self.value(item, element)

    def _integer(self, value: Json) -> int:
        if isinstance(value, str):
            return self.encoder.codes.of(value)
        return rank_of(value) if isinstance(value, float) else int(value)

    # --- moments

    def moment(self, moment: Moment, scope: Scope) -> None:
        """Set all that was encoded at a moment so far to what it is in ``scope``, whose ``past`` is the history."""
        for name, symbol in moment.inputs.items():
            if name in scope.inputs and not _is_constant(symbol):
                self.value(symbol, scope.inputs[name])
        for (name, which), amount in moment.signals.items():
            measured = getattr(scope.signals.get(name), which, None)
            self.value(amount, measured if isinstance(measured, float) else E)
        for origin in moment.origins:
            self.origin(moment, origin, answer(origin, scope))
        if isinstance(moment.past, FreePast):
            self.reads(moment, moment.past, scope)

    def origin(self, moment: Moment, origin: Origin, answer: bool | None) -> None:
        """Set what a provenance question answers, None for E."""
        predicate, path, tool = origin
        asked = f"{moment.name}{predicate}({path}{', ' + tool if tool else ''})"
        f = self.encoder.formulas
        self.truth(f.flag(f"{asked} has an answer"), answer is not None)
        self.truth(f.flag(asked), answer is True)

    def reads(self, moment: Moment, past: FreePast, scope: Scope) -> None:
        """Set what the session operators read."""
        for name, (node, _) in past.reads.items():
            self.read(moment, past, name, evaluate(node, scope))
            if isinstance(node, ast.Count):
                _, counted = past.variables(name, moment, self.encoder.formulas)
                number = _number_of(node, scope)
                if isinstance(counted, Number):
                    self.number(counted, number)
                if number >= node.cap and evaluate(replace(node, saturate=True), scope) is not E:
                    self.truth(past.variables(name, moment, self.encoder.formulas)[0], True)
            query = getattr(node, "query", None)
            if query is not None and evaluate(query, scope) is E:  # E for want of a key, nothing unknown
                self.truth(past.variables(name, moment, self.encoder.formulas)[0], True)

    def read(self, moment: Moment, past: FreePast, name: str, value: Json) -> None:
        """Set what one operator reads, by its register's id."""
        known, what = past.variables(name, moment, self.encoder.formulas)
        self.truth(known, value is not E)
        if isinstance(what, Number):
            if value is not E:
                self.number(what, self._integer(value))
        else:
            self.truth(what, value is True)


def assigned(encoder: Encoder, moment: Moment, scope: Scope) -> Model:
    """The model of a moment that happened in ``scope``. Raises :class:`Unrepresentable`."""
    assignment = Assignment(encoder)
    assignment.moment(moment, scope)
    return assignment.model()


def pins(formulas: Formulas, model: Model) -> list[Formula]:
    """Formulas that together hold in this model only, as far as it names variables."""
    flags: Iterable[Formula] = (f if value else formulas.neg(f) for f, value in model.flags.items())
    wholes = ((formulas.whole(w.name), value) for w, value in model.wholes.items())
    return [
        *flags,
        *(formulas.equal(whole, formulas.constant(value)) for whole, value in wholes),
        *(formulas.member(text, word(value)) for text, value in model.texts.items()),
    ]


def answer(origin: Origin, scope: Scope) -> bool | None:
    """What a provenance question answers in a scope; None for E."""
    predicate, path, tool = origin
    raw = follow(scope.raw, path)
    if raw is None:
        return None
    found: bool | None = getattr(scope.sources(), predicate)(raw, *([tool] if tool else []))
    return found


def follow(raw: Json, path: str) -> Json:
    """The JSON at a path as the encoder names it (``args.rows[0].to``); None where there is nothing."""
    value = raw
    for step in steps(path):
        if isinstance(step, str):
            value = value.get(step) if hasattr(value, "get") else None
        else:
            value = value[step] if isinstance(value, list | tuple) and step < len(value) else None
    return value


def steps(path: str) -> Iterator[str | int]:
    """The fields and indexes of a path as the encoder names it: ``args["any text"][0].to``."""
    at = 0
    while at < len(path):
        if path[at] == "[":
            step, end = json.JSONDecoder().raw_decode(path, at + 1)
            yield step
            at = end + 1
        else:
            start = at + (path[at] == ".")
            at = start
            while at < len(path) and path[at] not in ".[":
                at += 1
            yield path[start:at]


def _number_of(node: ast.Count, scope: Scope) -> int:
    """How many past calls certainly count, whatever the cap."""
    one = replace(node, cap=_UNCAPPED, saturate=False)
    return sum(evaluate(one, replace(scope, past=(event,))) == 1 for event in scope.past)


def _is_constant(symbol: Symbol) -> bool:
    return isinstance(symbol, Amount) and not symbol.number.terms
