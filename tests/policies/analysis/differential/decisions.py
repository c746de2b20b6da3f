"""Whole policies, and session operators that are related: the formulas against the program that runs."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from bartizan.guard import Outcome, Principal, Request
from bartizan.policies import Program
from bartizan.policies.analysis.encode.decision import call_moment, verdict
from bartizan.policies.analysis.encode.expressions import Encoder
from bartizan.policies.analysis.encode.past import FreePast
from bartizan.policies.analysis.encode.symbols import float_of, rank_of
from bartizan.policies.analysis.formula import Formulas
from bartizan.policies.analysis.witness.assign import assigned
from bartizan.policies.analysis.witness.replay import Staged
from bartizan.policies.evaluation.generators import SIGNALS, TOOLS, Case, Generator
from bartizan.policies.history import begin, record
from bartizan.policies.language import ast
from bartizan.policies.language.types import Dec, Int, List, Str
from bartizan.policies.policy import CheckedPolicy, CheckedRule, Effect

from ..agreement import formula_agrees, room_suffices
from ..situations import scope_of, some_room

_EFFECTS: tuple[Effect, ...] = ("deny", "deny", "escalate", "allow", "allow", "allow")
_WINDOWS = (None, 1_000_000, 3_000_000, 10_000_000)


def decision_agrees(seed: int) -> Outcome:
    """What formulas say of a call under a generated policy, the program does, because of the same rules."""
    generator = Generator(Random(seed))
    case = generator.case(1)
    rules = tuple(
        CheckedRule(f"rule-{i}", effect, {"pay": generator.boolean(2)}) for i, effect in enumerate(_EFFECTS)
    )
    policy = CheckedPolicy("generated", TOOLS, SIGNALS, rules)
    program = Program(policy)
    session = begin(program)
    for event in case.history:
        session = record(program, session, event)
    request = Request(case.call, case.now, Principal("ann", frozenset({"a"})), case.signals)
    encoder = Encoder(Formulas(), some_room)
    moment = call_moment(encoder, TOOLS["pay"], TOOLS, FreePast())
    side = verdict(encoder, policy, "pay", moment)
    model = assigned(encoder, moment, Staged(request, session).scope(program, TOOLS["pay"]))
    decision = program.decide(request, session)
    outcome, hits = side.deciding(model)
    context = f"seed {seed}: {decision}, not {outcome} for {[hit.id for hit, _ in hits]}"
    assert outcome is decision.outcome, context
    because = {reason.rule for reason in decision.reasons} - {"default"}
    assert {hit.id for hit, _ in hits} == because, context
    approved = program.decide(replace(request, approved=True), session).outcome
    for formula, expected in (
        (side.allowed(), outcome is Outcome.ALLOW),
        (side.escalated(), outcome is Outcome.ESCALATE),
        (side.let_go(), approved is Outcome.ALLOW),
    ):
        assert model.holds(formula) is expected, context
    return outcome


def relations_hold(seed: int) -> Any:
    """Operators that differ only in their windows or caps read what the history says, as do the facts about them."""
    generator = Generator(Random(seed))
    pick = generator.random.choice
    match = ast.EventMatch("call", "pay")
    body, (key, query), tool = generator._body(match), generator._key(), "pay"
    amount = ast.Input(("args", "cost"), Dec(2))
    conditions: list[ast.Expr] = []
    for within in generator.random.sample(_WINDOWS, 2):
        cap = generator.random.randint(1, 3)
        count = ast.Count(tool, body, cap, pick((True, False)), within, key, query)
        total = ast.Sum(tool, amount, body, Dec(2), within, key, query)
        conditions += [
            ast.Compare("<=", count, ast.Const(pick((0, 1, 2)), Int())),
            ast.Once(match, body, within, key, query),
            ast.Compare("<", total, ast.Const(pick((0, 100, 150)), Dec(2))),
        ]
    largest = ast.MaxSignal("harm", match)
    conditions.append(ast.Compare("<", largest, ast.Const(0.5, largest.type)))
    generator.random.shuffle(conditions)
    condition = conditions[0]
    for other in conditions[1:]:
        condition = pick((ast.And, ast.Or))(condition, other)
    history = generator.history()
    while not history:
        history = generator.history()
    case = Case(condition, generator.call("pay", "now"), {}, history, history[-1].time + pick((0, 1_000_000)))
    return formula_agrees(case, scope_of(case, {"id": "a", "roles": ()}))


def ranks_agree(seed: int) -> None:
    """Ranks of floats are in the order of the floats, and give them back."""
    random = Random(seed)
    floats = [random.uniform(-2, 2) * 10.0 ** random.randint(-300, 300) for _ in range(20)]
    floats = sorted({*floats, 0.0, 1.0, -1.0, 5e-324, -5e-324, 1.7976931348623157e308})
    ranks = [rank_of(value) for value in floats]
    assert ranks == sorted(set(ranks)), "ranks are out of order"
    assert [float_of(rank) for rank in ranks] == floats
    assert rank_of(-0.0) == rank_of(0.0) == 0


def origins_agree(seed: int) -> Any:
    """Several questions about the origin of one value have the answers that they have, and keep the laws."""
    generator = Generator(Random(seed))
    pick = generator.random.choice
    subject = ast.Input(("args", *pick((("to",), ("memo",), ("extra",), ("inner", "memo")))), Str())
    predicates = generator.random.sample(("from_user", "grounded", "from_untrusted", "from_user"), 3)
    condition: ast.Expr = ast.Provenance("grounded", subject)
    for predicate in predicates:
        asked: ast.Expr = ast.Provenance(predicate, subject)
        condition = pick((ast.And, ast.Or))(condition, pick((asked, ast.Not(asked))))
    case = Case(condition, generator.call("pay", "now"), {}, (), 0)
    return formula_agrees(case, scope_of(case, {"id": "a", "roles": ()}))


def lists_agree(seed: int) -> Any:
    """Several quantifiers over one list, and its size, find room for all that they look at."""
    generator = Generator(Random(seed))
    pick = generator.random.choice
    over = ast.Input(("args", "list"), List(Int(), 3))
    element = ast.Bound(0, (), Int())
    condition: ast.Expr = ast.Compare("==", ast.Size(over), ast.Const(pick((1, 2, 3)), Int()))
    if pick((True, False)):
        condition = ast.Compare("<=", ast.Input(("args", "n"), Int()), ast.Const(3, Int()))
    for value in generator.random.sample((0, 1, 2), 2):
        is_value = ast.Compare("==", element, ast.Const(value, Int()))
        condition = ast.And(condition, ast.Quantifier("exists", over, is_value))
    call = generator.call("pay", "now")
    case = Case(condition, call, {}, (), 0)
    return room_suffices(case, scope_of(case, {"id": "a", "roles": ()}))
