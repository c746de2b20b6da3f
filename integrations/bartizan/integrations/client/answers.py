"""Whether an answer can be about the call that was asked about.

A service is believed about what it decided, not about what was asked: an answer may change the arguments of a call only
in the ways in which a guard does, and says so.
"""

from __future__ import annotations

from bartizan.guard import Enforcement, Outcome, ToolCall
from bartizan.guard.gate import patch
from bartizan.guard.reasons import ALREADY_EXECUTED, RESUMED

from .errors import BadAnswer


def checked(asked: ToolCall, answer: Enforcement, *, once: str | None, reviewed: bool) -> Enforcement:
    """The answer. Raises :class:`BadAnswer` for one that no guard gives about this call."""
    call, outcome = answer.call, answer.decision.outcome
    if (call.id, call.tool) != (asked.id, asked.tool):
        raise BadAnswer(
            f"expected an answer about call {asked.id!r:.60} of {asked.tool!r:.60}, found another"
        )
    if (answer.correction is not None) != (outcome is Outcome.CORRECT):
        raise BadAnswer(f"expected a correction with the outcome CORRECT and only then, found {outcome.name}")
    if not answer.decision.allowed:
        _check_stopped(answer, reviewed)
        return answer
    rules = {reason.rule for reason in answer.decision.reasons}
    if answer.result is not None:
        if once is None or rules != {ALREADY_EXECUTED}:
            raise BadAnswer("expected no result of a call that has not been executed")
    elif not answer.decision.policy or (answer.record is None and not reviewed):
        raise BadAnswer("expected a call that is let go to have a policy and a record")
    again = once is not None and bool(rules & {ALREADY_EXECUTED, RESUMED})
    if not (again or call.digest == asked.digest or _corrected(asked, answer) or _edited(asked, answer)):
        raise BadAnswer("expected an answer about the call that was asked about, found other arguments")
    return answer


def _check_stopped(answer: Enforcement, reviewed: bool) -> None:
    if answer.result is not None or answer.verdict is not None:
        raise BadAnswer("expected neither a result nor a verdict of a call that is not let go")
    if answer.decision.outcome is Outcome.ESCALATE and not reviewed:
        asked = answer.approval
        about = (asked.call_id, asked.tool, asked.digest) if asked is not None else ()
        if about != (answer.call.id, answer.call.tool, answer.call.digest):
            raise BadAnswer("expected an escalated call to have an approval of its own")


def _corrected(asked: ToolCall, answer: Enforcement) -> bool:
    made = answer.correction
    if made is None or (made.proposed.id, made.proposed.digest) != (asked.id, asked.digest):
        return False
    return made.patch == patch(asked.arguments(), answer.call.arguments())


def _edited(asked: ToolCall, answer: Enforcement) -> bool:
    """By a person, whose approval names both calls."""
    made = answer.approval
    if made is None or answer.correction is not None or made.state not in ("approved", "used"):
        return False
    return (made.call_id, made.tool, made.proposed.encode(), made.granted.encode()) == (
        asked.id, asked.tool, asked.canonical, answer.call.canonical,
    )  # fmt: skip
