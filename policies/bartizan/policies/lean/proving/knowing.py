"""What a policy makes of a call of which not everything is known: which values, votes and outcomes are still possible.

A condition of which nothing is known may be T, F or E. Strong Kleene logic on *sets* of values gives every value that a
compound one may have, and perhaps more: a part that occurs twice counts twice. So what is not possible here is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from ..encoding.model import (
    Among,
    Atom,
    Both,
    Choice,
    Comparison,
    Constant,
    Either,
    Expr,
    Negation,
    Policy,
    Rule,
    Value,
)

Values: TypeAlias = frozenset[Value]
Outcome: TypeAlias = Literal["allow", "escalate", "deny"]
Vote: TypeAlias = Literal["deny", "ask", "permit", "silent"]
Knowledge: TypeAlias = Mapping[Expr, Values]

ANY: Values = frozenset((True, False, None))
_TRUE, _FALSE = frozenset((True,)), frozenset((False,))


def possible(expr: Expr, known: Knowledge) -> Values:
    """The values that a condition may have."""
    if (found := known.get(expr)) is not None:
        return found
    match expr:
        case Constant(value):
            return _TRUE if value else _FALSE
        case Atom() | Comparison() | Among():
            return ANY
        case Negation(operand):
            return frozenset(None if value is None else not value for value in possible(operand, known))
        case Both(left, right):
            return _and(possible(left, known), possible(right, known))
        case Either(left, right):
            return _or(possible(left, known), possible(right, known))
        case Choice(condition, then, otherwise):
            values = possible(condition, known)
            found = _FALSE - _FALSE
            if True in values:
                found |= possible(then, known)
            if False in values:
                found |= possible(otherwise, known)
            return found | {None} if None in values else found


def _and(left: Values, right: Values) -> Values:
    found: set[Value] = set()
    if False in left or False in right:
        found.add(False)
    if True in left and True in right:
        found.add(True)
    if (None in left and (None in right or True in right)) or (None in right and True in left):
        found.add(None)
    return frozenset(found)


def _or(left: Values, right: Values) -> Values:
    found: set[Value] = set()
    if True in left or True in right:
        found.add(True)
    if False in left and False in right:
        found.add(False)
    if (None in left and (None in right or False in right)) or (None in right and False in left):
        found.add(None)
    return frozenset(found)


def votes(rule: Rule, known: Knowledge) -> frozenset[Vote]:
    """What a rule that applies may say."""
    found: set[Vote] = set()
    for value in possible(rule.condition, known):
        if value is False:
            found.add("silent")
        elif rule.effect == "allow":
            found.add("permit" if value else "silent")
        elif rule.effect == "escalate":
            found.add("ask")
        elif rule.effect == "deny":
            found.add("deny")
            if value is None and rule.soft:
                found.add("ask")
        else:
            found.add("silent")
    return frozenset(found)


def outcomes(rules: list[Rule], known: Knowledge) -> frozenset[Outcome]:
    """What may become of the call, where a denial is never ruled out. ``rules`` are those that apply to it."""
    said = [votes(rule, known) for rule in rules]
    found: set[Outcome] = {"deny"}
    if any("permit" in each for each in said) and all(each & {"permit", "silent"} for each in said):
        found.add("allow")
    if any("ask" in each for each in said) and all(each - {"deny"} for each in said):
        found.add("escalate")
    return frozenset(found)


def applying(policy: Policy, tool: str) -> list[Rule]:
    """The rules that a call of ``tool`` is decided by."""
    return [
        rule
        for rule in policy.rules
        if rule.tool == tool and not rule.shadow and rule.effect in ("allow", "deny", "escalate")
    ]
