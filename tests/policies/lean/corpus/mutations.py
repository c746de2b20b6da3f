"""Single-step mutations of terms: one place of a proof, one change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from bartizan.policies.lean.calculus.build import app, children, spine
from bartizan.policies.lean.calculus.terms import (
    ONE,
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


@dataclass(frozen=True)
class Mutant:
    """``term`` with one change, which ``what`` describes."""

    what: str
    term: Expr


class Mutator:
    """Changes terms at random, and always the same way for one seed. ``names``: constants that may come in."""

    def __init__(self, random: Random, names: Sequence[tuple[str, int]]) -> None:
        self.random, self.names = random, names
        self.sizes: dict[Expr, int] = {}

    def mutate(self, term: Expr) -> Mutant:
        """A mutant of ``term`` that is another term, names of binders aside."""
        while True:
            path = self._path(term)
            place = path[-1]
            what, changed = self._change(place, path)
            if changed is not None and changed is not place:
                for above in reversed(path[:-1]):
                    changed, place = _with(above, place, changed, self.random), above
                return Mutant(what, changed)

    def size(self, term: Expr) -> int:
        """How many places the term has as a tree."""
        stack = [term]
        while stack:
            part = stack[-1]
            inner = [each for each, _ in children(part)]
            missing = [each for each in inner if each not in self.sizes]
            if missing:
                stack.extend(missing)
                continue
            self.sizes[part] = 1 + sum(self.sizes[each] for each in inner)
            stack.pop()
        return self.sizes[term]

    def _path(self, term: Expr) -> list[Expr]:
        """From the whole term down to one of its places, every place of the tree being as likely."""
        rest = self.random.randrange(self.size(term))
        path = [term]
        while rest > 0:
            rest -= 1
            for inner, _ in children(path[-1]):
                if rest < self.sizes[inner]:
                    path.append(inner)
                    break
                rest -= self.sizes[inner]
        return path

    # --- the changes

    def _change(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        ways = [self._graft]
        if isinstance(place, Var):
            ways += [self._variable] * 3
        elif isinstance(place, Const):
            ways += [self._constant, self._levels] if place.levels else [self._constant]
        elif isinstance(place, Sort):
            ways += [self._sort]
        elif isinstance(place, Lit):
            ways += [self._literal] * 3
        elif isinstance(place, Proj):
            ways += [self._projection]
        elif isinstance(place, App):
            ways += [self._exchange, self._drop, self._repeat, self._swap]
        elif isinstance(place, (Lam, Pi, Let)):
            ways += [self._binder, self._swap_binders, self._enter]
        return self.random.choice(ways)(place, path)

    def _graft(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        """Another part of the same term, whose variables are all bound at this place."""
        other = self._path(path[0])[-1]
        depth = sum(1 for above, below in pairwise(path) if _binds(above, below))
        return "another part", other if other.loose <= depth else None

    def _variable(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        assert isinstance(place, Var)
        return "another variable", Var(max(0, place.index + self.random.choice((-2, -1, 1, 2))))

    def _constant(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        assert isinstance(place, Const)
        name, count = self.random.choice(self.names)
        levels = place.levels if len(place.levels) == count else (ONE,) * count
        return "another constant", Const(name, levels)

    def _levels(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        assert isinstance(place, Const)
        which = self.random.randrange(len(place.levels))
        changed = [self._level(level) if each == which else level for each, level in enumerate(place.levels)]
        return "another level", Const(place.name, tuple(changed))

    def _sort(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        assert isinstance(place, Sort)
        return "another universe", Sort(self._level(place.level))

    def _level(self, level: Level) -> Level:
        choices = [Succ(level), ZERO, ONE, IMax(ONE, level), Max(level, ONE), Param("u"), Param("v")]
        if isinstance(level, Succ):
            choices.append(level.of)
        return self.random.choice(choices)

    def _literal(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        assert isinstance(place, Lit)
        return "another number", Lit(max(0, place.value + self.random.choice((-1, 1, 2**32, 2**64))))

    def _projection(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        assert isinstance(place, Proj)
        return "another field", Proj(
            place.type_name, max(0, place.index + self.random.choice((-1, 1))), place.struct
        )

    def _exchange(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        head, args = spine(place)
        first, second = (self.random.randrange(len(args)) for _ in "ab")
        args[first], args[second] = args[second], args[first]
        return "two arguments exchanged", app(head, *args)

    def _drop(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        head, args = spine(place)
        del args[self.random.randrange(len(args))]
        return "an argument dropped", app(head, *args)

    def _repeat(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        head, args = spine(place)
        args[self.random.randrange(len(args))] = self.random.choice(args)
        return "an argument for another", app(head, *args)

    def _swap(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        assert isinstance(place, App)
        return "function and argument exchanged", App(place.arg, place.fn)

    def _binder(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        if isinstance(place, Let):
            return "a function for a let", Lam(place.name, place.type, place.body)
        assert isinstance(place, (Lam, Pi))
        other = Pi if isinstance(place, Lam) else Lam
        return "function and product exchanged", other(place.name, place.type, place.body)

    def _swap_binders(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        """Two neighbouring binders change places, and what is under them stays as it is written."""
        inner = None if isinstance(place, Let) else place.body  # type: ignore[attr-defined]
        if not isinstance(inner, (Lam, Pi)) or inner.type.loose:
            return "", None
        assert isinstance(place, (Lam, Pi))
        below = type(place)(place.name, place.type, inner.body)
        return "two binders exchanged", type(inner)(inner.name, inner.type, below)

    def _enter(self, place: Expr, path: list[Expr]) -> tuple[str, Expr | None]:
        """A binder is left out."""
        assert isinstance(place, (Lam, Pi, Let))
        return "a binder dropped", place.body


def _binds(above: Expr, below: Expr) -> bool:
    return isinstance(above, (Lam, Pi, Let)) and below is above.body and below is not above.type


def _with(above: Expr, old: Expr, new: Expr, random: Random) -> Expr:
    """``above`` with its part ``old``, or one of them, replaced."""
    if isinstance(above, App):
        at_function = above.fn is old and (above.arg is not old or random.random() < 0.5)
        return App(new, above.arg) if at_function else App(above.fn, new)
    if isinstance(above, (Lam, Pi)):
        if above.type is old:
            return type(above)(above.name, new, above.body, above.kind)
        return type(above)(above.name, above.type, new, above.kind)
    if isinstance(above, Let):
        parts = [new if part is old else part for part in (above.type, above.value, above.body)]
        return Let(above.name, *parts)
    assert isinstance(above, Proj)
    return Proj(above.type_name, above.index, new)
