"""Between an event and its answer: the guard.

====================  ===============================================================================================
event                 what becomes of it
====================  ===============================================================================================
PreToolUse            decided, counted and recorded. Denied: ``deny``. Corrected: ``updatedInput``. Escalated: ``ask``
PostToolUse           recorded and inspected; ``updatedToolOutput`` where something of it may not be read
PostToolUseFailure    recorded
UserPromptSubmit      recorded as the user's word; not taken if it cannot be
anything else         nothing: no tool runs for it
====================  ===============================================================================================

Whatever fails on the way is a denial, or ends the turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bartizan.guard import (
    ANONYMOUS,
    JSON,
    Approval,
    BartizanError,
    Gatekeeper,
    Outcome,
    Principal,
    Raised,
)

from . import answers, output
from .answers import Answer, OnAllow
from .events import AFTER, BEFORE, FAILED, PROMPT, HookEvent, NotAHook, event_of

log = logging.getLogger("bartizan.claude_code")

BROKEN = "The guard failed, and so nothing is done."
WITHHELD = "The tool ran, but its result could not be recorded, and so must not be read."
UNRECORDED = "The guard could not record the prompt, and so it was not taken."

Opened = Callable[[str, Approval], None]


def unheard(session: str, approval: Approval) -> None:
    """Nobody else is told of an open approval."""


async def answer(
    gate: Gatekeeper,
    body: JSON,
    *,
    principal: Principal = ANONYMOUS,
    on_allow: OnAllow = OnAllow.KEEP,
    opened: Opened = unheard,
) -> Answer:
    """The answer to what Claude Code posted. Raises nothing but ``CancelledError``.

    ``opened`` is told of an approval that waits for a person, here or in Claude Code's dialog.
    """
    try:
        event = event_of(body)
    except NotAHook as error:
        log.error("what was posted is no event of Claude Code: %s", error)
        return answers.stopped(f"The guard could not read this event: {error}")
    try:
        if event.name == BEFORE:
            return await _before(gate, event, principal, on_allow, opened)
        if event.name == AFTER:
            return await _after(gate, event)
        if event.name == FAILED:
            return await _failed(gate, event)
        return await _prompt(gate, event) if event.name == PROMPT else answers.NOTHING
    except Exception:
        log.exception("%s could not be answered", event.name)
        return answers.denied(BROKEN) if event.name == BEFORE else answers.stopped(BROKEN)


async def _before(
    gate: Gatekeeper, event: HookEvent, principal: Principal, on_allow: OnAllow, opened: Opened
) -> Answer:
    assert event.call is not None  # as event_of reads it
    granted = await gate.authorise(event.call, session=event.session, principal=principal)
    if granted.decision.outcome is Outcome.ESCALATE and granted.approval is not None:
        opened(event.session, granted.approval)
        return answers.asked(gate.denial_message(granted))
    if not granted.decision.allowed:
        return answers.denied(gate.denial_message(granted))
    if granted.call.tool != event.call.tool:
        return answers.denied(BROKEN)  # a hook cannot make another tool of it
    if granted.call.digest != event.call.digest:
        notice = gate.correction_message(granted) or "A person edited this call before it ran."
        return answers.corrected(granted.call.arguments(), notice, on_allow)
    return answers.allowed(on_allow)


async def _after(gate: Gatekeeper, event: HookEvent) -> Answer:
    assert event.call is not None  # as event_of reads it
    given = output.to_result(event.response)
    shown = await gate.report(event.call, given, session=event.session)
    if shown is None or shown.is_error:
        withheld = answers.replaced(event.name, output.withheld(event.response, WITHHELD))
        return withheld | {"continue": False, "stopReason": WITHHELD}
    if shown == given:
        return answers.NOTHING
    return answers.replaced(event.name, output.redacted(given, shown))


async def _failed(gate: Gatekeeper, event: HookEvent) -> Answer:
    assert event.call is not None  # as event_of reads it
    await gate.report(event.call, Raised("ToolFailure", event.text), session=event.session)
    return answers.NOTHING


async def _prompt(gate: Gatekeeper, event: HookEvent) -> Answer:
    try:
        await gate.observe("prompt", event.text, session=event.session)
    except BartizanError as error:
        log.error("a prompt was not recorded: %s", error)
        return answers.blocked(UNRECORDED)
    return answers.NOTHING
