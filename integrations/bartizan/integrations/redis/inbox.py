"""Which sessions of a tenant have questions that wait for a person, across all workers.

The approvals themselves are in their sessions. This is the way to them: a sorted set, by when each expires. Like
the feed it is told in the background; what a failing server could not be told is told it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bartizan.guard import Approval, MalformedJSON
from bartizan.guard.canonical import canonical_json, parse_json
from bartizan.guard.clock import now_us

from .breaker import Breaker
from .connection import connect, space
from .outbox import Outbox


class RedisInbox:
    """The open approvals of a tenant.

    Args:
        url, tenant, prefix, timeout, failures, pause, client: as for :class:`~.feed.RedisFeed`.
        most: how many open approvals a tenant may have on the server; those that expire first go.
        queue: how many changes wait in this process while the server does not answer; beyond it the oldest are dropped
            and counted in ``dropped``.
        clock: microseconds since the epoch.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        *,
        tenant: str = "default",
        prefix: str = "bartizan",
        most: int = 10_000,
        queue: int = 4096,
        timeout: float = 0.25,
        failures: int = 5,
        pause: float = 1.0,
        clock: Callable[[], int] = now_us,
        client: Any = None,
    ) -> None:
        self._key = f"{space(prefix, tenant)}:inbox"
        self._client = client if client is not None else connect(url, timeout)
        self._most = most
        self._timeout = timeout
        self._clock = clock
        self._breaker = Breaker(failures, pause)
        self._outbox: Outbox[tuple[bytes, int | None]] = Outbox(self._send, most=queue, pause=pause)

    @property
    def dropped(self) -> int:
        """How many changes the server was never told."""
        return self._outbox.dropped

    def opened(self, session: str, approval: Approval) -> None:
        """A person is asked. Never waits and never fails."""
        self._outbox.put((canonical_json([session, approval.id]), approval.expires))

    def closed(self, session: str, approval_id: str) -> None:
        """It was answered, used, or is otherwise no question any more. Never waits and never fails."""
        self._outbox.put((canonical_json([session, approval_id]), None))

    async def sessions(self) -> list[str]:
        """Sessions with open questions, the most urgent first. Raises ``StoreUnavailable``.

        What this process was told before is taken note of first.
        """

        async def told() -> Any:
            await self._outbox.flush(self._timeout)
            return await self._client.zrange(self._key, f"({self._clock()}", "+inf", byscore=True)

        found = await self._breaker.asked(told)
        return list(dict.fromkeys(session for session in map(_session, found) if session is not None))

    async def aclose(self) -> None:
        await self._outbox.aclose(self._timeout)
        await self._client.aclose()

    async def _send(self, batch: Sequence[tuple[bytes, int | None]]) -> None:
        async with self._client.pipeline(transaction=False) as pipeline:
            for member, expires in batch:
                if expires is None:
                    pipeline.zrem(self._key, member)
                else:
                    pipeline.zadd(self._key, {member: expires})
            pipeline.zremrangebyscore(self._key, "-inf", self._clock())
            pipeline.zremrangebyrank(self._key, 0, -self._most - 1)
            await pipeline.execute()


def _session(member: bytes) -> str | None:
    try:
        session, _ = parse_json(member)
    except (MalformedJSON, ValueError, TypeError):
        return None
    return session if isinstance(session, str) else None
