"""The proxy does what every door must do: a scripted client, the real SDK on both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from mcp import types
from mcp.client import Client
from mcp.server.mcpserver import MCPServer

from bartizan.guard import ANONYMOUS, Answer, Guard, Principal
from bartizan.integrations.mcp import Proxy, Upstream
from bartizan.integrations.mcp.calls import CALL_ID
from bartizan.integrations.mcp.results import DECISION
from bartizan.integrations.mcp.upstream import all_tools
from bartizan.integrations.testing.adapter_conformance import CHECKS, Check
from bartizan.integrations.testing.harness import NO_EXCEPTIONS, Came, Proposed, Script, Tool

from .conftest import ERAS, said


class McpConversation:
    """A client that makes the calls of its script, each turn's at once; the state is the guard's alone."""

    def __init__(self, mode: str, guard: Guard, tools: Sequence[Tool], script: Script, who: Any) -> None:
        self._mode = mode
        self._guard = guard
        self._tools = tools
        self._left = list(script)
        self._who = who
        self._read: dict[str, str] = {}
        self._waiting: list[Proposed] = []

    async def say(self, text: str) -> Came:
        return await self._run()

    async def answer(
        self,
        answer: Answer,
        args: Mapping[str, Any] | None = None,
        *,
        but: Mapping[str, Answer] = NO_EXCEPTIONS,
    ) -> Came:
        for approval in await self._guard.approvals("s"):
            if approval.state == "pending":
                given, by = but.get(approval.call_id, answer), Principal("ann")
                await self._guard.resolve(approval.id, given, session="s", by=by, args=args)
        self._left.insert(0, self._waiting)
        return await self._run()

    async def wave_through(self) -> Came:
        raise AssertionError("asked only where has_own_approvals says so")

    async def resume_again(self) -> Came:
        raise AssertionError("asked only where resumes says so")

    async def _run(self) -> Came:
        try:
            session, principal = (each() for each in self._who)
            server = MCPServer("world")
            for tool in self._tools:
                server.add_tool(tool)
            async with Client(server, cache=None) as upstream:
                found = Upstream(upstream.session, await all_tools(upstream.session))
                proxy = Proxy(self._guard, found, session, principal)
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


class McpHarness:
    edits = True
    has_own_approvals = False
    resumes = False

    def __init__(self, mode: str) -> None:
        self._mode = mode

    def start(
        self,
        guard: Guard,
        tools: Sequence[Tool],
        script: Script,
        *,
        session: Callable[[], str] = lambda: "s",
        principal: Callable[[], Principal] = lambda: ANONYMOUS,
    ) -> McpConversation:
        return McpConversation(self._mode, guard, tools, script, (session, principal))


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_mcp(check: Check, mode: str) -> None:
    """A client of the proxy passes every check, in either era of the protocol."""
    await check(McpHarness(mode))
