"""From a checked policy to what its kernel term says: decision 0020, as data.

Whatever has no structure there is a leaf. A comparison is a leaf as a whole, too, where its parts alone would not give
back the very node that the checker made: so the canonical document can be read off the result to the last byte.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any as Json

from ...evaluation.registers import direct_signals
from ...language import ast
from ...language.types import F64, Bool, Dec, Duration, Enum, Int, Str, Time, Type
from ...policy import CheckedPolicy, CheckedRule, canonical_text
from .model import (
    Among,
    Atom,
    Both,
    Choice,
    Comparison,
    Constant,
    Either,
    Expr,
    Negation,
    Num,
    Number,
    Op,
    Policy,
    Rule,
    Sum,
    Times,
    Variable,
)
from .restore import Conditions

_OPS: Mapping[str, Op] = {"==": "eq", "<": "lt", "<=": "le"}
_NUMERIC = (Int, Dec, Time, Duration, F64, Enum, Str)


def translated(policy: CheckedPolicy) -> Translation:
    """The policy, with a table of leaves that its invariants are part of. The order of rules plays no part."""
    made = _Translator()
    document = policy.document()
    rules = sorted(policy.rules, key=lambda rule: rule.id)
    planned = [made.rule(rule, tool, policy) for rule in rules for tool in sorted(rule.conditions)]
    conditions = {
        (index, tool): made.condition(condition)
        for index, invariant in enumerate(policy.invariants)
        for tool, condition in sorted(invariant.conditions.items())
    }
    allowed = {tool: made.leaf(ast.Allowed(tool)) for tool in sorted({tool for _, tool in conditions})}
    unscoped = [rule for rule in document["rules"] if not rule["conditions"]]
    header = canonical_text({**document, "rules": unscoped})
    return Translation(Policy(header, tuple(made.leaves), tuple(planned)), conditions, allowed)


@dataclass(frozen=True, slots=True)
class Translation:
    """``conditions`` are those of the invariants, by position and tool; ``allowed`` the leaf ``allowed(tool)``."""

    policy: Policy
    conditions: Mapping[tuple[int, str], Expr]
    allowed: Mapping[str, int]


@dataclass(slots=True)
class _Translator:
    leaves: list[str] = field(default_factory=list)
    _nodes: list[Json] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def leaf(self, node: ast.Expr) -> int:
        text = canonical_text(found := ast.to_json(node))
        if text not in self._numbers:
            self._numbers[text] = len(self.leaves)
            self.leaves.append(text)
            self._nodes.append(found)
        return self._numbers[text]

    def rule(self, rule: CheckedRule, tool: str, policy: CheckedPolicy) -> Rule:
        condition = rule.conditions[tool]
        made = self.condition(condition)
        soft: list[int] = []
        if rule.effect == "deny":
            names = sorted(n for n in direct_signals(condition) if policy.signals[n].missing == "escalate")
            soft = [self.leaf(ast.SignalValue(name, "value")) for name in names]
        about = canonical_text({"label": rule.label, "reason": rule.reason})
        return Rule(rule.id, rule.effect, tool, made, tuple(soft), rule.shadow, about)

    def condition(self, node: ast.Expr) -> Expr:
        match node:
            case ast.Const(bool(value), Bool()):
                return Constant(value)
            case ast.Not(operand):
                return Negation(self.condition(operand))
            case ast.And(left, right):
                return Both(self.condition(left), self.condition(right))
            case ast.Or(left, right):
                return Either(self.condition(left), self.condition(right))
            case ast.If(condition, then, otherwise, Bool()):
                return Choice(self.condition(condition), self.condition(then), self.condition(otherwise))
            case ast.Compare() | ast.OneOf():
                return self._structured(node) or Atom(self.leaf(node))
        return Atom(self.leaf(node))

    def _structured(self, node: ast.Compare | ast.OneOf) -> Expr | None:
        """A comparison in parts, if they give back the node; nothing is kept of the attempt otherwise."""
        type_ = node.left.type if isinstance(node, ast.Compare) else node.operand.type
        if not isinstance(type_, _NUMERIC):
            return None
        kept = len(self.leaves)
        made: Expr
        if isinstance(node, ast.Compare):
            made = Comparison(_OPS[node.op], self._number(node.left), self._number(node.right))
        else:
            made = Among(self._number(node.operand), tuple(_rank(item, type_) for item in node.items))
        restored = Conditions(self._nodes).condition(made)
        if canonical_text(restored) == canonical_text(ast.to_json(node)):
            return made
        for text in self.leaves[kept:]:
            del self._numbers[text]
        del self.leaves[kept:], self._nodes[kept:]
        return None

    def _number(self, node: ast.Expr) -> Num:
        match node:
            case ast.Const(value, type_):
                return Number(_rank(value, type_))
            case ast.Add(left, right):
                return Sum(self._number(left), self._number(right))
            case ast.Scale(factor, operand):
                return Times(factor, self._number(operand))
        return Variable(self.leaf(node))


def _rank(value: Json, type_: Type) -> int:
    """The whole number that a literal is: its place in the order of its type."""
    match type_:
        case F64():
            return double_rank(value)
        case Enum(values):
            return values.index(value)
        case Str():
            return text_number(value)
    return int(value)


def double_rank(value: float) -> int:
    """The place of a double in the order of all finite doubles; 0 is that of 0.0."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    return -(bits - (1 << 63)) if bits >> 63 else int(bits)


def text_number(text: str) -> int:
    """The number that stands for a text: its UTF-8 behind a leading 1."""
    return int.from_bytes(b"\x01" + text.encode())
