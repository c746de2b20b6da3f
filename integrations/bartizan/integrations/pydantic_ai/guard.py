"""The front door: a guard for Pydantic AI agents, as a capability."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic_ai import RunContext, ToolApproved, ToolDenied
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.toolsets import AbstractToolset, PreparedToolset

from bartizan.guard import Answer, Gatekeeper, Principal

from ..door import REJECTED, Door, Unguarded
from .toolset import GuardedToolset


def conversation(context: RunContext[Any]) -> str:
    """A session is a conversation: what ``message_history`` goes on with."""
    return context.conversation_id or ""


class PydanticAIGuard(AbstractCapability[Any]):
    """Stands between an agent and its tools.

    ::

        guard = PydanticAIGuard(Guard(program))
        agent = Agent(model, tools=[...], output_type=[str, DeferredToolRequests], capabilities=[guard])
        result = await agent.run("Pay the rent.", conversation_id="thread-1")

    List it last. An escalated call ends the run with ``DeferredToolRequests``, so the agent needs that output type;
    its ``metadata[tool_call_id]["guard"]`` is what a person should see. See :meth:`answer`. ``session`` and
    ``principal`` tell from the run's context whose call it is. ``unguarded`` names native tools (by ``kind``) and
    external tools (by name) that may run beside the guard.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        *,
        session: Callable[[RunContext[Any]], str] = conversation,
        principal: Callable[[RunContext[Any]], Principal] | None = None,
        unguarded: Collection[str] = (),
        patience: float = 30.0,
    ) -> None:
        self.guard = guard
        self._unguarded = frozenset(unguarded)
        self._door = Door(guard, session, principal, patience)

    def get_ordering(self) -> CapabilityOrdering:
        return CapabilityOrdering(position="innermost")

    @classmethod
    def get_serialization_name(cls) -> str | None:
        return None  # a guard is not built from an agent's specification

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        """Raises :class:`Unguarded` where another capability would come between the guard and the tools."""
        if not isinstance(toolset, PreparedToolset):
            raise Unguarded(
                f"{type(toolset).__name__} of another capability stands between the guard and the tools: "
                "list the guard last"
            )
        return GuardedToolset(toolset, self._door, self._unguarded)

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Raises :class:`Unguarded` for native tools: the provider runs them, no call of them comes by here."""
        for tool in request_context.model_request_parameters.native_tools:
            if tool.kind not in self._unguarded:
                raise Unguarded(
                    f"the provider runs the native tool {tool.kind!r} itself, beside the guard: take it away, or name "
                    "it in `unguarded`"
                )
        return request_context

    async def prepare_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """As :meth:`before_model_request`, of what other capabilities make of a request after it."""
        return await self.before_model_request(ctx, request_context)

    async def answer(
        self,
        call: ToolCallPart,
        answer: Answer,
        *,
        session: str,
        by: Principal,
        args: Mapping[str, Any] | None = None,
    ) -> ToolApproved | ToolDenied:
        """Record a person's answer; what is returned belongs into ``DeferredToolResults.approvals``.

        ``call`` is one of ``DeferredToolRequests.approvals``, ``args`` are the new arguments of an ``"edit"``.
        ``ToolApproved`` alone only lets the run ask the guard again. Raises a subclass of ``ApprovalError`` for an
        answer that cannot be taken.
        """
        await self._door.answer(call.tool_call_id, call.tool_name, answer, session=session, by=by, args=args)
        return ToolDenied(REJECTED) if answer == "reject" else ToolApproved()
