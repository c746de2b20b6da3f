"""Values as expressions, for messages only: nothing is accepted because of what stands here."""

from __future__ import annotations

from ..build import app
from ..show import show
from ..terms import Const, Expr, Lam, Lit, Pi, Proj, Sort
from .machine import Machine
from .values import Field, Free, Function, Natural, Product, Stuck, Universe, Value

_DEEP = 8


def describe(machine: Machine, value: Value) -> str:
    """``value`` as people read it, not unfolded, cut where it is deep."""
    return show(_read(machine, value, _DEEP))


def _read(machine: Machine, value: Value, depth: int) -> Expr:
    if depth == 0:
        return Const("...")
    depth -= 1
    value = machine.force(value)
    if isinstance(value, Universe):
        return Sort(value.level)
    if isinstance(value, Natural):
        return Lit(value.value)
    if isinstance(value, (Product, Function)):
        term = value.term
        variable = Stuck(Free(term.name, value), ())
        type = _read(machine, machine.delay(term.type, value.env), depth)
        body = _read(machine, machine.evaluate(term.body, (*value.env, variable)), depth)
        return Pi(term.name, type, body) if isinstance(value, Product) else Lam(term.name, type, body)
    assert isinstance(value, Stuck)
    head = value.head
    if isinstance(head, Free):
        shown: Expr = Const(head.name)
    elif isinstance(head, Field):
        shown = Proj(head.type_name, head.index, _read(machine, head.struct, depth))
    else:
        shown = head
    return app(shown, *(_read(machine, each, depth) for each in value.args[:8]))
