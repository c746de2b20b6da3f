"""The service's decide endpoint against a raw ASGI JSON echo, both on one core of the same server.

    python benchmarks/sidecar.py [--seconds 1] [--rounds 15] [--connections 32] [--unix]

Both servers run at once, pinned to the first core, and are loaded in turns (a burst of each a round) by a process on
the second core over kept connections, so that what else the machine does meets both. ``ratio`` is the median over the
rounds of the service's requests a second to the echo's. ``CPU us`` is what a request costs the server's process. Then
each server alone is sent requests at a fixed rate, 70% of what it had reached, again in turns, and a latency counts
from the moment at which its request was due; of the rounds' percentiles the medians are shown. ``the least that logs
its answer`` is a bound: the service's work on JSON and hashes, in one function without any guard.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import uvloop

from bartizan.guard.canonical import canonical_json, parse_json, written_json

POLICY = """
version: 1
name: benchmark
tools:
  read_file: {args: {path: str, "limit?": int}, effect: read}
  send_money: {args: {recipient: str, amount: "dec(2)", subject: str}, effect: destructive}
rules:
  - id: tools
    allow: [read_file, send_money]
  - id: secrets
    deny: [read_file]
    when: args.path.startsWith("/etc/") || args.path.endsWith(".pem")
  - id: reads
    deny: [read_file]
    when: session.count("read_file", within="1h") >= 1000000000
  - id: positive
    deny: [send_money]
    when: args.amount <= 0.00
  - id: limit
    deny: [send_money]
    when: session.sum("send_money", "amount", within="24h") + args.amount > 1000000000.00
