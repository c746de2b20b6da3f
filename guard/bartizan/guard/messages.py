"""What the model may read about a call that did not run, or not as it was proposed.

Rule ids, the words their author wrote for the agent, and the nearest allowed call where it is known. Never an
exception's text, never the conditions themselves.
"""

from __future__ import annotations

from .authorise import Enforcement
from .canonical import canonical_json
from .decision import Outcome, Reason
from .reasons import TEXTS

_RESERVED = {
    "schema": "The call does not conform to the declaration of its tool.",
    "unknown-tool": "The policy does not know this tool.",
    "default": "No rule allows this call.",
    **TEXTS,
}


def denial_message(enforcement: Enforcement) -> str:
    """What the model may read about a call that did not run. Empty for one that was let go."""
    decision, approval = enforcement.decision, enforcement.approval
    if decision.allowed:
        return ""
    if decision.outcome is Outcome.ESCALATE:
        opening = "This call waits for a person's approval and has not been executed."
        if approval is not None:
            opening += f" (approval {approval.id[:12]})"
    else:
        opening = "This call was denied and has not been executed."
    parts = [opening, *(_line(reason) for reason in decision.reasons)]
    if decision.nearest is not None:
        parts.append(f"A call that would be allowed: {decision.nearest.canonical.decode()}")
    return "\n".join(parts)


def correction_message(enforcement: Enforcement) -> str:
    """What the model may read about a call that was corrected: what was changed, and why. Empty for any other."""
    if enforcement.correction is None:
        return ""
    changes = canonical_json([dict(step) for step in enforcement.correction.patch]).decode()
    opening = "This call was not allowed as proposed. It was executed with these changes (JSON Patch): "
    return "\n".join([opening + changes, *(_line(reason) for reason in enforcement.decision.reasons)])


def edit_message(enforcement: Enforcement) -> str:
    """What the model may read about a call that a person edited. Empty for any other."""
    if enforcement.approval is None or not enforcement.approval.edited:
        return ""
    executed = enforcement.call.canonical.decode()
    return f"Note: a person edited this call before it ran. What was executed: {executed}"


def _line(reason: Reason) -> str:
    text = reason.text or _RESERVED.get(reason.rule, "")
    if reason.value == "E" and reason.rule not in _RESERVED:
        text = f"{text} (It could not be evaluated, and so fails closed.)".strip()
    return f"Rule {reason.rule}: {text}".removesuffix(": ")
