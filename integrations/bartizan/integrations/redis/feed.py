"""The decision stream of a tenant in Redis: what any worker decided, for pages and tails on any machine.

A stream of bounded length, and lossy on purpose: the audit log is the truth. Publishing costs an append to a queue of
this process, whatever becomes of the server.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from bartizan.guard import MalformedJSON
from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, canonical_json, parse_json

from .breaker import Breaker
from .connection import FAILURES, connect, heard, space
from .outbox import Outbox

Record = Mapping[str, JSON]

_FIELD = b"record"
_SEEN = 4096


class RedisFeed:
    """Records of what was decided, published by many processes and followed by many.

    A record may come twice where the server failed in between; followers and readers here leave out a record whose
    ``id`` they have just seen.

    Args:
        url: as for :class:`~.store.RedisStore`.
        tenant: whose decisions these are. Feeds of different tenants share nothing.
        prefix: what all keys begin with.
        keep: about how many records the server keeps.
        queue: how many records wait in this process while the server does not answer; beyond it the oldest are dropped
            and counted in ``dropped``. As many wait for one follower that does not read on.
        timeout: seconds for one answer, connecting included.
        failures, pause: after so many failures in a row the server is asked once in ``pause`` seconds only.
        client: another client of redis-py, a cluster's for one, instead of ``url``; its timeouts are its own.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        *,
        tenant: str = "default",
        prefix: str = "bartizan",
        keep: int = 10_000,
        queue: int = 1024,
        timeout: float = 0.25,
        failures: int = 5,
        pause: float = 1.0,
        client: Any = None,
    ) -> None:
        if keep < 1:
            raise ValueError(f"expected to keep at least one record, found {keep}")
        self._key = f"{space(prefix, tenant)}:feed"
        self._client = client if client is not None else connect(url, timeout)
        self._listener = client if client is not None else connect(url, timeout, waits=1.0)
        self._block = None if client is not None else 1000
        self._keep = keep
        self._timeout = timeout
        self._pause = pause
        self._queue = queue
        self._breaker = Breaker(failures, pause)
        self._outbox: Outbox[Record] = Outbox(self._send, most=queue, pause=pause)
        self._followers: set[asyncio.Queue[Record]] = set()
        self._hub: asyncio.Task[None] | None = None
        self._missed = 0

    @property
    def dropped(self) -> int:
        """How many records were not published, or not shown to a follower, for want of room or of a server."""
        return self._outbox.dropped + self._missed

    def publish(self, record: Record) -> None:
        """Never waits and never fails. The record must not be changed afterwards."""
        self._outbox.put(record)

    async def recent(self, n: int) -> list[Record]:
        """The latest ``n`` records of all processes, oldest first. Raises ``StoreUnavailable``."""
        if n < 1:
            return []
        found: Any = await self._breaker.asked(lambda: self._client.xrevrange(self._key, count=n))
        seen = _Seen()
        return [record for _, fields in reversed(found) if (record := seen.new(fields)) is not None]

    async def follow(self) -> AsyncIterator[Record]:
        """Every record from now on, of all processes. Where the server fails it waits, and goes on where it was."""
        waiting: asyncio.Queue[Record] = asyncio.Queue(self._queue)
        self._followers.add(waiting)
        try:
            if self._hub is None or self._hub.done():
                self._hub = asyncio.create_task(self._read_on(), name="redis feed")
            while True:
                yield await waiting.get()
        finally:
            self._followers.discard(waiting)
            if not self._followers and self._hub is not None:
                self._hub.cancel()
                self._hub = None

    async def aclose(self) -> None:
        await self._outbox.aclose(self._timeout)
        if self._hub is not None:
            self._hub.cancel()
            await asyncio.wait({self._hub})
        for client in {id(one): one for one in (self._client, self._listener)}.values():
            await client.aclose()

    async def _send(self, batch: Sequence[Record]) -> None:
        told = []
        for record in batch:
            try:
                told.append(canonical_json(dict(record), max_depth=WRAPPED_DEPTH))
            except (MalformedJSON, TypeError, ValueError):
                self._missed += 1
        async with self._client.pipeline(transaction=False) as pipeline:
            for body in told:
                pipeline.xadd(self._key, {_FIELD: body}, maxlen=self._keep, approximate=True)
            await pipeline.execute()

    async def _read_on(self) -> None:
        """One reader for all followers of this process."""
        last: Any = None
        seen = _Seen()
        while True:
            try:
                if last is None:
                    newest: Any = await heard(self._listener.xrevrange(self._key, count=1))
                    last = newest[0][0] if newest else b"0-0"
                found: Any = await heard(
                    self._listener.xread({self._key: last}, count=256, block=self._block)
                )
            except FAILURES:
                await asyncio.sleep(self._pause)
                continue
            if not found:
                await asyncio.sleep(0 if self._block else min(0.25, self._pause))
                continue
            for _, entries in found.items() if isinstance(found, dict) else found:
                for number, fields in _flat(entries):
                    last = number
                    if (record := seen.new(fields)) is not None:
                        self._show(record)

    def _show(self, record: Record) -> None:
        for waiting in self._followers:
            if waiting.full():
                waiting.get_nowait()
                self._missed += 1
            waiting.put_nowait(record)


def _flat(entries: Sequence[Any]) -> Sequence[Any]:
    """RESP3 wraps the entries of a stream in one more list."""
    return entries[0] if entries and isinstance(entries[0], list) else entries


class _Seen:
    """Reads records, each id once, and leaves out what is no record."""

    def __init__(self) -> None:
        self._ids: OrderedDict[Any, None] = OrderedDict()

    def new(self, fields: Mapping[bytes, bytes]) -> Record | None:
        try:
            record = parse_json(fields[_FIELD], max_depth=WRAPPED_DEPTH)
            known = record["id"]
        except (MalformedJSON, KeyError, TypeError):
            return None
        if not isinstance(known, str) or known in self._ids:
            return None
        self._ids[known] = None
        if len(self._ids) > _SEEN:
            self._ids.popitem(last=False)
        return record  # type: ignore[no-any-return]