"""

SESSIONS = 5_000
"""At three thousand calls a second, each is asked less than once a second: no agent is faster."""


async def echo(scope, receive, send):  # type: ignore[no-untyped-def]
    """Reads JSON, writes it: what no service can do without."""
    if scope["type"] == "lifespan":
        return
    message = await receive()
    body = json.dumps(json.loads(message["body"]), separators=(",", ":")).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_previous = ""


async def least(scope, receive, send):  # type: ignore[no-untyped-def]
    """What no service that logs its decisions can do without, written in one piece: no policy, no session, no guard.

    Reads a call, writes its canonical form and digest, a record of it that is chained to the one before, and an answer.
    """
    global _previous
    if scope["type"] == "lifespan":
        return
    message = await receive()
    asked = parse_json(message["body"])
    call = {"args": asked["call"]["args"], "tool": asked["call"]["tool"]}
    digest = sha256(canonical_json(call)).hexdigest()
    reasons = [{"rule": "tools", "effect": "allow", "value": "T", "text": "", "atoms": []}]
    record = {
        "id": secrets.token_hex(8), "kind": "decision", "session": asked["session"], "time": time.time_ns() // 1000,
        "call_id": asked["call"]["id"], "tool": call["tool"], "call_digest": digest, "version": 1, "outcome": "ALLOW",
        "reasons": reasons, "shadow": [], "policy": {"name": "benchmark", "hash": "0" * 64},
        "principal": {"id": "agent", "roles": []}, "signals": {}, "approval": None, "approved": False, "once": None,
        "latency_us": {"load": 1, "decide": 1}, "prev": _previous,
    }  # fmt: skip
    _previous = sha256(canonical_json(record)).hexdigest()
    answer = {
        "outcome": "allow", "allowed": True, "call": asked["call"], "digest": digest, "reasons": reasons,
        "policy": "0" * 64, "message": "", "record": record["id"],
    }  # fmt: skip
    body = written_json(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve(app: str, where: str) -> None:
    import uvicorn

    from bartizan.integrations.sidecar.protocol import BoundedProtocol

    host, _, port = where.rpartition(":")
    place = {"uds": port} if host == "unix" else {"host": host, "port": int(port)}
    config = uvicorn.Config(
        {"echo": echo, "least": least}[app],
        **place,
        http=BoundedProtocol,
        loop="uvloop",
        access_log=False,
        log_config=None,
        server_header=False,
    )
    uvicorn.Server(config).run()


# --- the load


def request(token: str, number: int) -> bytes:
    """One of the calls: half of them read, half of them pay, all sessions in turn."""
    if number % 2:
        call = {
            "id": f"c{number}",
            "tool": "read_file",
            "args": {"path": f"/srv/data/report-{number}.txt", "limit": 200},
        }
    else:
        args = {"recipient": "GB29NWBK60161331926819", "amount": 12.5, "subject": f"invoice {number}"}
        call = {"id": f"c{number}", "tool": "send_money", "args": args}
    body = json.dumps({"session": f"session-{number // 2 % SESSIONS}", "call": call}).encode()
    head = (
        "POST /v1/calls HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(slots=True)
class Tally:
    answered: int = 0
    wrong: int = 0
    latencies: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One request at a time over a kept connection."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""
        self._answered: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer.find(b"content-length: ")
        length = int(self._buffer[at + 16 : self._buffer.find(b"\r\n", at)])
        if len(self._buffer) < end + 4 + length:
            return
        self._tally.answered += 1
        self._tally.wrong += (
            not self._buffer.startswith(b"HTTP/1.1 200") or b'"allowed":false' in self._buffer
        )
        self._buffer = b""
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    async def ask(self, what: bytes) -> None:
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(what)
        await self._answered


async def connect(where: str, tally: Tally, count: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    host, _, port = where.rpartition(":")
    if host == "unix":
        return [(await loop.create_unix_connection(lambda: Connection(tally), port))[1] for _ in range(count)]
    return [
        (await loop.create_connection(lambda: Connection(tally), host, int(port)))[1] for _ in range(count)
    ]


async def closed(where: str, requests: Sequence[bytes], seconds: float, connections: int) -> Tally:
    """As many requests as fit: each connection sends the next when it has its answer."""
    tally = Tally()
    made = await connect(where, tally, connections)
    until = time.perf_counter() + seconds

    async def on(connection: Connection, start: int) -> None:
        at = start
        while time.perf_counter() < until:
            await connection.ask(requests[at % len(requests)])
            at += connections

    await asyncio.gather(*(on(connection, number) for number, connection in enumerate(made)))
    for connection in made:
        connection.transport.close()
    return tally


async def open_loop(
    where: str, requests: Sequence[bytes], seconds: float, rate: float, connections: int
) -> Tally:
    """Requests at random moments, ``rate`` a second; who is late waits from the moment at which it was due."""
    tally = Tally()
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in await connect(where, tally, connections):
        free.put_nowait(connection)
    running: set[asyncio.Task[None]] = set()

    async def one(what: bytes, due: float) -> None:
        connection = await free.get()
        await connection.ask(what)
        tally.latencies.append((time.perf_counter() - due) * 1e3)
        free.put_nowait(connection)

    due, began, sent = time.perf_counter(), time.perf_counter(), 0
    while due < began + seconds:
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        while due <= time.perf_counter():
            task = asyncio.ensure_future(one(requests[sent % len(requests)], due))
            running.add(task)
            task.add_done_callback(running.discard)
            due += random.expovariate(rate)
            sent += 1
    await asyncio.gather(*running)
    return tally


# --- the servers


@dataclass(frozen=True, slots=True)
class Server:
    pid: int
    where: str

    def cpu(self) -> float:
        """Seconds of processor time that its process has had."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(command: Sequence[str], where: str) -> Iterator[Server]:
    process = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, *command], cwd=Path(__file__).parents[1]
    )
    try:
        while not asyncio.run(_answers(where)):
            if process.poll() is not None:
                raise SystemExit("a server did not start")
            time.sleep(0.05)
        yield Server(process.pid, where)
    finally:
        process.terminate()
        process.wait()


async def _answers(where: str) -> bool:
    try:
        (connection,) = await connect(where, Tally(), 1)
    except OSError:
        return False
    connection.transport.close()
    return True


