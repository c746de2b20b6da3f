"""Idempotency keys: a call let go once under a key is never let go a second time under it.

A framework that resumes from a checkpoint runs a step again, tool calls included. Under a key the second
run gets what the first one recorded, and where nothing was recorded (the process died in between, the tool
raised, or it is still running) nobody knows what the tool did, so the call is denied instead of repeated.

A tool may also *pause* (LangGraph's ``interrupt()`` inside a tool): it raises to be run again from its
start. Such a call is suspended; the next proposal of it under its key resumes it, without counting twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from .canonical import digest_of
from .types import Session, ToolCall, ToolResult

MAX_KEYS = 256
"""How many keys a session remembers: the oldest are forgotten, a replay must come within that many calls."""

LET_GO = "let go"
_DIGITS = 16

Keys = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What became of the call let go under a key: its result, or paused, or (neither) nobody knows."""

    call: ToolCall
    result: ToolResult | None = None
    suspended: bool = False


def key_of(once: str) -> str:
    """The digest by which a session remembers a key."""
    return digest_of(once.encode("utf-8", "surrogatepass"))[:_DIGITS]


def earlier(session: Session, key: str, call: ToolCall, policy: str) -> Earlier | None:
    """What is known of a call let go under this key; ``None`` if there was none, or it is to be decided anew."""
    known = {entry[0]: entry for entry in session.once}.get(key)
    if known is None:
        return None
    _, digest, state = known
    if digest != call.digest[:_DIGITS]:
        return Earlier(call)
    if state != LET_GO and state != _suspended_under(policy):
        return None  # it paused under another policy: the one in force now has not seen it
    for event in reversed(session.events):
        if event.once == key and event.call is not None:
            if event.kind == "result":
                return Earlier(event.call, ToolResult(event.text, event.value, event.is_error))
            return Earlier(event.call, suspended=state != LET_GO)
    return Earlier(call)


def note(session: Session, key: str, call: ToolCall) -> Keys:
    """The session's keys with this one added."""
    others = tuple(entry for entry in session.once if entry[0] != key)
    return (*others, (key, call.digest[:_DIGITS], LET_GO))[-MAX_KEYS:]


def suspended(session: Session, key: str, policy: str) -> Keys:
    """The session's keys with this one suspended."""
    return _marked(session, key, _suspended_under(policy))


def resumed(session: Session, key: str) -> Keys:
    """The session's keys with this one let go again."""
    return _marked(session, key, LET_GO)


def _marked(session: Session, key: str, state: str) -> Keys:
    return tuple((known, digest, state if known == key else was) for known, digest, was in session.once)


def _suspended_under(policy: str) -> str:
    return f"suspended {policy[:_DIGITS]}"
