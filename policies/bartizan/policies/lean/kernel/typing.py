"""Types of values that are known to be well typed: nothing is checked here, only computed."""

from __future__ import annotations

from ..calculus.terms import Const, Level, Succ
from .constants import Constant, Eliminator, Family
from .errors import KernelError
from .levels import Levels
from .machine import Machine
from .naturals import NAT
from .values import Field, Free, Function, Natural, Product, Stuck, Universe, Value


class Typing:
    """Computes types with ``machine``."""

    def __init__(self, machine: Machine, levels: Levels) -> None:
        self.machine, self.levels = machine, levels
        self.constants: dict[str, Constant] = machine.constants
        self.types: dict[Const, Value] = {}

    def of_constant(self, const: Const) -> Value:
        """The type of a constant, its level parameters instantiated."""
        found = self.types.get(const)
        if found is None:
            constant = self.constants[const.name]
            type = self.machine.at_levels(constant.type, constant, const)
            found = self.types[const] = self.machine.delay(type, ())
        return found

    def of(self, value: Value) -> Value:
        """The type of ``value``, which is no lambda and no product."""
        value = self.machine.force(value)
        if isinstance(value, Stuck):
            if value.type is None:
                value.type = self._of_stuck(value)
            return value.type
        if isinstance(value, Natural):
            return self.machine.delay(NAT, ())
        if isinstance(value, Universe):
            return Universe(Succ(value.level))
        raise KernelError("the type of a function or of a product is asked for")

    def _of_stuck(self, value: Stuck) -> Value:
        head = value.head
        if isinstance(head, Free):
            type = head.type
        elif isinstance(head, Field):
            type = self.field(head.type_name, head.index, head.struct, self.of(head.struct))
        else:
            type = self.of_constant(head)
        for arg in value.args:
            type = self.instantiate(type, arg)
        return type

    def instantiate(self, type: Value, arg: Value) -> Value:
        """The type of a function of type ``type`` applied to ``arg``."""
        product = self.machine.whnf(type)
        if not isinstance(product, Product):
            raise KernelError("something that is no function is applied")
        return self.machine.evaluate(product.term.body, (*product.env, arg))

    def family(self, type: Value) -> tuple[Family, Stuck] | None:
        """The inductive family that ``type`` belongs to, and ``type`` reduced to it; None if it is none."""
        type = self.machine.whnf(type)
        if isinstance(type, Stuck) and isinstance(type.head, Const):
            found = self.constants[type.head.name].family
            if found is not None:
                return found, type
        return None

    def field(self, structure: str, index: int, struct: Value, type: Value) -> Value:
        """The type of field ``index`` of ``struct``, whose type is ``type``."""
        found = self.family(type)
        if found is None or found[0].name != structure or len(found[0].constructors) != 1:
            raise KernelError(f"a field of something that is no {structure}")
        family, reduced = found
        assert isinstance(reduced.head, Const)
        result = self.of_constant(Const(family.constructors[0], reduced.head.levels))
        for param in reduced.args[: family.params]:
            result = self.instantiate(result, param)
        for place in range(index):
            result = self.instantiate(result, Stuck(Field(structure, place, struct), ()))
        product = self.machine.whnf(result)
        if not isinstance(product, Product):
            raise KernelError(f"{structure} has no field {index}")
        return product.domain

    def sort(self, type: Value) -> Level | None:
        """The level of the universe that ``type`` lives in; None where only an instance would tell (a product)."""
        reduced = self.machine.whnf(type)
        if isinstance(reduced, (Product, Function)):
            return None
        universe = self.machine.whnf(self.of(reduced))
        return universe.level if isinstance(universe, Universe) else None

    def is_proposition(self, type: Value) -> bool:
        """Whether ``type`` is a Prop: a product is one if what it ends in is."""
        while True:
            type = self.machine.whnf(type)
            if not isinstance(type, Product):
                break
            any_argument = Stuck(Free(type.term.name, type.domain), ())
            type = self.machine.evaluate(type.term.body, (*type.env, any_argument))
        level = self.sort(type)
        return level is not None and self.levels.is_zero(level)

    def eta_major(self, major: Value, eliminator: Eliminator) -> Value | None:
        """``major`` as its constructor's application to its own fields, if it is of a structure that is no Prop."""
        family = self.constants[eliminator.family].family
        if family is None or not family.is_structure or not isinstance(major, Stuck):
            return None
        found = self.family(self.of(major))
        if found is None or found[0] is not family or self.is_proposition(found[1]):
            return None
        assert isinstance(found[1].head, Const)
        made = self.constants[family.constructors[0]].made
        assert made is not None
        fields = (Stuck(Field(family.name, place, major), ()) for place in range(made.fields))
        return Stuck(
            Const(family.constructors[0], found[1].head.levels), (*found[1].args[: family.params], *fields)
        )
