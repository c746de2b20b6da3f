"""One shape for the arguments of a tool whose declaration changed, so that both versions can be asked of one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...language.types import Any, Enum, Field, List, Record, ToolDecl, Type
from ...policy import CheckedPolicy
from ..encode.symbols import Amount, Elements, Fields, Symbol
from ..formula import TRUE, Formula
from ..inquiry import Inquiry


class Incomparable(Exception):
    """Two types of one argument have no values in common that the analysis could compare."""


def widened(policies: Sequence[CheckedPolicy], tool: str) -> CheckedPolicy:
    """The first of the policies, with the tool's arguments as wide as in any of them.

    Raises:
        Incomparable: the arguments have types that share no values.
    """
    first, *others = policies
    args = first.tools[tool].args
    for other in others:
        merged = _merge(other.tools[tool].args, args, "args")
        assert isinstance(merged, Record | Any)
        args = merged
    return replace(first, tools={**first.tools, tool: replace(first.tools[tool], args=args)})


def conforms(decl: ToolDecl, inquiry: Inquiry) -> Formula:
    """Whether the call of an inquiry into a widened declaration conforms to ``decl``."""
    return _conforms(decl.args, inquiry.moment.inputs["args"], inquiry)


def _merge(old: Type, new: Type, path: str) -> Type:
    if old == new:
        return new
    match old, new:
        case Enum(xs), Enum(ys):
            return Enum((*xs, *(y for y in ys if y not in xs)))
        case List(x, m), List(y, n) if m == n:
            return List(_merge(x, y, f"{path}[]"), m)
        case Record(), Record():
            return _merge_records(old, new, path)
        case _:
            raise Incomparable(f"{path} is {old} in one version and {new} in the other")


def _merge_records(old: Record, new: Record, path: str) -> Record:
    fields: list[tuple[str, Field]] = []
    for name in dict.fromkeys((*old.names, *new.names)):
        a, b = old.get(name), new.get(name)
        if a is None or b is None:
            only = a or b
            assert only is not None
            fields.append((name, Field(only.type, optional=True)))
        else:
            fields.append((name, Field(_merge(a.type, b.type, f"{path}.{name}"), a.optional or b.optional)))
    return Record(tuple(fields))


def _conforms(type_: Type, symbol: Symbol, inquiry: Inquiry) -> Formula:
    """Whether a value of the merged type has the narrower one."""
    f = inquiry.formulas
    match type_, symbol:
        case Enum(values), Amount(_, number):
            return f.some(f.equal(number, inquiry.encoder.number(v, type_)) for v in values)
        case List(element), Elements(_, length, items):
            return f.all(
                f.implies(f.less(f.constant(i), length), _conforms(element, item, inquiry))
                for i, item in enumerate(items)
            )
        case Record(), Fields(fields):
            return f.all(_field_conforms(type_.get(n), p, s, inquiry) for n, (p, s) in fields.items())
        case _:
            return TRUE


def _field_conforms(field: Field | None, present: Formula, symbol: Symbol, inquiry: Inquiry) -> Formula:
    f = inquiry.formulas
    if field is None:
        return f.neg(present)
    inner = f.implies(present, _conforms(field.type, symbol, inquiry))
    return inner if field.optional else f.both(present, inner)
