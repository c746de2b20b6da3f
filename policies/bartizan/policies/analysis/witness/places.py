"""The values that a call consists of, one by one: where each stands, what type it has, and its symbol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...language.types import List, Record, Type
from ..encode.inputs import step
from ..encode.symbols import Elements, Fields, Symbol
from ..formula import TRUE, Formula, Model


@dataclass(frozen=True, slots=True)
class Place:
    """``path`` is as the encoder names it (``args.rows[0].to``); ``present`` is whether an optional field is there."""

    path: str
    type: Type
    symbol: Symbol
    present: Formula = TRUE


def places(
    symbol: Symbol, type_: Type, path: str, model: Model | None, present: Formula = TRUE
) -> Iterator[Place]:
    """The value at ``path`` and all values below it that there are in the model, outer ones first; without one, all."""
    yield Place(path, type_, symbol, present)
    match type_, symbol:
        case Record(fields), Fields(symbols):
            for name, declared in fields:
                there, inner = symbols[name]
                if model is None or model.holds(there):
                    yield from places(inner, declared.type, path + step(name), model, there)
        case List(element), Elements(defined, length, items) if model is None or model.holds(defined):
            for index, item in enumerate(items if model is None else items[: model.number(length)]):
                yield from places(item, element, f"{path}[{index}]", model)


def optional_fields(symbol: Symbol, type_: Type, path: str) -> Iterator[Formula]:
    """When each optional field is there, those outside of lists first."""
    match type_, symbol:
        case Record(fields), Fields(symbols):
            for name, declared in fields:
                there, inner = symbols[name]
                if declared.optional:
                    yield there
                yield from optional_fields(inner, declared.type, path + step(name))
        case List(element), Elements(_, _, items):
            for index, item in enumerate(items):
                yield from optional_fields(item, element, f"{path}[{index}]")
