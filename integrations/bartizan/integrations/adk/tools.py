"""An ADK tool with a guard in front of what it runs.

The guard's place is the tool's ``run_async``, bound when the plugin first sees the tool: ADK's own confirmation, the
plugins' and the agents' callbacks all come before it, and nothing comes between it and the tool.
"""

# mypy does not see google.adk: it is installed in a layer of its own (`make test-adk`).
# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from google.adk.tools import BaseTool, ToolContext

from bartizan.guard import ToolCall, ToolResult

from ..door import Door, Unguarded, question, read_output

MARK = "_bartizan_bound"


@dataclass(frozen=True, slots=True)
class _Bound:
    """Which tool is bound to which door: a copy of a tool takes this along, and is not bound by it."""

    tool: BaseTool
    door: Door[ToolContext]


def bind(tool: BaseTool, door: Door[ToolContext]) -> None:
    """Let the tool run only what the guard behind the door lets go. Raises :class:`Unguarded` for another's tool."""
    mark = getattr(tool, MARK, None)
    if mark is not None and mark.tool is tool:
        if mark.door is not door:
            raise Unguarded(f"tool {tool.name!r} has another guard: give each runner tools of its own")
        return
    inner = tool.run_async if mark is None else type(tool).run_async.__get__(tool)
    tool.run_async = _guarded(tool.name, inner, door)
    setattr(tool, MARK, _Bound(tool, door))


def _guarded(
    name: str, inner: Callable[..., Awaitable[Any]], door: Door[ToolContext]
) -> Callable[..., Awaitable[Any]]:
    async def run_async(*, args: dict[str, Any], tool_context: ToolContext) -> Any:
        asked = await door.ask(tool_context, tool_context.function_call_id or "", name, args)
        if asked.approval is not None:
            tool_context.request_confirmation(hint=asked.text, payload=question(asked.approval))
            tool_context.actions.skip_summarization = True
            return {"error": asked.text}
        if asked.call is None:
            known = asked.earlier is not None and not asked.earlier.is_error
            return asked.earlier.text if asked.earlier is not None and known else {"error": asked.text}

        async def execute(call: ToolCall) -> Any:
            return await inner(args=call.arguments(), tool_context=tool_context)

        return (await door.run(asked, execute, read)).for_model()

    return run_async


def read(output: Any) -> ToolResult:
    """An output as the model reads it; ADK's tools say in ``error`` that they failed."""
    found = read_output(output)
    failed = isinstance(output, dict) and set(output) == {"error"}
    return ToolResult(found.text, found.value, failed)
