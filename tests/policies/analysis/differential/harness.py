"""One generated case, six implementations: they must give its condition one value.

The reference interpreter, the closures over registers, the formulas under Z3 with every variable pinned, the two string
engines, the registers against the whole history, and the symbolic cells. Each check raises AssertionError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from bartizan.guard import Missing, Signal
from bartizan.policies.analysis.encode.expressions import Encoder, Moment
from bartizan.policies.analysis.encode.inputs import step
from bartizan.policies.analysis.encode.past import FreePast
from bartizan.policies.analysis.formula import Model
from bartizan.policies.analysis.solve import Solver, Unsat
from bartizan.policies.analysis.witness.decode import Decoder
from bartizan.policies.evaluation.generators import TOOLS, Case
from bartizan.policies.evaluation.plan import Evaluate, compile_expression
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.registers import RegisterFile, advance, register_id
from bartizan.policies.evaluation.scope import Scope, event_scope
from bartizan.policies.language import ast
from bartizan.policies.language.values import conform

from ..agreement import bodies_agree, formula_agrees, outcomes, pinned_agrees, room_suffices
from ..sequences.reading import reading_case, reads, same, value_of
from ..situations import Answers, call_of_pay, generated
from .attack import attacked
from .texts import text_agrees


def all_agree(seed: int) -> Any:
    """The value, T, F or E, that every implementation gives to the condition of the case of this seed."""
    case, scope = generated(seed)
    value = evaluate(case.condition, scope)
    assert closures_agree(case, scope) is value
    assert formula_agrees(case, scope) is value
    assert pinned_agrees(case, scope) is value
    assert room_suffices(case, scope) is value
    for _ in bodies_agree(case):
        pass
    texts_agree(case)
    return value


def closures_agree(case: Case, scope: Scope) -> Any:
    """The evaluator gives the reference's value, and every register reads what the history says."""
    registers = RegisterFile()
    run = compile_expression(case.condition, registers.reader)
    state: Any = registers.initial()
    for index, event in enumerate(case.history):
        here = event_scope(event, TOOLS, lambda i=index: Answers(i), state)
        state = advance(registers.touched_by(event.kind, event.tool), state, here)
    running, naive = replace(scope, registers=state, past=()), replace(scope, registers={})
    for node in ast.walk(case.condition):
        if isinstance(node, ast.Register) and node in _outermost(case.condition):
            expected, found = evaluate(node, naive), registers.reader(node)(running)
            assert same(expected, found), f"history {expected}, register {found}\n{node}\n{case}"
    expected, found = evaluate(case.condition, naive), run(running)
    assert found is expected, f"reference {expected}, evaluator {found}\n{case}"
    return expected


def _outermost(node: ast.Expr) -> list[ast.Register]:
    """The session operators that are read now, not those inside their bodies."""
    if isinstance(node, ast.Register):
        return [node]
    return [found for child in ast.children(node) for found in _outermost(child)]


def texts_agree(case: Case) -> int:
    """Every string test of the case, on every text of the case, is the same to every string engine; how many."""
    found = [_texts_of(case.call.args), _texts_of([event.text for event in case.history])]
    texts = sorted({text for each in found for text in each})[:6]
    tests = {node for node in ast.walk(case.condition) if isinstance(node, ast.StringTest)}
    for node in sorted(tests, key=lambda each: (each.predicate, each.params)):
        for text in texts:
            text_agrees(node, text)
    return len(tests) * len(texts)


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_of(inner)


def cells_agree(seed: int) -> None:
    """The symbolic cells read what the program's registers read after a generated history."""
    case, nodes = reading_case(seed)
    for name, (expected, found) in reads(case, nodes).items():
        assert same(expected, found), f"seed {seed}: {expected}, not {found}\n{nodes[name]}\n{case.history}"


