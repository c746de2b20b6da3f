"""Proofs by cases and induction, which are recursors, and by rewriting, which is the recursor of equality."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..calculus.build import app, instantiate, lam, local, parts, pi, replace, spine
from ..calculus.terms import ZERO, App, Const, Expr, Local, Pi
from . import syntax
from .context import telescope
from .obvious import Mistake, Obvious
from .syntax import Syntax

Closing: TypeAlias = Callable[[str, list[Local], list[Local], Expr], Expr]
"""Proves the goal of a case: constructor, fields, induction hypotheses, goal."""


class Proving(Obvious, ABC):
    """What a ``match``, a ``rw`` and an ``auto`` are."""

    @abstractmethod
    def elaborate(self, term: Syntax, expected: Expr | None = None) -> Expr:
        """The term that a source term is."""

    @abstractmethod
    def check(self, term: Syntax, expected: Expr) -> Expr:
        """The term of an expected type."""

    def match(self, term: syntax.Match, expected: Expr) -> Expr:
        subject = self.settle(self.elaborate(term.subject))
        arms = {arm.constructor: arm for arm in term.arms}

        def arm(name: str, fields: list[Local], hypotheses: list[Local], goal: Expr) -> Expr:
            short = name.rpartition(".")[2]
            if short not in arms and "_" in arms:
                return self.check(arms["_"].body, goal)
            if short not in arms:
                raise Mistake(f"no arm for {short}")
            names = arms[short].names
            if len(names) not in (len(fields), len(fields) + len(hypotheses)):
                raise Mistake(f"{short} has {len(fields)} fields, found {names}")
            for each, written in zip([*fields, *hypotheses], names, strict=False):
                each.name = written
            for each in [*fields, *hypotheses][len(names) :]:
                each.name = "_"
            return self.check(arms[short].body, goal)

        unknown = set(arms) - {"_"} - {c.rpartition(".")[2] for c in self.shape_of(subject).constructors}
        if unknown:
            raise Mistake(f"no constructors {sorted(unknown)}")
        return self.cases(subject, expected, arm, term.equation)

    def cases(self, subject: Expr, expected: Expr, arm: Closing, equation: str | None = None) -> Expr:
        """The recursor on ``subject``; in a proof, hypotheses that mention it are generalised along."""
        shape = self.shape_of(subject)
        if shape.indices:
            raise Mistake(f"{shape.name} has indices")
        type_ = self.whnf(self.settle(self.infer(subject)))
        head, params = spine(type_)
        assert isinstance(head, Const)
        moved = self.moved(subject) if self.is_proposition(expected) else []
        place = local("x", type_)
        sort = Const("Eq", (self.sort_of(type_),))

        def goal_at(value: Expr) -> Expr:
            goal = pi(moved, expected)
            if equation is None:
                return _with(goal, subject, value)
            same = local(equation, app(sort, type_, subject, place))
            return _with(pi([same], _with(goal, subject, place)), place, value)

        goal = goal_at(place)
        level = self.settle_level(self.sort_of(goal))
        if not shape.large and level is not ZERO:
            raise Mistake(f"{shape.name} can be taken apart for proofs only")
        names = [*([equation] if equation is not None else []), *(each.name for each in moved)]
        outer, minors = list(self.scope), []
        for index, name in enumerate(shape.constructors):
            constructor = app(Const(name, head.levels), *params)
            inside, _ = telescope(self.infer(constructor))
            hypotheses = [local("ih", goal_at(inside[i])) for i in shape.recursive[index]]
            here, kept = goal_at(app(constructor, *inside)), []
            for each in names:
                assert isinstance(here, Pi)
                kept.append(local(each, here.type))
                here = instantiate(here.body, [kept[-1]])
            self.scope = [each for each in outer if each not in moved and each is not subject]
            self.scope += [*inside, *hypotheses, *kept]
            made = self.settle(arm(name, inside, hypotheses, here))
            minors.append(lam([*inside, *hypotheses, *kept], made))
        self.scope = outer
        levels = (level, *head.levels) if shape.large else head.levels
        result = app(Const(f"{shape.name}.rec", levels), *params, lam([place], goal), *minors, subject)
        if equation is not None:
            result = app(result, app(Const("Eq.refl", sort.levels), type_, subject))
        return app(result, *moved)

    def moved(self, subject: Expr) -> list[Local]:
        """The hypotheses that are generalised when ``subject`` is taken apart: those that mention it."""
        found: list[Local] = []
        for each in self.scope:
            each.type = self.settle(each.type)
            if each is not subject and any(part is subject or part in found for part in parts(each.type)):
                found.append(each)
        return found

    # --- rewriting

    def rewrite(self, rules: Sequence[tuple[bool, Syntax]], body: Syntax, expected: Expr) -> Expr:
        """The goal with the left side of each equation replaced by its right side (backwards after an arrow)."""
        if not rules:
            return self.check(body, expected)
        (backwards, rule), rest = rules[0], rules[1:]
        proof = self.elaborate(rule)
        equation = self.whnf(self.settle(self.infer(proof)))
        while isinstance(equation, Pi):
            unknown = self.unknown(equation.type)
            proof, equation = App(proof, unknown), self.whnf(instantiate(equation.body, [unknown]))
        head, args = spine(equation)
        if not isinstance(head, Const) or head.name != "Eq":
            raise Mistake(f"not an equation: {self.settle(equation)}")
        type_, left, right = args
        if backwards:
            left, right = right, left
        found = self._occurrence(expected, self.settle(left))
        if found is None:
            raise Mistake(f"{self.settle(left)} does not occur in {expected}")
        proof, left, right, type_ = self.settle(proof), found, self.settle(right), self.settle(type_)
        level = self.sort_of(type_)
        place = local("x", type_)
        inner = self.rewrite(rest, body, _with(expected, left, right))
        # Eq.rec goes from the left side of an equation to its right side: from `right` to `left` here
        symmetric = proof if backwards else app(Const("Eq.symm", (level,)), type_, left, right, proof)
        step = local("h", app(Const("Eq", (level,)), type_, right, place))
        motive = lam([place, step], _with(expected, left, place))
        return app(Const("Eq.rec", (ZERO, level)), type_, right, motive, inner, left, symmetric)

    def _occurrence(self, goal: Expr, pattern: Expr) -> Expr | None:
        """The first part of the goal that the pattern fits, settled."""
        if not self.has_unknowns(pattern):
            return pattern if any(part is pattern for part in parts(goal)) else None
        head, args = spine(pattern)
        for part in parts(goal):
            if part.loose:
                continue
            other, others = spine(part)
            if (
                len(others) == len(args)
                and (other is head or _same_constant(other, head))
                and self.unify(pattern, part)
            ):
                return self.settle(part)
        return None

    # --- what closes by itself

    def auto(self, cases: Sequence[Syntax | Expr], expected: Expr) -> Expr:
        if cases:
            subject = self.settle(cases[0] if isinstance(cases[0], Expr) else self.elaborate(cases[0]))

            def arm(name: str, fields: list[Local], hyps: list[Local], goal: Expr) -> Expr:
                return self.auto([*filter(self.is_enumeration, fields), *cases[1:]], self.settle(goal))

            return self.cases(subject, expected, arm)
        found = self.obvious(expected)
        if found is None:
            known = "\n  ".join(f"{each.name} : {self.settle(each.type)}" for each in self.scope)
            raise Mistake(f"not obvious: {expected}\n  {known}")
        return found


def _same_constant(one: Expr, other: Expr) -> bool:
    return isinstance(one, Const) and isinstance(other, Const) and one.name == other.name


def _with(expr: Expr, old: Expr, new: Expr) -> Expr:
    """``expr`` with one part replaced wherever it occurs."""
    if old is new:
        return expr
    return replace(expr, lambda part, depth: new if part is old else None)
