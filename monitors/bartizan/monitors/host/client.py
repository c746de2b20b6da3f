"""A backend somewhere else: a monitor host over TCP or a Unix domain socket.

Whatever the host does (it is killed, hangs, answers nonsense, is another than was expected) is ``Missing`` with a
fixed word. A host that does not answer is not asked again for a moment, so that a dead one costs microseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx

from bartizan.monitors.types import Measurement, Query

from . import reasons
from .breaker import Attempt, Breaker
from .wire import Answered, Malformed, read_answers, write_queries

MAX_ANSWER_BYTES = 4 * 1024 * 1024
CONNECTIONS = 64
KEEP_ALIVE = 30.0
"""How many seconds an idle connection is kept; a host keeps its end for longer."""

SHARE = 0.9
"""Which part of the time a host is given, so that its own "timeout" still arrives in time."""

_REASONS = {401: reasons.UNAUTHORISED, 403: reasons.UNAUTHORISED, 408: reasons.TIMEOUT, 413: reasons.TOO_LONG}
_OVERLOADED = (429, 503)
_LOST = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""A connection that was kept, and that the host has closed meanwhile, fails like this. Asking twice changes nothing."""


class _Failed(Exception):
    """There is no answer. ``down``: the host is to blame (``None``: it cannot be told)."""

    def __init__(self, reason: str, *, down: bool | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.down = down


class RemoteBackend:
    """Asks the host at ``address``: ``http://127.0.0.1:8790``, ``unix:/run/monitors.sock`` or just the socket's path.

    ``timeout`` (seconds) bounds each question; keep it below what the guard gives its monitors (half of its
    deadline). ``fingerprints`` maps names of probes to the fingerprints that are expected of them: an answer from
    another is missing. May be used from several event loops in turn; close it in the last.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        timeout: float = 0.8,
        fingerprints: Mapping[str, str] = MappingProxyType({}),
        breaker: Breaker | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uds, self._url = _address(address)
        if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
            raise ValueError("expected a token of printable ASCII characters")
        if not 0 < timeout < float("inf"):
            raise ValueError(f"expected timeout as seconds above 0, found {timeout!r}")
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout = timeout
        self._fingerprints = dict(fingerprints)
        self._breaker = Breaker() if breaker is None else breaker
        self._max_answer_bytes = max_answer_bytes
        self._clock = clock
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()
        self._closed = False

    def __repr__(self) -> str:
        return f"RemoteBackend({f'unix:{self._uds}' if self._uds else self._url!r})"

    async def measure(self, query: Query) -> Measurement:
        """Never raises but for cancellation: what goes wrong is ``Missing``."""
        return (await self.measure_all([query]))[0]

    async def measure_all(self, queries: Sequence[Query]) -> list[Measurement]:
        """The same for many in one request."""
        if not queries:
            return []
        if self._closed:
            return _all_missing(queries, reasons.CLOSED)
        attempt = self._breaker.attempt()
        if attempt is None:
            return _all_missing(queries, reasons.HOST_DOWN)
        started = self._clock()
        try:
            body = write_queries(queries, self._timeout * SHARE)
        except Exception:  # noqa: BLE001 (not queries at all: nothing to ask, and no reason to raise)
            self._breaker.given_up(attempt)
            return _all_missing(queries, reasons.NOT_A_QUERY)
        try:
            answers = await self._within(body, len(queries))
        except _Failed as failed:
            self._learn(attempt, failed.down)
            return _all_missing(queries, failed.reason)
        except asyncio.CancelledError:
            # Whoever asked gave up. A host that let half of the time pass without an answer is taken for down.
            self._learn(attempt, True if self._clock() - started > self._timeout / 2 else None)
            raise
        self._breaker.succeeded(attempt)
        taken = round((self._clock() - started) * 1e3, 3)
        return [self._accepted(query, answer, taken) for query, answer in zip(queries, answers, strict=True)]

    async def aclose(self) -> None:
        self._closed = True
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def __aenter__(self) -> RemoteBackend:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _learn(self, attempt: Attempt, down: bool | None) -> None:
        if down is None:
            self._breaker.given_up(attempt)
        elif down:
            self._breaker.failed(attempt)
        else:
            self._breaker.succeeded(attempt)

    def _accepted(self, query: Query, answer: Answered, taken: float) -> Measurement:
        expected = self._fingerprints.get(query.probe)
        if expected is not None and answer.fingerprint != expected:
            return Measurement.missing(reasons.WRONG_FINGERPRINT)
        found = answer.measurement
        host = found.evidence.get("host")
        host = {**(host if isinstance(host, dict) else {}), "round_trip_ms": taken}
        return Measurement(found.value, found.p_value, {**found.evidence, "host": host})

    async def _within(self, body: bytes, count: int) -> list[Answered]:
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    return await self._ask(body, count)
                except _LOST:
                    return await self._ask(body, count)
        except (TimeoutError, httpx.TimeoutException):
            raise _Failed(reasons.TIMEOUT, down=True) from None
        except httpx.TransportError:
            raise _Failed(reasons.HOST_DOWN, down=True) from None
        except Malformed:
            raise _Failed(reasons.GARBAGE, down=True) from None
        except _Failed:
            raise
        except Exception:  # noqa: BLE001 (whatever the transport raises: there is no answer)
            raise _Failed(reasons.HOST_ERROR, down=True) from None

    async def _ask(self, body: bytes, count: int) -> list[Answered]:
        request = self._client().stream("POST", "/v1/measurements", content=body, headers=self._headers)
        async with request as response:
            status = response.status_code
            if status in _OVERLOADED:
                raise _Failed(reasons.OVERLOADED, down=None)
            if status >= 500:
                raise _Failed(reasons.HOST_ERROR, down=True)
            if status >= 400:
                raise _Failed(_REASONS.get(status, reasons.REFUSED), down=False)
            if status >= 300:
                raise _Failed(reasons.REDIRECTED, down=True)
            if status != 200 or "content-encoding" in response.headers:
                raise _Failed(reasons.GARBAGE, down=True)
            answer = bytearray()
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > self._max_answer_bytes:
                    raise _Failed(reasons.GARBAGE, down=True)
        return read_answers(bytes(answer), count)

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            transport = httpx.AsyncHTTPTransport(
                uds=self._uds,
                verify=self._url.startswith("https:"),  # a context is costly to make, and only then of use
                limits=httpx.Limits(
                    max_connections=CONNECTIONS,
                    max_keepalive_connections=CONNECTIONS,
                    keepalive_expiry=KEEP_ALIVE,
                ),
                trust_env=False,  # a proxy from the environment would read the texts
            )
            client = self._clients[loop] = httpx.AsyncClient(
                base_url=self._url,
                transport=transport,
                timeout=self._timeout,
                follow_redirects=False,
                trust_env=False,
            )
        return client


def _all_missing(queries: Sequence[Query], reason: str) -> list[Measurement]:
    return [Measurement.missing(reason) for _ in queries]


def _address(address: str) -> tuple[str | None, str]:
    """The path of a socket, if it is one, and the base URL."""
    path = address.removeprefix("unix:")
    if path.startswith("/"):
        return path, "http://monitors"
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 (raises for one that is none)
    except ValueError as error:
        raise ValueError(f"expected the address of a monitor host: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError(
            "expected http://host:port, https://host:port or unix:/path of a monitor host, without query or "
            "credentials (a token is an argument of its own)"
        )
    return None, f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
