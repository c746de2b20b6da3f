"""Who is served next: a bounded queue that is fair to tenants and batches what has one shape.

Fair: each tenant has a virtual time, the tokens that it was served so far (padded), and the tenant that is furthest
behind leads the next batch with its oldest query; others of the same size join in the same order. Who was
idle starts at the time of the last leader, so that idling saves nothing up (start-time fair queueing, Goyal, Vin
and Cheng 1996). As each tenant's *oldest* query leads, no size is starved either.

Bounded: what exceeds a bound is shed from the tenant that holds most of the queue, its newest first (longest
queue drop, Suter et al. 1999): a tenant that floods the host crowds out itself.

A plain data structure without locks or clocks of its own.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from bartizan.monitors.types import Measurement, Query

from .limits import Limits

UNSIZED = 0
"""The lane of entries whose tokens are not counted yet."""


@dataclass(eq=False, slots=True)
class Entry:
    """A query that waits. ``tokens`` is an estimate until it is sized; times as in the batcher's clock."""

    query: Query
    tokens: int
    arrived: float
    deadline: float
    loop: asyncio.AbstractEventLoop | None = None
    future: asyncio.Future[Measurement] | None = None
    size: int = UNSIZED
    number: int = 0
    queued: bool = False


@dataclass(eq=False, slots=True)
class _Tenant:
    served: float
    lanes: dict[int, OrderedDict[int, Entry]] = field(default_factory=dict)
    count: int = 0
    tokens: int = 0
    alone_until: float = 0.0

    def oldest(self) -> Entry:
        """The oldest sized entry; there is one."""
        heads = (next(iter(lane.values())) for size, lane in self.lanes.items() if size)
        return min(heads, key=lambda entry: entry.number)

    def newest(self) -> Entry:
        tails = (next(reversed(lane.values())) for lane in self.lanes.values())
        return max(tails, key=lambda entry: entry.number)

    def has_sized(self) -> bool:
        return self.count > len(self.lanes.get(UNSIZED, ()))


class Taken(NamedTuple):
    """Entries to compute together, and entries that were found to have expired on the way."""

    batch: list[Entry]
    expired: list[Entry]


