"""A second opinion: a naive checker that substitutes where the kernel evaluates, and remembers little.

It shares with the kernel only what terms are made of (`terms`, `build`). It believes the inductive declarations that it
is given, with their recursors, and that sums and comparisons are what they are called. Slow, and made to be read.
Source: Carneiro, "The Type Theory of Lean" (2019), chapter 2.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import product

from bartizan.policies.lean.calculus.build import (
    app,
    constants,
    instantiate,
    instantiate_levels,
    local,
    pi,
    spine,
)
from bartizan.policies.lean.calculus.declarations import Declaration, Definition, Inductive, Recursor, Theorem
from bartizan.policies.lean.calculus.terms import (
    ZERO,
    App,
    Const,
    Expr,
    IMax,
    Lam,
    Let,
    Level,
    Lit,
    Local,
    Max,
    Param,
    Pi,
    Proj,
    Sort,
    Succ,
)

ARITHMETIC: dict[str, Callable[[int, int], int | bool]] = {
    "Nat.add": lambda left, right: left + right,
    "Nat.sub": lambda left, right: max(left - right, 0),
    "Nat.mul": lambda left, right: left * right,
    "Nat.beq": lambda left, right: left == right,
    "Nat.ble": lambda left, right: left <= right,
}


class Doubt(Exception):
    """The referee does not accept the term."""


class Referee:
    """Checks theorems over declarations that are believed."""

    def __init__(self) -> None:
        self.types: dict[str, tuple[tuple[str, ...], Expr]] = {}
        self.values: dict[str, tuple[tuple[str, ...], Expr]] = {}
        self.heights: dict[str, int] = {}
        self.recursors: dict[str, Recursor] = {}
        self.constructors: dict[str, tuple[str, int, int]] = {}  # name: type, parameters, fields
        self.structures: dict[str, str] = {}  # types without indices and recursion: their only constructor
        self.steps = 0

    def believe(self, declaration: Declaration) -> None:
        """Take a declaration without checking it."""
        if isinstance(declaration, Inductive):
            self._believe_inductive(declaration)
            return
        self.types[declaration.name] = (declaration.level_params, declaration.type)
        if isinstance(declaration, (Definition, Theorem)):
            self.values[declaration.name] = (declaration.level_params, declaration.value)
            used = [self.heights.get(name, 0) for name in constants([declaration.value])]
            self.heights[declaration.name] = 1 + max(used, default=0)

    def _believe_inductive(self, declaration: Inductive) -> None:
        names = {each.name for each in declaration.types}
        for type in declaration.types:
            self.types[type.name] = (declaration.level_params, type.type)
            for made in type.constructors:
                self.types[made.name] = (declaration.level_params, made.type)
                fields = _binders(made.type) - declaration.params
                self.constructors[made.name] = (type.name, declaration.params, fields)
            if len(type.constructors) == 1 and _binders(type.type) == declaration.params:
                only = type.constructors[0]
                domains = list(_domains(only.type))[declaration.params :]
                if not names & constants(domains):
                    self.structures[type.name] = only.name
        assert declaration.recursors is not None
        for recursor in declaration.recursors:
            self.types[recursor.name] = (recursor.level_params, recursor.type)
            self.recursors[recursor.name] = recursor

    def accepts(self, theorem: Theorem, steps: int = 200_000) -> bool:
        """Whether the value is a proof of the statement."""
        self.steps = steps
        self._inferred: dict[Expr, Expr] = {}
        self._reduced: dict[Expr, Expr] = {}
        with _deep():
            try:
                if not same_level(self.sort(theorem.type), ZERO):
                    return False
                return self.equal(self.infer(theorem.value), theorem.type)
            except Doubt:
                return False
            except RecursionError:
                self.steps = -1
                return False

    def _step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Doubt("out of steps")

    # --- typing

    def sort(self, type: Expr) -> Level:
        found = self.whnf(self.infer(type))
        if not isinstance(found, Sort):
            raise Doubt("not a type")
        return found.level

    def infer(self, term: Expr) -> Expr:
        found = self._inferred.get(term)
        if found is None:
            self._step()
            found = self._inferred[term] = self._infer(term)
        return found

    def _infer(self, term: Expr) -> Expr:
        if isinstance(term, Local):
            return term.type
        if isinstance(term, Sort):
            return Sort(Succ(term.level))
        if isinstance(term, Lit):
            return Const("Nat")
        if isinstance(term, Const):
            if term.name not in self.types:
                raise Doubt("unknown constant")
            params, type = self.types[term.name]
            if len(params) != len(term.levels):
                raise Doubt("wrong number of levels")
            return instantiate_levels(type, params, term.levels)
        if isinstance(term, App):
            function = self.whnf(self.infer(term.fn))
            if not isinstance(function, Pi) or not self.equal(self.infer(term.arg), function.type):
                raise Doubt("a wrong argument")
            return instantiate(function.body, [term.arg])
        if isinstance(term, Lam):
            self.sort(term.type)
            variable = local(term.name, term.type)
            return pi([variable], self.infer(instantiate(term.body, [variable])))
        if isinstance(term, Pi):
            domain = self.sort(term.type)
            codomain = self.sort(instantiate(term.body, [local(term.name, term.type)]))
            return Sort(IMax(domain, codomain))
        if isinstance(term, Let):
            self.sort(term.type)
            if not self.equal(self.infer(term.value), term.type):
                raise Doubt("a wrong let")
            return self.infer(instantiate(term.body, [term.value]))
        if isinstance(term, Proj):
            return self._field(term)
        raise Doubt("no term")

    def _field(self, term: Proj) -> Expr:
        head, args = spine(self.whnf(self.infer(term.struct)))
        if not isinstance(head, Const) or head.name != term.type_name:
            raise Doubt("no structure")
        only = [name for name, (type, _, _) in self.constructors.items() if type == head.name]
        params = self.constructors[only[0]][1] if only else 0
        if len(only) != 1 or len(args) != params or term.index >= self.constructors[only[0]][2]:
            raise Doubt("no field")
        names, type = self.types[only[0]]
        type = instantiate_levels(type, names, head.levels)
        proposition = self.is_proof_type(self.infer(term.struct))
        for place in range(params + term.index + 1):
            type = self.whnf(type)
            assert isinstance(type, Pi)
            if place >= params and proposition and not self.is_proof_type(type.type):
                raise Doubt("data out of a proposition")
            if place == params + term.index:
                return type.type
            value = args[place] if place < params else Proj(head.name, place - params, term.struct)
            type = instantiate(type.body, [value])
        raise AssertionError("the loop returns")

    def is_proof_type(self, type: Expr) -> bool:
        found = self.whnf(self.infer(type))
        return isinstance(found, Sort) and same_level(found.level, ZERO)

    # --- reduction

    def whnf(self, term: Expr) -> Expr:
        found = self._reduced.get(term)
        if found is None:
            found = term
            while True:
                found = self.core(found)
                unfolded = self.unfold(found)
                if unfolded is None:
                    break
                found = unfolded
            self._reduced[term] = found
        return found

    def unfold(self, term: Expr) -> Expr | None:
        head, args = spine(term)
        if not isinstance(head, Const) or head.name not in self.values:
            return None
        params, value = self.values[head.name]
        return app(instantiate_levels(value, params, head.levels), *args)

    def core(self, term: Expr) -> Expr:
        """Reduced without unfolding the head."""
        while True:
            self._step()
            head, args = spine(term)
            if isinstance(head, Lam) and args:
                term = app(instantiate(head.body, args[:1]), *args[1:])
            elif isinstance(head, Let):
                term = app(instantiate(head.body, [head.value]), *args)
            elif isinstance(head, Proj):
                made, fields = spine(self._constructor(self.whnf(head.struct)))
                if not isinstance(made, Const) or made.name not in self.constructors:
                    return term
                term = app(fields[self.constructors[made.name][1] + head.index], *args)
            elif isinstance(head, Const) and head.name in ARITHMETIC and len(args) == 2:
                computed = self._compute(head.name, args)
                if computed is None:
                    return term
                term = computed
            elif isinstance(head, Const) and head.name in self.recursors:
                reduced = self._recurse(head, args)
                if reduced is None:
                    return term
                term = reduced
            else:
                return term

    def _constructor(self, term: Expr) -> Expr:
        """A literal as zero or a successor; everything else as it is."""
        if isinstance(term, Lit):
            return App(Const("Nat.succ"), Lit(term.value - 1)) if term.value else Const("Nat.zero")
        return term

    def _compute(self, name: str, args: list[Expr]) -> Expr | None:
        left, right = map(self.whnf, args)
        if not isinstance(left, Lit) or not isinstance(right, Lit):
            return None
        result = ARITHMETIC[name](left.value, right.value)
        if isinstance(result, bool):
            return Const("Bool.true" if result else "Bool.false")
        return Lit(result)

    def _recurse(self, head: Const, args: list[Expr]) -> Expr | None:
        recursor = self.recursors[head.name]
        first = recursor.params + recursor.motives + recursor.minors
        place = first + recursor.indices
        if len(args) <= place:
            return None
        major = args[place]
        if recursor.k:
            major = self._proof_of(recursor, major) or major
        made, fields = spine(self._constructor(self.whnf(major)))
        if not isinstance(made, Const) or made.name not in self.constructors:
            made, fields = self._by_eta(major)
        for rule in recursor.rules:
            if isinstance(made, Const) and rule.constructor == made.name:
                rhs = instantiate_levels(rule.rhs, recursor.level_params, head.levels)
                return app(rhs, *args[:first], *fields[len(fields) - rule.fields :], *args[place + 1 :])
        return None

    def _proof_of(self, recursor: Recursor, major: Expr) -> Expr | None:
        type = self.whnf(self.infer(major))
        head, args = spine(type)
        assert isinstance(head, Const)
        made = app(Const(recursor.rules[0].constructor, head.levels), *args[: recursor.params])
        return made if self.equal(self.infer(made), type) else None

    def _by_eta(self, major: Expr) -> tuple[Expr, list[Expr]]:
        type = self.whnf(self.infer(major))
        head, args = spine(type)
        if not isinstance(head, Const) or head.name not in self.structures or self.is_proof_type(type):
            return major, []
        only = self.structures[head.name]
        fields = [Proj(head.name, place, major) for place in range(self.constructors[only][2])]
        return Const(only, head.levels), [*args, *fields]

    # --- equality

    def equal(self, left: Expr, right: Expr) -> bool:
        if left is right:
            return True
        self._step()
        left, right = self.core(left), self.core(right)
        if left is right:
            return True
        if isinstance(left, Sort) and isinstance(right, Sort):
            return same_level(left.level, right.level)
        if isinstance(left, Lit) and isinstance(right, Lit):
            return left.value == right.value
        if (isinstance(left, Pi) and isinstance(right, Pi)) or (
            isinstance(left, Lam) and isinstance(right, Lam)
        ):
            if not self.equal(left.type, right.type):
                return False
            variable = local(left.name, left.type)
            return self.equal(instantiate(left.body, [variable]), instantiate(right.body, [variable]))
        for mine, yours in ((left, right), (right, left)):
            if isinstance(mine, Lam):
                variable = local(mine.name, mine.type)
                expanded = isinstance(self.whnf(self.infer(yours)), Pi)
                return expanded and self.equal(instantiate(mine.body, [variable]), App(yours, variable))
        if not isinstance(left, (Sort, Pi)) and not isinstance(right, (Sort, Pi)):
            type = self.infer(left)
            if self.is_proof_type(type):
                return self.equal(type, self.infer(right))
        if self._same_parts(left, right):
            return True
        here, there = self._height(left), self._height(right)
        if here or there:
            unfolded = self.unfold(left) if here >= there else None
            other = self.unfold(right) if there >= here else None
            return self.equal(unfolded or left, other or right)
        if isinstance(left, Lit) or isinstance(right, Lit):
            plain, also = self._constructor(left), self._constructor(right)
            return (plain is not left or also is not right) and self._same_parts(plain, also)
        return self._same_by_eta(left, right) or self._same_by_eta(right, left)

    def _height(self, term: Expr) -> int:
        head = spine(term)[0]
        return self.heights.get(head.name, 0) if isinstance(head, Const) else 0

    def _same_parts(self, left: Expr, right: Expr) -> bool:
        here, mine = spine(left)
        there, yours = spine(right)
        if len(mine) != len(yours):
            return False
        if isinstance(here, Const) and isinstance(there, Const):
            if here.name != there.name or not all(map(same_level, here.levels, there.levels)):
                return False
        elif isinstance(here, Proj) and isinstance(there, Proj):
            if (here.type_name, here.index) != (there.type_name, there.index):
                return False
            if not self.equal(here.struct, there.struct):
                return False
        elif here is not there:
            return False
        for one, other in zip(mine, yours, strict=True):  # noqa: SIM110  `all` would recurse on the stack of C
            if not self.equal(one, other):
                return False
        return True

    def _same_by_eta(self, made: Expr, other: Expr) -> bool:
        head, args = spine(made)
        if not isinstance(head, Const) or head.name not in self.constructors:
            type = self.whnf(self.infer(made))
            family = spine(type)[0]
            name = family.name if isinstance(family, Const) else ""
            unit = name in self.structures and self.constructors[self.structures[name]][2] == 0
            return unit and self.equal(type, self.infer(other))
        name, params, fields = self.constructors[head.name]
        if self.structures.get(name) != head.name or len(args) != params + fields:
            return False
        if not self.equal(self.infer(made), self.infer(other)):
            return False
        for place in range(fields):  # noqa: SIM110
            if not self.equal(args[params + place], Proj(name, place, other)):
                return False
        return True


@contextmanager
def _deep() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _binders(type: Expr) -> int:
    return sum(1 for _ in _domains(type))


def _domains(type: Expr) -> Iterator[Expr]:
    while isinstance(type, Pi):
        yield type.type
        type = type.body


def same_level(left: Level, right: Level) -> bool:
    """Whether two levels are equal for all small values of their parameters."""
    names = sorted(_parameters(left) | _parameters(right))
    for values in product(range(4), repeat=len(names)):
        known = dict(zip(names, values, strict=True))
        if _number(left, known) != _number(right, known):
            return False
    return True


def _parameters(level: Level) -> set[str]:
    if isinstance(level, Param):
        return {level.name}
    if isinstance(level, Succ):
        return _parameters(level.of)
    if isinstance(level, (Max, IMax)):
        return _parameters(level.left) | _parameters(level.right)
    return set()


def _number(level: Level, values: dict[str, int]) -> int:
    if isinstance(level, Param):
        return values[level.name]
    if isinstance(level, Succ):
        return _number(level.of, values) + 1
    if isinstance(level, (Max, IMax)):
        left, right = _number(level.left, values), _number(level.right, values)
        return 0 if isinstance(level, IMax) and right == 0 else max(left, right)
    return 0


def believing(declarations: Iterable[Declaration]) -> Referee:
    """A referee that believes ``declarations``."""
    referee = Referee()
    for declaration in declarations:
        referee.believe(declaration)
    return referee
