"""What stages mean to calls: rules like all others, with a question about the stage in their conditions."""

from __future__ import annotations

from collections.abc import Mapping

from ..document.loading import Located
from ..language import ast
from ..language.problems import did_you_mean, fail
from ..language.types import ToolDecl
from ..policy import CheckedRule
from .graph import CheckedStages


def stage_rules(stages: CheckedStages, tools: Mapping[str, ToolDecl]) -> list[CheckedRule]:
    """``only:`` of each stage: a rule ``stage.NAME`` that denies every other tool while the session may be in it."""
    return [_confined(stages, name, frozenset(only), tools) for name, only in stages.only.items()]


def _confined(
    stages: CheckedStages, name: str, only: frozenset[str], tools: Mapping[str, ToolDecl]
) -> CheckedRule:
    place = stages.places[name]
    node = ast.InStage((name,), stages.machine, place)
    said = ", ".join(sorted(only)) or "no tool"
    reason = stages.reasons.get(name, f"In the stage {name}, {said} may be used.")
    conditions: dict[str, ast.Expr] = {tool: node for tool in sorted(tools) if tool not in only}
    return CheckedRule(f"stage.{name}", "deny", conditions, reason, source=stages.source, span=place)


def confine(
    condition: ast.Expr,
    names: tuple[str, ...] | None,
    stages: CheckedStages | None,
    located: Located,
    index: int,
) -> ast.Expr:
    """A rule's condition with its ``in:``: the session is in one of these stages, and the condition holds."""
    if names is None:
        return condition
    if stages is None:
        help = "declare them under stages:, or remove in:"
        fail(located.span(("rules", index, "in")), "unknown-stage", "the policy declares no stages", help)
    known = stages.machine.stages
    for position, name in enumerate(names):
        if name not in known:
            help = did_you_mean(name, known) or f"the stages are: {', '.join(known)}"
            fail(
                located.span(("rules", index, "in", position)),
                "unknown-stage",
                f"no stage `{name}` is declared",
                help,
            )
    span = located.span(("rules", index, "in"))
    here = ast.InStage(tuple(sorted(set(names))), stages.machine, span)
    return here if condition == ast.TRUE else ast.And(here, condition, span)
