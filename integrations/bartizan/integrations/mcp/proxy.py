"""The proxy: an MCP server towards the client, whose tools are those of another server, each call decided.

==========================  ==========================================================================================
what a client asks for      what becomes of it
==========================  ==========================================================================================
``tools/call``              decided, corrected or asked about; run by the server; its result inspected
``tools/list`` and others   passed on: the client sees what the server has, denied or not
``resources/read``,         passed on, and what they answer is observed as a result that nobody vouches for; or decided
``prompts/get``             as calls of tools of these names; or refused (:class:`Reading`)
``ping``                    answered here
anything else               refused: not a method of this server
==========================  ==========================================================================================

What a *server* asks for (sampling, elicitation, roots) is refused by :mod:`.upstream`, which offers none of it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, METHOD_NOT_FOUND, REQUEST_TIMEOUT

from bartizan.guard import (
    ANONYMOUS,
    BartizanError,
    Enforcement,
    Gatekeeper,
    MalformedCall,
    Outcome,
    Principal,
    ToolCall,
    ToolResult,
)
from bartizan.guard.messages import edit_message

from ..door import FAILED, WITHHELD
from . import asking, results
from .asking import Asking
from .calls import call_of, id_of
from .reading import Reader, Reading
from .upstream import Upstream, UpstreamGone

log = logging.getLogger(__name__)

Context = ServerRequestContext[Any, Any]

GONE = "The connection to the server ended before it answered. Whether the call took effect is not known."
LATE = "The server did not answer in time. Whether the call took effect is not known."
NO_RESULT = "The server answered with something that is no result and cannot be inspected; it is withheld."


@dataclass(frozen=True, slots=True)
class Proxy:
    """One guarded server. Everything that passes belongs to one session: one proxy serves one agent.

    ``asking`` says who is asked about escalated calls, ``page`` is the address of the page for ``Asking.PAGE``, and
    ``approver`` the name under which a client's answer is recorded. ``within`` is seconds for the server's answer to a
    call; without it, it has as long as the client waits.
    """

    gate: Gatekeeper
    upstream: Upstream
    session: str
    principal: Principal = ANONYMOUS
    asking: Asking = Asking.CLIENT
    page: str = ""
    approver: str = "mcp-client"
    reading: Reading = Reading.OBSERVE
    within: float | None = None

    def __post_init__(self) -> None:
        if not self.session:
            raise ValueError(
                "expected the session's name as a non-empty text: without one nobody's calls are counted"
            )

    def server(self) -> Server[Any]:
        """The server that clients see: named as the guarded one, with the guarded one's instructions."""
        info, has = self.upstream.info, self.upstream.capabilities
        reader = Reader(self.gate, self.upstream, self.session, self.principal, self.reading)
        handlers: dict[str, Any] = {}
        if has.tools is not None:
            handlers |= {"on_list_tools": self.upstream.list_tools, "on_call_tool": self._call_tool}
        if has.resources is not None:
            handlers |= {
                "on_list_resources": self.upstream.list_resources,
                "on_list_resource_templates": self.upstream.list_templates,
                "on_read_resource": reader.resource,
            }
        if has.prompts is not None:
            handlers |= {"on_list_prompts": self.upstream.list_prompts, "on_get_prompt": reader.prompt}
        schemas = {tool.name: tool.input_schema for tool in self.upstream.tools}
        return Server(
            info.name,
            version=info.version,
            title=info.title,
            instructions=self.upstream.instructions,
            get_tool_input_schema=schemas.get,
            **handlers,
        )

    # --- tools

    async def _call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        if params.task is not None:
            raise MCPError(
                code=METHOD_NOT_FOUND, message="calls as tasks are not guarded, and so are refused"
            )
        sent: list[ToolCall] = []
        try:
            return await self._guarded(context, params, sent)
        except UpstreamGone:
            return results.refusal(GONE)
        except TimeoutError:
            return results.refusal(LATE)
        except MalformedCall as error:
            return results.refusal(f"This call was denied and has not been executed. It is no call: {error}")
        except Exception:  # whatever it is, a bug included, its text is not for the model
            log.exception("a call of %r failed in the guard", params.name)
            return results.refusal(WITHHELD if sent else FAILED)

    async def _guarded(
        self, context: Context, params: types.CallToolRequestParams, sent: list[ToolCall]
    ) -> types.CallToolResult | types.InputRequiredResult:
        call = call_of(params.name, params.arguments or {}, id_of(params))
        passed: list[tuple[types.CallToolResult, ToolResult]] = []

        async def execute(granted: ToolCall) -> ToolResult:
            sent.append(granted)
            raw = await self._send(context, granted)
            given = results.to_result(raw)
            passed.append((raw, given))
            return given

        enforced = await self._enforce(call, execute)
        if enforced.decision.outcome is Outcome.ESCALATE and enforced.approval is not None:
            asked = await self._ask(context, params, enforced)
            if isinstance(asked, types.InputRequiredResult):
                return asked
            if asked:
                enforced = await self._enforce(call, execute)
        meta = _meta(enforced)
        if not enforced.decision.allowed:
            return results.refusal(self.gate.denial_message(enforced), meta)
        if enforced.result is None or not passed:
            return results.refusal(WITHHELD, meta)
        raw, given = passed[-1]
        shown = results.apply(raw, given, enforced.result)
        notice = edit_message(enforced) or self.gate.correction_message(enforced)
        said = [types.TextContent(type="text", text=notice)] if notice else []
        return shown.model_copy(update={"content": [*said, *shown.content], "meta": meta})

    async def _enforce(
        self, call: ToolCall, execute: Callable[[ToolCall], Awaitable[ToolResult]]
    ) -> Enforcement:
        return await self.gate.enforce(call, execute, session=self.session, principal=self.principal)

    async def _send(self, context: Context, call: ToolCall) -> types.CallToolResult:
        """The server's answer to a call that was let go; its errors are results, to be inspected as such."""

        async def told(progress: float, total: float | None, message: str | None) -> None:
            await context.session.report_progress(progress, total)  # without its text, which nobody inspects

        request = types.CallToolRequest(
            params=types.CallToolRequestParams(name=call.tool, arguments=call.arguments())
        )
        try:
            answer = await self.upstream.session.send_request(
                request, types.CallToolResult, self.within, progress_callback=told
            )
        except MCPError as error:
            if error.code == CONNECTION_CLOSED or self.upstream.closed.is_set():
                raise UpstreamGone from error
            if error.code == REQUEST_TIMEOUT and self.within is not None:
                raise TimeoutError from error
            return results.refusal(error.message)
        except ValueError:  # not an answer to a call: a question back, a task, nonsense
            log.warning("the server answered a call of %r with no result", call.tool)
            return results.refusal(NO_RESULT)
        return answer if answer.result_type in (None, "complete") else results.refusal(NO_RESULT)

    async def _ask(
        self, context: Context, params: types.CallToolRequestParams, enforced: Enforcement
    ) -> types.InputRequiredResult | bool:
        """Ask through the client; true if something was answered, so that the call is to be decided again."""
        approval = enforced.approval
        if approval is None or not asking.can_ask(context, self.asking):
            return False
        question = asking.request(approval, self.asking, self.page, self.session)
        if question is None:
            return False
        if asking.is_modern(context):
            found = (params.input_responses or {}).get(approval.id)
            if found is None:
                return types.InputRequiredResult(input_requests={approval.id: question})
        else:
            found = await asking.ask(context, question)
        if self.asking == Asking.PAGE:
            return isinstance(found, types.ElicitResult) and found.action == "accept"
        answer = asking.answer_of(found)
        if answer is None:
            return False
        try:
            by = Principal(self.approver)
            await self.gate.resolve(approval.id, answer, session=self.session, by=by)
        except BartizanError as error:
            log.warning("an answer could not be taken: %s", error)
        return True


def _meta(enforced: Enforcement) -> dict[str, Any]:
    """For the client's program: what was decided, and where to look it up."""
    about: dict[str, Any] = {
        "outcome": enforced.decision.outcome.name.lower(),
        "rules": [reason.rule for reason in enforced.decision.reasons],
    }
    if enforced.record is not None:
        about["record"] = enforced.record
    if enforced.approval is not None:
        about["approval"] = enforced.approval.id
    return {results.DECISION: about}
