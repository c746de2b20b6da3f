"""Resources and prompts: what is read besides tools, and what is left of it after inspection."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from mcp import types
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, METHOD_NOT_FOUND

from bartizan.guard import Gatekeeper, MalformedCall, Principal, ToolCall, ToolResult

from ..structures import passed, reading
from .calls import call_of
from .results import bare, texts_of
from .upstream import Upstream

log = logging.getLogger(__name__)

A = TypeVar("A")

UNREAD = "The guard failed, and so what was to be read is withheld."


class Reading(StrEnum):
    """What becomes of resources and prompts."""

    OBSERVE = "observe"
    DECIDE = "decide"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads from the server in one of the three ways."""

    gate: Gatekeeper
    upstream: Upstream
    session: str
    principal: Principal
    reading: Reading

    async def resource(
        self, context: Any, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """``resources/read``."""
        request = types.ReadResourceRequest(params=types.ReadResourceRequestParams(uri=params.uri))
        answer = await self._read(
            "resources/read",
            {"uri": str(params.uri)},
            lambda: self.upstream.forward(request, types.ReadResourceResult),
            resource_text,
        )
        return shown_resource(*answer)

    async def prompt(self, context: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        """``prompts/get``."""
        request = types.GetPromptRequest(
            params=types.GetPromptRequestParams(name=params.name, arguments=params.arguments)
        )
        answer = await self._read(
            "prompts/get",
            {"name": params.name, "arguments": params.arguments or {}},
            lambda: self.upstream.forward(request, types.GetPromptResult),
            prompt_text,
        )
        return shown_prompt(*answer)

    async def _read(
        self,
        tool: str,
        args: dict[str, Any],
        forward: Callable[[], Awaitable[A]],
        text_of: Callable[[A], str],
    ) -> tuple[A, str, str]:
        """What the server answered, its text, and what of that may be shown."""
        if self.reading == Reading.REFUSE:
            raise MCPError(code=METHOD_NOT_FOUND, message=f"{tool} is refused here")
        try:
            call = call_of(tool, args)
            if self.reading == Reading.DECIDE:
                return await self._decided(call, forward, text_of)
            answer = await forward()
            text = text_of(answer)
            seen = await self.gate.observe("result", reading(text), session=self.session, call=call)
            return answer, text, passed(text, seen.text) if seen is not None else ""
        except MCPError:
            raise
        except Exception as error:
            log.exception("%s failed in the guard", tool)
            raise MCPError(code=INTERNAL_ERROR, message=UNREAD) from error

    async def _decided(
        self, call: ToolCall, forward: Callable[[], Awaitable[A]], text_of: Callable[[A], str]
    ) -> tuple[A, str, str]:
        answers: list[A] = []

        async def execute(granted: ToolCall) -> ToolResult:
            if granted.digest != call.digest:
                raise MalformedCall(f"{call.tool} cannot be corrected")
            answers.append(await forward())
            return ToolResult(reading(text_of(answers[-1])))

        enforced = await self.gate.enforce(call, execute, session=self.session, principal=self.principal)
        if enforced.result is None or not answers:
            raise MCPError(code=INTERNAL_ERROR, message=self.gate.denial_message(enforced) or UNREAD)
        text = text_of(answers[-1])
        return answers[-1], text, passed(text, enforced.result.text)


def resource_text(answer: types.ReadResourceResult) -> str:
    """Every text of a resource; binary contents have none."""
    return "\n".join(
        content.text for content in answer.contents if isinstance(content, types.TextResourceContents)
    )


def shown_resource(answer: types.ReadResourceResult, text: str, shown: str) -> types.ReadResourceResult:
    """The resource with what may be shown of its text; all texts become one where something was redacted."""
    contents = [content.model_copy(update={"meta": None}) for content in answer.contents]
    if shown == text:
        return types.ReadResourceResult(contents=contents)
    texts = [content for content in contents if isinstance(content, types.TextResourceContents)]
    silent = [content for content in contents if isinstance(content, types.BlobResourceContents)]
    left = [content.model_copy(update={"text": shown}) for content in texts[:1]]
    return types.ReadResourceResult(contents=[*left, *silent])


def prompt_text(answer: types.GetPromptResult) -> str:
    """Every text of a prompt's description and messages."""
    messages = texts_of([message.content for message in answer.messages])
    return "\n".join([*([answer.description] if answer.description else []), *messages])


def shown_prompt(answer: types.GetPromptResult, text: str, shown: str) -> types.GetPromptResult:
    """The prompt with what may be shown of its text; one message is left where something was redacted."""
    if shown == text:
        said = [types.PromptMessage(role=m.role, content=bare(m.content)) for m in answer.messages]
        return types.GetPromptResult(description=answer.description, messages=said)
    role = answer.messages[0].role if answer.messages else "user"
    message = types.PromptMessage(role=role, content=types.TextContent(type="text", text=shown))
    return types.GetPromptResult(messages=[message])
