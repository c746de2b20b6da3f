"""A proposed call as LangGraph brings it, reduced to what the guard needs to know about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.prebuilt.tool_node import ToolCallRequest, _get_all_injected_args
from langgraph.runtime import ExecutionInfo

from bartizan.guard import ToolCall


@dataclass(frozen=True, slots=True)
class Proposal:
    """One tool call on its way to a decision.

    ``args`` are the model's arguments: whatever LangGraph injects itself (state, store, runtime, call id) is
    left out, even if the model forged it. ``messages`` is the conversation as far as it is known here.
    ``task`` identifies the step of the graph: it is the same whenever LangGraph replays that step after an
    interrupt, and never the same in a later turn (unlike the ids of messages and tool calls, which some models
    leave out or use again). It is ``None`` outside a graph.
    """

    tool: str
    args: Mapping[str, Any]
    tool_call_id: str
    messages: Sequence[BaseMessage]
    config: RunnableConfig
    task: str | None = None

    @property
    def configurable(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.config.get("configurable") or {}
        return found

    def call(self) -> ToolCall:
        """The call to decide. Raises ``MalformedCall`` for arguments that strict JSON cannot say.

        Its id is the model's, with a number added where the model used the id in an earlier turn already: an
        approval belongs to one call, not to an id.
        """
        earlier = self._uses_of_id() - 1
        unique = self.tool_call_id if earlier < 1 else f"{self.tool_call_id}~{earlier}"
        return ToolCall.of(unique, self.tool, self.args)

    def siblings(self) -> set[str]:
        """The model's ids of the calls proposed together with this one (this one's included)."""
        for message in reversed(self.messages):
            if isinstance(message, AIMessage):
                return {call["id"] or "" for call in message.tool_calls} | {self.tool_call_id}
        return {self.tool_call_id}

    def _uses_of_id(self) -> int:
        """In how many messages of the model this tool call id occurs."""
        return sum(
            any(call["id"] == self.tool_call_id for call in message.tool_calls)
            for message in self.messages
            if isinstance(message, AIMessage)
        )


def from_request(request: ToolCallRequest, messages_key: str) -> Proposal:
    """The proposal in a ToolNode's request."""
    call, runtime = request.tool_call, request.runtime
    return Proposal(
        tool=call["name"],
        args=without_injected(call["args"], request.tool),
        tool_call_id=call["id"] or "",
        messages=messages_of(request.state, messages_key),
        config=runtime.config,
        task=task_of(runtime.execution_info),
    )


def task_of(info: ExecutionInfo | None) -> str | None:
    return info.task_id if info is not None else None


def messages_of(state: Any, key: str) -> list[BaseMessage]:
    """The messages in a graph's state: a mapping, an object with such an attribute, or the list itself."""
    found = state if isinstance(state, list) else _field(state, key)
    return list(convert_to_messages(found)) if isinstance(found, list) else []


def _field(state: Any, key: str) -> Any:
    return state.get(key) if isinstance(state, Mapping) else getattr(state, key, None)


def without_injected(args: Mapping[str, Any], tool: BaseTool | None) -> dict[str, Any]:
    """The arguments less those that LangGraph injects into this tool."""
    hidden = injected_arguments(tool) if tool is not None else frozenset[str]()
    return {name: value for name, value in args.items() if name not in hidden}


def injected_arguments(tool: BaseTool) -> frozenset[str]:
    """The names of the arguments that LangGraph or LangChain injects into this tool."""
    injected = _get_all_injected_args(tool)
    named = {injected.store, injected.runtime} - {None}
    return frozenset({*injected.state, *injected.all_injected_keys, *(str(name) for name in named)})
