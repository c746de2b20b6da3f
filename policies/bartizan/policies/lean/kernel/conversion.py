"""Definitional equality of values.

Reduction without unfolding first; then proof irrelevance; then the definition of greater height is unfolded, and so
on; what cannot be unfolded is compared head by head, argument by argument, and by the eta rules of functions and
structures. "No" may be said of equal terms only where the calculus itself is undecidable; "yes" never of others.
"""

from __future__ import annotations

from ..calculus.terms import Const, Level
from .constants import Constant, Eliminator
from .errors import Task, run
from .levels import Levels
from .machine import Machine
from .typing import Typing
from .values import Field, Free, Function, Natural, Product, Stuck, Thunk, Universe, Value


class Conversion:
    """Compares values; results are remembered until :meth:`forget`."""

    def __init__(self, machine: Machine, typing: Typing, levels: Levels) -> None:
        self.machine, self.typing, self.levels = machine, typing, levels
        self._known: dict[tuple[Value, Value], bool] = {}
        machine.k_major = self.k_major
        machine.eta_major = typing.eta_major

    def forget(self) -> None:
        """Drop what was remembered, between declarations."""
        self._known.clear()

    def equal(self, left: Value, right: Value) -> bool:
        """Whether ``left`` and ``right``, both of one type or both types, are definitionally equal."""
        return left is right or run(self.task(left, right), self.machine.budget)

    def task(self, left: Value, right: Value) -> Task[bool]:
        """:meth:`equal` as a task."""
        if left is right:
            return True
        if _is_same_thunk(left, right):
            return True
        whnf = self.machine.whnf
        left, right = whnf(left, False), whnf(right, False)
        if left is right:
            return True
        key = (left, right)
        found = self._known.get(key)
        if found is None:
            self.machine.budget.spend()
            found = yield self._compare(left, right)
            self._known[key] = found
        return found

    def _compare(self, left: Value, right: Value) -> Task[bool]:
        machine = self.machine
        whnf = machine.whnf
        asked_for_proofs = False
        while left is not right:
            kind, other = left.__class__, right.__class__
            if kind is other:
                if isinstance(left, Universe):
                    return self.levels.equal(left.level, right.level)  # type: ignore[attr-defined]
                if isinstance(left, Natural):
                    return left.value == right.value  # type: ignore[attr-defined,no-any-return]
                if isinstance(left, (Product, Function)):
                    here, there = self._domain(left), self._domain(right)
                    if here is not there and not (yield self.task(here, there)):
                        return False
                    variable = Stuck(Free(left.term.name, here), ())
                    left = whnf(machine.evaluate(left.term.body, (*left.env, variable)), False)
                    right = whnf(machine.evaluate(right.term.body, (*right.env, variable)), False)  # type: ignore[attr-defined]
                    continue
            if kind is Function or other is Function:
                function = left if kind is Function else right
                if not isinstance(right if kind is Function else left, Stuck):
                    return False
                variable = Stuck(Free(function.term.name, self._domain(function)), ())  # type: ignore[attr-defined]
                left = whnf(machine.apply(left, (variable,)), False)
                right = whnf(machine.apply(right, (variable,)), False)
                continue
            if not asked_for_proofs and kind is Stuck and other is Stuck:
                asked_for_proofs = True
                type = self.typing.of(left)
                if self.typing.is_proposition(type):
                    return (yield self.task(type, self.typing.of(right)))  # type: ignore[no-any-return]
            here_constant, there_constant = machine.unfolds(left), machine.unfolds(right)
            if here_constant is None and there_constant is None:
                return (yield self._compare_rigid(left, right))  # type: ignore[no-any-return]
            same_constant = here_constant is not None and here_constant is there_constant
            if same_constant and (yield self._same_spine(left, right)):
                return True
            order = _height(here_constant) - _height(there_constant)
            if order >= 0:
                left = whnf(machine.unfold(left), False)  # type: ignore[arg-type]
            if order <= 0:
                right = whnf(machine.unfold(right), False)  # type: ignore[arg-type]
        return True

    def _domain(self, value: Value) -> Value:
        if isinstance(value, Product):
            return value.domain
        assert isinstance(value, Function)
        return self.machine.delay(value.term.type, value.env)

    def _same_spine(self, left: Value, right: Value) -> Task[bool]:
        """Whether two applications have equal heads and arguments."""
        assert isinstance(left, Stuck)
        assert isinstance(right, Stuck)
        if len(left.args) != len(right.args):
            return False
        here, there = left.head, right.head
        if here is not there:
            if isinstance(here, Const) and isinstance(there, Const):
                if here.name != there.name or not self._same_levels(here.levels, there.levels):
                    return False
            elif isinstance(here, Field) and isinstance(there, Field):
                if here.index != there.index or here.type_name != there.type_name:
                    return False
                if not (yield self.task(here.struct, there.struct)):
                    return False
            else:
                return False
        for mine, yours in zip(left.args, right.args, strict=True):
            if mine is not yours and not (yield self.task(mine, yours)):
                return False
        return True

    def _same_levels(self, left: tuple[Level, ...], right: tuple[Level, ...]) -> bool:
        return len(left) == len(right) and all(map(self.levels.equal, left, right))

    def _compare_rigid(self, left: Value, right: Value) -> Task[bool]:
        """Compare two values whose heads cannot be unfolded."""
        if isinstance(left, Natural) or isinstance(right, Natural):
            number, other = (left, right) if isinstance(left, Natural) else (right, left)
            assert isinstance(number, Natural)
            is_successor = (
                isinstance(other, Stuck) and isinstance(other.head, Const) and other.head.name == "Nat.succ"
            )
            if number.value == 0 or not is_successor or len(other.args) != 1:  # type: ignore[attr-defined]
                return False
            return (yield self.task(self.machine.predecessor(number), other.args[0]))  # type: ignore[attr-defined,no-any-return]
        if not isinstance(left, Stuck) or not isinstance(right, Stuck):
            return False
        if (yield self._same_spine(left, right)):
            return True
        for made, other in ((left, right), (right, left)):
            found = self._structure(made)
            if found is not None:
                if not (yield self.task(self.typing.of(made), self.typing.of(other))):
                    return False
                for place, mine in enumerate(made.args[found[1] :]):
                    if not (yield self.task(mine, Stuck(Field(found[0], place, other), ()))):
                        return False
                return True
        return (yield self._both_of_unit(left, right))  # type: ignore[no-any-return]

    def _structure(self, value: Stuck) -> tuple[str, int] | None:
        """The structure that ``value`` is made of by its constructor, and how many parameters it has."""
        if not isinstance(value.head, Const):
            return None
        made = self.machine.constants[value.head.name].made
        if made is None or len(value.args) != made.params + made.fields or made.fields == 0:
            return None
        family = self.machine.constants[made.family].family
        return (made.family, made.params) if family is not None and family.is_structure else None

    def _both_of_unit(self, left: Stuck, right: Stuck) -> Task[bool]:
        """Whether both are of one structure without fields, which has one element."""
        type = self.typing.of(left)
        found = self.typing.family(type)
        if found is None or not found[0].is_structure:
            return False
        made = self.machine.constants[found[0].constructors[0]].made
        if made is None or made.fields:
            return False
        return (yield self.task(type, self.typing.of(right)))  # type: ignore[no-any-return]

    def k_major(self, stuck: Stuck, eliminator: Eliminator) -> Value | None:
        """The constructor without fields that the major premise of a K-like recursor equals, if the types allow it."""
        major = self.machine.force(stuck.args[eliminator.major])
        constants = self.machine.constants
        if isinstance(major, Stuck) and isinstance(major.head, Const) and constants[major.head.name].made:
            return None
        type = self.typing.of(major)
        found = self.typing.family(type)
        if found is None or found[0].name != eliminator.family:
            return None
        assert isinstance(found[1].head, Const)
        constructor = Const(found[0].constructors[0], found[1].head.levels)
        made = Stuck(constructor, found[1].args[: eliminator.params])
        return made if self.equal(self.typing.of(made), found[1]) else None


def _is_same_thunk(left: Value, right: Value) -> bool:
    """Whether both are one unevaluated term under one environment; what is evaluated has forgotten its environment."""
    if left.__class__ is not Thunk or right.__class__ is not Thunk:
        return False
    if left.value is not None or right.value is not None:
        return False
    return left.term is right.term and left.env == right.env


def _height(constant: Constant | None) -> int:
    return -1 if constant is None else constant.height
