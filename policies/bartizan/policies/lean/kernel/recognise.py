"""Recognises the functions on natural numbers that may be computed, as they are declared."""

from __future__ import annotations

from ..calculus.declarations import Axiom, Definition, Opaque, Theorem
from ..calculus.terms import Expr
from .conversion import Conversion
from .inductive import alike
from .levels import Levels
from .machine import Machine
from .naturals import FUNCTIONS, RULES, SUCC, THEOREMS


class Recogniser:
    """Registers operations with ``machine``; see :mod:`.naturals` for when."""

    def __init__(self, machine: Machine, conversion: Conversion, levels: Levels) -> None:
        self.machine, self.conversion, self.levels = machine, conversion, levels

    def look_at(self, declaration: Axiom | Definition | Theorem | Opaque) -> None:
        """Compute what ``declaration``, the newest one, defines or speaks of, if it allows that."""
        if SUCC.name not in self.machine.operations:  # Nat is not declared
            return
        if isinstance(declaration, Definition) and declaration.name in RULES:
            self._by_equations(declaration.name)
        if isinstance(declaration, Theorem) and declaration.name in THEOREMS:
            self._by_theorem(declaration)

    def _by_equations(self, name: str) -> None:
        rule, delay = RULES[name], self.machine.delay
        if not FUNCTIONS.intersection(need for need, _ in rule.needs) <= self.machine.operations.keys():
            return
        if not all(self._has_type(each, type) for each, type in ((name, rule.type), *rule.needs)):
            return
        if all(self.conversion.equal(delay(left, ()), delay(right, ())) for left, right in rule.equations):
            self.machine.operations[name] = rule.operation

    def _by_theorem(self, theorem: Theorem) -> None:
        rule = THEOREMS[theorem.name]
        name = rule.operation.name
        if not set(rule.needs) <= self.machine.operations.keys() or not self._has_type(name, rule.type):
            return
        if not theorem.level_params and alike(theorem.type, rule.statement, self.levels):
            self.machine.operations[name] = rule.operation

    def _has_type(self, name: str, type: Expr) -> bool:
        constant = self.machine.constants.get(name)
        return constant is not None and not constant.level_params and alike(constant.type, type, self.levels)
