"""The decision stream, the inbox and policy revisions in a real Redis: told by many, lost by none who can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from tests.waiting import until

from bartizan.guard import Approval, StoreUnavailable
from bartizan.guard.clock import now_us
from bartizan.integrations.redis import PolicyRevision, RedisFeed, RedisInbox, Revision

from .server import Server

APPROVAL = Approval("a1", "c1", "pay", "d", "p", 0, now_us() + 3_600_000_000, "{}", "{}")
PATIENT: dict[str, Any] = {"timeout": 60.0, "pause": 0.05}


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return str(request.node.nodeid)


def record(number: int) -> dict[str, Any]:
    return {"id": f"r{number}", "kind": "decision", "n": number}


class Tail:
    """Follows a feed in the background."""

    def __init__(self, feed: RedisFeed) -> None:
        self.numbers: list[int] = []
        self._task = asyncio.create_task(self._read(feed.follow()))

    async def _read(self, records: AsyncIterator[Any]) -> None:
        async with aclosing(records) as following:  # type: ignore[type-var]
            async for each in following:
                self.numbers.append(each["n"])

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


async def listened_to(server: Server, name: str) -> None:
    """Until a client of this name, a follower's, waits at the server for what comes."""
    admin = Redis.from_url(server.url)

    async def waited_for() -> bool:
        clients = await admin.client_list()
        return any(client["name"] == name and "b" in client["flags"] for client in clients)

    await until(waited_for)
    await admin.aclose()


async def test_a_feed_shows_what_any_worker_decided(server: Server, tenant: str) -> None:
    """Two workers publish; each reads the latest of both, and a follower hears of what comes after it joined."""
    url = f"{server.url}?client_name=tail"
    one, two = (RedisFeed(url, tenant=tenant, **PATIENT) for _ in range(2))
    one.publish(record(1))
    two.publish(record(2))

    async def both() -> bool:
        return len(await one.recent(10)) == 2

    await until(both)
    assert [each["n"] for each in await two.recent(1)] == [(await two.recent(10))[-1]["n"]]
    tail = Tail(two)
    await listened_to(server, "tail")
    for number in range(3, 203):
        one.publish(record(number))
    await until(lambda: len(tail.numbers) >= 200)
    assert tail.numbers == list(range(3, 203))
    await tail.stop()
    await one.aclose()
    await two.aclose()


async def test_publishing_survives_a_server_that_is_killed(tmp_path: Path) -> None:
    """Publishing neither waits nor fails; readers are told; what fitted the queue arrives once, in order, later."""
    with Server(tmp_path) as server:
        feed = RedisFeed(f"{server.url}?client_name=kept", **PATIENT, failures=2, queue=50)
        feed.publish(record(0))
        await until(lambda: _has(feed, 0))
        tail = Tail(feed)
        await listened_to(server, "kept")
        server.kill()
        for number in range(1, 101):
            feed.publish(record(number))
        for _ in range(4):
            with pytest.raises(StoreUnavailable):
                await feed.recent(1)
        server.start()
        await until(lambda: _has(feed, 100))
        await until(lambda: 100 in tail.numbers)
        numbers = [each["n"] for each in await feed.recent(500)]
        assert numbers == sorted(set(numbers)) and numbers[0] == 0
        assert feed.dropped == 101 - len(numbers) and 50 <= feed.dropped < 60
        assert tail.numbers == numbers[1:]
        await tail.stop()
        await feed.aclose()


async def _has(feed: RedisFeed, number: int) -> bool:
    try:
        return any(each["n"] == number for each in await feed.recent(500))
    except StoreUnavailable:
        return False


