"""All tools of a Pydantic AI agent with a guard in front of what they run.

It stands below every hook and every other capability, so what is decided is what the tool is called with. Arguments
are decided as they were validated, in their JSON form; where the guard changes them, they are validated again.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from pydantic_ai import ApprovalRequired, CallDeferred, RunContext, ToolFailed, ToolReturn
from pydantic_ai.toolsets import ToolsetTool, WrapperToolset
from pydantic_core import to_jsonable_python

from bartizan.guard import ToolCall, ToolResult, canonical_json

from ..door import MALFORMED, Asked, Door, Unguarded, question, read_output


@dataclass
class GuardedToolset(WrapperToolset[Any]):
    """Runs what the guard lets go, and nothing else."""

    door: Door[RunContext[Any]]
    unguarded: frozenset[str]

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """Raises :class:`Unguarded` for an external tool: no call of it comes by here."""
        tools = await super().get_tools(ctx)
        for name, tool in tools.items():
            if tool.tool_def.kind == "external" and name not in self.unguarded:
                raise Unguarded(
                    f"the external tool {name!r} runs outside the agent, beside the guard: name it in `unguarded` "
                    "if the application asks the guard itself"
                )
        return tools

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Raises ``ToolFailed`` for a denied call and ``ApprovalRequired`` for an escalated one."""
        try:
            proposed = to_jsonable_python(tool_args)
        except ValueError:
            raise ToolFailed(MALFORMED) from None
        asked = await self.door.ask(ctx, ctx.tool_call_id or "", name, proposed)
        if asked.approval is not None:
            raise ApprovalRequired(metadata={"guard": question(asked.approval)})
        if asked.call is None:
            return _answered(asked)

        async def execute(call: ToolCall) -> Any:
            changed = call.digest != ToolCall.of(call.id, call.tool, proposed).digest
            args = await _validated(call, ctx, tool) if changed else tool_args
            return await self.wrapped.call_tool(name, args, ctx, tool)

        ran = await self.door.run(asked, execute, read, suspends=(ApprovalRequired, CallDeferred))
        return ran.for_model()


async def _validated(call: ToolCall, ctx: RunContext[Any], tool: ToolsetTool[Any]) -> dict[str, Any]:
    """Changed arguments as the tool takes them. Raises what the validation of a model's call raises."""
    text = canonical_json(call.arguments())
    args: dict[str, Any] = tool.args_validator.validate_json(text, context=ctx.validation_context)
    if tool.args_validator_func is not None:
        outcome = tool.args_validator_func(ctx, **args)
        if inspect.isawaitable(outcome):
            await outcome
    return args


def _answered(asked: Asked) -> Any:
    """What the call answered when it ran before; ``ToolFailed`` where it may not run."""
    if asked.earlier is None or asked.earlier.is_error:
        raise ToolFailed(asked.text)
    return asked.text


def read(output: Any) -> ToolResult:
    """An output as the model reads it: of a ``ToolReturn`` what it returns and what it says besides."""
    if not isinstance(output, ToolReturn):
        return read_output(output)
    returned = read_output(output.return_value)
    content = [output.content] if isinstance(output.content, str) else output.content or ()
    said = [part for part in content if isinstance(part, str)]
    return ToolResult("\n".join([returned.text, *said]), returned.value)