def answers_hold(seed: int, tries: int) -> dict[Any, bool]:
    """Ask for T, F and E of a generated condition: a model evaluates as predicted, and an attack on Unsat fails.

    Args:
        tries: situations that an attack looks at.

    Returns:
        For each value whether it is possible.
    """
    case, _ = generated(seed, depth=3)
    encoder, moment = call_of_pay()
    condition = encoder.condition(case.condition, moment)
    solver = Solver(encoder.formulas)
    for fact in encoder.new_facts():
        solver.add(fact)
    possible: dict[Any, bool] = {}
    for value, formula in outcomes(encoder.formulas, condition).items():
        found = solver.check(formula)
        assert isinstance(found, Model | Unsat), f"seed {seed}: {found}"
        possible[value] = isinstance(found, Model)
        if isinstance(found, Model):
            became = compile_expression(case.condition, _reader(found, moment))(
                _situation(encoder, moment, found)
            )
            assert became is value, f"seed {seed}: predicted {value}, evaluated {became}\n{case.condition}"
    assert any(possible.values()), f"seed {seed}: no value is possible\n{case}"
    if not all(possible.values()):
        for situation in attacked(case, Random(seed), tries):
            became = evaluate(case.condition, situation)
            assert possible[became], f"seed {seed}: {became} is not impossible\n{case.condition}\n{situation}"
    return possible


def _reader(model: Model, moment: Moment) -> Callable[[ast.Register], Evaluate]:
    """Session operators that read what the model says they do, of whatever session."""
    past = moment.past
    assert isinstance(past, FreePast)

    def reader(node: ast.Register) -> Evaluate:
        value = value_of(model, past.reads[register_id(node)][1], node)
        return lambda s: value

    return reader


def _situation(encoder: Encoder, moment: Moment, model: Model) -> Scope:
    """The call that the model says, with its signals; where each value comes from is asked by its path."""
    decoder = Decoder(encoder, model)
    args = decoder.value(moment.inputs["args"], TOOLS["pay"].args)
    principal = decoder.principal(moment)
    inputs = {
        "args": conform(args, TOOLS["pay"].args),
        "tool": "pay",
        "now": decoder.now(moment),
        "principal": {"id": principal["id"], "roles": tuple(principal["roles"])},
    }
    origins = Origins(dict(decoder.origins(moment)))
    signals = {}
    for name, reading in decoder.signals(moment).items():
        parts = reading if isinstance(reading, dict) else {"value": reading}
        value, p_value = (
            Missing("not measured") if part == "missing" else float(part)
            for part in (parts["value"], parts.get("p_value", "missing"))
        )
        signals[name] = Signal(name, value, p_value)
    return Scope(inputs, {"args": placed(args, "args")}, decoder.now(moment), signals, lambda: origins)


@dataclass(frozen=True)
class Origins:
    """Provenance as a model assumes it: by path, which the JSON handed in has as its attribute."""

    answers: Mapping[tuple[str, str, str | None], bool | None]

    def _answer(self, predicate: str, value: Any, tool: str | None = None) -> bool | None:
        return self.answers[predicate, value.path, tool]

    def from_user(self, value: Any) -> bool | None:
        return self._answer("from_user", value)

    def from_tool(self, value: Any, tool: str) -> bool | None:
        return self._answer("from_tool", value, tool)

    def from_untrusted(self, value: Any) -> bool | None:
        return self._answer("from_untrusted", value)

    def grounded(self, value: Any) -> bool | None:
        return self._answer("grounded", value)

    def carries_untrusted(self, value: Any) -> bool | None:
        return self._answer("carries_untrusted", value)


class _Object(dict[str, Any]):
    path: str


class _Array(list[Any]):
    path: str


class _Scalar:
    path: str


def placed(value: Any, path: str) -> Any:
    """JSON that knows where it stands."""
    made: Any
    if isinstance(value, dict):
        made = _Object((name, placed(inner, path + step(name))) for name, inner in value.items())
    elif isinstance(value, list):
        made = _Array(placed(inner, f"{path}[{index}]") for index, inner in enumerate(value))
    else:
        made = _Scalar()
    made.path = path
    return made