async def test_a_feed_is_bounded_and_reads_no_rubbish(server: Server, tenant: str) -> None:
    """The server keeps about as many as it was told; what others wrote there, and repetitions, are left out."""
    feed, admin = RedisFeed(server.url, tenant=tenant, keep=100, **PATIENT), Redis.from_url(server.url)
    before = set(await admin.keys("*:feed"))
    for number in range(1000):
        feed.publish(record(number))
    feed.publish({"id": "x", "n": float("nan")})
    feed.publish({"id": 5, "n": 0})
    await until(lambda: _has(feed, 999))
    (key,) = set(await admin.keys("*:feed")) - before
    for rubbish in (b"{", b"[]", b"\xff", b'{"id":"r999","n":999}'):
        await admin.xadd(key, {b"record": rubbish})
    await admin.xadd(key, {b"other": b"1"})
    found = [each["n"] for each in await feed.recent(1000)]
    assert found == sorted(set(found)) and found[-1] == 999 and 100 <= len(found) < 300
    assert feed.dropped == 1 and await feed.recent(0) == []
    await feed.aclose()
    await admin.aclose()


async def test_a_follower_that_does_not_read_costs_the_others_nothing(server: Server, tenant: str) -> None:
    """It loses the oldest of what waits for it, counted; another follower has everything."""
    feed = RedisFeed(f"{server.url}?client_name=lazy", tenant=tenant, queue=20, **PATIENT)
    lazy, tail = feed.follow(), Tail(feed)
    first = asyncio.ensure_future(anext(lazy))
    await listened_to(server, "lazy")
    for number in range(200):
        feed.publish(record(number))
        if number % 10 == 9:
            await until(lambda number=number: number in tail.numbers)  # type: ignore[misc]
    assert tail.numbers == list(range(200))
    assert (await first)["n"] == 0 and (await anext(lazy))["n"] == 180
    assert feed.dropped == 179
    await lazy.aclose()  # type: ignore[attr-defined]
    await tail.stop()
    await feed.aclose()


async def test_an_inbox_knows_who_waits(server: Server, tenant: str) -> None:
    """Sessions with open questions, the most urgent first, until the last question is closed or expired."""
    now = [now_us()]
    one, two = (RedisInbox(server.url, tenant=tenant, clock=lambda: now[0], **PATIENT) for _ in range(2))
    assert await one.sessions() == []
    one.opened("later", replace(APPROVAL, id="a1", expires=now[0] + 9_000_000))
    one.opened("sooner", replace(APPROVAL, id="a2", expires=now[0] + 5_000_000))
    one.opened("later", replace(APPROVAL, id="a3", expires=now[0] + 7_000_000))
    one.opened('ü:["', replace(APPROVAL, id="a4", expires=now[0] + 1_000_000))
    assert await one.sessions() == ['ü:["', "sooner", "later"] == await two.sessions()
    two.closed("later", "a3")
    assert await two.sessions() == ['ü:["', "sooner", "later"]
    two.closed("later", "a1")
    now[0] += 1_000_000
    assert await two.sessions() == ["sooner"] == await one.sessions()
    now[0] += 5_000_000
    assert await one.sessions() == []
    await one.aclose()
    await two.aclose()


async def test_an_inbox_is_told_what_it_missed(tmp_path: Path) -> None:
    """While the server is gone questions open and close; it hears of both, in their order, when it is back."""
    with Server(tmp_path) as server:
        inbox = RedisInbox(server.url, **{**PATIENT, "timeout": 0.2}, failures=3)
        inbox.opened("before", APPROVAL)

        async def told(*names: str) -> bool:
            try:
                return sorted(await inbox.sessions()) == [*names]
            except StoreUnavailable:
                return False

        await until(lambda: told("before"))
        server.kill()
        inbox.opened("during", APPROVAL)
        inbox.opened("over", APPROVAL)
        inbox.closed("over", APPROVAL.id)
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                await inbox.sessions()
        server.start()
        await until(lambda: told("before", "during"))
        assert inbox.dropped == 0
        await inbox.aclose()


