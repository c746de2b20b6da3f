"""A proposed call as LangGraph brings it, reduced to what the guard needs to know about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages
from langchain_core.messages import ToolCall as LangChainCall
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph._internal._constants import CONF, CONFIG_KEY_READ, CONFIG_KEY_RUNTIME, PULL
from langgraph.prebuilt.tool_node import ToolCallRequest, _get_all_injected_args
from langgraph.runtime import Runtime

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
    run_id: str | None = None
    fallback_session: str | None = None
    together: int = 1
    """How many calls LangGraph runs in this step; all of them run again when the step is resumed."""

    @property
    def configurable(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.config.get("configurable") or {}
        return found

    def call(self) -> ToolCall:
        """The call to decide. Raises ``MalformedCall`` for arguments that strict JSON cannot say.

        Its id is the model's, with a number added where the model used the id in an earlier turn already: an
        approval belongs to one call, not to an id.
        """
        return ToolCall.of(self._unique(self.tool_call_id), self.tool, self.args)

    def once(self, call: ToolCall) -> str | None:
        """The idempotency key of this call in this step of the graph."""
        return f"{self.task}/{call.id}/{call.digest}" if self.task is not None else None

    def siblings(self) -> set[str]:
        """The ids (as in :meth:`call`) of the calls proposed together with this one, this one's included."""
        together = {call["id"] or "" for call in last_calls(self.messages)}
        return {self._unique(tool_call_id) for tool_call_id in together | {self.tool_call_id}}

    def _unique(self, tool_call_id: str) -> str:
        uses = sum(
            any(call["id"] == tool_call_id for call in message.tool_calls)
            for message in self.messages
            if isinstance(message, AIMessage)
        )
        return tool_call_id if uses < 2 else f"{tool_call_id}~{uses - 1}"


def from_request(request: ToolCallRequest, input_type: str, messages_key: str) -> Proposal:
    """The proposal in a ToolNode's request: a call of the tool that would run, whatever name the request gives it.

    ``input_type`` is ``"tool_calls"`` where LangGraph sent the call to a step of its own (``create_agent`` does),
    else the step runs all calls of the model's last message.
    """
    call, info = request.tool_call, request.runtime.execution_info
    messages = messages_of(request.state, messages_key)
    return Proposal(
        tool=request.tool.name if request.tool is not None else call["name"],
        args=without_injected(call["args"], request.tool),
        tool_call_id=call["id"] or "",
        messages=messages,
        config=request.runtime.config,
        task=info.task_id if info is not None else None,
        run_id=info.run_id if info is not None else None,
        together=1 if input_type == "tool_calls" else len(last_calls(messages)),
    )


def from_config(
    tool: str, args: Mapping[str, Any], tool_call_id: str | None, config: RunnableConfig
) -> Proposal:
    """The proposal of a call outside a ToolNode, as far as the configuration of its run tells about it."""
    configurable = config.get(CONF) or {}
    runtime = configurable.get(CONFIG_KEY_RUNTIME)
    info = runtime.execution_info if isinstance(runtime, Runtime) else None
    messages = _messages(configurable.get(CONFIG_KEY_READ))
    path = (config.get("metadata") or {}).get("langgraph_path") or (None,)
    return Proposal(
        tool=tool,
        args=args,
        tool_call_id=tool_call_id or "",
        messages=messages,
        config=config,
        task=info.task_id if info is not None and tool_call_id is not None else None,
        run_id=info.run_id if info is not None else None,
        together=len(last_calls(messages)) if path[0] == PULL else 1,
    )


def _messages(read: Callable[..., Any] | None) -> list[BaseMessage]:
    """The conversation in the state of the graph that this runs in."""
    if read is None:
        return []
    try:
        return messages_of({"messages": read("messages", True)}, "messages")
    except KeyError:  # a graph without such a channel
        return []


def last_calls(messages: Sequence[BaseMessage]) -> list[LangChainCall]:
    """The tool calls of the model's last message."""
    proposing = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
    return proposing.tool_calls if proposing is not None else []


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
