"""What is not known yet when a term is made: holes, levels, and first-order unification."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bartizan.policies.lean.calculus.build import (
    app,
    instantiate,
    instantiate_level,
    instantiate_levels,
    lam,
    local,
    parts,
    pi,
    replace,
    spine,
)
from bartizan.policies.lean.calculus.terms import (
    TYPE,
    ZERO,
    Const,
    Expr,
    IMax,
    Lam,
    Level,
    Local,
    Max,
    Param,
    Pi,
    Sort,
    Succ,
)

from .syntax import Unreadable


@dataclass(frozen=True)
class Known:
    """A constant: its type, whose implicit binders are left out when it is applied, and what it abbreviates."""

    levels: tuple[str, ...]
    type: Expr
    value: Expr | None = None


@dataclass(frozen=True)
class Family:
    """An inductive type, as patterns need it."""

    name: str
    levels: int
    params: int
    constructors: tuple[str, ...]


Scope = Mapping[str, Local]


@dataclass
class Unknowns:
    """``known`` are the constants, ``families`` the inductive types, by name."""

    known: Mapping[str, Known]
    families: Mapping[str, Family]
    _terms: dict[Local, Expr] = field(default_factory=dict)
    _levels: dict[str, Level] = field(default_factory=dict)
    _holes: set[Local] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def constructors(self, variable: Local) -> list[tuple[Expr, list[Local]]]:
        """Every constructor of a variable's type, applied to new variables."""
        head, args = spine(self.reduced(variable.type))
        family = self.families.get(head.name) if isinstance(head, Const) else None
        if family is None or not isinstance(head, Const):
            raise Unreadable(f"cannot go through the cases of {variable.type}")
        made = []
        for name in family.constructors:
            known, term = self.known[name], app(Const(name, head.levels), *args[: family.params])
            type = self._after(
                instantiate_levels(known.type, known.levels, head.levels), args[: family.params]
            )
            fields: list[Local] = []
            while isinstance(type, Pi):
                fields.append(local(type.name, type.type))
                type = instantiate(type.body, [fields[-1]])
            made.append((app(term, *fields), fields))
        return made

    def _after(self, type: Expr, args: Sequence[Expr]) -> Expr:
        for arg in args:
            binder = self.reduced(type)
            assert isinstance(binder, Pi)
            type = instantiate(binder.body, [arg])
        return type

    def closed(self, term: Expr) -> Expr:
        """``term`` with everything that was found out; refused where something was not."""
        done = self.settled(term)
        if done.has_locals or any(isinstance(level, Param) for level in _levels(done)):
            raise Unreadable(f"cannot tell what is left out in {done}")
        return done

    def forall(self, variables: Sequence[Local], body: Expr) -> Expr:
        """``∀ variables, body``, with what is known by now of their types."""
        return pi(*self._renewed(variables, body))

    def function(self, variables: Sequence[Local], body: Expr) -> Expr:
        """``fun variables => body``, likewise."""
        return lam(*self._renewed(variables, body))

    def _renewed(self, variables: Sequence[Local], body: Expr) -> tuple[list[Local], Expr]:
        body, made, new = self.settled(body), [], dict[Local, Expr]()
        for each in variables:
            made.append(local(each.name, swapped(self.settled(each.type), new), each.kind))
            new[each] = made[-1]
        return made, swapped(body, new)

    def _type_of(self, constant: Expr) -> Expr:
        assert isinstance(constant, Const)
        known = self.known[constant.name]
        return instantiate_levels(known.type, known.levels, constant.levels)

    def _kind(self, type: Expr) -> Expr:
        """The sort of a type, as far as a hole can be one."""
        type = self.settled(type)
        if isinstance(type, Pi):  # levels of products are met in no statement of ours
            return self._kind(type.body)
        head, args = spine(type)
        kind = (
            self._type_of(head) if isinstance(head, Const) else head.type if isinstance(head, Local) else TYPE
        )
        return self._after(kind, args)

    def hole(self, type: Expr) -> Local:
        made = local("?", type)
        self._holes.add(made)
        return made

    def _level(self) -> Level:
        return Param(f"?{next(self._numbers)}")

    def settled(self, term: Expr) -> Expr:
        """``term`` with the holes filled that have been filled."""

        def change(part: Expr, depth: int) -> Expr | None:
            if isinstance(part, Local):
                if part in self._terms:
                    return self.settled(self._terms[part])
                return part
            if isinstance(part, Const) and part.has_params:
                return Const(part.name, tuple(map(self._settled_level, part.levels)))
            if isinstance(part, Sort) and part.has_params:
                return Sort(self._settled_level(part.level))
            return None if part.has_locals or part.has_params else part

        return replace(term, change)

    def _settled_level(self, level: Level) -> Level:
        while True:
            after = instantiate_level(level, self._levels)
            if after is level:
                return _simple(level)
            level = after

    def reduced(self, term: Expr) -> Expr:
        """``term`` with its head settled, applied and, if it is an abbreviation, unfolded."""
        while True:
            term = self.settled(term)
            head, args = spine(term)
            if isinstance(head, Lam) and args:
                term = app(instantiate(head.body, [args[0]]), *args[1:])
            elif isinstance(head, Const) and self.known[head.name].value is not None:
                known = self.known[head.name]
                assert known.value is not None
                term = app(instantiate_levels(known.value, known.levels, head.levels), *args)
            else:
                return term

    def _try(self, found: Expr, wanted: Expr) -> None:
        before = dict(self._terms), dict(self._levels)
        try:
            self.unify(found, wanted)
        except Unreadable:
            self._terms, self._levels = before

    def unify(self, a: Expr, b: Expr) -> None:
        """Makes both the same, or raises :class:`Unreadable`."""
        a, b = self.settled(a), self.settled(b)
        if a is b:
            return
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Local) and one in self._holes:
                if one in _locals(other):
                    raise Unreadable(f"{one} inside {other}")
                self._terms[one] = other
                if isinstance(self.reduced(one.type), Sort):  # a type, whose level may be what is sought
                    self.unify(self._kind(other), one.type)
                return
        if isinstance(a, Sort) and isinstance(b, Sort):
            self._unify_levels(a.level, b.level)
        elif isinstance(a, Pi) and isinstance(b, Pi):
            self.unify(a.type, b.type)
            here = local(a.name, a.type)
            self.unify(instantiate(a.body, [here]), instantiate(b.body, [here]))
        elif not self._same_spine(a, b):
            after = self.reduced(a), self.reduced(b)
            if after == (a, b):
                raise Unreadable(f"{a} is not {b}")
            self.unify(*after)

    def _same_spine(self, a: Expr, b: Expr) -> bool:
        (f, xs), (g, ys) = spine(a), spine(b)
        if len(xs) != len(ys):
            return False
        if isinstance(f, Const) and isinstance(g, Const) and f.name == g.name:
            for left, right in zip(f.levels, g.levels, strict=True):
                self._unify_levels(left, right)
        elif f is not g or not xs:
            return False
        for x, y in zip(xs, ys, strict=True):
            self.unify(x, y)
        return True

    def _unify_levels(self, a: Level, b: Level) -> None:
        a, b = self._settled_level(a), self._settled_level(b)
        if a is b:
            return
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Param) and one.name.startswith("?"):
                self._levels[one.name] = other
                return
        if isinstance(a, Succ) and isinstance(b, Succ):
            self._unify_levels(a.of, b.of)
        else:
            raise Unreadable(f"level {a} is not {b}")


def _simple(level: Level) -> Level:
    """A level of numbers only as one number."""
    if isinstance(level, Max | IMax):
        left, right = _number(level.left), _number(level.right)
        if left is not None and right is not None:
            return _level(0 if isinstance(level, IMax) and right == 0 else max(left, right))
    return level


def _number(level: Level) -> int | None:
    count = 0
    while isinstance(level, Succ):
        level, count = level.of, count + 1
    return count if level is ZERO else None


def _level(number: int) -> Level:
    level = ZERO
    for _ in range(number):
        level = Succ(level)
    return level


def swapped(term: Expr, new: Mapping[Local, Expr]) -> Expr:
    """``term`` with locals replaced."""
    if not new or not term.has_locals:
        return term
    return replace(term, lambda part, depth: new.get(part) if isinstance(part, Local) else None)


def _locals(term: Expr) -> set[Local]:
    return {part for part in parts(term) if isinstance(part, Local)} if term.has_locals else set()


def _levels(term: Expr) -> set[Level]:
    found: set[Level] = set()
    for part in parts(term):
        if isinstance(part, Const):
            found.update(part.levels)
        elif isinstance(part, Sort):
            found.add(part.level)
    return found
