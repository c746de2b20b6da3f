from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import types
from mcp.client import Client

from bartizan.guard import Guard
from bartizan.integrations.mcp import Proxy, Upstream, guard_for
from bartizan.integrations.mcp.upstream import all_tools

from .desk_server import make_server

POLICY = Path(__file__).parent / "desk.yaml"
ERAS = ("auto", "legacy")
"""How a client connects: the protocol of 2026-07-28, or the handshake before it."""

Desk = Callable[..., AbstractAsyncContextManager["Guarded"]]


class Guarded:
    """A client of a guarded desk, and what reached the desk."""

    def __init__(self, client: Client, proxy: Proxy, log: Path) -> None:
        self.client = client
        self.proxy = proxy
        self._log = log

    @property
    def guard(self) -> Guard:
        assert isinstance(self.proxy.gate, Guard)
        return self.proxy.gate

    def reached(self) -> list[dict[str, Any]]:
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    async def call(self, tool: str, **args: Any) -> types.CallToolResult:
        return await self.client.call_tool(tool, args)


def said(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A real client and a real server in this process, the proxy between them."""

    @asynccontextmanager
    async def guarded(
        mode: str = "auto", upstream_mode: str = "auto", guard: Guard | None = None,
        client: dict[str, Any] | None = None, **options: Any,
    ) -> AsyncIterator[Guarded]:  # fmt: skip
        log = tmp_path / "desk.log"
        async with Client(make_server(log), mode=upstream_mode, cache=None) as upstream:
            tools = await all_tools(upstream.session)
            guard = guard or guard_for(POLICY, tools, correct_within=30)
            proxy = Proxy(guard, Upstream(upstream.session, tools), "s", **options)
            async with Client(proxy.server(), mode=mode, cache=None, **(client or {})) as there:
                yield Guarded(there, proxy, log)

    return guarded
