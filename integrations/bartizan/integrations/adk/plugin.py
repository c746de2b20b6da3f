"""The front door: a guard for ADK agents, as a plugin of their runner."""

# mypy does not see google.adk: it is installed in a layer of its own (`make test-adk`).
# mypy: disable-error-code="import-not-found, import-untyped, misc"

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from google.adk.agents import BaseAgent, InvocationContext
from google.adk.agents.callback_context import CallbackContext
from google.adk.models import LlmRequest
from google.adk.plugins import BasePlugin
from google.adk.tools import BaseTool, ToolContext
from google.genai import types

from bartizan.guard import Answer, Gatekeeper, Principal

from ..door import Door, Unguarded
from .tools import bind

CONFIRMATION = "adk_request_confirmation"


def session_of(context: ToolContext) -> str:
    """A session is ADK's, in the words of its app and user: their ids are unique only together."""
    session = context.session
    return f"{session.app_name}/{session.user_id}/{session.id}"


class ADKGuard(BasePlugin):
    """Stands between all agents of a runner and their tools.

    ::

        app = App(name="desk", root_agent=agent, plugins=[ADKGuard(Guard(program))])
        runner = Runner(app=app, session_service=sessions)

    An escalated call asks for a confirmation, as ADK's own tools do; see :meth:`answer`. ``session`` and
    ``principal`` tell from the tool's context whose call it is. ``unguarded`` names what may run beside the guard:
    fields of ``google.genai.types.Tool`` (``"google_search"``), ``"code_executor"``, ``"live"``, or an ``AgentTool``
    that leaves the plugins out, by its name.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        *,
        session: Callable[[ToolContext], str] = session_of,
        principal: Callable[[ToolContext], Principal] | None = None,
        unguarded: Collection[str] = (),
        patience: float = 30.0,
    ) -> None:
        super().__init__(name="bartizan")
        self.guard = guard
        self._unguarded = frozenset(unguarded)
        self._door: Door[ToolContext] = Door(guard, session, principal, patience)

    async def before_run_callback(self, *, invocation_context: InvocationContext) -> None:
        """Raises :class:`Unguarded` for a live run: its streaming tools are run without ``run_async``."""
        if invocation_context.live_request_queue is not None:
            self._refuse("live", "a live run calls streaming tools beside the guard")

    async def before_agent_callback(self, *, agent: BaseAgent, callback_context: CallbackContext) -> None:
        """Raises :class:`Unguarded` for an agent that runs code its model writes."""
        if getattr(agent, "code_executor", None) is not None:
            self._refuse("code_executor", f"agent {agent.name!r} runs code beside the guard")

    async def before_model_callback(
        self, *, callback_context: CallbackContext, llm_request: LlmRequest
    ) -> None:
        """Raises :class:`Unguarded` for tools that the model's provider runs."""
        for tool in llm_request.config.tools or ():
            declared = tool if isinstance(tool, types.Tool) else None
            names = declared.model_fields_set if declared is not None else {type(tool).__name__}
            for name in names - {"function_declarations"}:
                if declared is None or getattr(declared, name) is not None:
                    self._refuse(name, f"the provider runs {name} itself, beside the guard")

    async def before_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext
    ) -> None:
        """Puts the guard in front of the tool: innermost, so that later callbacks change arguments before it."""
        if getattr(tool, "include_plugins", True) is False:
            self._refuse(tool.name, f"the agent behind {tool.name!r} is run without this plugin")
        bind(tool, self._door)

    async def answer(
        self,
        asked: types.FunctionCall,
        answer: Answer,
        *,
        session: str,
        by: Principal,
        args: Mapping[str, Any] | None = None,
    ) -> types.Part:
        """Record a person's answer; what is returned belongs into the runner's next ``new_message``.

        ``asked`` is a call of ``adk_request_confirmation`` from the run's events; its ``toolConfirmation.payload`` is
        what a person should see. ``args`` are the new arguments of an ``"edit"``. A confirmation alone only lets the
        run ask the guard again. Raises a subclass of ``ApprovalError`` for an answer that cannot be taken.
        """
        original = (asked.args or {})["originalFunctionCall"]
        await self._door.answer(original["id"], original["name"], answer, session=session, by=by, args=args)
        confirmed = {"confirmed": answer != "reject"}
        return types.Part(
            function_response=types.FunctionResponse(id=asked.id, name=CONFIRMATION, response=confirmed)
        )

    def _refuse(self, name: str, why: str) -> None:
        if name not in self._unguarded:
            raise Unguarded(f"{why}: take it away, or name {name!r} in `unguarded`")
