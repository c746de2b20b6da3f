"""What expressions mean, by the definition of each operator; and the terms that the engine makes of them.

Expressions are plain tuples, so that the brute-force matcher reads what was asked for and not what the normalising
constructors made of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from bartizan.policies.regular.algebra import complement, concat, intersection, letters, loop, union, word
from bartizan.policies.regular.charset import EVERY, chars
from bartizan.policies.regular.derivative import Derivatives
from bartizan.policies.regular.term import Term

Ast = tuple[Any, ...]


@cache
def build(ast: Ast) -> Term:
    """The term of an expression, through the normalising constructors."""
    match ast:
        case ("set", members):
            return letters(chars(members))
        case ("not_set", members):
            return letters(EVERY - chars(members))
        case ("word", text):
            return word(text)
        case ("concat", left, right):
            return concat(build(left), build(right))
        case ("union", left, right):
            return union((build(left), build(right)))
        case ("intersection", left, right):
            return intersection((build(left), build(right)))
        case ("complement", inner):
            return complement(build(inner))
        case ("loop", body, lower, upper):
            return loop(build(body), lower, upper)
    raise AssertionError(ast)


@cache
def denotes(ast: Ast, text: str) -> bool:
    """Whether ``text`` is a word of the expression, by the definition of each operator."""
    splits = [(text[:i], text[i:]) for i in range(len(text) + 1)]
    match ast:
        case ("set", members):
            return len(text) == 1 and text in set(members)
        case ("not_set", members):
            return len(text) == 1 and text not in set(members)
        case ("word", expected):
            return text == str(expected)
        case ("concat", left, right):
            return any(denotes(left, a) and denotes(right, b) for a, b in splits)
        case ("union", left, right):
            return denotes(left, text) or denotes(right, text)
        case ("intersection", left, right):
            return denotes(left, text) and denotes(right, text)
        case ("complement", inner):
            return not denotes(inner, text)
        case ("loop", body, lower, upper):
            if lower > 0:
                rest: Ast = ("loop", body, lower - 1, None if upper is None else upper - 1)
                return any(denotes(body, a) and denotes(rest, b) for a, b in splits)
            if not text or upper == 0:
                return not text
            rest = ("loop", body, 0, None if upper is None else upper - 1)
            return any(a and denotes(body, a) and denotes(rest, b) for a, b in splits)
    raise AssertionError(ast)


def by_derivatives(term: Term, text: str) -> bool:
    """Whether ``text`` is a word of ``term``, one derivative after the other."""
    derivative = Derivatives()
    for char in text:
        term = derivative(term, ord(char))
    return term.nullable
