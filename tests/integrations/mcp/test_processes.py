"""The whole way: a real client, the proxy as a process of its own, and a real server behind it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fastmcp
import pytest
from fastmcp.client.transports import StdioTransport
from mcp import types
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from tests.waiting import PATIENCE, until
from typer.testing import CliRunner

from bartizan.guard import verify
from bartizan.integrations.cli import app

from .conftest import ERAS, POLICY, said
from .desk_server import CARD, TOOLS

PROXY = ["-c", "from bartizan.integrations.cli import main; main()", "proxy"]
SERVER = [sys.executable, str(Path(__file__).parent / "desk_server.py")]


async def yes(context: Any, params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"answer": "approve"})


def reached(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


async def everything(client: Client, log: Path) -> None:
    """A denied, a corrected, an approved, a redacted call, and twenty at once."""
    assert "closed-order" in said(await client.call_tool("refund", {"order": "closed-1", "amount": 1}))

    async def corrected() -> bool:  # in a quarter of a second, which a busy machine may not have at first
        return '"value":200' in said(await client.call_tool("refund", {"order": "o", "amount": 900}))

    await until(corrected)
    assert said(await client.call_tool("wipe", {})) == "wipe done"
    assert CARD not in (await client.call_tool("lookup", {"order": "o"})).model_dump_json()
    assert reached(log)[:2] == [
        {"tool": "refund", "args": {"order": "o", "amount": 200}},
        {"tool": "wipe", "args": {}},
    ]
    slow = asyncio.ensure_future(client.call_tool("wait", {"seconds": 0.5}))
    many = await asyncio.gather(
        *(client.call_tool("refund", {"order": f"o{n}", "amount": n}) for n in range(1, 21))
    )
    assert [one.structured_content["done"]["amount"] for one in many] == list(range(1, 21))
    assert not (await slow).is_error
    assert len(reached(log)) == 2 + 1 + 1 + 20


@pytest.mark.parametrize("mode", ERAS)
async def test_over_standard_input_and_output(tmp_path: Path, mode: str) -> None:
    """Deny, correct, approve, redact and many at once over pipes, and the log of it verifies."""
    log, audit = tmp_path / "desk.log", tmp_path / "audit"
    args = [*PROXY, "--policy", str(POLICY), "--audit", str(audit), "--", *SERVER]
    parameters = StdioServerParameters(
        command=sys.executable, args=args, env={**os.environ, "DESK_LOG": str(log)}
    )
    async with Client(parameters, mode=mode, cache=None, elicitation_callback=yes) as client:
        await everything(client, log)
        assert await names(client) == [tool.name for tool in TOOLS]
    assert verify(audit).ok


async def names(client: Client) -> list[str]:
    first = await client.list_tools()
    second = await client.list_tools(cursor=first.next_cursor)
    return [tool.name for tool in (*first.tools, *second.tools)]


async def test_with_the_client_of_fastmcp(tmp_path: Path) -> None:
    """Another client library sees the same: structure where it is allowed, an error where it is denied."""
    transport = StdioTransport(
        sys.executable,
        [*PROXY, "--policy", str(POLICY), "--", *SERVER],
        env={**os.environ, "DESK_LOG": str(tmp_path / "desk.log")},
    )
    async with fastmcp.Client(transport) as client:
        done = await client.call_tool("refund", {"order": "o", "amount": 5})
        assert done.structured_content == {"done": {"order": "o", "amount": 5}}
        denied = await client.call_tool("refund", {"order": "closed-", "amount": 5}, raise_on_error=False)
        assert denied.is_error


@asynccontextmanager
async def process(*command: str, **env: str) -> AsyncIterator[Process]:
    running = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**os.environ, **env}
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def proxied(*options: str) -> AsyncIterator[tuple[Process, int]]:
    """The proxy on a free port, or on another one if somebody took that before it did."""
    for _ in range(5):
        port = free_port()
        async with process(sys.executable, *PROXY, *options, "--listen", str(port)) as proxy:

            async def settled(proxy: Process = proxy, port: int = port) -> bool:
                return proxy.returncode is not None or await listening(port)

            await until(settled)
            if proxy.returncode is None:
                yield proxy, port
                return
    pytest.fail("the proxy started on none of five free ports")


async def test_over_http(tmp_path: Path) -> None:
    """The same over HTTP on both sides, for clients of both eras, and the proxy ends when it is told to."""
    log = tmp_path / "desk.log"
    async with process(*SERVER, "http", DESK_LOG=str(log)) as server:
        assert server.stdout is not None
        there = int(await server.stdout.readline())
        options = ["--policy", str(POLICY), "--url", f"http://127.0.0.1:{there}/mcp"]
        async with proxied(*options) as (proxy, here):
            for mode in ERAS:
                log.unlink(missing_ok=True)
                url = f"http://127.0.0.1:{here}/mcp"
                async with Client(url, mode=mode, cache=None, elicitation_callback=yes) as client:
                    await everything(client, log)
            proxy.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(proxy.wait(), PATIENCE) == 0


class Lines:
    """A client that writes what it likes."""

    def __init__(self, running: Process) -> None:
        self._running = running

    def send(self, message: Any) -> None:
        assert self._running.stdin is not None
        raw = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._running.stdin.write(raw + b"\n")

    async def answer(self, id: int) -> dict[str, Any]:
        assert self._running.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                found = json.loads(await self._running.stdout.readline())
                if found.get("id") == id:
                    return dict(found)

    async def greet(self) -> None:
        who = {"name": "lines", "version": "0"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": who}
        self.send({"id": 0, "method": "initialize", "params": params})
        await self.answer(0)
        self.send({"method": "notifications/initialized"})


HOSTILE: list[Any] = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000, b'{"jsonrpc":"2.0"}',
    b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":{},"method":"tools/call"}',
    {"id": 5, "result": {}}, {"id": 6, "error": {"code": 1, "message": "x"}},
    {"method": "notifications/cancelled", "params": {"requestId": 999}},
    {"method": "notifications/progress", "params": {"progressToken": 1, "progress": "x"}},
    {"method": "notifications/unknown"},
]  # fmt: skip
REFUSED: list[dict[str, Any]] = [
    {"method": "tools/call", "params": {"name": "refund", "arguments": {"order": "o", "amount": 1}, "task": {}}},
    {"method": "tools/call", "params": {"name": "refund", "arguments": "order"}},
    {"method": "tools/call", "params": {"name": ["refund"], "arguments": {}}},
    {"method": "tools/call"},
    {"method": "tools/call\u0000", "params": {"name": "refund", "arguments": {"order": "o", "amount": 1}}},
    {"method": "Tools/Call", "params": {"name": "refund", "arguments": {"order": "o", "amount": 1}}},
    {"method": "tasks/get", "params": {"taskId": "1"}},
    {"method": "tasks/result", "params": {"taskId": "1"}},
    {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}},
    {"method": "elicitation/create", "params": {}},
    {"method": "completion/complete",
     "params": {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "a", "value": "b"}}},
    {"method": "logging/setLevel", "params": {"level": "debug"}},
    {"method": "resources/subscribe", "params": {"uri": "desk://card"}},
    {"method": "server/shutdown"},
    {"method": "initialize", "params": {}},
]  # fmt: skip


async def test_what_a_hostile_client_writes_neither_passes_nor_hurts(tmp_path: Path) -> None:
    """Garbage is survived, everything but guarded calls is an error, and a guarded call still works afterwards."""
    log = tmp_path / "desk.log"
    command = [sys.executable, *PROXY, "--policy", str(POLICY), "--", *SERVER]
    async with process(*command, DESK_LOG=str(log)) as proxy:
        lines = Lines(proxy)
        await lines.greet()
        for message in HOSTILE:
            lines.send(message)
        for number, message in enumerate(REFUSED, start=100):
            lines.send({"id": number, **message})
            answer = await lines.answer(number)
            assert "error" in answer, message
        assert reached(log) == []
        call = {"name": "refund", "arguments": {"order": "o", "amount": 1}}
        lines.send({"id": 900, "method": "tools/call", "params": call})
        assert not (await lines.answer(900))["result"].get("isError")
        assert len(reached(log)) == 1


async def test_a_server_that_dies_in_the_middle_of_a_call(tmp_path: Path) -> None:
    """The call is answered with an error that promises nothing, it is in the log, and the proxy ends with 1."""
    audit = tmp_path / "audit"
    command = [sys.executable, *PROXY, "--policy", str(POLICY), "--audit", str(audit), "--", *SERVER]
    async with process(*command, DESK_LOG=str(tmp_path / "desk.log")) as proxy:
        lines = Lines(proxy)
        await lines.greet()
        lines.send({"id": 7, "method": "tools/call", "params": {"name": "crash", "arguments": {}}})
        result = (await lines.answer(7))["result"]
        assert (
            result["isError"] and "Whether the call took effect is not known" in result["content"][0]["text"]
        )
        assert await asyncio.wait_for(proxy.wait(), PATIENCE) == 1
    assert verify(audit).ok
    assert any('"kind":"error"' in file.read_text() for file in audit.glob("*.jsonl"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--policy", str(POLICY)], "--url"),
        (["--", *SERVER], "--sidecar"),
        (["--policy", str(POLICY), "--listen", "0.0.0.0:80", "--", *SERVER], "address of this machine"),
        (["--policy", str(POLICY), "--listen", "x", "--", *SERVER], "host:port"),
        (["--policy", str(POLICY), "--ask", "page", "--", *SERVER], "--page"),
        (["--sidecar", "http://127.0.0.1:1", "--ask", "client", "--", *SERVER], "--ask nobody"),
        (["--sidecar", "http://127.0.0.1:1", "--audit", "x", "--", *SERVER], "deciding here"),
        (["--sidecar", "http://127.0.0.1:1", "--token-file", "no-such-file", "--", *SERVER], "no-such-file"),
    ],
)
def test_bad_usage_says_why(options: list[str], words: str) -> None:
    """What does not fit together ends with a sentence and exit code 2."""
    result = CliRunner().invoke(app, ["proxy", *options])
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--policy", "no-such.yaml", "--", *SERVER], "cannot open what guards the server: [Errno 2]"),
        (["--policy", str(POLICY), "--", "no-such-command-anywhere"], "no-such-command-anywhere"),
        (
            ["--policy", str(POLICY), "--", sys.executable, "-c", "print('Welcome!')"],
            "Failed to parse JSONRPC",
        ),
    ],
)
async def test_what_cannot_be_started_says_why(tmp_path: Path, options: list[str], words: str) -> None:
    """What is missing ends with a sentence and a code, never with a proxy that guards nothing."""
    async with process(sys.executable, *PROXY, *options, DESK_LOG=str(tmp_path / "desk.log")) as proxy:
        out, err = await asyncio.wait_for(proxy.communicate(), PATIENCE)
        assert (proxy.returncode, out) == (2, b"")
        assert words in err.decode() and "Traceback" not in err.decode()
