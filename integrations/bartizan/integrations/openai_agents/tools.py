"""A function tool of the OpenAI Agents SDK with a guard in front of what it runs.

The SDK asks ``needs_approval`` before it invokes a tool, so that is where the guard decides; what it let go is kept
for the invocation that follows. An invocation nobody asked about before (after an approval, perhaps in another
process) asks then. Nothing of the SDK comes between ``on_invoke_tool`` and the tool: what is decided is what runs.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from agents import FunctionTool, RunContextWrapper, ToolOutputFileContent, ToolOutputImage, ToolOutputText
from agents.agent_tool_state import get_agent_tool_state_scope, peek_agent_tool_run_result
from agents.tool import maybe_invoke_function_tool_failure_error_function
from agents.tool_context import ToolContext
from agents.util._approvals import evaluate_needs_approval_setting

from bartizan.guard import MalformedCall, ToolCall, ToolResult, canonical_json

from ..door import FAILED, Asked, Door, Ran, as_json, read_output

MAX_KEPT = 4096
"""How many decisions are kept for invocations that may follow."""


@dataclass(frozen=True, slots=True)
class _Handled:
    """What the tool's own failure policy says instead of an exception."""

    text: str


class _Paused(Exception):
    """An agent that is a tool waits for a person; ``output`` is what the SDK is to be given meanwhile."""

    def __init__(self, output: Any) -> None:
        self.output = output


class Invocations:
    """Decides and runs the calls of guarded tools."""

    def __init__(self, door: Door[RunContextWrapper[Any]]) -> None:
        self._door = door
        self._kept: OrderedDict[tuple[str, str, str], tuple[str, Asked]] = OrderedDict()

    def guarded(self, tool: FunctionTool) -> FunctionTool:
        """A copy of the tool that runs what this guard lets go, and nothing else."""
        inner, outer = copy.copy(tool), copy.copy(tool)
        handles = hasattr(tool.on_invoke_tool, "__agents_bind_function_tool__")
        inner._failure_error_function, inner._use_default_failure_error_function = None, False

        async def needs_approval(context: RunContextWrapper[Any], args: dict[str, Any], call_id: str) -> bool:
            if await evaluate_needs_approval_setting(tool.needs_approval, context, args, call_id):
                return True  # the tool's own question comes first; the guard is asked when it is answered
            asked = await self._door.ask(context, call_id, tool.qualified_name, args)
            self._keep(asked, call_id, tool.qualified_name, args)
            return asked.approval is not None

        async def invoke(context: ToolContext[Any], input: str) -> Any:
            name, call_id = tool.qualified_name, context.tool_call_id
            asked = self._taken(context, call_id, name, input)
            if asked is None:
                asked = await self._door.ask(context, call_id, name, input or "{}")
            if asked.call is None:
                return asked.text

            async def execute(call: ToolCall) -> Any:
                arguments = canonical_json(call.arguments()).decode()
                try:
                    output = await inner.on_invoke_tool(context, arguments)
                except Exception as error:
                    if not handles:
                        raise
                    text = await maybe_invoke_function_tool_failure_error_function(
                        function_tool=tool, context=context, error=error
                    )
                    if text is None:
                        raise
                    return _Handled(text)
                if _waits(context):
                    raise _Paused(output)
                return output

            try:
                ran = await self._door.run(asked, execute, read, suspends=(_Paused,))
            except _Paused as paused:
                return paused.output
            return _shown(ran)

        outer.on_invoke_tool = invoke
        outer.needs_approval = needs_approval
        return outer

    def _keep(self, asked: Asked, call_id: str, name: str, args: dict[str, Any]) -> None:
        """Only what was decided: where it failed, the invocation asks again, and fails again."""
        if asked.session and asked.approval is None:
            proposed = ToolCall.of(call_id, name, args)
            self._kept[asked.session, call_id, name] = proposed.digest, asked
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)

    def _taken(self, context: ToolContext[Any], call_id: str, name: str, input: str) -> Asked | None:
        """The decision about exactly this call. What cannot be told apart is denied."""
        try:
            kept = self._kept.pop((self._door.session_of(context), call_id, name), None)
            if kept is None:
                return None
            digest, asked = kept
            return asked if ToolCall.parse(call_id, name, input or "{}").digest == digest else None
        except MalformedCall:
            return None
        except Exception:  # noqa: BLE001 (the application cannot say whose call it is: denied)
            return Asked(text=FAILED)


def read(output: Any) -> ToolResult:
    """An output as the model reads it.

    What is neither text nor content the SDK shows as Python prints it, which writes letters in others: it is inspected
    as JSON, and shown so if something is hidden in it.
    """
    if isinstance(output, _Handled):
        return ToolResult(output.text, None, True)
    parts = output if isinstance(output, list | tuple) else [output]
    texts = [text for part in parts if (text := _text_of(part)) is not None]
    return ToolResult("\n".join(texts), as_json(output)) if len(texts) == len(parts) else read_output(output)


def _text_of(part: Any) -> str | None:
    """The text of one piece of content: none of an image or a file; None where it is no content at all."""
    if isinstance(part, dict):
        found = part.get("text", "") if part.get("type") in ("text", "image", "file") else None
        return found if isinstance(found, str) else None
    if isinstance(part, ToolOutputText):
        return part.text
    return "" if isinstance(part, ToolOutputImage | ToolOutputFileContent) else None


def _shown(ran: Ran[Any]) -> Any:
    shown = ran.for_model()
    return shown.text if isinstance(shown, _Handled) else shown


def _waits(context: ToolContext[Any]) -> bool:
    """Whether the agent behind this tool waits for a person: the SDK will invoke the tool again."""
    if context.tool_call is None:
        return False
    result = peek_agent_tool_run_result(context.tool_call, scope_id=get_agent_tool_state_scope(context))
    return bool(getattr(result, "interruptions", None))
