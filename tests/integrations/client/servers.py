"""Real servers on a Unix socket that answer what they are told to: rightly, or in ways that no server should."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bartizan.guard import JSON, canonical_json, parse_json

Writer = asyncio.StreamWriter
Behaviour = Callable[["Asked", Writer], Awaitable[None]]


@dataclass(slots=True)
class Asked:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return parse_json(self.body, max_depth=80)


@dataclass(slots=True)
class Service:
    url: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    ended: int = 0


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[Service]:
    """A server whose every request is answered by ``behaviour``; it keeps connections open until that closes them."""
    with tempfile.TemporaryDirectory(prefix="bz") as folder:
        path = Path(folder) / "s"
        service = Service(f"unix://{path}")
        open_ones: set[Writer] = set()

        async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
            service.connections += 1
            number = service.connections
            open_ones.add(writer)
            try:
                while (asked := await _request(reader, number)) is not None:
                    service.asked.append(asked)
                    await behaviour(asked, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                open_ones.discard(writer)
                writer.close()
                service.ended += 1

        server = await asyncio.start_unix_server(serve, path)
        try:
            yield service
        finally:
            server.close()
            for writer in tuple(open_ones):
                writer.transport.abort()
            with suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 1)
            await asyncio.sleep(0)


async def _request(reader: asyncio.StreamReader, number: int) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    line, *lines = head.decode().rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(line, headers, body, number)


def answer(body: JSON | bytes, status: int = 200, *headers: str) -> bytes:
    """A whole response."""
    data = body if isinstance(body, bytes) else canonical_json(body, max_depth=80)
    kind = "application/json" if status == 200 else "application/problem+json"
    lines = [f"HTTP/1.1 {status} Said", f"content-type: {kind}", f"content-length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


def saying(*pieces: bytes, pause: float = 0.0, close: bool = False, reset: bool = False) -> Behaviour:
    """Answers every request with these bytes."""

    async def behave(asked: Asked, writer: Writer) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if reset:
            writer.transport.abort()
            raise ConnectionError
        if close:
            writer.close()
            raise ConnectionError

    return behave


def telling(make: Callable[[Asked], JSON]) -> Behaviour:
    """Answers every request with what ``make`` makes of it."""

    async def behave(asked: Asked, writer: Writer) -> None:
        writer.write(answer(make(asked)))

    return behave
