"""Random inductive declarations: right ones, with the recursors that `derive` works out, and ones with one fault."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.forge import TYPE, Term, app, bind, const, lam, nat, pi, variable
from tests.policies.lean.corpus.prelude import BOOL, NAT, SUCC

Binder = tuple[Term, str, Term]
FAULTS = (
    "none",
    "left of an arrow",
    "in an index",
    "another parameter",
    "nested",
    "too high",
    "another type",
)


class Shaper:
    """One to two types, up to two parameters, up to one index each, recursive fields also behind arrows."""

    def __init__(self, random: Random, fault: str = "none") -> None:
        self.random, self.fault, self.done = random, fault, fault == "none"
        self.params: list[Binder] = [(variable("α"), "α", TYPE) for _ in range(random.randint(0, 2))]
        self.names = [f"T{number}" for number in range(random.randint(1, 2))]
        self.indexed = [random.random() < 0.5 for _ in self.names]

    def block(self) -> dict[str, Any] | None:
        """The record; None if the fault found no place."""
        types = []
        for place, name in enumerate(self.names):
            made = tuple(
                (f"{name}.c{number}", self.constructor(place)) for number in range(self.random.randint(0, 3))
            )
            type_ = pi("n", NAT, TYPE) if self.indexed[place] else TYPE
            types.append(Type(name, bind("pi", self.params, type_), made))
        return block(*types, params=len(self.params)) if self.done else None

    def at(self, place: int, fields: list[Binder]) -> Term:
        """One of the types at the parameters and some index."""
        self_ = app(const(self.names[place]), *(free for free, _, _ in self.params))
        return app(self_, self.number(fields)) if self.indexed[place] else self_

    def number(self, fields: list[Binder]) -> Term:
        numbers = [free for free, _, type_ in fields if type_ == NAT]
        if numbers and self.random.random() < 0.7:
            found = self.random.choice(numbers)
            return SUCC(found) if self.random.random() < 0.5 else found
        return nat(self.random.randint(0, 2))

    def constructor(self, place: int) -> Term:
        fields: list[Binder] = []
        for number in range(self.random.randint(0, 4)):
            fields.append((variable("x"), f"x{number}", self.field(fields)))
        result = self.at(place, fields)
        if self.fault == "another type" and not self.done:
            result, self.done = NAT, True
        return bind("pi", [*self.params, *fields], result)

    def field(self, fields: list[Binder]) -> Term:
        target = self.random.randrange(len(self.names))
        recursive = self.at(target, fields)
        if not self.done and self.random.random() < 0.5:
            return self.faulty(recursive, target)
        ways: list[Term] = [NAT, BOOL, recursive, recursive, *(free for free, _, _ in self.params)]
        ways.append(pi("y", self.random.choice((NAT, BOOL)), lambda _: recursive))
        ways.append(
            pi("y", NAT, lambda y: pi("z", BOOL, lambda _: self.at(target, [*fields, (y, "y", NAT)])))
        )
        ways.append(pi("y", NAT, lambda _: NAT))
        return self.random.choice(ways)

    def faulty(self, recursive: Term, target: int) -> Term:
        """A field with the fault, if one can be made here."""
        found: Term | None = None
        if self.fault == "left of an arrow":
            found = self.random.choice(
                (pi("y", recursive, lambda _: recursive), pi("y", recursive, lambda _: NAT))
            )
        elif self.fault == "in an index" and self.indexed[target]:
            choice = app(lam("t", TYPE, nat(0)), recursive)
            found = app(const(self.names[target]), *(free for free, _, _ in self.params), choice)
        elif self.fault == "another parameter" and self.params:
            others = [NAT for _ in self.params]
            found = app(const(self.names[target]), *others, *([nat(0)] if self.indexed[target] else []))
        elif self.fault == "nested":
            found = app(lam("t", TYPE, lambda t: t), recursive)
        elif self.fault == "too high":
            found = TYPE
        self.done = found is not None
        return recursive if found is None else found
