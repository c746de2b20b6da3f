"""Sessions that reach a tool, and sessions in which two calls at once get past a limit that looks at results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...language import ast
from ...policy import CheckedPolicy, CheckedRule
from ..answers import Budget, Proved, Unknown
from ..encode.decision import verdict
from ..formula import TRUE, Formula, Model
from ..witness.readable import readable
from .established import establish
from .relevance import Happening, match_of, session_operators, touches
from .search import NotFound, Search
from .settle import Attempt, deep_enough
from .trace import Trace, TracedEvent, read_trace
from .unroll import Option, Unrolling


def reach(
    policy: CheckedPolicy, tool: str, budget: Budget, *, approvals: bool = True, depth: int | None = None
) -> Proved | Trace | Unknown:
    """A shortest session that ends in a call of ``tool`` that is let go, without any approval if there is one.

    ``Proved``: no session gets there, not even with approvals (or, if not ``approvals``, not without one).
    """
    depth = deep_enough(policy, ()) if depth is None else depth
    established = establish(policy, budget)
    found = Attempt(policy, (tool,), budget, (), established, approvals=False).settle(
        _allowed, _allowed, depth
    )
    if isinstance(found, Trace) or not approvals:
        return found
    return Attempt(policy, (tool,), budget, (), established).settle(_let_go, _let_go, depth)


def _allowed(unrolling: Unrolling, option: Option) -> Formula:
    assert option.verdict is not None
    return option.verdict.allowed()


def _let_go(unrolling: Unrolling, option: Option) -> Formula:
    assert option.verdict is not None
    return option.verdict.let_go()


@dataclass(frozen=True, slots=True, eq=False)
class Race:
    """Two calls that are both let go because the second came before the result of the first.

    ``trace`` ends with the two calls. ``late`` is the result of the first of them: had it been recorded between the
    two, ``rule`` would have stopped the second, or not have let it go.
    """

    rule: CheckedRule
    trace: Trace
    late: TracedEvent


def racing_rules(policy: CheckedPolicy) -> Iterator[tuple[CheckedRule, str, str]]:
    """Rules about calls of a tool that look at past results, the tool, and a tool whose results they look at."""
    for rule in policy.rules:
        if rule.effect in ("allow", "deny", "escalate") and not rule.shadow:
            for tool, condition in sorted(rule.conditions.items()):
                for other in sorted(policy.tools):
                    result = Happening("result", other)
                    if any(_looks_at(node, result) for node in session_operators(condition)):
                        yield rule, tool, other


def _looks_at(node: ast.Register, result: Happening) -> bool:
    """Whether an operator is about such results: those that are about all events have to say so."""
    if match_of(node).kind is None:
        values = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Const)]
        values += [item for inner in ast.walk(node) if isinstance(inner, ast.OneOf) for item in inner.items]
        return "result" in values and result.tool in values
    return match_of(node).kind == "result" and touches(node, result)


def race(
    policy: CheckedPolicy, rule: CheckedRule, tool: str, other: str, budget: Budget, depth: int = 3
) -> Race | NotFound | Unknown:
    """A race past ``rule``: a call of ``other``, and one of ``tool`` before the first has a result.

    With at most ``depth`` events before the two calls, and as few as can be.
    """
    happenings = (Happening("result", other), Happening("call", other))
    search = Search(policy, (tool,), budget, happenings=happenings)
    steps, f = search.unrolling.steps, search.encoder.formulas
    while len(steps) < 2:
        _grow(search)
    for _ in range(depth + 1):
        _grow(search)
        first, late, last = (
            steps[-3].option("call", other),
            steps[-2].option("result", other),
            steps[-1].option("call", tool),
        )
        asked = f.both(
            first.happens, late.happens, _answering(late, len(steps) - 2), _raced(search, rule, last)
        )
        answer = search.check(asked)
        if isinstance(answer, Unknown):
            return answer
        if isinstance(answer, Model):
            whole = read_trace(
                search.encoder, readable(search.unrolling, search.check, answer, [asked], last), steps, last
            )
            call = replace(whole.call, moment=replace(last.moment, past=steps[-2].registers))
            return Race(rule, replace(whole, events=(*whole.history[:-1], call)), whole.history[-1])
    return NotFound(depth, False)


def _grow(search: Search) -> None:
    if search.unrolling.steps:
        search.unrolling.settle()
    search.unrolling.extend()


def _answering(late: Option, index: int) -> Formula:
    """The result is that of the call at a step."""
    return dict(late.answers).get(index, TRUE)


def _raced(search: Search, rule: CheckedRule, call: Option) -> Formula:
    """The call is let go without the event just before it, and is not with it, because of the rule."""
    f, encoder = search.encoder.formulas, search.encoder
    assert call.happening.tool is not None and call.verdict is not None
    without = replace(call.moment, past=search.unrolling.steps[-2].registers)
    early, late = verdict(encoder, search.policy, call.happening.tool, without), call.verdict
    (before,) = (hit.condition for hit in early.hits if hit.rule.id == rule.id)
    (after,) = (hit.condition for hit in late.hits if hit.rule.id == rule.id)
    if rule.effect == "deny":
        return f.both(early.let_go(), f.neg(late.let_go()), f.neg(before.true), after.true)
    changed = f.both(early.allowed(), f.neg(late.allowed()))
    if rule.effect == "escalate":
        return f.both(changed, f.neg(before.true), after.true)
    return f.both(changed, before.true, f.neg(after.true))
