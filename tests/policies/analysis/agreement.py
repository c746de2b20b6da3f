"""What the encoder and the solver make of one generated case, checked against the reference interpreter.

Each check fails with an AssertionError, and returns the value of the case's condition: T, F or E.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bartizan.policies.analysis.encode.decision import call_moment, event_moment
from bartizan.policies.analysis.encode.expressions import Encoder
from bartizan.policies.analysis.encode.past import FreePast
from bartizan.policies.analysis.encode.room import room_for
from bartizan.policies.analysis.encode.symbols import Condition
from bartizan.policies.analysis.formula import Formula, Formulas, Model, Whole, below
from bartizan.policies.analysis.solve import Solver, Unsat
from bartizan.policies.analysis.witness.assign import assigned, pins
from bartizan.policies.evaluation.generators import SIGNALS, TOOLS, Case
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.scope import Scope
from bartizan.policies.language import ast
from bartizan.policies.language.values import E

from .situations import call_of_pay, past_of, some_room, value_in


def formula_agrees(case: Case, scope: Scope) -> Any:
    """The formulas of the case's condition have the reference's value in its situation, and every fact holds."""
    encoder, moment = call_of_pay()
    condition = encoder.condition(case.condition, moment)
    model = assigned(encoder, moment, scope)
    expected, found = evaluate(case.condition, scope), value_in(model, condition)
    assert found is expected, f"reference {expected}, formula {found}\n{case}"
    for fact in about(model, encoder.new_facts()):
        assert model.holds(fact), f"a fact is not true\n{fact}\n{case}"
    return expected


def bodies_agree(case: Case) -> Iterator[Any]:
    """What each session operator asks of each event of the history has the reference's value there."""
    past = past_of(case.history)
    for node in ast.walk(case.condition):
        for match, body in _bodies(node):
            for event in past:
                if match.kind not in (None, event.kind) or match.tool not in (None, event.tool):
                    continue
                encoder = Encoder(Formulas(), some_room)
                exactly = ast.EventMatch(event.kind, event.tool)  # type: ignore[arg-type]
                moment = event_moment(encoder, exactly, TOOLS, SIGNALS, FreePast(), "past ")
                condition = encoder.condition(body, moment)
                model = assigned(encoder, moment, event.scope)
                expected, found = evaluate(body, event.scope), value_in(model, condition)
                assert found is expected, f"{expected}, not {found}\n{body}\n{event}"
                for fact in about(model, encoder.new_facts()):
                    assert model.holds(fact), f"a fact is not true\n{fact}\n{body}\n{event}"
                yield expected


def pinned_agrees(case: Case, scope: Scope) -> Any:
    """With every variable pinned to the case's situation, the solver finds the reference's value and no other."""
    encoder, moment = call_of_pay()
    condition = encoder.condition(case.condition, moment)
    model = assigned(encoder, moment, scope)
    solver = Solver(encoder.formulas)
    for fact in about(model, encoder.new_facts()):
        solver.add(fact)
    for pin in pins(encoder.formulas, model):
        solver.add(pin)
    expected = evaluate(case.condition, scope)
    for value, formula in outcomes(encoder.formulas, condition).items():
        for wanted, asked in (
            (value is expected, formula),
            (value is not expected, encoder.formulas.neg(formula)),
        ):
            found = solver.check(asked)
            assert isinstance(found, Model if wanted else Unsat), f"{value}: {found}\n{case}"
    return expected


def room_suffices(case: Case, scope: Scope) -> Any:
    """The value that a condition really has is possible with as little room for lists as the encoding takes."""
    encoder = Encoder(Formulas(), room_for([case.condition]))
    condition = encoder.condition(case.condition, call_moment(encoder, TOOLS["pay"], TOOLS, FreePast()))
    solver = Solver(encoder.formulas)
    for fact in encoder.new_facts():
        solver.add(fact)
    expected = evaluate(case.condition, scope)
    found = solver.check(outcomes(encoder.formulas, condition)[expected])
    assert isinstance(found, Model), f"{expected}: {found}\n{case}"
    return expected


def outcomes(f: Formulas, condition: Condition) -> dict[Any, Formula]:
    """When a condition is T, F and E."""
    return {
        True: condition.true,
        False: condition.false,
        E: f.neg(f.either(condition.true, condition.false)),
    }


def about(model: Model, facts: Iterable[Formula]) -> Iterator[Formula]:
    """The facts that are about what is there: an absent field has no value that could be well-formed."""
    for fact in facts:
        if all(node in model.wholes for node in below([fact]) if isinstance(node, Whole)):
            yield fact


def _bodies(node: ast.Expr) -> list[tuple[ast.EventMatch, ast.Expr]]:
    match node:
        case ast.Once(match, body):
            return [(match, body)]
        case ast.Count(tool, body) | ast.Sum(tool, _, body):
            return [(ast.EventMatch("call", tool), body)]
        case ast.Since(left, right):
            return [(ast.EventMatch(), left), (ast.EventMatch(), right)]
        case ast.Previous(body):
            return [(ast.EventMatch(), body)]
    return []
