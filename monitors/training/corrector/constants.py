"""What a policy's conditions compare with, and values near it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from bartizan.policies.language import ast
from bartizan.policies.language.types import Bool, Dec, Enum, Field, Int, Str
from bartizan.policies.program import Program

WORDS = ("acme", "office", "hotel", "invoice", "umbrela", "Ops", "travel ", "rent-2", "cash", "nobody")


class Constants:
    """What the conditions on a tool's calls compare with, by argument; the roles that they ask for; the budgets."""

    def __init__(self, program: Program, tool: str) -> None:
        self.values: dict[str, set[Any]] = {}
        self.budgets: list[tuple[str, float, int]] = []
        roles: set[str] = set()
        self.rules = []
        for rule in program.policy.rules:
            condition = rule.conditions.get(tool)
            if condition is None or rule.effect not in ("allow", "deny", "escalate"):
                continue
            if rule.effect != "allow":
                self.rules.append(rule.id)
            for node in ast.walk(condition):
                self._collect(node, roles)
        self.roles = tuple(sorted(roles))

    def _collect(self, node: ast.Expr, roles: set[str]) -> None:
        match node:
            case ast.Quantifier(over=ast.Input(path=("principal", "roles"))):
                roles |= {
                    n.value
                    for n in ast.walk(node.body)
                    if isinstance(n, ast.Const) and isinstance(n.value, str)
                }
            case ast.OneOf(operand=ast.Input(path=("args", name))):
                self.values.setdefault(name, set()).update(node.items)
            case ast.Compare():
                sides = (node.left, node.right)
                constants = [side for side in sides if isinstance(side, ast.Const)]
                for side in sides:
                    if constants and isinstance(side, ast.Input) and side.path[0] == "args":
                        self.values.setdefault(side.path[1], set()).add(constants[0].value)
                    elif constants and isinstance(side, ast.Add):
                        self._budget(side, constants[0])

    def _budget(self, node: ast.Add, limit: ast.Const) -> None:
        for part in (node.left, node.right):
            if isinstance(part, ast.Sum) and isinstance(part.field, ast.Input):
                digits = limit.type.digits if isinstance(limit.type, Dec) else 0
                self.budgets.append((part.field.path[-1], limit.value / 10**digits, digits))

    def value(self, field: Field, name: str, draw: random.Random) -> Any:
        known: Sequence[Any] = sorted(self.values.get(name, ()), key=str)
        match field.type:
            case Bool():
                return draw.random() < 0.4
            case Enum(values):
                return draw.choice(values)
            case Dec(digits):
                return _number(known, digits, draw)
            case Int():
                return _number(known, 0, draw)
            case Str() if known and draw.random() < 0.85:
                return draw.choice(known)
            case Str():
                return draw.choice(WORDS)
        raise ValueError(
            f"{name}: calls with arguments of type {field.type} cannot be made up yet; leave the tool out"
        )


def _number(known: Sequence[int], digits: int, draw: random.Random) -> int | float:
    """Close to a constant, a round number, or anything in their range; whole numbers as integers, half of the time."""
    unit = 10**digits
    top = max([abs(k) for k in known] or [1000 * unit])
    way = draw.random()
    if known and way < 0.25:
        scaled = draw.choice(known) + draw.choice((-1, 0, 1, 1, unit, -unit))
    elif known and way < 0.7:
        scaled = int(draw.choice(known) * 10 ** draw.uniform(-0.7, 0.7))
    else:
        scaled = int(10 ** draw.uniform(0, len(str(2 * top))))
    if draw.random() < 0.5:
        scaled = round(scaled / unit) * unit
    if draw.random() < 0.02:
        scaled = draw.choice((0, -scaled))
    return scaled // unit if scaled % unit == 0 else scaled / unit
