"""The boundary to Z3: the Boolean and linear part of a problem, strings left as free Booleans and lengths.

In the analyses nothing else but :mod:`.spacer` imports ``z3``, and none of its types leaves either module. Nodes are
handed to the C interface directly, which is several times faster than Z3's Python expressions; each node once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from ..answers import Unknown
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
    parts,
)
from .errors import SolverUnavailable

try:
    import z3 as _z3  # type: ignore[import-untyped]
    from z3 import z3core as _core
except ImportError as error:  # pragma: no cover - depends on the installation
    raise SolverUnavailable(
        "the analyses need Z3: expected the package z3-solver, found none; install bartizan[prove]"
    ) from error

_SAT, _UNSAT = 1, -1


def _unchecked(function: Any) -> Any:
    """The C function under one of z3core's wrappers, which after each call ask for an error with another."""
    return function.__defaults__[0].f


# These are called for every atom of every proposal, and cannot fail.
_interpretation = _unchecked(_core.Z3_model_get_const_interp)
_bool_value = _unchecked(_core.Z3_get_bool_value)


class Skeleton:
    """What Z3 knows of a problem. Confined to one thread, like the Z3 context it owns.

    Args:
        rlimit: Z3's resource units that one :meth:`check` may spend.
        milliseconds: wall clock of one :meth:`check`, a backstop (Z3 does not keep it exactly).
    """

    def __init__(self, rlimit: int, milliseconds: int) -> None:
        self._context = _z3.Context()
        self._ref: Any = self._context.ref()
        self._solver: Any = _core.Z3_mk_simple_solver(self._ref)
        _core.Z3_solver_inc_ref(self._ref, self._solver)
        self._asts: dict[Node, Any] = {}
        self._decls: dict[Node, Any] = {}
        self._selectors: dict[Formula, Any] = {}
        self._by_id: dict[int, Formula] = {}
        self._bool: Any = _core.Z3_mk_bool_sort(self._ref)
        self._int: Any = _core.Z3_mk_int_sort(self._ref)
        self._zero: Any = self._numeral(0)
        self._names = 0
        self._model: Any = None
        self._truths: dict[Node, bool] = {}
        self._integers: dict[Node, int] = {}
        self._rlimit = self._milliseconds = -1
        self.limit(rlimit, milliseconds)

    def __del__(self) -> None:
        try:
            if self._model is not None:
                _core.Z3_model_dec_ref(self._ref, self._model)
            _core.Z3_solver_dec_ref(self._ref, self._solver)
        except (AttributeError, TypeError):  # the constructor failed, or the interpreter is shutting down
            return

    def limit(self, rlimit: int, milliseconds: int) -> None:
        """Set what one :meth:`check` may spend."""
        if (rlimit, milliseconds) != (self._rlimit, self._milliseconds):
            self._rlimit, self._milliseconds = rlimit, milliseconds
            params = _z3.ParamsRef(self._context)
            params.set("rlimit", rlimit)
            params.set("timeout", milliseconds)
            params.set("random_seed", 0)
            # As it was last, and false at first: a text is in few of many languages. Always false first never finds
            # sixteen elements that are all different.
            params.set("phase_selection", 2)
            params.set("relevancy", 0)  # measured: checks of a thousand assumptions take half the time
            _core.Z3_solver_set_params(self._ref, self._solver, params.params)

    # --- nodes

    def require(self, formula: Formula) -> None:
        """Assert a formula, for good."""
        self._assert(self._ast(formula))

    def _assert(self, ast: Any) -> None:
        _core.Z3_solver_assert(self._ref, self._solver, ast)

    def _selector(self, formula: Formula) -> Any:
        """A literal that can be assumed, and that has the formula follow."""
        found = self._selectors.get(formula)
        if found is None:
            ast = self._ast(formula)
            inner = formula.operand if isinstance(formula, Neg) else formula
            if isinstance(inner, Flag | Member | Same):
                found = ast
            else:
                found = self._constant(self._bool)
                self._assert(self._kept(_core.Z3_mk_implies(self._ref, found, ast)))
            self._selectors[formula] = found
            self._by_id[_core.Z3_get_ast_id(self._ref, found)] = formula
        return found

    def _ast(self, root: Node) -> Any:
        """The Z3 expression of a node; children first, so that deep formulas need no deep stack."""
        asts = self._asts
        stack: list[Node] = [root]
        while stack:
            node = stack[-1]
            if node in asts:
                stack.pop()
                continue
            missing = [part for part in parts(node) if part not in asts and not isinstance(part, Text)]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            asts[node] = self._made(node)
        return asts[root]

    def _made(self, node: Node) -> Any:
        ref, asts = self._ref, self._asts
        match node:
            case Truth(value):
                made = (_core.Z3_mk_true if value else _core.Z3_mk_false)(ref)
            case Flag() | Member() | Same():
                return self._variable(node, self._bool)
            case Whole():
                return self._variable(node, self._int)
            case Length(text):
                made = self._variable(node, self._int)
                self._assert(self._kept(_core.Z3_mk_le(ref, self._zero, made)))
                self._assert(self._kept(_core.Z3_mk_le(ref, made, self._numeral(text.limit))))
                return made
            case Neg(operand):
                made = _core.Z3_mk_not(ref, asts[operand])
            case All(items):
                made = _core.Z3_mk_and(ref, len(items), self._array([asts[item] for item in items]))
            case Some(items):
                made = _core.Z3_mk_or(ref, len(items), self._array([asts[item] for item in items]))
            case Number(constant, terms):
                made = self._sum(constant, [(asts[unknown], factor) for unknown, factor in terms])
            case Pick(condition, then, otherwise):
                made = _core.Z3_mk_ite(ref, asts[condition], asts[then], asts[otherwise])
            case AtMost(number):
                made = self._compared(_core.Z3_mk_le, number)
            case IsZero(number):
                made = self._compared(_core.Z3_mk_eq, number)
            case Text():
                raise TypeError(f"expected a formula or a number, found the text {node.name!r}")
        return self._kept(made)

    def _compared(self, relation: Any, number: Number) -> Any:
        """``number <= 0`` or ``number == 0``, with the constant on the right, where Z3 wants it."""
        left = self._sum(0, [(self._asts[unknown], factor) for unknown, factor in number.terms])
        return relation(self._ref, left, self._numeral(-number.constant))

    def _sum(self, constant: int, terms: Sequence[tuple[Any, int]]) -> Any:
        ref = self._ref
        summands = [ast if factor == 1 else self._multiple(factor, ast) for ast, factor in terms]
        if constant or not summands:
            summands.append(self._numeral(constant))
        if len(summands) == 1:
            return summands[0]
        return self._kept(_core.Z3_mk_add(ref, len(summands), self._array(summands)))

    def _multiple(self, factor: int, ast: Any) -> Any:
        return self._kept(_core.Z3_mk_mul(self._ref, 2, self._array([self._numeral(factor), ast])))

    def _numeral(self, value: int) -> Any:
        return self._kept(_core.Z3_mk_numeral(self._ref, str(value), self._int))

    def _variable(self, node: Node, sort: Any) -> Any:
        constant = self._constant(sort)
        self._decls[node] = _core.Z3_get_app_decl(self._ref, _core.Z3_to_app(self._ref, constant))
        return constant

    def _constant(self, sort: Any) -> Any:
        self._names += 1
        symbol = _core.Z3_mk_int_symbol(self._ref, self._names)
        return self._kept(_core.Z3_mk_const(self._ref, symbol, sort))

    def _kept(self, ast: Any) -> Any:
        """Keep an expression for as long as the context lives; else Z3 drops it at the next call but one."""
        _core.Z3_inc_ref(self._ref, ast)
        return ast

    def _array(self, asts: Sequence[Any]) -> Any:
        return (_core.Ast * len(asts))(*asts)

    # --- checks

    def check(
        self, assumptions: Iterable[Formula], with_model: bool = True
    ) -> Literal["sat", "unsat"] | Unknown:
        """Whether what was required and the assumptions can be true together, for all Z3 knows."""
        assumptions = list(assumptions)
        selectors = [self._selector(formula) for formula in assumptions]
        try:
            found = _core.Z3_solver_check_assumptions(
                self._ref, self._solver, len(selectors), self._array(selectors)
            )
            if found == _SAT and not with_model:
                return "sat"
            if found == _SAT:
                self._read(_core.Z3_solver_get_model(self._ref, self._solver))
                self._truths = {formula: True for formula in assumptions if isinstance(formula, Flag)}
                for formula in assumptions:
                    if isinstance(formula, Neg) and isinstance(formula.operand, Flag):
                        self._truths[formula.operand] = False
                return "sat"
            if found == _UNSAT:
                return "unsat"
            reason = _core.Z3_solver_get_reason_unknown(self._ref, self._solver)
        except _z3.Z3Exception as error:
            reason = str(error)
        return Unknown(f"Z3 gave up: {reason}")

    def core(self) -> list[Formula]:
        """The assumptions that the last "unsat" needed."""
        vector = _core.Z3_solver_get_unsat_core(self._ref, self._solver)
        _core.Z3_ast_vector_inc_ref(self._ref, vector)
        size = _core.Z3_ast_vector_size(self._ref, vector)
        asts = [_core.Z3_ast_vector_get(self._ref, vector, index) for index in range(size)]
        found = [self._by_id[_core.Z3_get_ast_id(self._ref, ast)] for ast in asts]
        _core.Z3_ast_vector_dec_ref(self._ref, vector)
        return found

    def _read(self, model: Any) -> None:
        _core.Z3_model_inc_ref(self._ref, model)
        if self._model is not None:
            _core.Z3_model_dec_ref(self._ref, self._model)
        self._model = model
        self._truths = {}
        self._integers = {}

    def truth(self, atom: Flag | Member | Same) -> bool:
        """The value of a Boolean in the last model; false if it does not matter."""
        found = self._truths.get(atom)
        if found is None:
            decl = self._decls.get(atom)
            value = None if decl is None else _interpretation(self._ref, self._model, decl)
            found = bool(value) and _bool_value(self._ref, value) == 1
            self._truths[atom] = found
        return found

    def integer(self, unknown: Whole | Length) -> int:
        """The value of an integer in the last model; 0 if it does not matter."""
        found = self._integers.get(unknown)
        if found is None:
            decl = self._decls.get(unknown)
            value = None if decl is None else _interpretation(self._ref, self._model, decl)
            found = int(_core.Z3_get_numeral_string(self._ref, value)) if value else 0
            self._integers[unknown] = found
        return found

    def values(self) -> tuple[dict[Flag, bool], dict[Whole, int]]:
        """The values of flags and integers that were asked for in the last model."""
        flags = {atom: value for atom, value in self._truths.items() if isinstance(atom, Flag)}
        return flags, {each: value for each, value in self._integers.items() if isinstance(each, Whole)}


def pure_z3(script: str, milliseconds: int, rlimit: int) -> Literal["sat", "unsat", "unknown"]:
    """What Z3's own string solver says of an SMT-LIB script. For benchmarks: never a verdict."""
    solver = _z3.Solver(ctx=_z3.Context())
    solver.set("timeout", milliseconds)
    solver.set("rlimit", rlimit)
    try:
        solver.from_string(script)
        found = solver.check()
    except _z3.Z3Exception:
        return "unknown"
    if found == _z3.sat:
        return "sat"
    return "unsat" if found == _z3.unsat else "unknown"
