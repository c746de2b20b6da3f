"""The proxy does what every door must do: a scripted client, the real SDK on both sides."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import types
from mcp.client import Client
from mcp.server.mcpserver import MCPServer

from bartizan.guard import Principal
from bartizan.integrations.mcp import Proxy, Upstream
from bartizan.integrations.mcp.calls import CALL_ID
from bartizan.integrations.mcp.results import DECISION
from bartizan.integrations.mcp.upstream import all_tools
from bartizan.integrations.testing.adapter_conformance import CHECKS, Check
from bartizan.integrations.testing.harness import Answers, Came, Conversation, Harness, Proposed, Setup

from .conftest import ERAS, said


class McpConversation(Conversation):
    """A client that makes the calls of its script, each turn's at once; the state is the guard's alone."""

    def __init__(self, mode: str, setup: Setup) -> None:
        self._mode = mode
        self._setup = setup
        self._left = list(setup.script)
        self._read: dict[str, str] = {}
        self._waiting: list[Proposed] = []

    async def say(self, text: str) -> Came:
        return await self._run()

    async def answer(self, answers: Answers) -> Came:
        guard, by = self._setup.guard, Principal("ann")
        for approval in await guard.approvals("s"):
            if approval.state == "pending":
                given = answers.to(approval.call_id)
                await guard.resolve(approval.id, given, session="s", by=by, args=answers.args)
        self._left.insert(0, self._waiting)
        return await self._run()

    async def _run(self) -> Came:
        try:
            session, principal = self._setup.session(), self._setup.principal()
            server = MCPServer("world")
            for tool in self._setup.tools:
                server.add_tool(tool)
            async with Client(server, cache=None) as upstream:
                found = Upstream(upstream.session, await all_tools(upstream.session))
                proxy = Proxy(self._setup.guard, found, session, principal)
                async with Client(proxy.server(), mode=self._mode, cache=None) as client:
                    await self._turns(client)
        except Exception as error:  # noqa: BLE001 (whatever it is, the suite looks at it)
            return Came(self._read, error=error)
        return Came(self._read, len(self._waiting))

    async def _turns(self, client: Client) -> None:
        self._waiting = []
        while self._left and not self._waiting:
            turn = self._left.pop(0)
            results = await asyncio.gather(*(self._call(client, call) for call in turn))
            for call, result in zip(turn, results, strict=True):
                self._read[call.id] = said(result)
                if (result.meta or {}).get(DECISION, {}).get("outcome") == "escalate":
                    self._waiting.append(call)

    async def _call(self, client: Client, call: Proposed) -> types.CallToolResult:
        meta: Any = {CALL_ID: call.id}
        return await client.call_tool(call.tool, dict(call.args), meta=meta)


class McpHarness(Harness):
    edits = True
    has_own_approvals = False
    resumes = False

    def __init__(self, mode: str) -> None:
        self._mode = mode

    def start(self, setup: Setup) -> McpConversation:
        return McpConversation(self._mode, setup)


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_mcp(check: Check, mode: str) -> None:
    """A client of the proxy passes every check, in either era of the protocol."""
    await check(McpHarness(mode))
