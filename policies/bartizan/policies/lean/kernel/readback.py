"""Values as expressions, for messages only: nothing is accepted because of what stands here."""

from __future__ import annotations

from ..calculus.build import app
from ..calculus.show import show
from ..calculus.terms import Const, Expr, Lam, Lit, Pi, Proj, Sort
from .machine import Machine
from .values import Field, Free, Function, Natural, Product, Stuck, Universe, Value

_DEEP = 8
_PARTS = 150


def describe(machine: Machine, value: Value) -> str:
    """``value`` as people read it, not unfolded, cut where it is deep or large."""
    return show(_Reader(machine).read(value, _DEEP))


class _Reader:
    def __init__(self, machine: Machine) -> None:
        self.machine, self.parts = machine, 0

    def read(self, value: Value, depth: int) -> Expr:
        self.parts += 1
        if depth == 0 or self.parts > _PARTS:
            return Const("...")
        depth -= 1
        machine = self.machine
        value = machine.force(value)
        if isinstance(value, Universe):
            return Sort(value.level)
        if isinstance(value, Natural):
            return Lit(value.value)
        if isinstance(value, (Product, Function)):
            term = value.term
            variable = Stuck(Free(term.name, value), ())
            type = self.read(machine.delay(term.type, value.env), depth)
            body = self.read(machine.evaluate(term.body, (*value.env, variable)), depth)
            return Pi(term.name, type, body) if isinstance(value, Product) else Lam(term.name, type, body)
        assert isinstance(value, Stuck)
        head = value.head
        if isinstance(head, Free):
            shown: Expr = Const(head.name)
        elif isinstance(head, Field):
            shown = Proj(head.type_name, head.index, self.read(head.struct, depth))
        else:
            shown = head
        return app(shown, *(self.read(each, depth) for each in value.args[:8]))
