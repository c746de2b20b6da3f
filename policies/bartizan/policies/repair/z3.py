"""The boundary to Z3: Boolean combinations of linear inequalities, built and solved anew for each call.

Nothing else here imports ``z3``, and no type of it leaves this module but as an opaque formula. The C interface is
called directly, which is several times faster than Z3's Python expressions. A Python ``bool`` is a formula too: what is
known is never handed to Z3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

try:
    import z3 as _z3  # type: ignore[import-untyped]
    from z3 import z3core as _core
except ImportError:  # pragma: no cover - depends on the installation
    _z3 = _core = None

Formula: TypeAlias = Any
"""``True``, ``False``, or what only Z3 knows."""

_SAT, _UNSAT = 1, -1


class SolverMissing(ImportError):
    """There is a number to be changed, and no solver to change it with."""

    def __init__(self) -> None:
        super().__init__(
            "repairing numbers needs Z3: expected the package z3-solver, found none; install bartizan[prove]"
        )


def available() -> bool:
    """Whether Z3 is installed."""
    return _z3 is not None


def _unchecked(function: Any) -> Any:
    """The C function under one of z3core's wrappers, which after each call ask for an error with another."""
    return function.__defaults__[0].f


class Arithmetic:
    """One problem at a time, in a Z3 context that stays warm. Confined to one thread.

    Args:
        rlimit: Z3's resource units that one :meth:`check` may spend.
        milliseconds: wall clock of one :meth:`check`, a backstop (Z3 does not keep it exactly).
    """

    def __init__(self, rlimit: int, milliseconds: int) -> None:
        if _z3 is None:
            raise SolverMissing
        self._context = _z3.Context()
        self._ref: Any = self._context.ref()
        self._bool: Any = _core.Z3_mk_bool_sort(self._ref)
        self._int: Any = _core.Z3_mk_int_sort(self._ref)
        params = _z3.ParamsRef(self._context)
        params.set("rlimit", rlimit)
        params.set("timeout", milliseconds)
        params.set("random_seed", 0)
        params.set("relevancy", 0)
        self._params = params
        self._solver: Any = None
        self._model: Any = None
        self._kept: list[Any] = []
        self._ids: dict[int, int] = {}
        self._names = 0
        self._mk_numeral = _unchecked(_core.Z3_mk_numeral)
        self._inc_ref = _unchecked(_core.Z3_inc_ref)
        self._dec_ref = _unchecked(_core.Z3_dec_ref)

    def begin(self) -> None:
        """Forget the last problem."""
        self.end()
        self._solver = _core.Z3_mk_simple_solver(self._ref)
        _core.Z3_solver_inc_ref(self._ref, self._solver)
        _core.Z3_solver_set_params(self._ref, self._solver, self._params.params)

    def end(self) -> None:
        """Give back what the problem held."""
        if self._model is not None:
            _core.Z3_model_dec_ref(self._ref, self._model)
            self._model = None
        if self._solver is not None:
            _core.Z3_solver_dec_ref(self._ref, self._solver)
            self._solver = None
        for ast in self._kept:
            self._dec_ref(self._ref, ast)
        self._kept.clear()
        self._names = 0

    def __del__(self) -> None:
        try:
            self.end()
        except (AttributeError, TypeError):  # the constructor failed, or the interpreter is shutting down
            return

    def push(self) -> None:
        """What is required from here on is forgotten at :meth:`pop`."""
        _core.Z3_solver_push(self._ref, self._solver)

    def pop(self) -> None:
        _core.Z3_solver_pop(self._ref, self._solver, 1)

    # --- formulas

    def boolean(self) -> Formula:
        """A new unknown truth value."""
        return self._constant(self._bool)

    def integer(self) -> Any:
        """A new unknown integer."""
        return self._constant(self._int)

    def at_most(self, terms: Iterable[tuple[Any, int]], bound: int) -> Formula:
        """``sum of integer * factor <= bound``."""
        summands = [self._multiple(factor, integer) for integer, factor in terms if factor]
        if not summands:
            return bound >= 0
        left = summands[0]
        if len(summands) > 1:
            left = self._keep(_core.Z3_mk_add(self._ref, len(summands), self._array(summands)))
        return self._keep(_core.Z3_mk_le(self._ref, left, self._numeral(bound)))

    def no(self, formula: Formula) -> Formula:
        if isinstance(formula, bool):
            return not formula
        return self._keep(_core.Z3_mk_not(self._ref, formula))

    def every(self, formulas: Iterable[Formula]) -> Formula:
        items = []
        for formula in formulas:
            if formula is False:
                return False
            if formula is not True:
                items.append(formula)
        if len(items) < 2:
            return items[0] if items else True
        return self._keep(_core.Z3_mk_and(self._ref, len(items), self._array(items)))

    def some(self, formulas: Iterable[Formula]) -> Formula:
        items = []
        for formula in formulas:
            if formula is True:
                return True
            if formula is not False:
                items.append(formula)
        if len(items) < 2:
            return items[0] if items else False
        return self._keep(_core.Z3_mk_or(self._ref, len(items), self._array(items)))

    def require_one(self, literals: Sequence[Formula]) -> None:
        """Exactly one of these unknown truth values holds."""
        self.require(self.some(literals))
        array = self._array(literals)
        self.require(self._keep(_core.Z3_mk_atmost(self._ref, len(literals), array, 1)))

    def require_cost(self, costs: Sequence[tuple[Formula, int]], most: int) -> None:
        """The costs of those that hold add up to ``most`` at most."""
        literals = self._array([literal for literal, _ in costs])
        weights = (_core.ctypes.c_int * len(costs))(*(cost for _, cost in costs))
        self.require(self._keep(_core.Z3_mk_pble(self._ref, len(costs), literals, weights, most)))

    def require(self, formula: Formula) -> None:
        """Assert a formula, for the rest of the problem."""
        if formula is not True:
            ast = self._keep(_core.Z3_mk_false(self._ref)) if formula is False else formula
            _core.Z3_solver_assert(self._ref, self._solver, ast)

    def implied(self, formula: Formula) -> Formula:
        """A literal that can be assumed, and that has the formula follow."""
        literal = self.boolean()
        self.require(self.some((self.no(literal), formula)))
        return literal

    # --- answers

    def check(self, assumptions: Sequence[Formula] = ()) -> Literal["sat", "unsat", "unknown"]:
        """Whether what was required holds of something, with the assumptions: literals, none of them known."""
        self._ids = {_core.Z3_get_ast_id(self._ref, literal): i for i, literal in enumerate(assumptions)}
        try:
            found = _core.Z3_solver_check_assumptions(
                self._ref, self._solver, len(assumptions), self._array(assumptions)
            )
            if found == _SAT:
                self._read(_core.Z3_solver_get_model(self._ref, self._solver))
                return "sat"
        except _z3.Z3Exception:
            return "unknown"
        return "unsat" if found == _UNSAT else "unknown"

    def core(self) -> list[int]:
        """The places of the assumptions that the last "unsat" needed."""
        vector = _core.Z3_solver_get_unsat_core(self._ref, self._solver)
        _core.Z3_ast_vector_inc_ref(self._ref, vector)
        size = _core.Z3_ast_vector_size(self._ref, vector)
        asts = [_core.Z3_ast_vector_get(self._ref, vector, index) for index in range(size)]
        found = [self._ids[_core.Z3_get_ast_id(self._ref, ast)] for ast in asts]
        _core.Z3_ast_vector_dec_ref(self._ref, vector)
        return sorted(found)

    def holds(self, literal: Formula) -> bool:
        """The value of an unknown truth value in the last model; false if it does not matter."""
        value = self._interpreted(literal)
        return bool(value) and _core.Z3_get_bool_value(self._ref, value) == 1

    def value(self, integer: Any) -> int | None:
        """The value of an integer in the last model; None if it does not matter."""
        value = self._interpreted(integer)
        return int(_core.Z3_get_numeral_string(self._ref, value)) if value else None

    # --- Z3

    def _read(self, model: Any) -> None:
        _core.Z3_model_inc_ref(self._ref, model)
        if self._model is not None:
            _core.Z3_model_dec_ref(self._ref, self._model)
        self._model = model

    def _interpreted(self, constant: Any) -> Any:
        decl = _core.Z3_get_app_decl(self._ref, _core.Z3_to_app(self._ref, constant))
        return _core.Z3_model_get_const_interp(self._ref, self._model, decl)

    def _multiple(self, factor: int, integer: Any) -> Any:
        if factor == 1:
            return integer
        return self._keep(_core.Z3_mk_mul(self._ref, 2, self._array([self._numeral(factor), integer])))

    def _numeral(self, value: int) -> Any:
        return self._keep(self._mk_numeral(self._ref, str(value).encode(), self._int))

    def _constant(self, sort: Any) -> Any:
        self._names += 1
        symbol = _core.Z3_mk_int_symbol(self._ref, self._names)
        return self._keep(_core.Z3_mk_const(self._ref, symbol, sort))

    def _keep(self, ast: Any) -> Any:
        self._inc_ref(self._ref, ast)
        self._kept.append(ast)
        return ast

    def _array(self, asts: Sequence[Any]) -> Any:
        return (_core.Ast * len(asts))(*asts)
