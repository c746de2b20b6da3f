"""The queue is bounded and fair whatever arrives and leaves."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bartizan.monitors.host.limits import Limits
from bartizan.monitors.host.queue import Entry, FairQueue

from .engines import query

LIMITS = Limits(
    sizes=(8, 16, 32),
    max_batch=4,
    max_batch_tokens=64,
    max_queued=12,
    max_queued_tokens=300,
    max_tenant_queued=8,
    max_query_tokens=96,
)
TENANTS = ("a", "b", "c")


def entry(tenant: str = "", tokens: int = 5, deadline: float = 1.0) -> Entry:
    return Entry(query("text", tenant=tenant), tokens, 0.0, deadline)


def ready(queue: FairQueue, tenant: str, tokens: int, deadline: float = 1.0) -> Entry:
    """An entry that was offered and sized."""
    new = entry(tenant, tokens, deadline)
    assert queue.offer(new) == []
    assert queue.size(new, tokens) == []
    return new


class Anything(RuleBasedStateMachine):
    """Entries come, are sized, taken, withdrawn and shed in any order; the books always balance."""

    @initialize()
    def begin(self) -> None:
        self.queue = FairQueue(LIMITS)
        self.inside: list[Entry] = []

    def out(self, entries: list[Entry]) -> None:
        for gone in entries:
            assert not gone.queued
            if gone in self.inside:
                self.inside.remove(gone)

    @rule(tenant=st.sampled_from(TENANTS), tokens=st.integers(1, 96), deadline=st.sampled_from([0.5, 2.0]))
    def offer(self, tenant: str, tokens: int, deadline: float) -> None:
        new = entry(tenant, tokens, deadline)
        self.inside.append(new)
        self.out(self.queue.offer(new))

    @precondition(lambda self: self.queue.unsized)
    @rule(most=st.integers(1, 8), tokens=st.integers(1, 96))
    def size_some(self, most: int, tokens: int) -> None:
        named = self.queue.to_size(most)
        assert 0 < len(named) <= most
        for one in named:
            self.out(self.queue.size(one, tokens))

    @rule(now=st.sampled_from([0.0, 1.0]))
    def take(self, now: float) -> None:
        taken = self.queue.take(now)
        assert len({one.size for one in taken.batch}) <= 1
        assert all(one.deadline > now for one in taken.batch)
        assert all(one.deadline <= now for one in taken.expired)
        if taken.batch:
            size = taken.batch[0].size
            assert all(one.tokens <= size for one in taken.batch)
            assert len(taken.batch) == 1 or len(taken.batch) * size <= LIMITS.max_batch_tokens
            assert len(taken.batch) <= LIMITS.max_batch
        self.out([*taken.batch, *taken.expired])

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(self.inside))
        assert self.queue.remove(gone)
        assert not self.queue.remove(gone)
        self.inside.remove(gone)

    @rule()
    def drain(self) -> None:
        self.out(self.queue.drain())
        assert self.inside == []

    @invariant()
    def balanced(self) -> None:
        assert len(self.queue) == len(self.inside) <= LIMITS.max_queued
        assert self.queue.tokens == sum(one.tokens for one in self.inside) <= LIMITS.max_queued_tokens
        assert self.queue.unsized == sum(one.size == 0 for one in self.inside)
        counts = Counter(one.query.tenant for one in self.inside)
        assert self.queue.tenants == len(counts)
        assert all(count <= LIMITS.max_tenant_queued for count in counts.values())


TestAnything = Anything.TestCase


def test_a_flood_crowds_out_itself() -> None:
    """With the queue full of one tenant's queries, another's still gets in and the flood loses its newest."""
    queue = FairQueue(Limits(max_queued=10, max_tenant_queued=10))
    flood = [entry("flood") for _ in range(10)]
    for one in flood:
        assert queue.offer(one) == []
    late = entry("flood")
    assert queue.offer(late) == [late]
    assert queue.offer(entry("other")) == [flood[-1]]


def test_a_flood_of_long_queries_crowds_out_itself() -> None:
    """The bound on tokens takes from the tenant that holds most of them."""
    queue = FairQueue(Limits(sizes=(16,), max_queued_tokens=100, max_query_tokens=50))
    long = [entry("flood", 48), entry("flood", 48)]
    for one in long:
        assert queue.offer(one) == []
    assert queue.offer(entry("other", 5)) == [long[1]]


@given(st.integers(1, 40), st.integers(1, 5), st.sampled_from([5, 30]))
def test_a_tenant_with_little_is_served_in_the_next_batch(flood: int, little: int, tokens: int) -> None:
    """However much others have queued, and of whatever size, who was idle leads or joins the next batch but one."""
    queue = FairQueue(Limits(sizes=(8, 32), max_batch=2, max_queued=100, max_tenant_queued=50))
    for _ in range(flood):
        ready(queue, "flood", 5)
    queue.take(0.0)
    mine = [ready(queue, "quiet", tokens) for _ in range(little)]
    first, second = queue.take(0.0), queue.take(0.0)
    assert mine[0] in [*first.batch, *second.batch]


def test_backlogged_tenants_are_served_alike_in_tokens() -> None:
    """Of two tenants with full queues, one of short and one of long queries, each gets half of the tokens."""
    queue = FairQueue(
        Limits(sizes=(8, 64), max_batch=8, max_batch_tokens=64, max_queued=400, max_tenant_queued=200)
    )
    for _ in range(160):
        ready(queue, "short", 8)
    for _ in range(160):
        ready(queue, "long", 64)
    served: Counter[str] = Counter()
    for _ in range(30):
        for one in queue.take(0.0).batch:
            served[one.query.tenant] += one.size
    assert abs(served["short"] - served["long"]) <= 64


def test_no_size_is_starved() -> None:
    """A tenant's one long query is served although short ones keep coming."""
    queue = FairQueue(Limits(sizes=(8, 64), max_batch=2))
    ready(queue, "", 5)
    long = ready(queue, "", 60)
    for _ in range(3):
        ready(queue, "", 5)
        if long in queue.take(0.0).batch:
            break
    assert not long.queued


