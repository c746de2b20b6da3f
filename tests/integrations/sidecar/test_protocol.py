"""Connections whose clients leave something undone: what they asked is answered if it can be, and they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from tests.integrations.ahead import put_forward
from tests.waiting import PATIENCE, until

from bartizan.integrations.sidecar import protocol
from bartizan.integrations.sidecar.serve import _Server

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
PIECE = 64 << 10
WHOLE = HEAD + b"content-length: 2\r\n\r\nok"


class App:
    """Answers when it may, with so many bytes, and without having read the body."""

    def __init__(self, size: int = 4) -> None:
        self.may = asyncio.Event()
        self.asked = self.ended = 0
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.may.wait()
        if scope["type"] == "websocket":
            await self._talk(send)
            return
        length = str(self._size).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for start in range(0, self._size, PIECE):
            body = b"done" * (min(PIECE, self._size - start) // 4)
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended += 1

    async def _talk(self, send: Send) -> None:
        await send({"type": "websocket.accept"})
        try:
            for _ in range(0, self._size, PIECE):
                await send({"type": "websocket.send", "bytes": bytes(PIECE)})
        except OSError:  # uvicorn's, for a client that is gone
            self.ended += 1


Connect = Callable[[], Any]


@asynccontextmanager
async def serving(app: App, path: Path, idle: int = 5) -> AsyncIterator[Connect]:
    """The protocol under a real server, on a Unix socket."""
    config = uvicorn.Config(
        app, uds=str(path), http=protocol.BoundedProtocol, ws=protocol.BoundedWebSocket, lifespan="off",
        log_config=None, access_log=False, timeout_keep_alive=idle,
    )  # fmt: skip
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield lambda: asyncio.open_unix_connection(path)
    finally:
        server.should_exit = True
        await running


def told(patch: pytest.MonkeyPatch, what: str) -> asyncio.Event:
    """Set once a connection has been told this."""
    event, as_it_is = asyncio.Event(), getattr(protocol.BoundedProtocol, what)

    def tell(*args: Any) -> Any:
        answer = as_it_is(*args)
        event.set()
        return answer

    patch.setattr(protocol.BoundedProtocol, what, tell)
    return event


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server closes."""
    async with asyncio.timeout(PATIENCE):
        with suppress(ConnectionError):
            return await reader.read()
        return b""


@pytest.mark.parametrize("requests", [1, 3])
async def test_a_client_that_only_sends_no_more_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: int
) -> None:
    """Its requests were whole when it closed its half; after the last answer the connection ends."""
    app, ended = App(), told(monkeypatch, "eof_received")
    async with serving(app, tmp_path / "s") as connect:
        reader, writer = await connect()
        writer.write(WHOLE * requests)
        writer.write_eof()
        await until(lambda: app.asked)
        if requests == 1:  # with more, the rest is read once the first is answered
            await until(ended.is_set)
        app.may.set()
        assert (await rest(reader)).count(b"HTTP/1.1 200") == requests
        writer.close()


@pytest.mark.parametrize("sent", [HEAD, HEAD + b"content-length: 3\r\n\r\nok", WHOLE + HEAD])
async def test_half_a_request_is_not_answered(tmp_path: Path, sent: bytes) -> None:
    """Nobody can know what it would have said."""
    app = App()
    app.may.set()
    async with serving(app, tmp_path / "s") as connect:
        reader, writer = await connect()
        whole = sent.startswith(WHOLE)
        writer.write(sent)
        if whole:
            await reader.readuntil(b"done")
        else:
            app.may.clear()
        writer.write_eof()
        assert await rest(reader) == b""
        app.may.set()
        writer.close()


async def test_a_body_that_nobody_waits_for_ends_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered before its body was there, a client that never sends the rest does not keep its connection."""
    app = App()
    async with serving(app, tmp_path / "s") as connect:
        reader, writer = await connect()
        writer.write(HEAD + b"content-length: 3\r\n\r\n")
        await until(lambda: app.asked)
        monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
        app.may.set()
        await reader.readuntil(b"done")
        writer.write(b"o")  # it was idle, and is not any more
        assert await rest(reader) == b""
        writer.close()


async def test_a_body_that_comes_after_its_answer_leaves_the_connection_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next request is answered, however much later, as long as idle connections are kept."""
    app, arrived = App(), told(monkeypatch, "on_message_complete")
    app.may.set()
    with put_forward() as forward:
        async with serving(app, tmp_path / "s", idle=600) as connect:
            reader, writer = await connect()
            writer.write(HEAD + b"content-length: 2\r\n\r\n")
            await reader.readuntil(b"done")
            writer.write(b"ok")
            await until(arrived.is_set)
            forward(2 * protocol.HEAD_SECONDS)
            await asyncio.sleep(0.01)
            writer.write(WHOLE)
            assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
            writer.close()


UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.mark.parametrize("asked", [WHOLE, UPGRADE], ids=["HTTP", "WebSocket"])
async def test_who_does_not_read_does_not_keep_what_answers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: bytes
) -> None:
    """An answer that nobody takes ends with its connection, so that its room is somebody else's."""
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.2)
    app = App(size=4 << 20)
    app.may.set()
    async with serving(app, tmp_path / "s") as connect:
        reader, writer = await connect()
        writer.transport.pause_reading()
        writer.write(asked)
        await until(lambda: app.ended)
        writer.transport.resume_reading()
        assert len(await rest(reader)) < 4 << 20
        writer.close()


async def test_who_reads_slowly_gets_everything(tmp_path: Path) -> None:
    """The time counts from when nothing more could be told, and ends when some of it was read."""
    app = App(size=2 << 20)
    app.may.set()
    async with serving(app, tmp_path / "s") as connect:
        reader, writer = await connect()
        writer.write(WHOLE.replace(b"host: x", b"connection: close"))
        found = 0
        while piece := await reader.read(200_000):
            found += len(piece)
            await asyncio.sleep(0.01)
        assert found > 2 << 20
        writer.close()
