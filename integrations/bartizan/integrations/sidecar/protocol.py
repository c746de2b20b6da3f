"""HTTP connections that do not wait for ever: uvicorn's, with a bound on what comes before a request's body."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 << 10
"""Bytes of a request's line and headers together."""

HEAD_SECONDS = 10.0
"""Seconds in which they must have arrived."""


class BoundedProtocol(HttpToolsProtocol):
    """Refuses heads that are too long, and closes connections whose head does not arrive."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head = 0
        self._in_head = True
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            if self._late is None:
                self._expect_head()
            self._head += len(data)
            if self._head > MAX_HEAD and not self._body_follows(data):
                self.send_400_response(f"Expected a request's headers in {MAX_HEAD} bytes.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head = True, 0

    def _body_follows(self, data: bytes) -> bool:
        """Whether the piece that is too long ends the head early, and the rest of it is body."""
        head = data.find(b"\r\n\r\n")
        return head >= 0 and self._head - len(data) + head <= MAX_HEAD

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self._close)

    def _head_is_here(self) -> None:
        self._in_head, self._head = False, 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
