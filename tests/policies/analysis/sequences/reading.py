"""What session operators read after a generated history: in the registers that run, and in the symbolic ones."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from bartizan.guard import Session
from bartizan.policies import Program
from bartizan.policies.analysis.encode.decision import call_moment, event_moment
from bartizan.policies.analysis.encode.expressions import Encoder, Moment
from bartizan.policies.analysis.encode.symbols import Amount, Condition, float_of
from bartizan.policies.analysis.formula import TRUE, Formulas, Model
from bartizan.policies.analysis.sequences.past import Registers
from bartizan.policies.analysis.sequences.relevance import Happening, session_operators
from bartizan.policies.analysis.witness.assign import Assignment
from bartizan.policies.evaluation.generators import SIGNALS, TOOLS, Case, Generator
from bartizan.policies.evaluation.registers import RegisterFile, register_id
from bartizan.policies.evaluation.scope import Scope, event_scope
from bartizan.policies.history import begin, record
from bartizan.policies.language import ast
from bartizan.policies.language.types import F64, Bool, Int
from bartizan.policies.language.values import E, conform
from bartizan.policies.policy import CheckedPolicy, CheckedRule
from bartizan.policies.provenance import ProvenanceCache

ROOM = 4


def reading_case(seed: int) -> tuple[Case, dict[str, ast.Register]]:
    """A case whose condition reads a register of every kind, some of them inside others."""
    generator = Generator(random.Random(seed))
    pick = generator.random.choice
    case = generator.case()
    while not case.history:
        case = replace(case, history=generator.history())
    now = max(case.now, case.history[-1].time)
    counts, sums = [generator._count(True), generator._count(False)], [generator._sum()]
    calls = ast.EventMatch("call", "pay")
    plain: list[ast.Register] = [replace(pick(counts), body=ast.TRUE), replace(pick(sums), body=ast.TRUE)]
    plain += [ast.MaxSignal(pick(("injection", "harm")), pick((ast.EventMatch("result"), calls)))]
    inside = ast.Compare(
        "<=", replace(pick(counts), body=ast.TRUE, key=None, query=None), ast.Const(1, Int())
    )
    plain += [
        ast.Once(calls, inside, pick((None, 1_000_000))),
        ast.Since(inside, generator._body(ast.EventMatch())),
    ]
    operators = [*counts, *sums, *plain, *session_operators(case.condition)]
    condition: ast.Expr = case.condition
    for node in operators:
        whole = node if node.type == Bool() else ast.Compare("<=", node, node)
        condition = ast.Or(condition, whole)
    nodes = {register_id(node): node for node in session_operators(condition)}
    return replace(case, condition=condition, now=now), nodes


def reads(case: Case, nodes: dict[str, ast.Register]) -> dict[str, tuple[Any, Any]]:
    program = Program(
        CheckedPolicy("p", TOOLS, SIGNALS, (CheckedRule("r", "deny", {"pay": case.condition}),))
    )
    encoder = Encoder(Formulas(), lambda path, type_: min(type_.limit, ROOM))
    registers, session = Registers.initial(nodes, encoder), begin(program)
    happened: list[tuple[Moment, Scope]] = []
    for index, event in enumerate(case.history):
        scope = event_scope(
            event, TOOLS, lambda now=session: ProvenanceCache().provenance(now), session.state
        )
        match = ast.EventMatch(event.kind, event.tool)
        moment = event_moment(encoder, match, TOOLS, SIGNALS, registers, f"{index} ")
        time = moment.inputs["now"]
        assert isinstance(time, Amount)
        happening = Happening(event.kind, event.tool)
        registers = registers.after([(happening, TRUE, moment)], time.number)
        happened.append((moment, scope))
        session = record(program, session, event)
    now = call_moment(encoder, TOOLS["pay"], TOOLS, registers)
    scope = _scope(case, session)
    symbols = {name: registers.read(node, now, encoder) for name, node in nodes.items()}
    assignment = Assignment(encoder)
    for moment, at in [*happened, (now, scope)]:
        assignment.moment(moment, at)
    model, running = assignment.model(), RegisterFile()
    return {
        name: (running.reader(node)(scope), value_of(model, symbols[name], node))
        for name, node in nodes.items()
    }


def _scope(case: Case, session: Session) -> Scope:
    args = dict(case.call.args)
    principal = {"id": "ann", "roles": ()}
    inputs = {
        "args": conform(args, TOOLS["pay"].args),
        "tool": "pay",
        "now": case.now,
        "principal": principal,
    }
    provenance = ProvenanceCache().provenance(session)
    return Scope(inputs, {"args": args}, case.now, case.signals, lambda: provenance, session.state)


def value_of(model: Model, symbol: Any, node: ast.Register) -> Any:
    """What an operator reads in a model."""
    if isinstance(symbol, Condition):
        true, false = model.holds(symbol.true), model.holds(symbol.false)
        assert not (true and false)
        return True if true else False if false else E
    if not model.holds(symbol.defined):
        return E
    number = model.number(symbol.number)
    return float_of(number) if isinstance(node.type, F64) else number


def same(expected: Any, found: Any) -> bool:
    """Whether two values of the language are one: E is E only."""
    return expected is found or (E not in (expected, found) and expected == found)
