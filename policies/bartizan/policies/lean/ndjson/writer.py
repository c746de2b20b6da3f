"""Writing: from declarations to lines, deterministically."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from ..calculus import names
from ..calculus.build import bottom_up, inside, subterms
from ..calculus.declarations import (
    Axiom,
    Declaration,
    Definition,
    Inductive,
    Opaque,
    Quotient,
    Recursor,
    Theorem,
)
from ..calculus.terms import (
    ZERO,
    App,
    Const,
    Expr,
    IMax,
    Lam,
    Let,
    Level,
    Lit,
    Max,
    Param,
    Pi,
    Proj,
    Sort,
    Succ,
    Var,
)
from .facts import facts
from .numerals import render
from .reader import VERSION

_HINTS = ("abbrev", "opaque")


def write(declarations: Iterable[Declaration]) -> str:
    """The file that declares ``declarations`` in order, ending in a line break.

    Raises:
        ValueError: an inductive declaration lacks its recursors (those of an ``Environment`` have them), or a term has
            free variables.
    """
    writer = Writer()
    for declaration in declarations:
        writer.declaration(declaration)
    return "".join(f"{line}\n" for line in writer.lines)


class Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[tuple[str | int, ...], int] = {(): 0}
        self.levels: dict[Level, int] = {ZERO: 0}
        self.exprs: dict[Expr, int] = {}
        # Lean's githash is that of no commit: no Lean wrote this file.
        meta = {
            "exporter": {"name": "bartizan", "version": VERSION},
            "lean": {"githash": "", "version": ""},
            "format": {"version": VERSION},
        }
        self.line({"meta": meta})

    def line(self, value: dict[str, Any]) -> None:
        self.lines.append(json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True))

    def number(self, table: dict[Any, int], key: Hashable, tag: str, value: dict[str, Any]) -> int:
        table[key] = number = len(table)
        self.line({tag: number, **value})
        return number

    def name(self, name: str) -> int:
        components = tuple(names.split(name))
        number = 0
        for end in range(1, len(components) + 1):
            prefix, before, last = components[:end], number, components[end - 1]
            found = self.names.get(prefix)
            if found is None:
                tag, key = ("num", "i") if isinstance(last, int) else ("str", "str")
                found = self.number(self.names, prefix, "in", {tag: {"pre": before, key: last}})
            number = found
        return number

    def all_names(self, many: Iterable[str]) -> list[int]:
        return [self.name(each) for each in many]

    def level(self, level: Level) -> int:
        for part in bottom_up(level, inside, self.levels):
            numbers = [self.levels[each] for each in inside(part)]
            if isinstance(part, Succ):
                value: dict[str, Any] = {"succ": numbers[0]}
            elif isinstance(part, (Max, IMax)):
                value = {"max" if isinstance(part, Max) else "imax": numbers}
            else:
                assert isinstance(part, Param)
                value = {"param": self.name(part.name)}
            self.number(self.levels, part, "il", value)
        return self.levels[level]

    def expr(self, expr: Expr) -> int:
        for part in bottom_up(expr, subterms, self.exprs):
            self.number(self.exprs, part, "ie", self.part(part))
        return self.exprs[expr]

    def part(self, expr: Expr) -> dict[str, Any]:
        """One expression whose parts have numbers."""
        known = self.exprs
        if isinstance(expr, App):
            return {"app": {"fn": known[expr.fn], "arg": known[expr.arg]}}
        if isinstance(expr, Var):
            return {"bvar": expr.index}
        if isinstance(expr, Const):
            return {"const": {"name": self.name(expr.name), "us": [self.level(each) for each in expr.levels]}}
        if isinstance(expr, (Lam, Pi)):
            tag = "lam" if isinstance(expr, Lam) else "forallE"
            binder = {"name": self.name(expr.name), "type": known[expr.type], "body": known[expr.body]}
            return {tag: {**binder, "binderInfo": expr.kind}}
        if isinstance(expr, Sort):
            return {"sort": self.level(expr.level)}
        if isinstance(expr, Lit):
            return {"natVal": render(expr.value)}
        if isinstance(expr, Proj):
            struct = known[expr.struct]
            return {"proj": {"typeName": self.name(expr.type_name), "idx": expr.index, "struct": struct}}
        if isinstance(expr, Let):
            inner = {"type": known[expr.type], "value": known[expr.value], "body": known[expr.body]}
            return {"letE": {"name": self.name(expr.name), **inner, "nondep": False}}
        raise ValueError(f"not a closed term: {expr!r}")

    # --- declarations

    def declaration(self, declaration: Declaration) -> None:
        if isinstance(declaration, Inductive):
            self.line({"inductive": self.inductive(declaration)})
            return
        head: dict[str, Any] = {
            "name": self.name(declaration.name),
            "levelParams": self.params(declaration.level_params),
            "type": self.expr(declaration.type),
        }
        if isinstance(declaration, Axiom):
            self.line({"axiom": {**head, "isUnsafe": False}})
            return
        if isinstance(declaration, Quotient):
            self.line({"quot": {**head, "kind": declaration.kind}})
            return
        head |= {"value": self.expr(declaration.value), "all": [head["name"]]}
        if isinstance(declaration, Theorem):
            self.line({"thm": head})
        elif isinstance(declaration, Opaque):
            self.line({"opaque": {**head, "isUnsafe": False}})
        else:
            assert isinstance(declaration, Definition)
            hint = declaration.hint
            self.line(
                {"def": {**head, "safety": "safe", "hints": hint if hint in _HINTS else {"regular": hint}}}
            )

    def params(self, level_params: Sequence[str]) -> list[int]:
        for each in level_params:
            self.level(Param(each))
        return self.all_names(level_params)

    def inductive(self, declaration: Inductive) -> dict[str, Any]:
        if declaration.recursors is None:
            raise ValueError(
                f"{declaration.name} lacks its recursors: write the declarations of an Environment"
            )
        known = facts(declaration)
        types, constructors = [], []
        common: dict[str, Any] = {
            "levelParams": self.params(declaration.level_params),
            "numParams": declaration.params,
            "isUnsafe": False,
        }
        everything = self.all_names(type.name for type in declaration.types)
        for type, indices in zip(declaration.types, known.indices, strict=True):
            about = {
                "numIndices": indices,
                "isRec": known.recursive,
                "isReflexive": known.reflexive,
                "numNested": 0,
            }
            named = {"name": self.name(type.name), "type": self.expr(type.type), "all": everything}
            types.append(
                {**common, **named, **about, "ctors": self.all_names(each.name for each in type.constructors)}
            )
            for place, each in enumerate(type.constructors):
                made = {
                    "name": self.name(each.name),
                    "type": self.expr(each.type),
                    "induct": self.name(type.name),
                }
                constructors.append({**common, **made, "cidx": place, "numFields": known.fields[each.name]})
        recursors = [self.recursor(each, everything) for each in declaration.recursors]
        return {"types": types, "ctors": constructors, "recs": recursors}

    def recursor(self, recursor: Recursor, everything: list[int]) -> dict[str, Any]:
        return {
            "name": self.name(recursor.name),
            "levelParams": self.params(recursor.level_params),
            "type": self.expr(recursor.type),
            "all": everything,
            "numParams": recursor.params,
            "numIndices": recursor.indices,
            "numMotives": recursor.motives,
            "numMinors": recursor.minors,
            "rules": [
                {"ctor": self.name(rule.constructor), "nfields": rule.fields, "rhs": self.expr(rule.rhs)}
                for rule in recursor.rules
            ],
            "k": recursor.k,
            "isUnsafe": False,
        }
