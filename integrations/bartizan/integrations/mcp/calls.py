"""An MCP request as the kernel's call."""

from __future__ import annotations

from typing import Any

from mcp import types

from bartizan.guard import ToolCall

from ..call_ids import named_by_content

CALL_ID = "bartizan/call-id"
"""Key in a call's ``_meta``: the model's own id of the call. A call that waits for a person keeps its id."""
LONGEST_ID = 256


def call_of(tool: str, args: dict[str, Any], id: str = "") -> ToolCall:
    """The call, with an id made of what it says unless the client names one. Raises ``MalformedCall``."""
    call = ToolCall.of(id, tool, args)
    return call if id else named_by_content(call, "mcp_")


def id_of(params: types.CallToolRequestParams) -> str:
    """The id that the client's program gives the call in ``_meta``, to find it in the log. It decides nothing."""
    named = (params.meta or {}).get(CALL_ID)
    return named if isinstance(named, str) and len(named) <= LONGEST_ID else ""
