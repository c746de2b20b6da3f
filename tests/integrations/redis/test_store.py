"""The store in a real Redis: what every store must do, and what goes wrong with a server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from tests.waiting import until

from bartizan.guard import (
    Event,
    Guard,
    Outcome,
    Retention,
    Session,
    SessionStore,
    StoreUnavailable,
    ToolCall,
    ToolResult,
)
from bartizan.guard.session import remember
from bartizan.guard.testing import StaticProgram
from bartizan.guard.testing.store_conformance import CHECKS, DURABLE_CHECKS, Check
from bartizan.integrations.redis import RedisStore

from .server import Server

PROGRAM = StaticProgram(allow=["pay"], budgets={"pay": 5})


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return str(request.node.nodeid)


def patient(server: Server, **options: Any) -> RedisStore:
    """A store that gives a busy machine time."""
    return RedisStore(server.url, **{"timeout": 60.0, **options})


def after(session: Session, number: int) -> Session:
    return remember(session, Event("prompt", number, f"event {number}"), {"n": number}, Retention())


@pytest.mark.parametrize("check", [*CHECKS, *DURABLE_CHECKS], ids=lambda check: check.__name__)
async def test_it_is_a_store(check: Check, server: Server, tenant: str) -> None:
    """It passes every check that all stores pass, those for durable ones too."""

    async def open_store() -> SessionStore:
        return patient(server, tenant=tenant)

    await check(open_store)


async def test_tenants_share_a_server_and_nothing_else(server: Server, tenant: str) -> None:
    """The same session id under two tenants is two sessions, whatever their names are."""
    names = [tenant, tenant + ":", tenant + ":x", f"{{{tenant}}}", "*"]
    stores = [patient(server, tenant=name) for name in names]
    for number, store in enumerate(stores):
        await store.commit(one := after(Session("s"), number), 0, one.events)
    for number, store in enumerate(stores):
        session = await store.load("s")
        assert session is not None
        assert session.state == {"n": number}
        await store.aclose()


async def test_guards_elsewhere_spend_one_budget(server: Server, tenant: str) -> None:
    """Two guards on two stores, forty calls at once: as many run as there may be."""
    guards = [Guard(PROGRAM, store=patient(server, tenant=tenant), deadline=120) for _ in range(2)]
    ran = []

    async def pay(call: ToolCall) -> ToolResult:
        ran.append(call.id)
        return ToolResult("paid")

    calls = [ToolCall.of(str(number), "pay", {}) for number in range(40)]
    outcomes = await asyncio.gather(
        *(guards[n % 2].enforce(call, pay, session="s") for n, call in enumerate(calls))
    )
    assert sum(outcome.decision.outcome is Outcome.ALLOW for outcome in outcomes) == len(ran) == 5
    for guard in guards:
        await guard.aclose()


async def test_a_killed_server_denies_and_comes_back(tmp_path: Path) -> None:
    """While it is gone every call is denied; started again it has what it had acknowledged, and calls go on."""
    with Server(tmp_path) as server:
        guard = Guard(PROGRAM, store=patient(server, failures=2, pause=0.05), deadline=120)

        async def pay(call: ToolCall) -> ToolResult:
            return ToolResult("paid")

        async def rules(number: int) -> list[str]:
            outcome = await guard.enforce(ToolCall.of(str(number), "pay", {}), pay, session="s")
            return [reason.rule for reason in outcome.decision.reasons]

        assert [await rules(n) for n in range(3)] == [["allowed"]] * 3
        server.kill()
        assert [await rules(n) for n in range(3, 9)] == [["store-unavailable"]] * 6
        server.start()
        await asyncio.sleep(0.1)  # longer than the pause
        assert [await rules(n) for n in range(9, 13)] == [["allowed"], ["allowed"], ["budget"], ["budget"]]
        await guard.aclose()


async def test_a_server_that_hangs_is_not_asked_by_everybody(tmp_path: Path) -> None:
    """After some failures calls are refused at once, and one in a while finds out that it is over."""
    with Server(tmp_path) as server:
        asking = patient(server)
        await asking.commit(one := after(Session("s"), 1), 0, one.events)
        seldom, often = (
            RedisStore(server.url, timeout=0.2, failures=2, pause=pause) for pause in (600.0, 0.05)
        )
        server.freeze()
        said: dict[RedisStore, list[bool]] = {seldom: [], often: []}
        for store, answers in said.items():
            for _ in range(6):
                with pytest.raises(StoreUnavailable) as refused:
                    await store.load("s")
                answers.append("asked again" in str(refused.value))
        assert said[seldom] == [False, False, True, True, True, True]
        assert said[often][:2] == [False, False]
        server.thaw()

        async def found() -> bool:
            try:
                return await often.load("s") == one
            except StoreUnavailable:
                return False

        await until(found)
        for store in (asking, seldom, often):
            await store.aclose()


async def test_a_server_that_lost_its_data_is_seen_through(server: Server, tenant: str) -> None:
    """A session of the same version that is not the one known is read anew; scripts are loaded again."""
    store, admin = patient(server, tenant=tenant), Redis.from_url(server.url)
    await store.commit(one := after(Session("s"), 1), 0, one.events)
    other = patient(server, tenant=tenant)
    for key in await admin.keys("*"):
        await admin.delete(key)
    await admin.script_flush()
    await other.commit(two := after(Session("s"), 2), 0, two.events)
    assert await store.load("s") == two
    for closing in (store, other, admin):
        await closing.aclose()


@pytest.mark.parametrize("field", ["body", "dropped", "version", "id", "stamp", "event"])
async def test_what_was_not_written_by_a_store_is_refused(server: Server, tenant: str, field: str) -> None:
    """A session that somebody changed, or a part of which is gone, is no session to decide on."""
    admin = Redis.from_url(server.url)
    before = set(await admin.keys("*"))
    store = patient(server, tenant=tenant)
    await store.commit(one := after(Session("s"), 1), 0, one.events)
    keys = {key.rsplit(b":", 1)[1]: key for key in set(await admin.keys("*")) - before}
    if field == "event":
        await admin.hdel(keys[b"events"], "0")
    else:
        await admin.hset(keys[b"session"], field, b"\xff")
    reader = patient(server, tenant=tenant)
    with pytest.raises(StoreUnavailable):
        await reader.load("s")
    for closing in (store, reader, admin):
        await closing.aclose()


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (("--appendonly", "no"), "appendonly yes"),
        (("--appendonly", "yes", "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"), "noeviction"),
        (("--appendonly", "yes", "--maxmemory", "50mb", "--maxmemory-policy", "volatile-ttl"), "noeviction"),
    ],
)
async def test_a_server_that_forgets_is_refused(
    tmp_path: Path, options: tuple[str, ...], remedy: str
) -> None:
    """Where budgets could vanish with their sessions, unless that was said to be acceptable."""
    with Server(tmp_path, *options) as server:
        store = patient(server)
        with pytest.raises(StoreUnavailable, match=remedy):
            await store.load("s")
        await store.aclose()
        careless = patient(server, durable=False)
        assert await careless.load("s") is None
        await careless.aclose()


async def test_a_session_is_kept_for_its_time(server: Server, tenant: str) -> None:
    """Both its keys expire together, each commit anew; without a time to live they stay."""
    admin = Redis.from_url(server.url)
    for ttl, expected in ((10_000.0, range(9_000_000, 10_000_001)), (None, range(-1, 0))):
        before = set(await admin.keys("*"))
        store = patient(server, tenant=f"{tenant} {ttl}", ttl=ttl)
        await store.commit(one := after(Session("s"), 1), 0, one.events)
        left = [await admin.pttl(key) for key in set(await admin.keys("*")) - before]
        assert len(left) == 2 and all(milliseconds in expected for milliseconds in left)
        await store.aclose()
    await admin.aclose()


async def test_cancelled_loads_leave_no_answer_for_the_next(server: Server, tenant: str) -> None:
    """A connection whose question was given up is not used for another question."""
    store = patient(server, tenant=tenant)
    sessions = [after(Session(f"s{number}"), number) for number in range(8)]
    for session in sessions:
        await store.commit(session, 0, session.events)
    fresh = patient(server, tenant=tenant)
    for attempt in range(30):
        task = asyncio.create_task(fresh.load(f"s{attempt % 8}"))
        for _ in range(attempt % 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    loaded = await asyncio.gather(*(fresh.load(session.id) for session in sessions))
    assert loaded == sessions
    await store.aclose()
    await fresh.aclose()


async def test_a_cluster_keeps_a_session_on_one_node(tmp_path: Path) -> None:
    """A cluster's client takes the scripts: both keys of a session are in one slot."""
    with Server(tmp_path, "--appendonly", "yes", "--cluster-enabled", "yes") as server:
        admin = Redis.from_url(server.url)
        await admin.execute_command("CLUSTER", "ADDSLOTS", *range(16_384))

        async def ready() -> bool:
            return b"cluster_state:ok" in await admin.execute_command("CLUSTER", "INFO")

        await until(ready)
        store = RedisStore(client=RedisCluster.from_url(server.url))
        session = Session("s")
        for number in range(3):
            session = after(session, number)
            await store.commit(session, session.version - 1, session.events[-1:])
        assert await store.load("s") == session
        keys = await admin.keys("*")
        slots = {await admin.execute_command("CLUSTER", "KEYSLOT", key) for key in keys}
        assert len(slots) == 1
        await store.aclose()
        await admin.aclose()


@pytest.mark.parametrize(
    "options", [{"tenant": ""}, {"prefix": ""}, {"timeout": 0}, {"ttl": -1.0}, {"failures": 0}, {"pause": 0}]
)
def test_arguments_that_cannot_be(options: dict[str, Any]) -> None:
    """They are refused before any server is asked."""
    with pytest.raises(ValueError, match="expected"):
        RedisStore(**options)
