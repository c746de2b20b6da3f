"""Requests over kept connections, each within one deadline, and none of them twice.

A request that may have been counted is not sent again: nobody knows what became of it. A connection that was idle for
longer than servers usually keep one is not used any more, so that a request rarely meets a closing one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bartizan.guard import JSON, MalformedJSON, parse_json
from bartizan.guard.canonical import WRAPPED_DEPTH

from .address import Address
from .connection import Connection
from .errors import BadAnswer, Refused, Unreachable
from .response import Response

MAX_ANSWER = 8 << 20
"""Bytes of a body."""

IDLE = 2.0
"""Seconds for which a connection is kept: below the five seconds after which uvicorn closes one."""

_JSON = ("application/json", "application/problem+json")


class HttpClient:
    """Speaks JSON with one service. Belongs to the event loop that it is used in."""

    def __init__(
        self, address: Address, *, connections: int = 64, max_answer: int = MAX_ANSWER, idle: float = IDLE
    ) -> None:
        if connections < 1:
            raise ValueError(f"expected at least one connection, found {connections}")
        self._address = address
        self._max_answer = max_answer
        self._idle_for = idle
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(connections)
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def request(
        self,
        method: str,
        target: str,
        *,
        within: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JSON:
        """What the service answers. ``within`` bounds everything: connecting, sending, waiting and reading.

        Raises ``Unreachable`` (and no more is known), ``Refused`` and ``BadAnswer``.
        """
        self._at_home()
        message = self._message(method, target, body, headers or {})
        try:
            async with asyncio.timeout(within):
                response = await self._exchange(message)
        except TimeoutError as error:
            raise Unreachable(f"{self._address} gave no answer within {within} s") from error
        except OSError as error:  # TLS's errors are such, too
            raise Unreachable(f"{self._address} cannot be reached: {error}") from error
        return _read(response)

    async def aclose(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)  # the transports close in the loop's next turn

    def _at_home(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise RuntimeError(
                "expected the event loop that this client was first used in: make one for each, or a SyncRemoteGuard"
            )

    def _message(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {self._address.authority}",
            "Accept: application/json",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        head = "\r\n".join([*lines, "\r\n"])
        if head.count("\r") != len(lines) + 1 or head.count("\n") != len(lines) + 1 or not head.isascii():
            raise ValueError("expected headers in one line of ASCII each")
        return head.encode("ascii") + (body or b"")

    async def _exchange(self, message: bytes) -> Response:
        async with self._free:
            connection = self._kept() or await self._connect()
            response = await connection.exchange(message)
            self._keep(connection)
            return response

    def _kept(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and now - connection.since < self._idle_for:
                return connection
            connection.abort()
        return None

    def _keep(self, connection: Connection) -> None:
        if self._closed:
            connection.abort()
        elif connection.usable:
            connection.since = asyncio.get_running_loop().time()
            self._idle.append(connection)

    async def _connect(self) -> Connection:
        if self._closed:
            raise Unreachable("the client is closed")
        loop, address = asyncio.get_running_loop(), self._address

        def made() -> Connection:
            return Connection(self._max_answer)

        if address.path is not None:
            _, connection = await loop.create_unix_connection(made, address.path)
        else:
            _, connection = await loop.create_connection(
                made, address.host, address.port, ssl=address.tls, server_hostname=_name(address)
            )
        return connection


def _name(address: Address) -> str | None:
    return address.host if address.tls is not None else None


def _read(response: Response) -> JSON:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _JSON:
        if response.status >= 500:
            raise Unreachable(f"the service answered {response.status}")
        if response.status >= 400:
            raise Refused(response.status, "it does not say why")
        raise BadAnswer(f"expected JSON with status {response.status}, found {kind!r:.60}")
    try:
        document = parse_json(response.body, max_depth=WRAPPED_DEPTH)
    except MalformedJSON as error:
        raise BadAnswer(f"with status {response.status}: {error}") from error
    if response.status == 200:
        return document
    problem = document if isinstance(document, dict) else {}
    detail = problem.get("detail") or problem.get("title") or "it does not say why"
    if response.status >= 500:
        raise Unreachable(f"the service answered {response.status}: {detail!s:.200}")
    if response.status >= 400:
        kind = f"{problem.get('type', '')!s:.200}".rpartition("/")[2]
        raise Refused(response.status, f"{detail!s:.200}", kind)
    raise BadAnswer(f"expected status 200, found {response.status}")
