"""The guard as middleware of ``create_agent``. It must be the last in the list; ``wrap`` need not care.

The first middleware in the list is the outermost. Middleware listed after the guard runs inside it: it could rewrite
a call that was already decided (as LangChain's human-in-the-loop middleware does when a person edits a call). While
the agent is being built a middleware cannot see the list, so this one looks at what it is given to run at the first
call: only the ToolNode itself will do, anything else ends the run with :class:`NotInnermost` before a tool runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, NotRequired
from uuid import uuid4

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import ModelRequest, ModelResponse, PrivateStateAttr
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import ToolMessage
from langgraph.prebuilt import tool_node
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.runtime import Runtime
from langgraph.types import Command

from .door import Door
from .errors import NotInnermost
from .proposal import Proposal, from_request
from .wrap import as_message, decided

INNERMOST = frozenset({"ToolNode._run_one.<locals>.execute", "ToolNode._arun_one.<locals>.execute"})
"""What the ToolNode hands to the innermost wrapper."""


class GuardState(AgentState[Any]):
    """The agent's state, with a session for runs that have no thread."""

    guard_session: NotRequired[Annotated[str, PrivateStateAttr]]


class GuardMiddleware(AgentMiddleware[Any, Any, Any]):
    """Decides every call of the agent's tools. List it last."""

    state_schema = GuardState

    def __init__(
        self,
        door: Door,
        is_guarded: Callable[[Any], bool],
        model: Callable[[BaseChatModel], BaseChatModel] | None = None,
    ) -> None:
        super().__init__()
        self.tools = []
        self._model = model
        self._door = door
        self._is_guarded = is_guarded

    def before_agent(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        return None if "guard_session" in state else {"guard_session": f"run:{uuid4().hex}"}

    async def abefore_agent(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        return self.before_agent(state, runtime)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        return handler(self._speaking(request))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        return await handler(self._speaking(request))

    def _speaking(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        return request if self._model is None else request.override(model=self._model(request.model))

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> Any:
        node, input_type = innermost(handler)
        if self._is_guarded(node):
            return handler(request)
        outcome = self._door.call(
            lambda: _propose(request, input_type), lambda call: handler(decided(request, call))
        )
        return as_message(outcome, request)

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> Any:
        node, input_type = innermost(handler)
        if self._is_guarded(node):
            return await handler(request)
        outcome = await self._door.acall(
            lambda: _propose(request, input_type), lambda call: handler(decided(request, call))
        )
        return as_message(outcome, request)


def innermost(handler: Callable[..., Any]) -> tuple[Any, str]:
    """The ToolNode whose own ``execute`` a handler is, and its kind of input. Raises :class:`NotInnermost`."""
    code = getattr(handler, "__code__", None)
    module = getattr(handler, "__module__", None)
    if code is None or module != tool_node.__name__ or handler.__qualname__ not in INNERMOST:
        found = getattr(handler, "__qualname__", None) or repr(handler)
        raise NotInnermost(
            f"expected the guard to be the last middleware in the list, found {found} inside it: move the guard to the "
            "end, or wrap the compiled agent instead (guard.wrap(agent)), where no order can be wrong"
        )
    cells = getattr(handler, "__closure__", None) or ()
    held = dict(zip(code.co_freevars, (cell.cell_contents for cell in cells), strict=True))
    return held["self"], held["input_type"]


def _propose(request: ToolCallRequest, input_type: str) -> Proposal:
    state = request.state if isinstance(request.state, dict) else {}
    return replace(from_request(request, input_type, "messages"), fallback_session=state.get("guard_session"))
