"""Linear arithmetic on whole numbers: whether known comparisons contradict each other, and by which sum.

Each comparison says that some linear form is at most 0. Variables are eliminated one by one (Fourier and Motzkin), with
the weights of what was added up; a form without variables that is positive is the contradiction (Farkas' lemma).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from ..encoding.model import Comparison, Num, Number, Sum, Times, Variable
from ..encoding.tree import Known, Linear

MOST = 600
"""Forms that may be made before it is given up."""


@dataclass(frozen=True, slots=True)
class Form:
    """``sum of coefficients * variables + constant``, at most 0, with the comparisons it was added up of."""

    coefficients: Mapping[int, int]
    constant: int
    weights: Mapping[int, int]


def contradiction(known: Mapping[Comparison, bool]) -> Linear | None:
    """A sum of known comparisons that cannot be, if one is found."""
    facts: list[tuple[Comparison, bool]] = []
    for comparison, value in known.items():
        if comparison.op != "eq":
            facts.append((comparison, value))
        elif value:  # of an equation, the value says which of the two inequalities is meant
            facts += [(comparison, True), (comparison, False)]
    found = _eliminated([_form(comparison, value, index) for index, (comparison, value) in enumerate(facts)])
    if found is None:
        return None
    taken = sorted(found.weights.items())
    return Linear(
        tuple(Known(c.op, c.left, c.right, v, weight) for i, weight in taken for c, v in (facts[i],))
    )


def impossible(added: Sequence[Known]) -> bool:
    """Whether the comparisons, as often as each is taken, add up to a positive number that is at most 0."""
    total: dict[int, int] = {}
    constant = 0
    for index, each in enumerate(added):
        form = _form(each.comparison, each.value, index)
        constant += each.weight * form.constant
        for name, coefficient in form.coefficients.items():
            total[name] = total.get(name, 0) + each.weight * coefficient
    return constant > 0 and not any(total.values())


def _form(comparison: Comparison, value: bool, index: int) -> Form:
    """What a comparison says, as a form that is at most 0."""
    left, right = _linear(comparison.left), _linear(comparison.right)
    strict = comparison.op != "eq" and (comparison.op == "lt") is value
    if not value:
        left, right = right, left
    names = {**left[0], **right[0]}
    coefficients = {name: left[0].get(name, 0) - right[0].get(name, 0) for name in names}
    coefficients = {name: each for name, each in coefficients.items() if each}
    return Form(coefficients, left[1] - right[1] + strict, {index: 1})


def _linear(num: Num) -> tuple[dict[int, int], int]:
    match num:
        case Number(value):
            return {}, value
        case Variable(index):
            return {index: 1}, 0
        case Times(factor, operand):
            coefficients, constant = _linear(operand)
            return {name: factor * each for name, each in coefficients.items()}, factor * constant
        case Sum(left, right):
            (first, one), (second, two) = _linear(left), _linear(right)
            return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}, one + two


def _eliminated(forms: Sequence[Form]) -> Form | None:
    forms = list(forms)
    while True:
        for form in forms:
            if not form.coefficients and form.constant > 0:
                return form
        forms = [form for form in forms if form.coefficients]
        if not forms:
            return None
        names = {name for form in forms for name in form.coefficients}

        def cost(name: int, among: Sequence[Form] = tuple(forms)) -> tuple[int, int]:
            signs = [form.coefficients.get(name, 0) for form in among]
            return sum(s > 0 for s in signs) * sum(s < 0 for s in signs), name

        name = min(names, key=cost)
        above = [form for form in forms if form.coefficients.get(name, 0) > 0]
        below = [form for form in forms if form.coefficients.get(name, 0) < 0]
        if len(above) * len(below) > MOST:
            return None
        forms = [form for form in forms if name not in form.coefficients]
        forms += [_added(one, other, name) for one in above for other in below]


def _added(above: Form, below: Form, name: int) -> Form:
    """The two, as often as it takes for the variable to go."""
    up, down = above.coefficients[name], -below.coefficients[name]
    common = gcd(up, down)
    first, second = down // common, up // common

    def total(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
        found = {key: first * one.get(key, 0) + second * other.get(key, 0) for key in {**one, **other}}
        return {key: value for key, value in found.items() if value}

    constant = first * above.constant + second * below.constant
    return Form(total(above.coefficients, below.coefficients), constant, total(above.weights, below.weights))
