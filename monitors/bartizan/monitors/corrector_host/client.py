"""A corrector somewhere else, as a guard's proposer and as a stream's rewriter.

Whatever its host does, the guard goes on: there is no correction. A host that does not answer is not asked again for a
moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bartizan.guard.correction import Refused
from bartizan.guard.gate import Proposal
from bartizan.guard.stream.rewriting import TextUnit
from bartizan.monitors.corrector.reading import CallQuestion
from bartizan.monitors.host.breaker import Breaker
from bartizan.monitors.host.client import CONNECTIONS, KEEP_ALIVE, SHARE
from bartizan.monitors.host.connection import Address, Connections, checked_timeout, question_headers
from bartizan.monitors.host.reading import Malformed

from .wire import read_proposals, read_rewrites, write_calls, write_texts

MAX_ANSWER_BYTES = 1024 * 1024


class _Remote:
    """Asks the host at ``address``. ``timeout`` (seconds) bounds each question. For one event loop."""

    name = "corrector"

    def __init__(
        self, address: str, *, token: str | None = None, timeout: float = 1.0, breaker: Breaker | None = None
    ) -> None:
        self._address = Address.parse(address)
        self._headers = question_headers(token)
        self._timeout = checked_timeout(timeout)
        self._breaker = Breaker() if breaker is None else breaker
        self._connections: Connections | None = None

    async def _post(self, body: bytes) -> bytes | None:
        """The body of an answer; None if there is none, whatever the reason. Raises only ``CancelledError``."""
        attempt = self._breaker.attempt()
        if attempt is None:
            return None
        try:
            if self._connections is None:
                self._connections = Connections(self._address, most=CONNECTIONS, keep=KEEP_ALIVE)
            async with asyncio.timeout(self._timeout):
                response = await self._connections.post(
                    "/v1/corrections", self._headers, body, MAX_ANSWER_BYTES
                )
        except asyncio.CancelledError:
            self._breaker.given_up(attempt)
            raise
        except Exception:  # noqa: BLE001 (whatever the transport raises: there is no answer)
            self._breaker.failed(attempt)
            return None
        if response.status == 200:
            self._breaker.succeeded(attempt)
            return response.body
        (self._breaker.failed if response.status == 500 else self._breaker.given_up)(attempt)
        return None

    async def aclose(self) -> None:
        """Close the connections, in the event loop that asked."""
        if self._connections is not None:
            await self._connections.aclose()


class RemoteCorrector(_Remote):
    """Proposes edits of refused calls (:class:`bartizan.guard.correction.Proposer`), written at ``address``.

    ``timeout`` (seconds) bounds each question. For one event loop.
    """

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        """Proposals, or none. Raises only ``CancelledError``."""
        answer = await self._post(write_calls([CallQuestion.of(refused)], self._timeout * SHARE))
        try:
            return () if answer is None else read_proposals(answer, 1, self.name)[0]
        except Malformed:
            return ()


class RemoteRewriter(_Remote):
    """Proposes other words for refused text (:class:`bartizan.guard.stream.rewriting.Rewriter`), from ``address``.

    Otherwise as :class:`RemoteCorrector`.
    """

    async def rewrite(self, unit: TextUnit) -> str | None:
        """What could stand there, or None. Raises only ``CancelledError``."""
        answer = await self._post(write_texts([unit], self._timeout * SHARE))
        try:
            return None if answer is None else read_rewrites(answer, 1)[0]
        except Malformed:
            return None
