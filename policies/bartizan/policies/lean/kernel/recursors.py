"""The recursors of an inductive declaration, derived from its constructors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..calculus.build import app, instantiate, lam, local, pi, spine
from ..calculus.declarations import Constructor, Inductive, InductiveType, Recursor, RecursorRule
from ..calculus.names import join, split
from ..calculus.terms import ZERO, Const, Expr, Level, Local, Param, Pi, Sort


@dataclass(frozen=True, slots=True)
class Shape:
    """What the checks found out about a declaration, enough to derive its recursors.

    ``indices``: how many each type has. ``recursive``: for each constructor, for each of its fields, the place of the
    type it recurs on, or None. ``large``: whether it eliminates into every universe. ``k``: see :class:`Recursor`.
    """

    indices: tuple[int, ...]
    recursive: dict[str, tuple[int | None, ...]]
    large: bool
    k: bool


def derive(declaration: Inductive, shape: Shape) -> tuple[Recursor, ...]:
    """One recursor for each type."""
    return _Derivation(declaration, shape).recursors()


def elimination_level(level_params: tuple[str, ...]) -> str:
    """The name of the level parameter of the motive: ``u``, or the first of ``u_1``, ``u_2``, ... that is free."""
    name, count = "u", 0
    while name in level_params:
        count += 1
        name = f"u_{count}"
    return name


def recursor_name(type: str) -> str:
    """``T.rec``."""
    return join([*split(type), "rec"])


@dataclass(frozen=True, slots=True)
class _Call:
    """A recursive field: the type it is of, what it takes, and what the recursor takes after the minor premises."""

    target: int
    xs: list[Local]
    args: list[Expr]


class _Derivation:
    def __init__(self, declaration: Inductive, shape: Shape) -> None:
        self.declaration, self.shape = declaration, shape
        self.levels: tuple[Level, ...] = tuple(Param(name) for name in declaration.level_params)
        self.level_params = declaration.level_params
        self.elimination: Level = ZERO
        if shape.large:
            name = elimination_level(declaration.level_params)
            self.elimination, self.level_params = Param(name), (name, *declaration.level_params)
        self.params, _ = _open(declaration.types[0].type, declaration.params)
        self.indices = [
            _open(type.type, count, self.params)[0]
            for type, count in zip(declaration.types, shape.indices, strict=True)
        ]
        self.majors = [
            local("t", app(Const(type.name, self.levels), *self.params, *indices))
            for type, indices in zip(declaration.types, self.indices, strict=True)
        ]
        several = len(declaration.types) > 1
        self.motives = [
            local(
                f"motive_{place + 1}" if several else "motive", pi([*indices, major], Sort(self.elimination))
            )
            for place, (indices, major) in enumerate(zip(self.indices, self.majors, strict=True))
        ]
        self.fields: dict[str, list[Local]] = {}
        self.calls: dict[str, list[_Call]] = {}
        self.minors: dict[str, Local] = {}

    def recursors(self) -> tuple[Recursor, ...]:
        for place, type in enumerate(self.declaration.types):
            for constructor in type.constructors:
                self.minors[constructor.name] = self._minor(place, constructor)
        return tuple(self._recursor(place, type) for place, type in enumerate(self.declaration.types))

    def _minor(self, place: int, constructor: Constructor) -> Local:
        name, targets = constructor.name, self.shape.recursive[constructor.name]
        fields, result = _open(constructor.type, len(targets), self.params)
        self.fields[name], self.calls[name] = fields, []
        hypotheses = []
        for field, target in zip(fields, targets, strict=True):
            if target is not None:
                xs, end = _open(field.type, None)
                call = _Call(target, xs, [*spine(end)[1][len(self.params) :], app(field, *xs)])
                self.calls[name].append(call)
                hypotheses.append(local(_ih(field.name), pi(xs, app(self.motives[target], *call.args))))
        made = app(Const(name, self.levels), *self.params, *fields)
        conclusion = app(self.motives[place], *spine(result)[1][len(self.params) :], made)
        return local(join(split(name)[-1:]), pi([*fields, *hypotheses], conclusion))

    def _recursor(self, place: int, type: InductiveType) -> Recursor:
        indices, major, minors = self.indices[place], self.majors[place], list(self.minors.values())
        conclusion = app(self.motives[place], *indices, major)
        result = pi([major], conclusion)
        result = pi(indices, result, "implicit")
        result = pi(minors, result)
        result = pi([*self.params, *self.motives], result, "implicit")
        return Recursor(
            recursor_name(type.name),
            self.level_params,
            result,
            len(self.params),
            len(indices),
            len(self.motives),
            len(minors),
            tuple(self._rule(constructor.name) for constructor in type.constructors),
            self.shape.k,
        )

    def _rule(self, constructor: str) -> RecursorRule:
        fields, minors = self.fields[constructor], list(self.minors.values())
        levels = (self.elimination, *self.levels) if self.shape.large else self.levels
        calls = []
        for call in self.calls[constructor]:
            recursor = Const(recursor_name(self.declaration.types[call.target].name), levels)
            calls.append(lam(call.xs, app(recursor, *self.params, *self.motives, *minors, *call.args)))
        body = app(self.minors[constructor], *fields, *calls)
        return RecursorRule(
            constructor, len(fields), lam([*self.params, *self.motives, *minors, *fields], body)
        )


def _ih(field: str) -> str:
    return "ih" if field.endswith("»") else f"{field}_ih"


def _open(type: Expr, count: int | None, values: Sequence[Local] = ()) -> tuple[list[Local], Expr]:
    """Locals for the next ``count`` binders (None: all) of ``type``, and the rest; its first stand for ``values``."""
    known: list[Expr] = list(values)
    for _ in values:
        assert isinstance(type, Pi)
        type = type.body
    made: list[Local] = []
    while isinstance(type, Pi) and (count is None or len(made) < count):
        each = local(type.name, instantiate(type.type, known), type.kind)
        made.append(each)
        known.append(each)
        type = type.body
    return made, instantiate(type, known)
