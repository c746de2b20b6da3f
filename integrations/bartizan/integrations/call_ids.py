"""Ids for calls from protocols in which a call has none that outlives one request."""

from __future__ import annotations

from dataclasses import replace

from bartizan.guard import ToolCall


def named_by_content(call: ToolCall, prefix: str) -> ToolCall:
    """The call, with an id made of what it says.

    So the same call made again, after a person was asked, is the same call, whose approval is found; and one that was
    rejected stays rejected in its session.
    """
    return replace(call, id=f"{prefix}{call.digest[:24]}")
