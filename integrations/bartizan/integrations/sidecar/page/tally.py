"""How often each rule decided: counted from a tenant's feed, since the service started."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bartizan.guard import StoreError

from ...export.common import DECISIONS
from ..feed import Feed, Record

PAST = 2000
_SEEN = 2 * PAST


class Tally:
    """Counts from the records that the feed still has when it is first asked, and from all that follow.

    A feed is lossy, and so is this: it is for looking at, the audit log is the truth.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._task: asyncio.Task[None] | None = None
        self._seen: OrderedDict[Any, None] = OrderedDict()
        self.since: int | None = None
        self.outcomes: Counter[str] = Counter()
        self.rules: dict[str, Counter[str]] = {}

    async def start(self) -> None:
        """Begin to count, unless it has begun. Raises ``StoreError`` if the feed cannot say what was."""
        if self._task is not None and not self._task.done():
            return
        self._task = asyncio.create_task(self._follow(), name="page tally")
        await asyncio.sleep(0)
        for record in await self._feed.recent(PAST):
            self.note(record)

    def note(self, record: Record) -> None:
        """Count a record, once."""
        if record.get("id") in self._seen:
            return
        self._seen[record.get("id")] = None
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        time = record.get("time")
        if isinstance(time, int):
            self.since = time if self.since is None else min(self.since, time)
        if record.get("kind") in DECISIONS:
            self.outcomes[str(record.get("outcome"))] += 1
        for reason in _list(record.get("reasons")):
            self._count(reason, "errors" if reason.get("value") == "E" else "decided")
        for reason in _list(record.get("shadow")):
            self._count(reason, "shadow")

    def of(self, rule: str) -> dict[str, int]:
        """How often a rule decided, failed, and would have decided were it not in the shadow."""
        counts = self.rules.get(rule, Counter())
        return {what: counts[what] for what in ("decided", "errors", "shadow")}

    def stop(self) -> None:
        """Count no more."""
        if self._task is not None:
            self._task.cancel()

    def _count(self, reason: Mapping[str, Any], what: str) -> None:
        self.rules.setdefault(str(reason.get("rule")), Counter())[what] += 1

    async def _follow(self) -> None:
        with suppress(StoreError):
            async for record in self._feed.follow():
                self.note(record)


def _list(found: Any) -> list[Mapping[str, Any]]:
    return (
        [reason for reason in found if isinstance(reason, Mapping)] if isinstance(found, list | tuple) else []
    )