def address(directory: Path, name: str, unix: bool) -> str:
    if unix:
        return f"unix:{directory}/{name}.sock"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def configuration(directory: Path, name: str, token: str, where: str, **tenant: object) -> str:
    """Writes a service's configuration; JSON is YAML."""
    (directory / "policy.yaml").write_text(POLICY)
    file = directory / f"{name}.yaml"
    digest = sha256(token.encode()).hexdigest()
    file.write_text(
        json.dumps(
            {
                "listen": [where],
                "tenants": {"default": {"policy": "policy.yaml", **tenant}},
                "tokens": [{"name": "agent", "sha256": digest, "scopes": ["decide"]}],
                "limits": {"concurrent": 1024},
            }
        )
    )
    return str(file)


def measure(arguments: argparse.Namespace, directory: Path) -> None:
    token = secrets.token_urlsafe(24)
    requests = [request(token, number) for number in range(2 * SESSIONS)]
    variants: dict[str, dict[str, object]] = {
        "sessions and log in memory": {},
        "sessions in memory, log on disk (fsync)": {"audit": "audit"},
    }
    with ExitStack() as stack:
        servers = {}
        script = "from benchmarks.sidecar import serve; import sys; serve(*sys.argv[1:])"
        for name, app in (("raw ASGI echo", "echo"), ("the least that logs its answer", "least")):
            where = address(directory, app, arguments.unix)
            servers[name] = stack.enter_context(started(["-c", script, app, where], where))
        service = "from bartizan.integrations.cli import main; main()"
        for number, (name, tenant) in enumerate(variants.items()):
            where = address(directory, f"s{number}", arguments.unix)
            config = configuration(directory, f"s{number}", token, where, **tenant)
            command = ["-c", service, "serve", "--config", config]
            servers[name] = stack.enter_context(started(command, where))
        rates: dict[str, list[float]] = {name: [] for name in servers}
        costs: dict[str, list[float]] = {name: [] for name in servers}
        busy: dict[str, list[float]] = {name: [] for name in servers}
        for each in range(arguments.rounds + 1):
            for name, server in servers.items():
                before, began = server.cpu(), time.perf_counter()
                tally = uvloop.run(closed(server.where, requests, arguments.seconds, arguments.connections))
                took, used = time.perf_counter() - began, server.cpu() - before
                if tally.wrong:
                    raise SystemExit(f"{name}: {tally.wrong} answers were not what they should be")
                if each:  # the first round warms up
                    rates[name].append(tally.answered / took)
                    costs[name].append(used / tally.answered * 1e6)
                    busy[name].append(used / took)
        base = rates["raw ASGI echo"]
        print(f"\n{'':42}{'req/s':>9}{'ratio':>8}{'CPU us':>9}{'CPU ratio':>11}{'CPU %':>8}")
        for name in servers:
            ratio = statistics.median(mine / echo for mine, echo in zip(rates[name], base, strict=True))
            cheaper = statistics.median(
                echo / mine for mine, echo in zip(costs[name], costs["raw ASGI echo"], strict=True)
            )
            print(
                f"{name:42}{statistics.median(rates[name]):9,.0f}{ratio:8.2f}{statistics.median(costs[name]):9.0f}"
                f"{cheaper:11.2f}{statistics.median(busy[name]) * 100:8.0f}"
            )
        print(
            f"\n{'at 70% of its requests a second':42}{'req/s':>9}{'p50 ms':>8}{'p99 ms':>9}{'p99/p50':>11}"
        )
        waits: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        for _ in range(arguments.rounds):
            for name, server in servers.items():
                rate = 0.7 * statistics.median(rates[name])
                tally = uvloop.run(open_loop(server.where, requests, 2 * arguments.seconds, rate, 256))
                cuts = statistics.quantiles(tally.latencies, n=100)
                waits[name].append((cuts[49], cuts[98]))
        for name, found in waits.items():
            half, most = (statistics.median(each) for each in zip(*found, strict=True))
            times = statistics.median(p99 / p50 for p50, p99 in found)
            print(f"{name:42}{0.7 * statistics.median(rates[name]):9,.0f}{half:8.2f}{most:9.2f}{times:11.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--unix", action="store_true", help="Unix sockets instead of TCP")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    gc.disable()  # a load must not pause by itself
    with tempfile.TemporaryDirectory(dir=".") as directory:
        measure(arguments, Path(directory).resolve())


if __name__ == "__main__":
    main()
