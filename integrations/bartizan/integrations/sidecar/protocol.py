"""Connections that do not wait for ever: uvicorn's, with bounds on what a client may leave undone."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_HEAD = 64 << 10
"""Bytes of a request's line and headers together."""

HEAD_SECONDS = 10.0
"""Seconds in which they must have arrived; also the rest of a body whose request was answered before it was read."""

UNREAD_SECONDS = 30.0
"""Seconds for which an answer waits for a client that reads nothing of it."""


class _ReadOn(asyncio.Protocol):
    """Cuts a connection whose client reads nothing of what it is told: closing it would wait for the client, too."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _unread: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._read()
        super().resume_writing()

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class BoundedWebSocket(_ReadOn, WebSocketsSansIOProtocol):
    """A WebSocket whose client reads on."""


class BoundedProtocol(_ReadOn, HttpToolsProtocol):
    """Refuses heads that are too long, and closes connections whose client neither sends nor reads what it should.

    A client that only says that it will send no more is answered, if its request is whole.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head = 0
        self._in_head = True
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to keep the other half. TLS has none; and who watches a stream would be gone unseen."""
        cycle = self.cycle
        if self.scheme == "https" or cycle is None or cycle.more_body or cycle.response_started:
            return False
        cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            if self._late is None:
                self._expect()
            self._head += len(data)
            if self._head > MAX_HEAD and not self._body_follows(data):
                self.send_400_response(f"Expected a request's headers in {MAX_HEAD} bytes.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._arrived()
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head = True, 0
        if self._late is not None:  # answered already: only now it is idle
            self._arrived()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head and self.cycle.response_complete:
            self._expect()

    def handle_websocket_upgrade(self) -> None:
        self._read()  # from here on another protocol is told whether the client reads
        super().handle_websocket_upgrade()

    def _body_follows(self, data: bytes) -> bool:
        """Whether the piece that is too long ends the head early, and the rest of it is body."""
        head = data.find(b"\r\n\r\n")
        return head >= 0 and self._head - len(data) + head <= MAX_HEAD

    def _expect(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self._close)

    def _arrived(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
