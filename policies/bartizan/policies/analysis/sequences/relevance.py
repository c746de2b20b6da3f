"""Which events matter to a question, and which registers they touch. All others can be left out of a session.

An event that touches no register of the question changes nothing that the question reads. It matters otherwise, and
then what decides whether it happens matters too: the rules about a call, the rules that label a result, and the
call that has the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ...evaluation.registers import register_id
from ...evaluation.stages import is_heard
from ...language import ast
from ...policy import CheckedPolicy

Kind = Literal["prompt", "call", "result", "text", "denied"]


@dataclass(frozen=True, slots=True)
class Happening:
    """A kind of event: ``tool`` is that of a call or a result. A denied call is an event to stages only."""

    kind: Kind
    tool: str | None = None

    def __str__(self) -> str:
        return self.kind if self.tool is None else f"{self.kind} {self.tool}"


@dataclass(frozen=True, slots=True)
class Relevance:
    """The registers that a question depends on, by id, and the events that touch them."""

    registers: dict[str, ast.Register]
    happenings: tuple[Happening, ...]

    def reads_arguments(self, happening: Happening) -> bool:
        """Whether some register looks at the arguments of such events."""
        return any(touches(node, happening) and _reads(node, "args") for node in self.registers.values())


def relevance(
    policy: CheckedPolicy, questions: Iterable[ast.Expr], happenings: Iterable[Happening] = ()
) -> Relevance:
    """What the questions depend on, in sessions that ``policy`` lets happen. ``happenings`` matter anyway."""
    registers: dict[str, ast.Register] = {}
    matter: dict[Happening, None] = {}
    expressions = list(questions)
    waiting = list(happenings)
    every = [Happening("prompt"), Happening("text")]
    for tool in sorted(policy.tools):
        every += [Happening("call", tool), Happening("result", tool), Happening("denied", tool)]
    while expressions or waiting:
        while expressions:
            for node in session_operators(expressions.pop()):
                name = register_id(node)
                if name not in registers:
                    registers[name] = node
                    waiting += [each for each in every if touches(node, each)]
        while waiting:
            happening = waiting.pop()
            if happening not in matter:
                matter[happening] = None
                expressions += conditions_of(policy, happening)
                if happening.kind == "result":
                    waiting.append(Happening("call", happening.tool))
    return Relevance(registers, tuple(each for each in every if each in matter))


def conditions_of(policy: CheckedPolicy, happening: Happening) -> Iterator[ast.Expr]:
    """The conditions of the rules that decide about a call, or label a result."""
    about_calls = ("allow", "deny", "escalate")
    effects = {"call": about_calls, "denied": about_calls, "result": ("redact", "label")}.get(
        happening.kind, ()
    )
    for rule in policy.rules:
        if not rule.shadow and rule.effect in effects and happening.tool in rule.conditions:
            yield rule.conditions[happening.tool or ""]


def session_operators(node: ast.Expr) -> Iterator[ast.Register]:
    """The session operators of an expression, those inside others included."""
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Register))


def match_of(node: ast.Register) -> ast.EventMatch:
    """The events that update a register."""
    match node:
        case ast.Once(match) | ast.MaxSignal(_, match):
            return match
        case ast.Count(tool) | ast.Sum(tool):
            return ast.EventMatch("call", tool)
        case _:
            return ast.EventMatch()


def touches(node: ast.Register, happening: Happening) -> bool:
    """Whether such an event updates the register."""
    if isinstance(node, ast.InStage):
        return any(is_heard(move.match, happening.kind, happening.tool) for move in node.machine.transitions)
    return happening.kind != "denied" and is_heard(match_of(node), happening.kind, happening.tool)


def _reads(node: ast.Expr, root: str) -> bool:
    return any(isinstance(inner, ast.Input) and inner.path[0] == root for inner in ast.walk(node))
