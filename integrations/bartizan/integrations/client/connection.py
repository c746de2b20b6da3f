"""One connection to the service: a request, its response, and again. Written by hand, since it is the hot path."""

from __future__ import annotations

import asyncio
from typing import cast

from .errors import BadAnswer, Unreachable
from .response import Response, ResponseParser


class Connection(asyncio.Protocol):
    """Carries one exchange at a time. Whatever is not in order ends it: it is never used again afterwards."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._transport: asyncio.Transport | None = None
        self._parser: ResponseParser | None = None
        self._answer: asyncio.Future[Response] | None = None
        self.exchanges = 0
        self.since = 0.0
        """The loop's time at which it became idle."""

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> Response:
        """Send a request and wait for its response. Raises ``Unreachable`` and ``BadAnswer``."""
        if self._transport is None or self._transport.is_closing():
            raise Unreachable("the connection was closed before the request was sent")
        self.exchanges += 1
        self._parser = ResponseParser(self._max_body)
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(request)
            response = await self._answer
        except BaseException:
            self.abort()  # an answer that is still on its way must never be taken for another request's
            raise
        finally:
            self._answer = self._parser = None
        if not response.reusable:
            self.abort()
        return response

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._answer is None or self._answer.done():
            self.abort()  # nobody asked
            return
        try:
            response = self._parser.feed(data)
        except BadAnswer as error:
            self._answer.set_exception(error)
            return
        if response is not None:
            self._answer.set_result(response)

    def eof_received(self) -> bool:
        return False  # and the transport closes itself

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Unreachable("the connection was closed before the whole answer came"))
