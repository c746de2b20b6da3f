"""Running the proxy: over this process's pipes, or as a server of its own on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import anyio
import uvicorn
from mcp.server.stdio import stdio_server

from bartizan.monitors.listening import is_loopback

from .proxy import Proxy


@dataclass(frozen=True, slots=True)
class HttpListener:
    """Where clients connect. Anybody who can is the agent, so only this machine can: MCP over HTTP names no one."""

    host: str = "127.0.0.1"
    port: int = 8765

    @classmethod
    def of(cls, text: str) -> HttpListener:
        """From ``host:port`` or ``port``. Raises ValueError for what is neither, or not of this machine."""
        host, _, port = text.rpartition(":")
        host = host.strip("[]") or "127.0.0.1"
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"expected host:port, found {text!r}")
        if not is_loopback(host):
            raise ValueError(
                f"expected an address of this machine (127.0.0.1), found {host!r}: the proxy does not know who "
                "connects; put one that authenticates in front of it"
            )
        return cls(host, int(port))


async def serve_stdio(proxy: Proxy) -> bool:
    """Serve the client at the other end of standard input and output until it leaves.

    False if the server left first; then, and on a signal to stop, a thread may still wait for input: end the process.
    """
    server = proxy.server()

    async def talk() -> None:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    return await _until_either_leaves(proxy, talk())


async def serve_http(proxy: Proxy, listener: HttpListener) -> bool:
    """Serve clients at ``/mcp`` until this process is told to stop; false if the server left first."""
    app = proxy.server().streamable_http_app(host=listener.host)
    config = uvicorn.Config(app, host=listener.host, port=listener.port, log_level="warning", lifespan="on")
    return await _until_either_leaves(proxy, uvicorn.Server(config).serve())


async def _until_either_leaves(proxy: Proxy, serving: Awaitable[Any]) -> bool:
    """Serve until a side ends. When it is the server's, what is in flight is answered first."""
    ours = asyncio.ensure_future(serving)
    theirs = asyncio.ensure_future(proxy.upstream.closed.wait())
    try:
        await asyncio.wait({ours, theirs}, return_when=asyncio.FIRST_COMPLETED)
        if ours.done():
            await ours  # raises what it raised
            return True
        with anyio.move_on_after(1):
            await asyncio.wait({ours})
        return False
    finally:
        theirs.cancel()
        # not ours: a thread of it may sit in a read of standard input that only the client can end
