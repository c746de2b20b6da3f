"""Text tests in the wrong place: a search that lets go, a narrow language that stops.

``matches`` finds its pattern anywhere: where its being true lets a call go, whatever stands around the pattern
goes too (``unanchored``), unless it is anchored at both ends. ``path_under``, ``host_under`` and ``email_domain``
accept only what is certainly meant: where their being true stops a call, other spellings of the same thing pass
(``path-in-deny``).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...evaluation.plan import language_of
from ...language import ast
from ...policy import CheckedRule
from ...regular.algebra import complement, concat, intersection
from ...regular.emptiness import Empty, explore
from ...regular.term import ANYTHING, Term
from ..findings import Finding
from .places import at_node

_NARROW = ("path_under", "host_under", "email_domain")


def misplaced_tests(rule: CheckedRule) -> Iterator[Finding]:
    """The findings of one rule, each place once, whatever the number of tools in its scope."""
    seen: set[ast.Expr] = set()
    for node in rule.conditions.values():
        for test, positive in _tests(node, True):
            if test in seen:
                continue
            seen.add(test)
            lets_go = positive == (rule.effect == "allow")
            if test.predicate == "matches" and lets_go and _is_open(language_of(test).term):
                yield at_node(
                    "unanchored",
                    rule,
                    test,
                    f"`matches` is a search: any text that has a match somewhere lets the call go in `{rule.id}`",
                )
            if test.predicate in _NARROW and not lets_go:
                yield at_node(
                    "path-in-deny",
                    rule,
                    test,
                    f"`{test.predicate}` accepts one spelling only: as what stops a call it misses the others",
                )


def _tests(node: ast.Expr, positive: bool) -> Iterator[tuple[ast.StringTest, bool]]:
    """The text tests of a condition, with whether their being true makes it true."""
    match node:
        case ast.StringTest():
            yield node, positive
        case ast.Not(operand):
            yield from _tests(operand, not positive)
        case ast.Compare("==", ast.Const(bool() as value), other) | ast.Compare(
            "==", other, ast.Const(bool() as value)
        ):
            yield from _tests(other, positive == value)
        case ast.If(condition, then, otherwise):
            for polarity in (True, False):
                yield from _tests(condition, polarity)
            yield from _tests(then, positive)
            yield from _tests(otherwise, positive)
        case _ if isinstance(node, ast.Register):
            return  # what a past event was like
        case _:
            for child in ast.children(node):
                yield from _tests(child, positive)


def _is_open(term: Term) -> bool:
    """Whether every text of the language stays in it whatever is put before it, or whatever is put after it."""
    outside = complement(term)
    longer = (concat(ANYTHING, term), concat(term, ANYTHING))
    return any(isinstance(explore(intersection((each, outside))), Empty) for each in longer)
