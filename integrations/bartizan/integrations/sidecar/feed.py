"""What was decided lately, for pages that look on: a copy of the audit records, and lossy on purpose."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from bartizan.guard.audit import AuditLog, Receipt
from bartizan.guard.canonical import JSON

Record = Mapping[str, JSON]


class Feed(Protocol):
    """One per tenant. Publishing never waits and never fails: the audit log is the truth."""

    def publish(self, record: Record) -> None: ...

    async def recent(self, n: int) -> list[Record]:
        """The latest ``n`` records, oldest first. Raises ``StoreUnavailable``."""
        ...

    def follow(self) -> AsyncIterator[Record]:
        """Every record from now on. A follower that does not read on misses some."""
        ...

    async def aclose(self) -> None: ...


class LocalFeed:
    """The feed of a service with one worker: the latest ``keep`` records, in memory."""

    def __init__(self, keep: int = 2000, queue: int = 1024) -> None:
        self._records: deque[Record] = deque(maxlen=keep)
        self._followers: set[asyncio.Queue[Record]] = set()
        self._queue = queue

    def publish(self, record: Record) -> None:
        self._records.append(record)
        for waiting in self._followers:
            if waiting.full():
                waiting.get_nowait()
            waiting.put_nowait(record)

    async def recent(self, n: int) -> list[Record]:
        return list(self._records)[-n:] if n > 0 else []

    async def follow(self) -> AsyncIterator[Record]:
        waiting: asyncio.Queue[Record] = asyncio.Queue(self._queue)
        self._followers.add(waiting)
        try:
            while True:
                yield await waiting.get()
        finally:
            self._followers.discard(waiting)

    async def aclose(self) -> None:
        self._followers.clear()


class PublishedLog:
    """An audit log whose records are published once they are durable."""

    def __init__(self, log: AuditLog, feed: Feed) -> None:
        self._log = log
        self._feed = feed

    async def append(self, record: Record) -> Receipt:
        receipt = await self._log.append(record)
        self._feed.publish(record)
        return receipt

    async def aclose(self) -> None:
        await self._log.aclose()