def test_idling_saves_nothing_up() -> None:
    """Who comes back after a long pause shares the batches, and does not catch up on what others were served."""
    queue = FairQueue(Limits(sizes=(8,), max_batch=1, max_queued=400, max_tenant_queued=200))
    for _ in range(150):
        ready(queue, "busy", 5)
    ready(queue, "back", 5)
    for _ in range(100):
        queue.take(0.0)
    for _ in range(20):
        ready(queue, "back", 5)
    served = Counter(queue.take(0.0).batch[0].query.tenant for _ in range(20))
    assert abs(served["back"] - served["busy"]) <= 2


def test_a_quarantined_tenant_is_served_alone() -> None:
    """Its queries are batched with nobody else's until the time has passed, and are still served in turn."""
    queue = FairQueue(Limits(sizes=(8,), max_batch=4))
    queue.quarantine("poison", 5.0)
    for tenant in ("a", "poison", "b", "poison"):
        ready(queue, tenant, 5, deadline=9.0)
    batches = [{one.query.tenant for one in queue.take(1.0).batch} for _ in range(2)]
    assert sorted(batches, key=len) == [{"poison"}, {"a", "b"}]
    for tenant in ("a", "poison"):
        ready(queue, tenant, 5, deadline=9.0)
    assert {one.query.tenant for one in queue.take(6.0).batch} == {"a", "poison"}


def test_tenants_that_left_are_forgotten() -> None:
    """A thousand tenants that came once leave nothing behind that grows."""
    queue = FairQueue(Limits(sizes=(8,)))
    for number in range(1_000):
        ready(queue, f"t{number}", 5)
        queue.take(0.0)
    assert len(queue._tenants) < 200
