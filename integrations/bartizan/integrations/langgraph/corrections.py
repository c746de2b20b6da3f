"""Telling the agent that a call ran otherwise than it proposed it: in words before the result, and as data beside it.

The words come after inspection and redaction, and hold nothing but the kernel's own: fixed sentences, the rules with
their authors' reasons, and the change as a JSON Patch in canonical JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from bartizan.guard import Enforcement, Gatekeeper, ToolCall, canonical_json
from bartizan.guard.gate import patch

from . import results
from .proposal import Proposal

KEY = "guard"
CORRECTIONS = "corrections"
"""Under ``results.GUARDED`` in the metadata of a model's message: what was changed in its calls, by their ids."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``text`` is for the model, ``data`` for programs (``{"patch": ..., "origin": ..., "reasons": ...}``)."""

    text: str
    data: Mapping[str, Any]


def correction_of(message: BaseMessage) -> dict[str, Any] | None:
    """How the call that a message answers was corrected: ``{"patch": [...], "origin": ..., "reasons": [...]}``.

    It stands in the message's ``artifact`` under ``guard``, as a denial does; a tool that gives an artifact of its own
    keeps it, and the correction is in ``additional_kwargs`` under the same name. ``None`` if the call ran as proposed.
    """
    for place in (getattr(message, "artifact", None), message.additional_kwargs):
        about = place.get(KEY) if isinstance(place, Mapping) else None
        if isinstance(about, Mapping) and isinstance(about.get("correction"), Mapping):
            return dict(about["correction"])
    return None


def described(guard: Gatekeeper, enforcement: Enforcement) -> Notice | None:
    """What the agent is told of a correction of this call; ``None`` if there was none."""
    correction = enforcement.correction
    if correction is None:
        return None
    data = {
        "patch": [dict(step) for step in correction.patch],
        "origin": correction.origin,
        "reasons": [{"rule": one.rule, "text": one.text} for one in enforcement.decision.reasons],
    }
    return Notice(guard.correction_message(enforcement), data)


def notices(
    guard: Gatekeeper, enforcement: Enforcement, proposed: ToolCall, proposal: Proposal
) -> list[Notice]:
    """All that the agent is to be told of a call that ran: changed in the model's stream, changed when it was decided.

    A call that was changed, and then ran before its step was resumed, is known by what it was and what ran.
    """
    found = _streamed(proposal)
    here = described(guard, enforcement)
    if here is not None:
        return [*found, here]
    edited = enforcement.approval is not None and enforcement.approval.edited
    if not edited and enforcement.call.digest != proposed.digest:
        steps = [dict(step) for step in patch(proposed.arguments(), enforcement.call.arguments())]
        if steps:
            text = f"This call was executed with these changes (JSON Patch): {canonical_json(steps).decode()}"
            found.append(Notice(text, {"patch": steps, "origin": None, "reasons": []}))
    return found


def told(output: results.Output, tool_call_id: str, notices: list[Notice]) -> results.Output:
    """The output with the notices before its text, and the last one as data. Nothing is taken away from it."""
    if not notices:
        return output
    output = results.annotated(output, tool_call_id, "\n".join(notice.text for notice in notices))
    message = results.answering(output, tool_call_id)
    if message is None:
        return output
    about = {KEY: {"correction": dict(notices[-1].data)}}
    changes: dict[str, Any] = {"artifact": about}
    if message.artifact is not None:
        changes = {"additional_kwargs": {**message.additional_kwargs, **about}}
    changed = message.model_copy(update=changes)
    return results.map_messages(output, lambda other: changed if other is message else other)


def _streamed(proposal: Proposal) -> list[Notice]:
    """What a guarded model's stream noted of this call when it corrected it."""
    proposing = next((m for m in reversed(proposal.messages) if isinstance(m, AIMessage)), None)
    about = proposing.response_metadata.get(results.GUARDED) if proposing is not None else None
    known = about.get(CORRECTIONS) if isinstance(about, Mapping) else None
    one = known.get(proposal.tool_call_id) if isinstance(known, Mapping) else None
    if not isinstance(one, Mapping) or not isinstance(one.get("message"), str):
        return []
    return [Notice(one["message"], {key: one.get(key) for key in ("patch", "origin", "reasons")})]
