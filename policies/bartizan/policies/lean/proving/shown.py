"""What is claimed to be possible, shown: a session in which it happens, replayed by the program itself.

The session is an entry of a policy's tests. Every call in it is decided in its turn and must be let go (or asked for);
then comes the last one, and the condition must be true of it. As each call is decided at its own time, after the events
that stand before it, none of these may be later. What people approve of plays no part: ``allowed(tool)``
is true of a call that goes without asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any as Json

from pydantic import ValidationError

from bartizan.guard import MalformedCall, Outcome

from ...casework import DEFAULT_NOW, case_of, fold, prepare
from ...document.model import PastEvent, TestCase
from ...language import ast
from ...language.types import Bool
from ...language.values import duration_text, parse_duration, parse_time
from ...policy import CheckedInvariant, CheckedPolicy, CheckedRule
from ...program import Program

_ASKED = "(asked)"
"""The id of a rule that no file can have."""
MOST_EVENTS = 500
"""Each call of a session is decided after all that was before it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def objection(policy: CheckedPolicy, invariant: CheckedInvariant, case: Mapping[str, Json]) -> str | None:
    """Why the case does not show what the invariant claims to be possible; None if it does."""
    try:
        loaded = case_of(case)
        if loaded.call is None:
            return "it ends with no call"
        if len(loaded.history) > MOST_EVENTS:
            return f"it has more than {MOST_EVENTS} events"
        passed = [_ago(event) for event in loaded.history]
        if passed != sorted(passed, reverse=True):
            return "an event in it is earlier than one before it"
        return _replayed(Program(policy), invariant, loaded.model_copy(update={"approved": False}))
    except (ValidationError, MalformedCall, ValueError, ArithmeticError, LookupError, TypeError) as error:
        return f"it is no session: {type(error).__name__}"


def _replayed(program: Program, invariant: CheckedInvariant, case: TestCase) -> str | None:
    assert case.call is not None
    tool = case.call.tool
    condition = invariant.conditions.get(tool)
    if condition is None:
        return f"the claim is not about calls of {tool}"
    if fold(program, case).let_go:
        return "it says that a call is denied which is not"
    if refused := _refused(program, case):
        return f"a call of {refused} before the last one is denied"
    outcome = program.decide(*prepare(program, case)).outcome
    if outcome is Outcome.DENY and not _asks(condition):
        return "its last call is denied"
    asked = CheckedRule(_ASKED, "deny", {tool: _settled(condition, tool, outcome)}, shadow=True)
    asking = Program(replace(program.policy, rules=(*program.policy.rules, asked)))
    decision = asking.decide(*prepare(asking, case))
    if any(reason.rule == _ASKED and reason.value == "T" for reason in decision.shadow):
        return None
    return "the condition is not true of its last call"


def _asks(condition: ast.Expr) -> bool:
    return any(isinstance(node, ast.Allowed) for node in ast.walk(condition))


def _settled(node: Json, tool: str, outcome: Outcome) -> Json:
    """The condition with ``allowed(tool)`` as it is here."""
    if isinstance(node, ast.Allowed):
        return ast.Const(node.tool == tool and outcome <= Outcome.CORRECT, Bool(), node.span)
    if not is_dataclass(node) or isinstance(node, type | ast.Machine):
        return node
    changed = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if is_dataclass(value) and (made := _settled(value, tool, outcome)) is not value:
            changed[field.name] = made
    return replace(node, **changed) if changed else node


def _refused(program: Program, case: TestCase) -> str | None:
    """The tool of the first call in the history that the program denies in its turn."""
    now = parse_time(case.now) if case.now is not None else DEFAULT_NOW
    for index, event in enumerate(case.history):
        if event.call is None:
            continue
        ago = _ago(event)
        before = [
            other.model_copy(update={"at": duration_text(_ago(other) - ago)})
            for other in case.history[:index]
        ]
        then = case.model_copy(
            update={
                "call": event.call,
                "signals": event.signals,
                "history": tuple(before),
                "now": (_EPOCH + timedelta(microseconds=now - ago)).isoformat(),
            }
        )
        if program.decide(*prepare(program, then)).outcome is Outcome.DENY:
            return event.call.tool
    return None


def _ago(event: PastEvent) -> int:
    return 0 if event.at is None else parse_duration(event.at)
