"""What asking a service for a decision costs its client, beside other HTTP clients that ask the same.

    python benchmarks/client.py [--rounds 30] [--calls 100]

A real ``bartizan serve`` with its log in memory, in a process of its own, is asked to authorise calls one after the
other; rounds of all clients are interleaved. ``ratio`` compares medians with ours over a Unix socket in the same run.
Ours parses strictly, makes the answer canonical, compares digests and (``verdict``) checks the signature; the others
parse the JSON and look at ``allowed``. "nothing checked" writes bytes to a socket and reads what comes: what service
and sockets cost alone; ``client`` is what a client costs beyond that (medians).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import httpx

from bartizan.guard import Guard, ToolCall
from bartizan.integrations.client import RemoteGuard
from bartizan.policies import load_policy

POLICY = """
version: 1
name: plain
tools: {read: {args: {path: str, limit: int}, effect: read}}
rules: [{id: ordinary, allow: [read], when: args.limit <= 500}]
"""
TOKEN, KEY = "agent-token", "k" * 32
CALL = ToolCall.of("call-1", "read", {"path": "/srv/data/report.txt", "limit": 200})
SERVE = [sys.executable, "-c", "from bartizan.integrations.cli import main; main()", "serve", "--config"]
BARE, LOCAL = "nothing checked, Unix socket", "no service: Guard in this process"
Ask = Callable[[str], Awaitable[bool]]


@asynccontextmanager
async def service(directory: Path) -> AsyncIterator[str]:
    """The port of a service that also listens on ``directory/s``."""
    (directory / "policy.yaml").write_text(POLICY)
    (directory / "service.yaml").write_text(
        json.dumps(
            {
                "listen": ["127.0.0.1:0", f"unix:{directory}/s"],
                "tenants": {"default": {"policy": "policy.yaml"}},
                "tokens": [{"name": "agent", "scopes": ["decide"], "secret": {"env": "TOKEN"}}],
                "verdict_keys": [{"env": "KEY"}],
            }
        )
    )
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 (before anything is measured)
            [*SERVE, str(directory / "service.yaml")],
            stderr=log,
            env={**os.environ, "TOKEN": TOKEN, "KEY": KEY},
        )
        try:
            while (said := (directory / "log").read_text()).count("Serving on") < 2:
                assert process.poll() is None, said
                await asyncio.sleep(0.05)
            yield said.partition("http://127.0.0.1:")[2].split()[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def body(session: str) -> dict[str, object]:
    return {"session": session, "call": {"id": CALL.id, "tool": CALL.tool, "args": CALL.arguments()}}


def ours(guard: RemoteGuard | Guard) -> Ask:
    async def ask(session: str) -> bool:
        return (await guard.authorise(CALL, session=session)).decision.allowed

    return ask


def with_httpx(client: httpx.AsyncClient, url: str) -> Ask:
    async def ask(session: str) -> bool:
        return bool((await client.post(f"{url}/v1/calls", json=body(session))).json()["allowed"])

    return ask


def with_aiohttp(client: aiohttp.ClientSession, url: str) -> Ask:
    async def ask(session: str) -> bool:
        async with client.post(f"{url}/v1/calls", json=body(session)) as response:
            return bool((await response.json())["allowed"])

    return ask


def bare(path: str) -> Ask:
    held = socket.socket(socket.AF_UNIX)
    held.connect(path)
    held.setblocking(False)

    async def ask(session: str) -> bool:
        loop, said = asyncio.get_running_loop(), json.dumps(body(session)).encode()
        head = (
            f"POST /v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
        )
        await loop.sock_sendall(held, head.encode() + said)
        answer = b""
        while not answer.endswith(b"}"):
            answer += await loop.sock_recv(held, 65536)
        return b'"allowed":true' in answer

    return ask


async def measure(directory: Path, rounds: int, calls: int) -> dict[str, list[float]]:
    path, headers = f"{directory}/s", {"Authorization": f"Bearer {TOKEN}"}
    async with service(directory) as port, AsyncExitStack() as stack:
        tcp = f"http://127.0.0.1:{port}"

        async def remote(url: str, keys: bytes = b"") -> Ask:
            guard = RemoteGuard(url, token=TOKEN, verdict_keys=keys or ())
            return ours(await stack.enter_async_context(guard))

        async def httpx_over(**transport: object) -> httpx.AsyncClient:
            client = httpx.AsyncClient(headers=headers, transport=httpx.AsyncHTTPTransport(**transport))  # type: ignore[arg-type]
            return await stack.enter_async_context(client)

        async def aiohttp_over(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
            return await stack.enter_async_context(
                aiohttp.ClientSession(headers=headers, connector=connector)
            )

        variants: dict[str, Ask] = {
            "RemoteGuard, Unix socket": await remote(f"unix://{path}"),
            "RemoteGuard, Unix socket, verdict": await remote(f"unix://{path}", KEY.encode()),
            "RemoteGuard, TCP": await remote(tcp),
            BARE: bare(path),
            "aiohttp, Unix socket": with_aiohttp(await aiohttp_over(aiohttp.UnixConnector(path)), "http://x"),
            "aiohttp, TCP": with_aiohttp(await aiohttp_over(aiohttp.TCPConnector()), tcp),
            "httpx, Unix socket": with_httpx(await httpx_over(uds=path), "http://x"),
            "httpx, TCP": with_httpx(await httpx_over(), tcp),
            LOCAL: ours(Guard(load_policy(directory / "policy.yaml"))),
        }
        times: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(rounds + 1):
            for name, ask in variants.items():
                session = f"{name} {number}"
                for _ in range(calls):
                    start = time.perf_counter_ns()
                    assert await ask(session), name
                    if number:  # the first round warms up
                        times[name].append((time.perf_counter_ns() - start) / 1e3)
        return times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bz") as directory:
        times = asyncio.run(measure(Path(directory), options.rounds, options.calls))
    base = statistics.median(next(iter(times.values())))
    bare_p50 = statistics.median(times[BARE])
    print(f"{'one call authorised':36}{'p10 us':>9}{'p50 us':>9}{'p99 us':>9}{'ratio':>8}{'client us':>11}")
    for name, found in times.items():
        cuts = statistics.quantiles(found, n=100)
        beyond = f"{cuts[49] - bare_p50:11.0f}" if name not in (BARE, LOCAL) else ""
        print(f"{name:36}{cuts[9]:9.0f}{cuts[49]:9.0f}{cuts[98]:9.0f}{cuts[49] / base:8.2f}{beyond}")


if __name__ == "__main__":
    main()
