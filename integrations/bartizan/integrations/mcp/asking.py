"""Asking the person behind an MCP client about an escalated call.

Two protocols. Until 2025-11-25 a server may send ``elicitation/create`` in the middle of a call. From 2026-07-28 it
answers the call with what it needs (SEP-2322), and the client makes the same call again with the answers. What an
answer belongs to is never taken from the client: the guard's store knows the pending approval of exactly this call.

A form is answered by the client, which the agent's own program may be. Where that is not enough, :attr:`Asking.PAGE`
sends the person to a page of their own, and only what was answered there counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from mcp import types
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from bartizan.guard import Answer, Approval
from bartizan.policies.diagnostics import visible

LONGEST = 4000
"""Letters of a question. What is longer nobody reads to its end, where the harm would stand: it is not asked here."""

_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answer": {
            "type": "string",
            "title": "May this call run?",
            "enum": ["approve", "reject"],
        }
    },
    "required": ["answer"],
}


class Asking(StrEnum):
    """Who is asked about an escalated call."""

    CLIENT = "client"
    """A form that the client shows. Trusts the client to ask a person."""
    PAGE = "page"
    """A link to the page of approvals, which the client opens."""
    NOBODY = "nobody"
    """Nobody through the client: the call is denied, the approval named, and answered elsewhere."""


def question(approval: Approval) -> str | None:
    """What the person reads: the call and the rules that ask, nothing hidden; ``None`` if that is too long."""
    rules = [f"Rule {rule}: {text}".removesuffix(": ") for rule, text in approval.reasons]
    lines = ["An agent wants to make this call, which needs a person's approval:", approval.granted, *rules]
    text = "\n".join(visible(line) for line in lines)
    return text if len(text) <= LONGEST else None


def request(approval: Approval, how: Asking, page: str, session: str) -> types.ElicitRequest | None:
    """The question as the protocol asks it; ``None`` if it cannot be asked here."""
    text = question(approval)
    if text is None or how == Asking.NOBODY:
        return None
    if how == Asking.PAGE:
        place = f"{page.rstrip('/')}/#/approvals?session={quote(session, safe='')}&approval={approval.id}"
        return types.ElicitRequest(
            params=types.ElicitRequestURLParams(message=text, url=place, elicitation_id=approval.id)
        )
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=text, requested_schema=_FORM))


def can_ask(context: ServerRequestContext[Any, Any], how: Asking) -> bool:
    """Whether the client says that it can be asked in this way."""
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    if elicitation is None or how == Asking.NOBODY:
        return False
    if how == Asking.PAGE:
        return elicitation.url is not None
    return elicitation.form is not None or elicitation.url is None  # clients before 2025-11-25 name no mode


def is_modern(context: ServerRequestContext[Any, Any]) -> bool:
    """Whether what is needed is the call's answer, not a request of its own."""
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


async def ask(
    context: ServerRequestContext[Any, Any], asked: types.ElicitRequest
) -> types.ElicitResult | None:
    """The answer of a client before 2026-07-28; ``None`` if it has none to give."""
    on_its_stream = ServerMessageMetadata(related_request_id=context.request_id)
    try:
        return await context.session.send_request(asked, types.ElicitResult, metadata=on_its_stream)
    except (MCPError, ValueError):  # declined by the client's program, or not an answer
        return None


def answer_of(found: Any) -> Answer | None:
    """What the person decided by a form; ``None`` for no decision, which leaves the question open."""
    if not isinstance(found, types.ElicitResult):
        return None
    if found.action == "decline":
        return "reject"
    content: Mapping[str, Any] = found.content or {}
    if found.action == "accept" and content.get("answer") in ("approve", "reject"):
        return "approve" if content["answer"] == "approve" else "reject"
    return None
