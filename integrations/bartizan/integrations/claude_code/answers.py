"""What Claude Code understands as an answer.

An answer to a tool's event is ``hookSpecificOutput`` with the event's name. An empty object decides nothing: Claude
Code's own permissions do. ``continue: false`` ends the turn, whatever the event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from .events import BEFORE

Answer = dict[str, Any]

NOTHING: Answer = {}


class OnAllow(StrEnum):
    """What an allowed call means to Claude Code."""

    KEEP = "keep"
    """Its own permissions still ask where they would have: the guard only ever adds refusals."""
    GRANT = "grant"
    """The call runs without asking: the policy is the permission."""


def allowed(on_allow: OnAllow) -> Answer:
    """The call may run."""
    return _decided("allow", "Allowed by the policy.") if on_allow == OnAllow.GRANT else NOTHING


def corrected(args: dict[str, Any], notice: str, on_allow: OnAllow) -> Answer:
    """The call with other arguments: shown to the user, or run at once; the agent is told either way."""
    answer = _decided("allow" if on_allow == OnAllow.GRANT else "ask", notice)
    answer["hookSpecificOutput"] |= {"updatedInput": args, "additionalContext": notice}
    return answer


def asked(reason: str) -> Answer:
    """The user decides in Claude Code's own dialog."""
    return _decided("ask", reason)


def denied(reason: str) -> Answer:
    """The call does not run; the agent reads why."""
    return _decided("deny", reason)


def replaced(event: str, output: Any) -> Answer:
    """Another output in place of the tool's. Claude Code ignores one that is not of the tool's own shape."""
    return {"hookSpecificOutput": {"hookEventName": event, "updatedToolOutput": output}}


def blocked(reason: str) -> Answer:
    """A prompt that is not taken."""
    return {"decision": "block", "reason": reason}


def stopped(reason: str) -> Answer:
    """Nothing goes on: for what cannot be told, whatever event it was."""
    return {"decision": "block", "reason": reason, "continue": False, "stopReason": reason}


def _decided(decision: str, reason: str) -> Answer:
    return {
        "hookSpecificOutput": {
            "hookEventName": BEFORE,
            "permissionDecision": decision,
            "permissionDecisionReason": reason,
        }
    }
