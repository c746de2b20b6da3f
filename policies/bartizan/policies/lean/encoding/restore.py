"""From a policy as its term says it to its canonical document, and so to its hash.

Nothing here is believed: the document is compared with that of a loaded policy byte for byte, or written as a file,
checked, and compared then.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any as Json

from ...policy import canonical_text
from .constructors import CannotDecode
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
    Policy,
    Rule,
    Sum,
    Times,
    Variable,
)

_OPS = {"eq": "==", "lt": "<", "le": "<="}
_BOOL = "bool"
_INFINITY = 0x7FF << 52


def document_of(policy: Policy) -> dict[str, Json]:
    """The canonical document. Raises :class:`CannotDecode`."""
    try:
        return Restorer(policy).document()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        if isinstance(error, CannotDecode):
            raise
        raise CannotDecode(
            f"it is not a policy of this language ({type(error).__name__}: {error})"
        ) from error


def softened(policy: Policy) -> dict[tuple[str, str], frozenset[str]]:
    """Of each deny rule by id and tool, the signals (as JSON) whose absence makes it ask. No document says this."""
    return {
        (rule.id, rule.tool): frozenset(
            canonical_text(json.loads(policy.leaves[index])) for index in rule.soft
        )
        for rule in policy.rules
        if rule.effect == "deny"
    }


class Conditions:
    """Reads conditions back. Raises KeyError, ValueError and the like where there is nothing to be read."""

    def __init__(self, leaves: Sequence[Json]) -> None:
        self.leaves = leaves

    def condition(self, expr: Expr) -> Json:
        match expr:
            case Constant(value):
                return {"node": "Const", "value": value, "type": _BOOL}
            case Atom(index):
                return self.leaves[index]
            case Negation(operand):
                return {"node": "Not", "operand": self.condition(operand), "type": _BOOL}
            case Both(left, right):
                return {
                    "node": "And",
                    "left": self.condition(left),
                    "right": self.condition(right),
                    "type": _BOOL,
                }
            case Either(left, right):
                return {
                    "node": "Or",
                    "left": self.condition(left),
                    "right": self.condition(right),
                    "type": _BOOL,
                }
            case Choice(condition, then, otherwise):
                parts = {"condition": condition, "then": then, "otherwise": otherwise}
                return {"node": "If", **{k: self.condition(v) for k, v in parts.items()}, "type": _BOOL}
            case Comparison(op, left, right):
                type_ = self.type_of(left) or self.type_of(right) or "int"
                sides = {"left": self.number(left, type_), "right": self.number(right, type_)}
                return {"node": "Compare", "op": _OPS[op], **sides, "type": _BOOL}
            case Among(operand, items):
                type_ = self.type_of(operand) or "int"
                values = [_constant(item, type_) for item in items]
                return {
                    "node": "OneOf",
                    "operand": self.number(operand, type_),
                    "items": values,
                    "type": _BOOL,
                }

    # --- numbers

    def type_of(self, num: Num) -> str | None:
        """The type of a number, as far as it says: a literal takes the type of what it stands with."""
        match num:
            case Variable(index):
                found: str = self.leaves[index]["type"]
                return found
            case Times(_, operand):
                return self.type_of(operand)
            case Sum(left, right):
                first, second = self.type_of(left), self.type_of(right)
                if first == "time" and second == "time":
                    return "duration"
                return "time" if "time" in (first, second) else first or second
        return None

    def number(self, num: Num, type_: str) -> Json:
        match num:
            case Variable(index):
                return self.leaves[index]
            case Number(value):
                return {"node": "Const", "value": _constant(value, type_), "type": type_}
            case Times(factor, operand):
                return {
                    "node": "Scale",
                    "factor": factor,
                    "operand": self.number(operand, type_),
                    "type": type_,
                }
            case Sum(left, right):
                first, second = type_, type_
                if type_ == "time":
                    second = "duration"
                elif type_ == "duration" and "time" in (self.type_of(left), self.type_of(right)):
                    first = second = "time"
                sides = {"left": self.number(left, first), "right": self.number(right, second)}
                return {"node": "Add", **sides, "type": type_}


class Restorer(Conditions):
    """Reads a policy back."""

    def __init__(self, policy: Policy) -> None:
        super().__init__([json.loads(leaf) for leaf in policy.leaves])
        self.policy = policy

    def document(self) -> dict[str, Json]:
        header = json.loads(self.policy.header)
        rules: dict[str, dict[str, Json]] = {rule["id"]: rule for rule in header["rules"]}
        if any(rule["conditions"] for rule in rules.values()):
            raise CannotDecode("the header has a rule with conditions, which would not be in force")
        for rule in self.policy.rules:
            self._add(rules, rule)
        header["rules"] = sorted(rules.values(), key=lambda rule: rule["id"])
        document: dict[str, Json] = header
        return document

    def _add(self, rules: dict[str, dict[str, Json]], rule: Rule) -> None:
        about: Mapping[str, Json] = json.loads(rule.about)
        if about.keys() != {"label", "reason"}:
            raise CannotDecode(
                f"what the rule {rule.id} is about is more, or less, than its label and reason"
            )
        same = {"id": rule.id, "effect": rule.effect, "shadow": rule.shadow, **about}
        made = rules.setdefault(rule.id, {**same, "conditions": {}})
        if {key: value for key, value in made.items() if key != "conditions"} != same:
            raise CannotDecode(f"the rule {rule.id} is not the same rule for each tool")
        if rule.tool in made["conditions"]:
            raise CannotDecode(f"the rule {rule.id} has two conditions for {rule.tool}")
        made["conditions"][rule.tool] = self.condition(rule.condition)


def _constant(value: int, type_: str) -> Json:
    """The literal that a number stands for in a type."""
    if type_ == "f64":
        return _double(value)
    if type_ == "str":
        return _text(value)
    if type_.startswith("enum("):
        values = type_.removeprefix("enum(").removesuffix(")").split(", ")
        if not 0 <= value < len(values):
            raise CannotDecode(f"{type_} has no value number {value}")
        return values[value]
    return value


def _double(rank: int) -> float:
    if abs(rank) >= _INFINITY:
        raise CannotDecode("there is no double of this rank")
    bits = rank if rank >= 0 else -rank | 1 << 63
    (found,) = struct.unpack(">d", struct.pack(">Q", bits))
    return float(found)


def _text(number: int) -> str:
    written = f"{number:x}"
    if len(written) % 2 == 0 or written[0] != "1":
        raise CannotDecode("expected the number of a text: its bytes behind a leading 1")
    return bytes.fromhex(written[1:]).decode()
