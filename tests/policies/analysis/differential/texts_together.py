"""Questions about several texts at once, of a shape that has an answer by arithmetic or by trying all words."""

from __future__ import annotations

from itertools import product
from random import Random

from bartizan.policies.analysis.formula import Formula, Formulas, Model
from bartizan.policies.analysis.solve import Solver, Unsat
from bartizan.policies.regular import one_of, regex

LIMIT = 20


def difference_agrees(seed: int) -> None:
    """Texts with few words each, some of which must differ: the solver finds words exactly if there are some."""
    random = Random(seed)
    make = Formulas()
    texts = [make.text(name, 4) for name in "uvwxy"]
    words = [random.sample("abc", random.choice((1, 2, 2, 3))) for _ in texts]
    edges = [(i, j) for i in range(5) for j in range(i) if random.random() < 0.5]
    asked: list[Formula] = [make.member(t, one_of(w)) for t, w in zip(texts, words, strict=True)]
    asked += [make.neg(make.same(texts[i], texts[j])) for i, j in edges]
    possible = any(all(chosen[i] != chosen[j] for i, j in edges) for chosen in product(*words))
    _answers(make, asked, possible)


def length_agrees(seed: int) -> None:
    """Texts of periodic lengths whose lengths are related: the solver does the arithmetic right."""
    random = Random(seed)
    make = Formulas()
    x, y = make.text("x", LIMIT), make.text("y", LIMIT)
    shapes = [(random.randrange(4), random.choice((2, 3, 4))) for _ in "xy"]
    asked: list[Formula] = [
        make.member(text, regex(f"b{{{start}}}(a{{{period}}})*", "full"))
        for text, (start, period) in zip((x, y), shapes, strict=True)
    ]
    first, second = ({*range(start, LIMIT + 1, period)} for start, period in shapes)
    by, low = random.randrange(-3, 4), random.randrange(12)
    high = low + random.randrange(4)
    difference = make.minus(make.length(x), make.length(y))
    asked += [make.equal(difference, make.constant(by)), make.between(low, make.length(x), high)]
    possible = any(n - by in second for n in first if low <= n <= high)
    _answers(make, asked, possible)


def _answers(make: Formulas, asked: list[Formula], possible: bool) -> None:
    found = Solver(make).check(*asked)
    assert isinstance(found, Model if possible else Unsat), f"possible: {possible}, found {found} for {asked}"
    assert not isinstance(found, Model) or all(map(found.holds, asked)), f"{found} is no model of {asked}"
