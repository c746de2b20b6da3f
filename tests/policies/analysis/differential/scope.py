"""Small scope, in full: every boolean expression up to a size over a few atoms, and every value of what they read.

Expressions read a flag that may be absent, an integer, and two texts over a two-letter alphabet. For each expression
the solver must find T, F and E possible exactly if one of all situations makes it so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

from bartizan.policies.analysis.encode.expressions import Encoder, Moment
from bartizan.policies.analysis.encode.past import FreePast
from bartizan.policies.analysis.encode.symbols import Fields, String
from bartizan.policies.analysis.formula import Formulas, Model, Text
from bartizan.policies.analysis.solve import Solver, Unsat
from bartizan.policies.analysis.witness.assign import assigned
from bartizan.policies.analysis.witness.decode import Decoder
from bartizan.policies.evaluation.plan import compile_expression
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.scope import Scope
from bartizan.policies.language import ast
from bartizan.policies.language.types import Bool, Field, Int, Record, Str
from bartizan.policies.language.values import conform
from bartizan.policies.regular.algebra import letters, loop
from bartizan.policies.regular.charset import chars

from ..agreement import outcomes
from ..situations import Answers, value_in

SHORT = 2
"""The longest text."""

_X, _Y = Str(SHORT), Str(SHORT)
ARGS = Record((("p", Field(Bool(), optional=True)), ("x", Field(_X, optional=True)), ("y", Field(_Y))))
WORDS = tuple("".join(w) for size in range(SHORT + 1) for w in itertools.product("ab", repeat=size))


def _arg(name: str, type_: Any) -> ast.Input:
    return ast.Input(("args", name), type_)


ATOMS: tuple[ast.Expr, ...] = (
    _arg("p", Bool()),
    ast.StringTest("startsWith", _arg("x", _X), ("a",)),
    ast.StringTest("fullmatches", _arg("x", _X), ("b|(ab)*",)),
    ast.Compare("==", _arg("x", _X), _arg("y", _Y)),
    ast.Compare("<", ast.Size(_arg("x", _X)), ast.Size(_arg("y", _Y))),
)
"""A flag, two languages, an equality of texts, and their lengths."""

MORE: tuple[ast.Expr, ...] = (
    *ATOMS,
    ast.Compare("==", _arg("y", _Y), ast.Const("ab", _Y)),
    ast.OneOf(_arg("x", _X), ("", "bb")),
    ast.StringTest("contains", _arg("y", _Y), ("b",)),
    ast.StringTest("endsWith", _arg("y", _Y), ("a",)),
    ast.Compare("==", ast.Size(_arg("x", _X)), ast.Const(1, Int())),
    ast.Compare("<=", ast.Const(2, Int()), ast.Size(_arg("y", _Y))),
    ast.Has(_arg("x", _X)),
    ast.Compare("==", ast.If(_arg("p", Bool()), _arg("x", _X), _arg("y", _Y), _X), ast.Const("b", _X)),
)


def trees(size: int, atoms: tuple[ast.Expr, ...]) -> list[ast.Expr]:
    """Every boolean tree of ``size`` nodes over the atoms; of ``a && b`` and ``b && a``, one."""
    if size == 1:
        return list(atoms)
    found: list[ast.Expr] = [ast.Not(t) for t in _trees(size - 1, atoms) if not isinstance(t, ast.Not)]
    for left in range(1, (size - 1) // 2 + 1):
        right = size - 1 - left
        if left == right:
            pairs: Iterator[tuple[ast.Expr, ast.Expr]] = itertools.combinations(_trees(left, atoms), 2)
        else:
            pairs = itertools.product(_trees(left, atoms), _trees(right, atoms))
        for a, b in pairs:
            found += [ast.And(a, b), ast.Or(a, b), ast.Compare("==", a, b)]
    for first, second in itertools.product(range(1, size - 2), repeat=2):
        third = size - 1 - first - second
        if third >= 1:
            parts = (_trees(n, atoms) for n in (first, second, third))
            found += [ast.If(a, b, c, Bool()) for a, b, c in itertools.product(*parts) if b != c]
    return found


@cache
def _trees(size: int, atoms: tuple[ast.Expr, ...]) -> tuple[ast.Expr, ...]:
    return tuple(trees(size, atoms))


def situations() -> Iterator[Scope]:
    """Every value of what the atoms read, with what is absent or over its bound."""
    absent: tuple[Any, ...] = (None,)
    too_long = ("a" * (SHORT + 1),)
    for p, x, y in itertools.product(
        (True, False, *absent), (*WORDS, *too_long, *absent), (*WORDS, *too_long)
    ):
        given = {name: value for name, value in (("p", p), ("x", x), ("y", y)) if value is not None}
        yield _scope(given)


def _scope(args: dict[str, Any]) -> Scope:
    return Scope({"args": conform(args, ARGS)}, {"args": args}, 0, {}, lambda: Answers(0))


class SmallScope:
    """The solver against every situation, for trees over some atoms."""

    def __init__(self, atoms: tuple[ast.Expr, ...]) -> None:
        self.atoms = atoms
        representatives: dict[tuple[Any, ...], Scope] = {}
        for scope in situations():
            representatives.setdefault(tuple(map(str, (evaluate(a, scope) for a in atoms))), scope)
        self.scopes = list(representatives.values())
        self.encoder = Encoder(Formulas())
        self.moment = Moment("", {"args": self.encoder.inputs.make(ARGS, "args", "args")}, FreePast())
        self.solver = Solver(self.encoder.formulas)
        self.models = [assigned(self.encoder, self.moment, scope) for scope in self.scopes]
        small = loop(letters(chars("ab")), 0, SHORT)
        for text in self._texts():
            self.solver.add(self.encoder.formulas.member(text, small))

    def _texts(self) -> Iterator[Text]:
        args = self.moment.inputs["args"]
        assert isinstance(args, Fields)
        for _, symbol in args.fields.values():
            if isinstance(symbol, String):
                yield from (leaf for _, leaf in symbol.leaves if isinstance(leaf, Text))

    def check(self, tree: ast.Expr) -> int:
        """T, F and E are possible for the solver exactly if they are in some situation; how many of them are."""
        run = compile_expression(tree)
        expected: list[Any] = []
        for scope in self.scopes:
            value = evaluate(tree, scope)
            assert run(scope) is value, f"{value} by the reference\n{tree}\n{scope.inputs}"
            if value not in expected:
                expected.append(value)
        condition = self.encoder.condition(tree, self.moment)
        for fact in self.encoder.new_facts():
            self.solver.add(fact)
        for scope, model in zip(self.scopes, self.models, strict=True):
            value = value_in(model, condition)
            assert value is evaluate(tree, scope), f"{value} by the formulas\n{tree}\n{scope.inputs}"
        for value, formula in outcomes(self.encoder.formulas, condition).items():
            found = self.solver.check(formula)
            assert isinstance(found, Model if value in expected else Unsat), f"{value}: {found}\n{tree}"
            if isinstance(found, Model):
                assert value_in(found, condition) is value, tree
                args = Decoder(self.encoder, found).value(self.moment.inputs["args"], ARGS)
                assert evaluate(tree, _scope(args)) is value, f"{value} predicted\n{tree}\n{args}"
        return len(expected)