class FairQueue:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tenants: dict[str, _Tenant] = {}
        self._numbers = itertools.count(1)
        self._by_size: Counter[int] = Counter()
        self._virtual = 0.0
        self.tokens = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def unsized(self) -> int:
        return self._by_size[UNSIZED]

    @property
    def sized(self) -> int:
        return self._count - self._by_size[UNSIZED]

    @property
    def tenants(self) -> int:
        """How many tenants have something queued."""
        return sum(tenant.count > 0 for tenant in self._tenants.values())

    def full(self) -> bool:
        """Whether a batch would gain nothing by waiting."""
        return any(count >= self._limits.room(size) for size, count in self._by_size.items() if size)

    def offer(self, entry: Entry) -> list[Entry]:
        """Take an entry in. Answers those shed instead, which may be the entry itself."""
        tenant = self._tenant(entry)
        if tenant.count >= self._limits.max_tenant_queued:
            return [entry]
        entry.number = next(self._numbers)
        self._insert(tenant, entry)
        return self._shed()

    def size(self, entry: Entry, tokens: int) -> list[Entry]:
        """Note how many tokens an entry has. Answers those shed for it; nothing happens if it has left.

        A tenant's entries are sized in the order in which they came, as :meth:`to_size` names them.
        """
        if not entry.queued:
            return []
        tenant = self._tenant(entry)
        self.remove(entry)
        entry.tokens, entry.size = tokens, self._limits.padded(tokens)
        self._insert(tenant, entry)
        return self._shed()

    def remove(self, entry: Entry) -> bool:
        """Whether it was there."""
        if not entry.queued:
            return False
        tenant = self._tenant(entry)
        lane = tenant.lanes[entry.size]
        del lane[entry.number]
        if not lane:
            del tenant.lanes[entry.size]
        self._by_size[entry.size] -= 1
        self._count -= 1
        self.tokens -= entry.tokens
        tenant.count -= 1
        tenant.tokens -= entry.tokens
        entry.queued = False
        return True

    def to_size(self, most: int) -> list[Entry]:
        """Some entries that are not sized yet, tenants in turn; they stay in the queue."""
        behind = sorted((t for t in self._tenants.values() if UNSIZED in t.lanes), key=lambda t: t.served)
        turns = itertools.zip_longest(
            *(itertools.islice(tenant.lanes[UNSIZED].values(), most) for tenant in behind)
        )
        entries = (entry for turn in turns for entry in turn if entry is not None)
        return list(itertools.islice(entries, most))

    def take(self, now: float) -> Taken:
        """The next batch; empty if nothing is sized, or all that was tried had expired."""
        active = [tenant for tenant in self._tenants.values() if tenant.has_sized()]
        if not active:
            return Taken([], [])
        lead = min(active, key=lambda tenant: tenant.served)
        size = lead.oldest().size
        self._virtual = max(self._virtual, lead.served)
        joining = [
            (tenant.served, tenant is not lead, number)
            for number, tenant in enumerate(active)
            if size in tenant.lanes
            and (tenant is lead or (lead.alone_until <= now and tenant.alone_until <= now))
        ]
        heapq.heapify(joining)
        taken = Taken([], [])
        while joining and len(taken.batch) < self._limits.room(size):
            _, follows, number = heapq.heappop(joining)
            tenant = active[number]
            entry = next(iter(tenant.lanes[size].values()))
            self.remove(entry)
            if entry.deadline <= now:
                taken.expired.append(entry)
            else:
                taken.batch.append(entry)
                tenant.served += size
            if size in tenant.lanes:
                heapq.heappush(joining, (tenant.served, follows, number))
        self._forget(now)
        return taken

    def drain(self) -> list[Entry]:
        """Everything, out."""
        entries = [
            entry
            for tenant in self._tenants.values()
            for lane in tenant.lanes.values()
            for entry in lane.values()
        ]
        for entry in entries:
            self.remove(entry)
        return entries

    def quarantine(self, tenant: str, until: float) -> None:
        """Batch a tenant's queries with nobody else's for a while."""
        self._tenants.setdefault(tenant, _Tenant(self._virtual)).alone_until = until

    def _tenant(self, entry: Entry) -> _Tenant:
        return self._tenants.setdefault(entry.query.tenant, _Tenant(self._virtual))

    def _insert(self, tenant: _Tenant, entry: Entry) -> None:
        if not tenant.count:
            tenant.served = max(tenant.served, self._virtual)
        lane = tenant.lanes.setdefault(entry.size, OrderedDict())
        lane[entry.number] = entry
        self._by_size[entry.size] += 1
        self._count += 1
        self.tokens += entry.tokens
        tenant.count += 1
        tenant.tokens += entry.tokens
        entry.queued = True

    def _shed(self) -> list[Entry]:
        shed = []
        while self._count > self._limits.max_queued:
            shed.append(max(self._tenants.values(), key=lambda t: (t.count, t.tokens)).newest())
            self.remove(shed[-1])
        while self.tokens > self._limits.max_queued_tokens:
            shed.append(max(self._tenants.values(), key=lambda t: (t.tokens, t.count)).newest())
            self.remove(shed[-1])
        return shed

    def _forget(self, now: float) -> None:
        """Drop tenants of whom there is nothing left to remember: at the end of a busy time, that is all."""
        if not self._count:
            self._virtual = max(tenant.served for tenant in self._tenants.values())
        if not self._count or len(self._tenants) > 64:
            for name, tenant in list(self._tenants.items()):
                if not tenant.count and tenant.served <= self._virtual and tenant.alone_until <= now:
                    del self._tenants[name]
