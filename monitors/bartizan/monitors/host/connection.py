"""HTTP/1.1 to one host, over kept connections: h11 reads and writes it, asyncio carries it.

A general client's pool costs a millisecond a request, and its cost grows with the square of the callers; the way to
a monitor lies on the path of every tool call.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

CHUNK = 64 * 1024


class Lost(Exception):
    """The connection could not be made, or broke before the answer was complete."""


class Nonsense(Exception):
    """What was answered is not HTTP, or too much of it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a host listens: the ``path`` of a Unix domain socket, or ``name`` and ``port``.

    ``base`` stands before the routes.
    """

    name: str = "monitors"
    port: int = 0
    path: str | None = None
    secure: bool = False
    base: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Of ``http://host:port``, ``https://host:port``, ``unix:/path`` or ``/path``. Raises ``ValueError``."""
        path = text.removeprefix("unix:")
        if path.startswith("/"):
            return cls(path=path)
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"expected the address of a monitor host: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError(
                "expected http://host:port, https://host:port or unix:/path of a monitor host, without query or "
                "credentials (a token is an argument of its own)"
            )
        secure = parts.scheme == "https"
        return cls(parts.hostname, port or (443 if secure else 80), None, secure, parts.path.rstrip("/"))

    @property
    def host(self) -> str:
        """The Host header."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.path is not None else f"{name}:{self.port}"

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"http{'s' if self.secure else ''}://{self.host}{self.base}"


def question_headers(token: str | None) -> dict[str, str]:
    """The headers of a question. Raises ``ValueError`` for a token that no header can hold."""
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if token is not None:
        if not (token.isascii() and token.isprintable() and token.strip()):
            raise ValueError("expected a token of printable ASCII characters")
        headers["Authorization"] = f"Bearer {token}"
    return headers


def checked_timeout(seconds: float) -> float:
    """The same. Raises ``ValueError`` for what bounds nothing, or everything."""
    if not 0 < seconds < float("inf"):
        raise ValueError(f"expected timeout as seconds above 0, found {seconds!r}")
    return seconds


@dataclass(frozen=True, slots=True)
class Response:
    """``headers`` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """At most ``most`` connections of one event loop; those that are idle are kept for ``keep`` seconds."""

    def __init__(
        self,
        address: Address,
        *,
        most: int,
        keep: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._keep = keep
        self._clock = clock
        self._free = asyncio.Semaphore(most)
        self._idle: list[tuple[float, _Connection]] = []  # the latest used last
        self._tls: ssl.SSLContext | None = None

    async def post(self, route: str, headers: Mapping[str, str], body: bytes, most_bytes: int) -> Response:
        """The answer. Raises :class:`Lost` or :class:`Nonsense`."""
        async with self._free:
            connection = self._kept() or await self._connect()
            done = False
            try:
                sent = {"Host": self._address.host, "Content-Length": str(len(body)), **headers}
                response = await connection.post(f"{self._address.base}{route}", sent, body, most_bytes)
                done = connection.reusable()
                return response
            finally:
                if done:
                    self._idle.append((self._clock(), connection))
                else:  # also when whoever asked was cancelled: the rest of the answer would be the next one's
                    connection.abort()

    async def aclose(self) -> None:
        idle, self._idle = self._idle, []
        for _, connection in idle:
            await connection.aclose()

    def _kept(self) -> _Connection | None:
        while self._idle:
            since, connection = self._idle.pop()
            if self._clock() - since < self._keep and connection.alive():
                return connection
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        address = self._address
        try:
            if address.path is not None:
                return _Connection(*await asyncio.open_unix_connection(address.path))
            if address.secure and self._tls is None:
                self._tls = ssl.create_default_context()
            tls = {"ssl": self._tls, "server_hostname": address.name} if address.secure else {}
            return _Connection(*await asyncio.open_connection(address.name, address.port, **tls))  # type: ignore[arg-type]
        except OSError as error:  # refused, absent, unknown, or a certificate that does not hold
            raise Lost from error


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    async def post(self, target: str, headers: Mapping[str, str], body: bytes, most: int) -> Response:
        http = self._http
        head = http.send(h11.Request(method="POST", target=target, headers=list(headers.items()))) or b""
        sent = (http.send(h11.Data(data=body)) or b"") + (http.send(h11.EndOfMessage()) or b"")
        with suppress(ConnectionError):  # a host may answer, and close, before it has read all
            self._writer.write(head + sent)
            await self._writer.drain()
        response: h11.Response | None = None
        answer = bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                answer += event.data
                if len(answer) > most:
                    raise Nonsense
            elif isinstance(event, h11.EndOfMessage) and response is not None:
                found = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
                return Response(response.status_code, found, bytes(answer))
            elif not isinstance(event, h11.InformationalResponse):
                raise Lost

    async def _event(self) -> object:
        ended = False
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                received = await self._reader.read(CHUNK)
                ended = not received
                self._http.receive_data(received)
        except OSError as error:
            raise Lost from error
        except h11.RemoteProtocolError as error:
            raise (Lost if ended else Nonsense) from error
        return event

    def reusable(self) -> bool:
        """Whether the exchange is over and another may follow; makes ready for it."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        if self._http.trailing_data[0]:
            return False  # an answer to nothing that was asked
        self._http.start_next_cycle()
        return True

    def alive(self) -> bool:
        """Whether the host has neither closed an idle connection nor said something unasked."""
        # the stream offers no way to look at what has arrived without waiting for it
        waiting: bytearray = getattr(self._reader, "_buffer", bytearray())
        return not self._writer.is_closing() and not self._reader.at_eof() and not waiting

    def abort(self) -> None:
        self._writer.transport.abort()

    async def aclose(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
