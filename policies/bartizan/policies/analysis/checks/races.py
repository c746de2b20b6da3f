"""``races``: a limit on a tool that looks at the tool's past results, so that calls proposed at once all pass it."""

from __future__ import annotations

from collections.abc import Iterator

from ...language import ast
from ...policy import CheckedRule
from ...program import Program
from ..answers import Budget, Refuted, Unknown
from ..findings import Finding
from ..sequences.reach import Race, race
from ..sequences.relevance import match_of, session_operators
from ..witness.session import violation
from .places import at_rule


def races(program: Program, budget: Budget, rule: CheckedRule) -> Iterator[Finding]:
    """Two calls of one tool that the rule lets pass, the second only for want of the first one's result."""
    for tool, condition in sorted(rule.conditions.items()):
        if not any(_is_about_results(node, tool) for node in session_operators(condition)):
            continue
        found = race(program.policy, rule, tool, tool, budget)
        if isinstance(found, Unknown):
            yield at_rule(
                "unknown", rule, f"whether calls can race `{rule.id}`: {found.reason}", answer=found
            )
            return
        if isinstance(found, Race):
            yield at_rule(
                "races",
                rule,
                f"`{rule.id}` looks at results of `{tool}`: a call proposed before the last one's result passes it",
                tool=tool,
                answer=Refuted(violation(program, found.trace, exactly=False)),
            )
            return


def _is_about_results(node: ast.Register, tool: str) -> bool:
    """Whether an operator asks for results of this very tool, by its kind or by comparing with it."""
    match = match_of(node)
    if match.kind == "result" and match.tool is not None:
        return match.tool == tool
    if match.kind not in (None, "result"):
        return False
    values = {
        inner.value
        for inner in ast.walk(node)
        if isinstance(inner, ast.Const) and inner.type != ast.TRUE.type
    }
    values |= {item for inner in ast.walk(node) if isinstance(inner, ast.OneOf) for item in inner.items}
    return tool in values and (match.kind == "result" or "result" in values)