async def test_tenants_see_nothing_of_each_other(server: Server, tenant: str) -> None:
    """Neither decisions nor questions nor policies, whatever the tenants are called."""
    names = [tenant, tenant + ":", f"{{{tenant}}}", "*"]
    feeds = [RedisFeed(server.url, tenant=name, **PATIENT) for name in names]
    inboxes = [RedisInbox(server.url, tenant=name, **PATIENT) for name in names]
    policies = [PolicyRevision(server.url, tenant=name, timeout=60) for name in names]
    for number, (feed, inbox, policy) in enumerate(zip(feeds, inboxes, policies, strict=True)):
        feed.publish(record(number))
        inbox.opened(f"s{number}", APPROVAL)
        await policy.announce(f"h{number}", f"text {number}")
    for number, (feed, inbox, policy) in enumerate(zip(feeds, inboxes, policies, strict=True)):
        await until(lambda feed=feed, number=number: _has(feed, number))  # type: ignore[misc]
        assert [each["n"] for each in await feed.recent(9)] == [number]
        assert await inbox.sessions() == [f"s{number}"]
        assert await policy.current() == Revision(f"h{number}", f"text {number}")
        for closing in (feed, inbox, policy):
            await closing.aclose()


class Follower:
    def __init__(self, revisions: PolicyRevision) -> None:
        self.hashes: list[str] = []
        self._task = asyncio.create_task(self._read(revisions))

    async def _read(self, revisions: PolicyRevision) -> None:
        async with aclosing(revisions.follow()) as following:  # type: ignore[type-var]
            async for revision in following:
                self.hashes.append(revision.hash)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


async def test_a_revision_is_heard_at_once(server: Server, tenant: str) -> None:
    """The one in force when a worker starts, then each other one without waiting for the next look."""
    here, there = (PolicyRevision(server.url, tenant=tenant, every=600, timeout=60) for _ in range(2))
    admin = Redis.from_url(server.url)
    before = set(await admin.pubsub_channels("*:policy"))

    async def listening() -> bool:
        return bool(set(await admin.pubsub_channels("*:policy")) - before)

    assert await there.current() is None
    await here.announce("h1", "one")
    follower = Follower(there)
    await until(lambda: follower.hashes == ["h1"])
    await until(listening)
    await here.announce("h1", "one")
    await here.announce("h2", "two")
    await until(lambda: follower.hashes == ["h1", "h2"])
    await follower.stop()
    for closing in (here, there, admin):
        await closing.aclose()


async def test_a_revision_that_nobody_heard_is_found(tmp_path: Path) -> None:
    """The server is killed, the announcement comes while nobody listens: the next look at the key finds it."""
    with Server(tmp_path) as server:
        here, there = (PolicyRevision(server.url, every=0.1, timeout=60) for _ in range(2))
        await here.announce("h1", "one")
        follower = Follower(there)
        await until(lambda: follower.hashes == ["h1"])
        server.kill()
        with pytest.raises(StoreUnavailable):
            await here.announce("h2", "two")
        with pytest.raises(StoreUnavailable):
            await there.current()
        server.start()
        admin = Redis.from_url(server.url)
        await here.announce("h2", "two")
        await until(lambda: follower.hashes == ["h1", "h2"])
        await follower.stop()
        for closing in (here, there, admin):
            await closing.aclose()


async def test_a_revision_from_somebody_else_is_not_followed(server: Server, tenant: str) -> None:
    """With a key: unsigned, signed with another key, another tenant's, or changed revisions are refused and counted."""
    ours = PolicyRevision(server.url, tenant=tenant, key=b"k" * 32, timeout=60)
    admin = Redis.from_url(server.url)
    before = set(await admin.keys("*:policy"))
    await ours.announce("h", "text")
    (key,) = set(await admin.keys("*:policy")) - before
    good = await admin.get(key)
    elsewhere = PolicyRevision(server.url, tenant=tenant + "2", key=b"k" * 32, timeout=60)
    await elsewhere.announce("h", "other")
    (other,) = set(await admin.keys("*:policy")) - before - {key}
    changed = good.replace(b'text"}', b'tent"}')
    for wrong in (changed, await admin.get(other), b"{}", b"\xff", b"[" * 100, b'{"hash":1}'):
        await admin.set(key, wrong)
        assert await ours.current() is None
    for forger in (
        PolicyRevision(server.url, tenant=tenant, key=key, timeout=60) for key in (None, b"x" * 32)
    ):
        await forger.announce("h", "text")
        assert await ours.current() is None
        await forger.aclose()
    assert ours.refused == 8
    await admin.set(key, good)
    assert await ours.current() == Revision("h", "text")
    for closing in (ours, elsewhere, admin):
        await closing.aclose()


