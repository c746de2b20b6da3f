"""The record of an inductive declaration, with the recursors that Lean 4 derives for it, worked out independently.

Covers what the corpus needs: parameters, indices, recursive fields behind arrows, mutual types; no nested types.
Sources: Dybjer, "Inductive families" (1994); Carneiro, "The Type Theory of Lean" (2019), section 2.6.
The record is made of plain lists and dicts, so that a member of the corpus spoils exactly one thing in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.policies.lean.corpus.forge import (
    Term,
    app,
    bind,
    const,
    open_,
    pi,
    sort,
    spine,
    telescope,
    variable,
)

Binder = tuple[Term, str, Term]


@dataclass(frozen=True)
class Type:
    """One type of a block: its full type (parameters first) and its constructors in order."""

    name: str
    type: Term
    constructors: tuple[tuple[str, Term], ...] = ()


def block(
    *types: Type, params: int = 0, levels: tuple[str, ...] = (), large: bool = True, k: bool = False
) -> dict[str, Any]:
    """The record; `large`: the recursor eliminates into every sort; `k`: it reduces without looking at its argument."""
    deriver = _Deriver(types, params, levels, large)
    names = [each.name for each in types]
    recursive = any(
        deriver.recursive(field) for _, _, fields, _ in deriver.constructors() for field in fields
    )
    reflexive = any(
        found is not None and bool(found[0])
        for _, _, fields, _ in deriver.constructors()
        for found in map(deriver.recursive, fields)
    )
    return {
        "types": [
            {
                "name": each.name,
                "levelParams": levels,
                "type": each.type,
                "numParams": params,
                "numIndices": len(telescope(each.type)[0]) - params,
                "all": names,
                "ctors": [name for name, _ in each.constructors],
                "numNested": 0,
                "isRec": recursive,
                "isUnsafe": False,
                "isReflexive": reflexive,
            }
            for each in types
        ],
        "ctors": [
            {
                "name": name,
                "levelParams": levels,
                "type": type_,
                "induct": each.name,
                "cidx": place,
                "numParams": params,
                "numFields": len(telescope(type_)[0]) - params,
                "isUnsafe": False,
            }
            for each in types
            for place, (name, type_) in enumerate(each.constructors)
        ],
        "recs": [deriver.recursor(place, names, k) for place in range(len(types))],
    }


class _Deriver:
    def __init__(self, types: tuple[Type, ...], params: int, levels: tuple[str, ...], large: bool) -> None:
        self.types, self.count, self.levels = types, params, levels
        self.elim = "u_1" if "u" in levels else "u"
        self.sort = sort(self.elim) if large else sort(0)
        self.rec_levels = (self.elim, *levels) if large else levels
        self.params = telescope(types[0].type, params)[0]
        variables = [free for free, _, _ in self.params]
        self.motives: list[Binder] = []
        for place, each in enumerate(types):
            indices = self._indices(each)
            major = ("t", app(const(each.name, *levels), *variables, *(free for free, _, _ in indices)))
            domain = bind("pi", indices, pi(*major, self.sort))
            name = "motive" if len(types) == 1 else f"motive_{place + 1}"
            self.motives.append((variable(name), name, domain))
        self.minors = [self._minor(*constructor) for constructor in self.constructors()]

    def _under(self, type_: Term) -> Term:
        """`type_` applied to the common parameters."""
        for free, _, _ in self.params:
            assert type_.kind == "pi", "fewer parameters than the block says"
            type_ = open_(type_.parts[2], free)
        return type_

    def _indices(self, each: Type) -> list[Binder]:
        return telescope(self._under(each.type))[0]

    def constructors(self) -> list[tuple[str, int, list[Binder], Term]]:
        """Name, the place of its type, fields and result, over the common parameters."""
        return [
            (name, place, *telescope(self._under(type_)))
            for place, each in enumerate(self.types)
            for name, type_ in each.constructors
        ]

    def recursive(self, field: Binder) -> tuple[list[Binder], int, list[Term]] | None:
        """For a field `xs -> I params indices`: xs, the place of I, and the indices."""
        binders, result = telescope(field[2])
        head, arguments = spine(result)
        for place, each in enumerate(self.types):
            if head == const(each.name, *self.levels):
                return binders, place, arguments[self.count :]
        return None

    def _minor(self, name: str, place: int, fields: list[Binder], result: Term) -> Binder:
        hypotheses: list[Binder] = []
        for field in fields:
            found = self.recursive(field)
            if found is not None:
                binders, target, indices = found
                applied = app(field[0], *(free for free, _, _ in binders))
                domain = bind("pi", binders, app(self.motives[target][0], *indices, applied))
                hypotheses.append((variable("ih"), f"{field[1]}_ih", domain))
        made = app(const(name, *self.levels), *(free for free, _, _ in (*self.params, *fields)))
        indices = spine(result)[1][self.count :]
        conclusion = app(self.motives[place][0], *indices, made)
        short = name.split(".")[-1]
        return variable(short), short, bind("pi", [*fields, *hypotheses], conclusion)

    def _rule(self, minor: Binder, name: str, fields: list[Binder]) -> dict[str, Any]:
        prefix = [*self.params, *self.motives, *self.minors]
        arguments = [free for free, _, _ in fields]
        for field in fields:
            found = self.recursive(field)
            if found is not None:
                binders, target, indices = found
                recursor = const(f"{self.types[target].name}.rec", *self.rec_levels)
                applied = app(field[0], *(free for free, _, _ in binders))
                value = app(recursor, *(free for free, _, _ in prefix), *indices, applied)
                arguments.append(bind("lam", binders, value))
        body = app(minor[0], *arguments)
        return {"ctor": name, "nfields": len(fields), "rhs": bind("lam", [*prefix, *fields], body)}

    def recursor(self, place: int, names: list[str], k: bool) -> dict[str, Any]:
        each = self.types[place]
        indices = self._indices(each)
        variables = [free for free, _, _ in (*self.params, *indices)]
        major: Binder = (variable("t"), "t", app(const(each.name, *self.levels), *variables))
        conclusion = app(self.motives[place][0], *(free for free, _, _ in (*indices, major)))
        rules = [
            self._rule(minor, name, fields)
            for minor, (name, target, fields, _) in zip(self.minors, self.constructors(), strict=True)
            if target == place
        ]
        return {
            "name": f"{each.name}.rec",
            "levelParams": self.rec_levels,
            "type": bind("pi", [*self.params, *self.motives, *self.minors, *indices, major], conclusion),
            "all": names,
            "numParams": self.count,
            "numIndices": len(indices),
            "numMotives": len(self.motives),
            "numMinors": len(self.minors),
            "rules": rules,
            "k": k,
            "isUnsafe": False,
        }
