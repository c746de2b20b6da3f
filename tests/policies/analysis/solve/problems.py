"""Random small problems, and a model of each by enumeration, if it has one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from bartizan.policies.analysis.formula import (
    All,
    AtMost,
    Flag,
    Formula,
    Formulas,
    IsZero,
    Length,
    Member,
    Neg,
    Node,
    Number,
    Pick,
    Same,
    Some,
    Text,
    Truth,
    Whole,
    below,
)
from bartizan.policies.regular import Language, literal, regex

LANGUAGES = tuple(
    literal(pattern) if not pattern else regex(pattern, "full")
    for pattern in (
        "a*", "b*", "(a|b)*", "(aa)*", "(bb)*b", "a", "b", "ab", "a|b", "aa|bb|ab", ".*a.*", ".*b", "a.*", "", "..",
        ".?", "aaa|b", "(ab)*", "...", "b.b", "(...)*",
    )
)  # fmt: skip
WORDS = tuple("".join(word) for size in range(4) for word in itertools.product("ab", repeat=size))
WHOLES = range(-2, 4)

Values = dict[Node, Any]
Sense = Callable[[Values], Any]


@dataclass(frozen=True)
class Problem:
    """Formulas to satisfy together, over texts of {a, b} of at most 3 characters and integers from -2 to 3."""

    formulas: Formulas
    domain: tuple[Formula, ...]
    asked: tuple[Formula, ...]

    @property
    def every(self) -> tuple[Formula, ...]:
        return (*self.domain, *self.asked)

    def has_model(self, asked: Iterable[Formula]) -> bool:
        """Whether some assignment of the small domain satisfies ``asked``."""
        asked = tuple(asked)
        senses: dict[Node, Sense] = {}
        domains: dict[Node, Iterable[Any]] = {}
        for node in below(asked):
            if isinstance(node, Flag | Whole | Text):
                domains[node] = (
                    WORDS if isinstance(node, Text) else WHOLES if isinstance(node, Whole) else (0, 1)
                )
            senses[node] = _sense(node, senses)
        for values in itertools.product(*domains.values()):
            assignment = dict(zip(domains, values, strict=True))
            if all(senses[formula](assignment) for formula in asked):
                return True
        return False


@cache
def _matches(language: Any, word: str) -> bool:
    return Language.of(language).matches(word)


def _sense(node: Node, of: dict[Node, Sense]) -> Sense:
    match node:
        case Flag() | Whole() | Text():
            return lambda v: v[node]
        case Truth(value):
            return lambda v: value
        case Member(text, language):
            return lambda v: _matches(language, v[text])
        case Same(left, right):
            return lambda v: v[left] == v[right]
        case Length(text):
            return lambda v: len(v[text])
        case Number(constant, terms):
            return lambda v: constant + sum(factor * of[unknown](v) for unknown, factor in terms)
        case Pick(condition, then, otherwise):
            return lambda v: of[then if of[condition](v) else otherwise](v)
        case AtMost(number):
            return lambda v: of[number](v) <= 0
        case IsZero(number):
            return lambda v: of[number](v) == 0
        case Neg(operand):
            return lambda v: not of[operand](v)
        case All(items):
            return lambda v: all(of[item](v) for item in items)
        case Some(items):
            return lambda v: any(of[item](v) for item in items)


def problem(seed: int, texts: int = 3, depth: int = 3) -> Problem:
    """A random problem."""
    random = Random(seed)
    make = Formulas()
    names = [make.text(name, 3) for name in "xyz"[:texts]]
    whole = make.whole("n")
    domain = [make.member(text, regex("[ab]*", "full")) for text in names]
    domain += [make.between(WHOLES[0], whole, WHOLES[-1])]

    def number(level: int) -> Number:
        match random.choice(("constant", "whole", "length", "length") + (("sum", "pick") if level else ())):
            case "constant":
                return make.constant(random.randint(-3, 3))
            case "whole":
                return whole
            case "length":
                return make.length(random.choice(names))
            case "sum":
                return make.plus(
                    number(level - 1), make.times(random.choice((-2, -1, 1, 2, 3)), number(level - 1))
                )
        return make.pick(formula(level - 1), number(level - 1), number(level - 1))

    def formula(level: int) -> Formula:
        kinds = ("flag", "member", "member", "same") + (
            ("neg", "all", "some", "compare") * 2 if level else ()
        )
        match random.choice(kinds):
            case "flag":
                return make.flag("p")
            case "member":
                return make.member(random.choice(names), random.choice(LANGUAGES))
            case "same":
                return make.same(random.choice(names), random.choice(names))
            case "neg":
                return make.neg(formula(level - 1))
            case "compare":
                relation = random.choice((make.at_most, make.equal, make.less))
                return relation(number(level - 1), number(level - 1))
            case kind:
                items = [formula(level - 1) for _ in range(random.randint(2, 3))]
                return make.all(items) if kind == "all" else make.some(items)

    return Problem(make, tuple(domain), tuple(formula(depth) for _ in range(random.randint(1, 7))))
