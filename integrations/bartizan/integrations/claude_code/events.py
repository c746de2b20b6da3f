"""What Claude Code posts to a hook, read strictly where a guard relies on it, and loosely everywhere else.

The contract is https://code.claude.com/docs/en/hooks: every event has ``hook_event_name`` and ``session_id``; those of
tools ``tool_name``, ``tool_input``, ``tool_use_id`` and, afterwards, ``tool_response`` or ``error``; that of a prompt
``prompt``. Fields that are new to us are no mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bartizan.guard import JSON, MalformedCall, ToolCall

from ..call_ids import named_by_content

BEFORE = "PreToolUse"
AFTER = "PostToolUse"
FAILED = "PostToolUseFailure"
PROMPT = "UserPromptSubmit"


class NotAHook(Exception):
    """What was posted is no event that Claude Code would post."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """One event. ``call`` for those of tools, ``response`` for :data:`AFTER`, ``text`` for a prompt or an error."""

    name: str
    session: str
    call: ToolCall | None = None
    response: JSON = None
    text: str = ""


def event_of(body: JSON) -> HookEvent:
    """The event. Raises :class:`NotAHook`, which names the field."""
    if not isinstance(body, Mapping):
        raise NotAHook("expected an object")
    name, session = _text(body, "hook_event_name"), _text(body, "session_id")
    event = HookEvent(name, f"claude-code:{session}")
    if name == PROMPT:
        return replace(event, text=_text(body, "prompt", empty=True))
    if name not in (BEFORE, AFTER, FAILED):
        return event
    event = replace(event, call=_call(body))
    if name == AFTER:
        return replace(event, response=body.get("tool_response"))
    if name == FAILED:
        error = body.get("error")
        return replace(event, text=error if isinstance(error, str) else "")
    return event


def _call(body: Mapping[str, Any]) -> ToolCall:
    """The call, with an id made of what it says: Claude Code's own, ``tool_use_id``, is a new one each time."""
    given = body.get("tool_input")
    if not isinstance(given, Mapping):
        raise NotAHook("tool_input: expected an object")
    try:
        call = ToolCall.of("", _text(body, "tool_name"), given)
    except MalformedCall as error:
        raise NotAHook(f"tool_input: {error}") from error
    return named_by_content(call, "cc_")


def _text(body: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not (value or empty):
        raise NotAHook(f"{name}: expected a text")
    return value
