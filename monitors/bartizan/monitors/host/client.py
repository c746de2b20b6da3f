"""A backend somewhere else: a monitor host over TCP or a Unix domain socket.

Whatever the host does (it is killed, hangs, answers nonsense, is another than was expected) is ``Missing`` with a
fixed word. A host that does not answer is not asked again for a moment, so that a dead one costs microseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from weakref import WeakKeyDictionary

from bartizan.monitors.types import Measurement, Query

from . import reasons
from .breaker import Attempt, Breaker
from .connection import Address, Connections, Lost, Nonsense, checked_timeout, question_headers
from .reading import Malformed
from .wire import Answered, read_answers, write_queries

MAX_ANSWER_BYTES = 4 * 1024 * 1024
CONNECTIONS = 64
KEEP_ALIVE = 30.0
"""How many seconds an idle connection is kept; a host keeps its end for longer."""

SHARE = 0.9
"""Which part of the time a host is given, so that its own "timeout" still arrives in time."""

_REASONS = {401: reasons.UNAUTHORISED, 403: reasons.UNAUTHORISED, 408: reasons.TIMEOUT, 413: reasons.TOO_LONG}
_OVERLOADED = (429, 503)


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
        self._address = Address.parse(address)
        self._headers = question_headers(token)
        self._timeout = checked_timeout(timeout)
        self._fingerprints = dict(fingerprints)
        self._breaker = Breaker() if breaker is None else breaker
        self._max_answer_bytes = max_answer_bytes
        self._clock = clock
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Connections] = WeakKeyDictionary()
        self._closed = False

    def __repr__(self) -> str:
        return f"RemoteBackend({str(self._address)!r})"

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
        connections = self._by_loop.pop(asyncio.get_running_loop(), None)
        if connections is not None:
            await connections.aclose()

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
                except Lost:
                    # Perhaps a kept connection that the host has closed; asking twice changes nothing.
                    return await self._ask(body, count)
        except TimeoutError:
            raise _Failed(reasons.TIMEOUT, down=True) from None
        except Lost:
            raise _Failed(reasons.HOST_DOWN, down=True) from None
        except (Malformed, Nonsense):
            raise _Failed(reasons.GARBAGE, down=True) from None
        except _Failed:
            raise
        except Exception:  # noqa: BLE001 (whatever the transport raises: there is no answer)
            raise _Failed(reasons.HOST_ERROR, down=True) from None

    async def _ask(self, body: bytes, count: int) -> list[Answered]:
        response = await self._connections().post(
            "/v1/measurements", self._headers, body, self._max_answer_bytes
        )
        status = response.status
        if status in _OVERLOADED:
            raise _Failed(reasons.OVERLOADED, down=None)
        if status >= 500:
            raise _Failed(reasons.HOST_ERROR, down=True)
        if status >= 400:
            raise _Failed(_REASONS.get(status, reasons.REFUSED), down=False)
        if status >= 300:
            raise _Failed(reasons.REDIRECTED, down=True)
        if status != 200 or response.headers.get("content-encoding", "identity") != "identity":
            raise _Failed(reasons.GARBAGE, down=True)
        return read_answers(response.body, count)

    def _connections(self) -> Connections:
        loop = asyncio.get_running_loop()
        connections = self._by_loop.get(loop)
        if connections is None:
            connections = self._by_loop[loop] = Connections(self._address, most=CONNECTIONS, keep=KEEP_ALIVE)
        return connections


def _all_missing(queries: Sequence[Query], reason: str) -> list[Measurement]:
    return [Measurement.missing(reason) for _ in queries]