async def test_an_older_revision_does_not_come_back(server: Server, tenant: str) -> None:
    """What was signed once and put back later is refused; an announcement after it is followed."""
    ours, admin = (
        PolicyRevision(server.url, tenant=tenant, key=b"k" * 32, every=0.05, timeout=60),
        Redis.from_url(server.url),
    )
    before = set(await admin.keys("*:policy"))
    await ours.announce("weak", "text")
    (key,) = set(await admin.keys("*:policy")) - before
    old = await admin.get(key)
    follower = Follower(ours)
    await until(lambda: follower.hashes == ["weak"])
    await ours.announce("strong", "text 2")
    await until(lambda: follower.hashes == ["weak", "strong"])
    await admin.set(key, old)
    await until(lambda: ours.refused)
    await ours.announce("weak", "text")
    await until(lambda: follower.hashes == ["weak", "strong", "weak"])
    await follower.stop()
    for closing in (ours, admin):
        await closing.aclose()


async def test_they_work_in_a_cluster(tmp_path: Path) -> None:
    """Through a cluster's client: stream, inbox and revision."""
    with Server(tmp_path, "--appendonly", "yes", "--cluster-enabled", "yes") as server:
        admin = Redis.from_url(server.url)
        await admin.execute_command("CLUSTER", "ADDSLOTS", *range(16_384))

        async def ready() -> bool:
            return b"cluster_state:ok" in await admin.execute_command("CLUSTER", "INFO")

        await until(ready)
        feed = RedisFeed(client=RedisCluster.from_url(server.url))
        tail = Tail(feed)

        async def looked() -> bool:
            return "cmdstat_xread" in await admin.info("commandstats")

        await until(looked)
        feed.publish(record(1))
        await until(lambda: tail.numbers == [1])
        assert [each["n"] for each in await feed.recent(5)] == [1]
        inbox = RedisInbox(client=RedisCluster.from_url(server.url), timeout=60)
        inbox.opened("s", APPROVAL)
        assert await inbox.sessions() == ["s"]
        policy = PolicyRevision(client=RedisCluster.from_url(server.url), every=0.05)
        follower = Follower(policy)
        await policy.announce("h", "text")
        await until(lambda: follower.hashes == ["h"])
        await follower.stop()
        await tail.stop()
        for closing in (feed, inbox, policy, admin):
            await closing.aclose()


def test_arguments_that_cannot_be() -> None:
    """They are refused before any server is asked."""
    for refused in (
        lambda: RedisFeed(tenant=""),
        lambda: RedisFeed(keep=0),
        lambda: RedisFeed(queue=0),
        lambda: RedisInbox(prefix=""),
        lambda: RedisInbox(pause=0),
        lambda: PolicyRevision(key=b"short"),
        lambda: PolicyRevision(every=0),
    ):
        with pytest.raises(ValueError, match="expected"):
            refused()


async def test_too_long_a_policy_is_not_announced(server: Server, tenant: str) -> None:
    """It is refused where it is announced, and nobody else hears of it."""
    policy = PolicyRevision(server.url, tenant=tenant, most=100, timeout=60)
    with pytest.raises(ValueError, match="at most 100 bytes"):
        await policy.announce("h", "x" * 101)
    assert await policy.current() is None
    await policy.aclose()
