"""The connection to the guarded server."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.client import Client
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR

log = logging.getLogger(__name__)

A = TypeVar("A")
Pages = types.PaginatedRequestParams | None

MAX_PAGES = 100
"""Of one list. A server whose lists never end does not hold the proxy up."""


class UpstreamGone(Exception):
    """The server's connection has ended."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A connected server: its session, what it says of itself, the tools it had when it was connected."""

    session: ClientSession
    tools: tuple[types.Tool, ...]
    closed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def info(self) -> types.Implementation:
        return self.session.server_info or types.Implementation(name="server", version="")

    @property
    def capabilities(self) -> types.ServerCapabilities:
        return self.session.server_capabilities or types.ServerCapabilities()

    @property
    def instructions(self) -> str | None:
        return self.session.instructions

    # what is passed on as it is

    async def list_tools(self, context: Any, params: Pages) -> types.ListToolsResult:
        return await _passed_on(self.session.list_tools(params=_page(params)))

    async def list_resources(self, context: Any, params: Pages) -> types.ListResourcesResult:
        return await _passed_on(self.session.list_resources(params=_page(params)))

    async def list_templates(self, context: Any, params: Pages) -> types.ListResourceTemplatesResult:
        return await _passed_on(self.session.list_resource_templates(params=_page(params)))

    async def list_prompts(self, context: Any, params: Pages) -> types.ListPromptsResult:
        return await _passed_on(self.session.list_prompts(params=_page(params)))

    async def forward(self, request: types.ClientRequest, kind: type[Any]) -> Any:
        return await _passed_on(self.session.send_request(request, kind))


async def _passed_on(asked: Awaitable[A]) -> A:
    """The server's answer. What it says of an error nobody inspects, and so it stays here; the code goes on."""
    try:
        return await asked
    except MCPError as error:
        raise MCPError(code=error.code, message="The server answered with an error") from error
    except Exception as error:
        log.exception("the server's answer could not be read")
        raise MCPError(code=INTERNAL_ERROR, message="The server's answer could not be read") from error


def _page(params: Pages) -> types.PaginatedRequestParams:
    return types.PaginatedRequestParams(cursor=params.cursor if params is not None else None)


@asynccontextmanager
async def connect(server: str | Sequence[str], *, within: float = 60.0) -> AsyncIterator[Upstream]:
    """Connect to a server: a URL (Streamable HTTP), or the command that starts one and talks over its pipes.

    A started server has this process's environment, as if the proxy were not there, and ``within`` seconds until it has
    said what it is and which tools it has. The proxy offers a server nothing: no sampling, no elicitation, no roots,
    which it could use to get past the guard; what it asks for anyway is refused.

    Raises whatever the transport raises for a server that cannot be reached, ``MCPError`` for one that cannot agree,
    ``TimeoutError`` for one that does not answer.
    """
    closed = anyio.Event()
    if isinstance(server, str):
        transport: Any = streamable_http_client(server)
    else:
        command, *args = server
        # bytes that are no UTF-8 cost the message they are in, not the connection
        transport = stdio_client(
            StdioServerParameters(
                command=command, args=args, env=dict(os.environ), encoding_error_handler="replace"
            )
        )
    client = Client(
        _watched(transport, closed),
        cache=None,
        client_info=types.Implementation(name="bartizan", version="1"),
    )
    async with AsyncExitStack() as stack:
        # asyncio's timeout, not anyio's: a scope of anyio could not be left before the client that is entered in it
        async with asyncio.timeout(within):
            await stack.enter_async_context(client)
            tools = await all_tools(client.session) if client.server_capabilities.tools is not None else ()
        yield Upstream(client.session, tools, closed)


async def all_tools(session: ClientSession) -> tuple[types.Tool, ...]:
    """The tools of every page, of at most :data:`MAX_PAGES`."""
    found: list[types.Tool] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        found += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return tuple(found)


@asynccontextmanager
async def _watched(transport: Any, closed: anyio.Event) -> AsyncIterator[tuple[Any, Any]]:
    """The transport, with an event that is set when the server's side of it ends."""
    send: MemoryObjectSendStream[SessionMessage | Exception]
    receive: MemoryObjectReceiveStream[SessionMessage | Exception]
    send, receive = anyio.create_memory_object_stream(0)

    async def relay(source: Any) -> None:
        async with send:
            try:
                async for message in source:
                    await send.send(message)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                pass  # our own side left
        closed.set()

    async with transport as (source, sink), anyio.create_task_group() as tasks:
        tasks.start_soon(relay, source)
        try:
            yield receive, sink
        finally:
            receive.close()
            tasks.cancel_scope.cancel()
