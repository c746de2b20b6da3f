"""Random equations between well-typed terms: numbers, truth values, pairs, functions, proofs, definitions, lets.

The right side is the left one with a part replaced by another of the same type, or written in another way; both
checkers must say the same of each.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from bartizan.policies.lean.calculus.build import app, arrow, lam, let, local, parts, replace
from bartizan.policies.lean.calculus.declarations import Declaration, Definition
from bartizan.policies.lean.calculus.terms import ONE, ZERO, Const, Expr, Lam, Lit, Local, Pi, Proj

NAT, BOOL, TRUE = Const("Nat"), Const("Bool"), Const("True")
PAIR = app(Const("Prod", (ZERO, ZERO)), NAT, BOOL)
UNARY, BINARY, TEST = arrow(NAT, NAT), arrow(NAT, NAT, NAT), arrow(BOOL, BOOL)
Way = Callable[[Expr, list[Local], int], Expr]
TYPES = [NAT, BOOL, PAIR, UNARY, TEST, TRUE]


class Maker:
    """Makes terms; ``definitions`` are those that it has made, to be declared first."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.definitions: list[Definition] = []

    def define(self, count: int) -> list[Declaration]:
        """Functions of three arguments, with bodies in which arguments and parts recur."""
        for number in range(count):
            domains = [self.random.choice(TYPES) for _ in range(3)]
            variables = [local(f"x{place}", domain) for place, domain in enumerate(domains)]
            result = self.random.choice(TYPES[:4])
            value = lam(variables, self.term(result, variables, 4))
            self.definitions.append(
                Definition(f"made.d{number}", (), arrow(*domains, result), value, number + 1)
            )
        return list(self.definitions)

    def equation(self) -> tuple[list[Local], Expr, Expr, Expr]:
        """Variables, a type, and two terms of it."""
        variables = [local(f"v{place}", self.random.choice(TYPES)) for place in range(3)]
        type = self.random.choice(TYPES[:5])
        left = self.term(type, variables, 5)
        way = self.random.random()
        if way < 0.45:
            right = self.rewrite(left, variables, 1.0)
        elif way < 0.9:
            right = self.rewrite(left, variables, 0.6)
        else:
            right = self.term(type, variables, 3)
        return variables, type, left, right

    # --- terms of a type

    def term(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        same = [each for each in variables if each.type is type]
        if same and self.random.random() < (0.3 if depth else 0.8):
            return self.random.choice(same)
        if isinstance(type, Pi):
            variable = local("f", type.type)
            return lam([variable], self.term(type.body, [*variables, variable], max(depth - 1, 0)))
        if depth <= 0:
            return self.simple(type)
        return self.random.choice(self.ways(type))(type, variables, depth - 1)

    def ways(self, type: Expr) -> list[Way]:
        common = [self.choose, self.redex, self.bound, self.applied, self.defined, self.defined]
        if type is NAT:
            return [*common, self.successor, self.first, self.recursion, self.recursion]
        if type is BOOL:
            return [*common, self.second]
        if type is PAIR:
            return [*common, self.pair, self.pair]
        return [*common, lambda type, variables, depth: self.simple(type)]

    def simple(self, type: Expr) -> Expr:
        if type is NAT:
            return self.random.choice([Lit(0), Lit(1), Lit(2), Const("Nat.zero")])
        if type is BOOL:
            return Const(self.random.choice(("Bool.true", "Bool.false")))
        if type is PAIR:
            return app(Const("Prod.mk", (ZERO, ZERO)), NAT, BOOL, self.simple(NAT), self.simple(BOOL))
        return Const("True.intro")

    def choose(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        motive = Lam("b", BOOL, type)
        level = ZERO if type is TRUE else ONE
        test, no, yes = (self.term(each, variables, depth) for each in (BOOL, type, type))
        return app(Const("Bool.rec", (level,)), motive, no, yes, test)

    def redex(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        variable = local("r", self.random.choice(TYPES))
        body = self.term(type, [*variables, variable], depth)
        return app(lam([variable], body), self.term(variable.type, variables, depth))

    def bound(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        variable = local("l", self.random.choice(TYPES))
        value = self.term(variable.type, variables, depth)
        return let(variable, value, self.term(type, [*variables, variable], depth))

    def applied(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        functions = [each for each in variables if isinstance(each.type, Pi) and each.type.body is type]
        if not functions:
            return self.term(type, variables, depth)
        function = self.random.choice(functions)
        assert isinstance(function.type, Pi)
        return app(function, self.term(function.type.type, variables, depth))

    def defined(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        known = []
        for each in self.definitions:
            domains, result = [], each.type
            for _ in range(3):
                assert isinstance(result, Pi)
                domains.append(result.type)
                result = result.body
            if result is type:
                known.append((each.name, domains))
        if not known:
            return self.term(type, variables, depth)
        name, domains = self.random.choice(known)
        return app(Const(name), *(self.term(domain, variables, depth) for domain in domains))

    def successor(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        return app(Const("Nat.succ"), self.term(NAT, variables, depth))

    def first(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        return Proj("Prod", 0, self.term(PAIR, variables, depth))

    def second(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        return Proj("Prod", 1, self.term(PAIR, variables, depth))

    def pair(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        parts = (self.term(each, variables, depth) for each in (NAT, BOOL))
        return app(Const("Prod.mk", (ZERO, ZERO)), NAT, BOOL, *parts)

    def recursion(self, type: Expr, variables: list[Local], depth: int) -> Expr:
        k, ih = local("k", NAT), local("ih", NAT)
        step = lam([k, ih], self.term(NAT, [*variables, k, ih], depth))
        start, end = self.term(NAT, variables, depth), self.term(NAT, variables, depth)
        return app(Const("Nat.rec", (ONE,)), Lam("n", NAT, NAT), start, step, end)

    # --- the same term in another way, or nearly

    def rewrite(self, term: Expr, variables: list[Local], faith: float) -> Expr:
        """``term`` after a few changes; each keeps the meaning with probability ``faith``."""
        for _ in range(self.random.randint(1, 2)):
            term = self._rewrite_once(term, variables, faith)
        return term

    def _rewrite_once(self, term: Expr, variables: list[Local], faith: float) -> Expr:
        values = {each.name: each.value for each in self.definitions}
        if self.random.random() < faith:
            target = self.random.choice(
                [each for each in parts(term) if isinstance(each, Const) and each.name in values] or [term]
            )
            if isinstance(target, Const) and target.name in values:
                return _replace(term, target, values[target.name])
            return app(Lam("_", NAT, term), Lit(0)) if term.loose == 0 else term
        places = [
            each for each in parts(term) if isinstance(each, (Local, Lit)) or each is Const("Bool.true")
        ]
        if not places:
            return term
        old = self.random.choice(places)
        type = old.type if isinstance(old, Local) else NAT if isinstance(old, Lit) else BOOL
        return _replace(term, old, self.term(type, variables, 1))


def _replace(term: Expr, old: Expr, new: Expr) -> Expr:
    return replace(term, lambda part, depth: new if part is old else None)
