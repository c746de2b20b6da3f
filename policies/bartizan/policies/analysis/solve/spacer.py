"""The boundary to Spacer, Z3's solver of constrained Horn clauses: can a system of integers and booleans go wrong?

What it finds is checked: its invariant is put to Z3's plain solver, clause by clause. Nothing rests on Spacer itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..formula import (
    All,
    AtMost,
    Flag,
    Formula,
    IsZero,
    Length,
    Member,
    Neg,
    Node,
    Number,
    Pick,
    Same,
    Some,
    Text,
    Truth,
    Whole,
    below,
)
from .errors import SolverUnavailable

try:
    import z3 as _z3  # type: ignore[import-untyped]
except ImportError as error:  # pragma: no cover - depends on the installation
    raise SolverUnavailable(
        "the analyses need Z3: expected the package z3-solver, found none; install bartizan[prove]"
    ) from error


@dataclass(frozen=True, slots=True)
class System:
    """Variables that change in steps; all other variables of the formulas are free at each step.

    Attributes:
        initial: the variables, each with its value at the start.
        following: for each variable, its value after a step.
        steps: one of these holds of every step.
        wrong: one of these holds where something is wrong.
    """

    initial: Mapping[Flag | Whole, bool | int]
    following: Mapping[Flag | Whole, Formula | Number]
    steps: Sequence[Formula]
    wrong: Sequence[Formula]


def never_wrong(system: System, rlimit: int, milliseconds: int) -> bool:
    """Whether it was proved that the system never goes wrong. Texts are left out: what is asked of them is free.

    Args:
        rlimit: Z3's resource units that the search for an invariant, and each of its checks, may spend.
        milliseconds: the same in wall clock.
    """
    try:
        return _Clauses(system).solved(rlimit, milliseconds)
    except _z3.Z3Exception:
        return False


class _Clauses:
    """A system as Horn clauses over one predicate, that which holds of every state that can be reached."""

    def __init__(self, system: System) -> None:
        self._context = _z3.Context()
        self._asts: dict[Node, Any] = {}
        self._facts: list[Any] = []
        self.state = [self._ast(variable) for variable in system.initial]
        self.start = [
            _z3.BoolVal(value, self._context) if isinstance(value, bool) else _z3.IntVal(value, self._context)
            for value in system.initial.values()
        ]
        self.then = [self._ast(system.following[variable]) for variable in system.initial]
        self.steps = [self._ast(formula) for formula in system.steps]
        self.wrong = [self._ast(formula) for formula in system.wrong]
        sorts = [ast.sort() for ast in self.state]
        self.reached = _z3.Function("reached", *sorts, _z3.BoolSort(self._context))

    def solved(self, rlimit: int, milliseconds: int) -> bool:
        engine = _z3.Fixedpoint(ctx=self._context)
        engine.set("engine", "spacer")
        for name in ("xform.inline_eager", "xform.inline_linear", "xform.slice"):
            engine.set(name, False)  # they would remove the predicate
        params = _z3.ParamsRef(self._context)
        params.set("rlimit", rlimit)
        params.set("timeout", milliseconds)
        _z3.Z3_fixedpoint_set_params(self._context.ref(), engine.fixedpoint, params.params)
        failed = _z3.Bool("failed", self._context).decl()
        engine.register_relation(self.reached, failed)
        names = list(self._variables.values())
        here = self.reached(*self.state)
        engine.add_rule(self.reached(*self.start))
        for step in self.steps:
            body = _z3.And(here, *self._facts, step)
            engine.add_rule(_z3.ForAll(names, _z3.Implies(body, self.reached(*self.then))))
        for wrong in self.wrong:
            engine.add_rule(_z3.ForAll(names, _z3.Implies(_z3.And(here, *self._facts, wrong), failed())))
        if engine.query(failed()) != _z3.unsat:
            return False
        found = engine.get_cover_delta(-1, self.reached)
        return self._inductive(found, rlimit, milliseconds)

    def _inductive(self, invariant: Any, rlimit: int, milliseconds: int) -> bool:
        """Whether an invariant holds at the start, holds on after every step, and rules out what is wrong."""
        solver = _z3.SolverFor("QF_LIA", ctx=self._context)
        solver.set("rlimit", rlimit)
        solver.set("timeout", milliseconds)

        def impossible(*conditions: Any) -> bool:
            solver.push()
            solver.add(*conditions)
            answer = solver.check()
            solver.pop()
            return bool(answer == _z3.unsat)

        def at(values: list[Any]) -> Any:
            return _z3.substitute_vars(invariant, *values)

        here, broken = at(self.state), _z3.Not(at(self.then))
        return (
            impossible(_z3.Not(at(self.start)))
            and all(impossible(here, *self._facts, step, broken) for step in self.steps)
            and all(impossible(here, *self._facts, wrong) for wrong in self.wrong)
        )

    # --- nodes

    @property
    def _variables(self) -> dict[Node, Any]:
        kinds = (Flag, Whole, Member, Same, Length)
        return {node: ast for node, ast in self._asts.items() if isinstance(node, kinds)}

    def _ast(self, root: Node) -> Any:
        for node in below([root]):
            if node not in self._asts and not isinstance(node, Text):
                self._asts[node] = self._made(node)
        return self._asts[root]

    def _made(self, node: Node) -> Any:
        asts, context = self._asts, self._context
        match node:
            case Truth(value):
                return _z3.BoolVal(value, context)
            case Flag() | Member() | Same():
                return _z3.Bool(f"b{len(asts)}", context)
            case Whole():
                return _z3.Int(f"i{len(asts)}", context)
            case Length(text):
                made = _z3.Int(f"i{len(asts)}", context)
                self._facts += [made >= 0, made <= text.limit]
                return made
            case Neg(operand):
                return _z3.Not(asts[operand])
            case All(items):
                return _z3.And(*(asts[item] for item in items))
            case Some(items):
                return _z3.Or(*(asts[item] for item in items))
            case Number(constant, terms):
                summands = [asts[unknown] * factor for unknown, factor in terms]
                return _z3.Sum(_z3.IntVal(constant, context), *summands)
            case Pick(condition, then, otherwise):
                return _z3.If(asts[condition], asts[then], asts[otherwise])
            case AtMost(number):
                return asts[number] <= 0
            case IsZero(number):
                return asts[number] == 0
            case Text():
                raise TypeError(f"expected a formula or a number, found the text {node.name!r}")
