"""The encoder's formulas say what the reference interpreter says."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from bartizan.policies.analysis.encode.expressions import Encoder, Moment
from bartizan.policies.analysis.encode.past import FreePast
from bartizan.policies.analysis.encode.symbols import float_of, rank_of
from bartizan.policies.analysis.formula import TRUE, Formulas
from bartizan.policies.analysis.witness.assign import assigned
from bartizan.policies.evaluation.plan import compile_expression
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.scope import Scope
from bartizan.policies.language import ast
from bartizan.policies.language.types import Bool, Dec, Field, List, Record, Str
from bartizan.policies.language.values import E

from .agreement import bodies_agree, formula_agrees, pinned_agrees, room_suffices
from .situations import Answers, call_of_pay, generated, value_in

CASES = 6_000
CHUNKS = 4


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_encoded_conditions_mean_what_the_reference_says(chunk: int) -> None:
    """On generated conditions, calls and histories, the formulas have the reference's value, and every fact holds."""
    seen = {True: 0, False: 0, E: 0}
    for seed in range(chunk * CASES // CHUNKS, (chunk + 1) * CASES // CHUNKS):
        seen[formula_agrees(*generated(seed))] += 1
    assert min(seen.values()) > CASES // CHUNKS // 20, f"the generator is lopsided: {seen}"


def test_encoded_bodies_mean_what_the_reference_says_of_past_events() -> None:
    """What a session operator asks of an event has the reference's value, at every event of generated histories."""
    seen = {True: 0, False: 0, E: 0}
    for seed in range(6_000):
        for value in bodies_agree(generated(seed)[0]):
            seen[value] += 1
    assert min(seen.values()) > 100, seen


_ATOMS = (ast.Input(("t",), Bool()), ast.Input(("f",), Bool()), ast.Input(("e",), Bool()))


def _all_trees(size: int) -> list[ast.Expr]:
    """Every boolean tree with ``size`` nodes over T, F and E."""
    if size == 1:
        return list(_ATOMS)
    trees: list[ast.Expr] = [ast.Not(t) for t in _all_trees(size - 1)]
    for left in range(1, size - 1):
        for a, b in itertools.product(_all_trees(left), _all_trees(size - 1 - left)):
            trees += [ast.And(a, b), ast.Or(a, b), ast.Compare("==", a, b)]
    for first in range(1, size - 2):
        for second in range(1, size - 1 - first):
            third = size - 1 - first - second
            parts = (_all_trees(first), _all_trees(second), _all_trees(third))
            trees += [ast.If(a, b, c, Bool()) for a, b, c in itertools.product(*parts)]
    return trees


def test_small_scope_is_exhausted() -> None:
    """Every boolean tree of at most 6 nodes over two free inputs and an absent one, for all values of the inputs."""
    encoder = Encoder(Formulas())
    inputs = {name: encoder.inputs.make(Bool(), name, name) for name in ("t", "f")}
    moment = Moment("", inputs, FreePast())
    scopes = [
        Scope({"t": t, "f": f}, {}, 0, {}, lambda: Answers(0)) for t in (True, False) for f in (True, False)
    ]
    models = [assigned(encoder, moment, scope) for scope in scopes]
    count = 0
    for tree in itertools.chain.from_iterable(_all_trees(n) for n in range(1, 7)):
        condition = encoder.condition(tree, moment)
        for scope, model in zip(scopes, models, strict=True):
            assert value_in(model, condition) is evaluate(tree, scope), tree
            count += 1
    assert count > 5_000


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -1.0, 0.1, 5e-324, -5e-324, 1.7976931348623157e308])
def test_ranks_of_floats_are_exact(value: float) -> None:
    """A float's rank gives the float back."""
    assert float_of(rank_of(value)) == value


def test_ranks_keep_the_order_of_floats() -> None:
    """Floats in order have ranks in order."""
    random_ = random.Random(1)
    floats = sorted(random_.uniform(-2, 2) * 10 ** random_.randint(-300, 300) for _ in range(2_000))
    ranks: list[Any] = [rank_of(value) for value in floats]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("chunk", range(2))
def test_what_happens_is_possible_and_nothing_else_is_with_the_same_inputs(chunk: int) -> None:
    """With every variable pinned to a generated situation, the solver finds the reference's value and no other."""
    for seed in range(chunk * 250, (chunk + 1) * 250):
        pinned_agrees(*generated(seed))


def test_lists_have_room_for_whatever_can_happen() -> None:
    """The value that a condition really has is possible in the encoding with as little room for lists as is needed."""
    for seed in range(400):
        room_suffices(*generated(seed))


def test_fields_with_odd_names_are_told_apart() -> None:
    """A field named like a path, or like what the encoder calls another variable, is a variable of its own."""
    record = Record(
        (
            ("a", Field(Record((("b", Field(Str())),)))),
            ("a.b", Field(Str())),
            ("n", Field(Dec(2))),
            ("n has a value", Field(Bool())),
            ('x["y"]', Field(Str())),
            ("x", Field(Record((("y", Field(Str())),)))),
        )
    )
    encoder = Encoder(Formulas())
    symbol = encoder.inputs.make(record, "args", "args")
    moment = Moment("", {"args": symbol}, FreePast())
    values = {"a": {"b": "1"}, "a.b": "2", "n": E, "n has a value": True, 'x["y"]': "3", "x": {"y": "4"}}
    model = assigned(encoder, moment, Scope({"args": values}, {}, 0, {}, lambda: Answers(0)))
    assert sorted(model.texts.values()) == ["1", "2", "3", "4"]
    flags = {flag.name: value for flag, value in model.flags.items()}
    assert not flags["args.n has a value"] and flags['args["n has a value"]']


def test_the_principal_always_has_a_value() -> None:
    """What comes from credentials is no argument: no bound makes it E."""
    encoder, moment = call_of_pay()
    id = ast.Input(("principal", "id"), Str())
    condition = encoder.condition(ast.Compare("==", id, ast.Const("root", Str())), moment)
    assert encoder.formulas.either(condition.true, condition.false) is TRUE


def test_roles_can_be_asked_one_by_one() -> None:
    """A quantifier over the principal's roles has a value; where a role comes from is E, since nobody sent it."""
    roles = ast.Input(("principal", "roles"), List(Str(), 64))
    role = ast.Bound(0, (), Str())
    is_admin = ast.Quantifier("exists", roles, ast.Compare("==", role, ast.Const("admin", Str())))
    from_user = ast.Quantifier("exists", roles, ast.Provenance("from_user", role))
    scope = Scope(
        {"principal": {"id": "u", "roles": ("admin", "x")}}, {"args": {}}, 0, {}, lambda: Answers(0)
    )
    for node, expected in ((is_admin, True), (from_user, E)):
        encoder, moment = call_of_pay()
        condition = encoder.condition(node, moment)
        found = value_in(assigned(encoder, moment, scope), condition)
        assert evaluate(node, scope) is compile_expression(node)(scope) is found is expected
