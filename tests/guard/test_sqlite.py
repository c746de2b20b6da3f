"""What is particular to sessions in a file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard import Event, Retention, Session, SqliteStore, StoreUnavailable
from bartizan.guard.session import remember


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


def grown(session: Session, count: int, keep: int = 1024) -> tuple[Session, tuple[Event, ...]]:
    appended = tuple(Event("prompt", n, f"event {n}") for n in range(count))
    for event in appended:
        version = session.version
        session = remember(session, event, {"n": event.time}, Retention(events=keep))
        session = Session(**{**_fields(session), "version": version})
    return Session(**{**_fields(session), "version": session.version + 1}), appended


def _fields(session: Session) -> dict[str, Any]:
    return {name: getattr(session, name) for name in Session.__dataclass_fields__}


async def put(store: SqliteStore, session: Session, appended: tuple[Event, ...]) -> None:
    await store.commit(session, session.version - 1, appended)


async def filled(path: Path) -> Session:
    store = SqliteStore(path)
    session, appended = grown(Session("s"), 5)
    await put(store, session, appended)
    await store.aclose()
    return session


def edit(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


DAMAGE = {
    "a body that is no JSON": "UPDATE sessions SET body = 'x'",
    "a body that lacks a field": 'UPDATE sessions SET body = \'{"total":5,"dropped":0}\'',
    "a missing event": "DELETE FROM events WHERE number = 2",
    "a missing last event": "DELETE FROM events WHERE number = 4",
    "an event too many": 'INSERT INTO events VALUES (\'s\', 9, \'{"kind":"prompt","time":1}\')',
    "an event that is none": "UPDATE events SET body = '{}' WHERE number = 3",
    "a missing table": "DROP TABLE events",
}


@pytest.mark.parametrize("statement", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_session_is_unavailable(path: Path, statement: str) -> None:
    """A session that does not read exactly as written is not answered at all."""
    await filled(path)
    await asyncio.to_thread(edit, path, statement)
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match=r"sessions\.db"):
        await store.load("s")
    await store.aclose()


async def test_a_file_of_a_later_version_is_not_touched(path: Path) -> None:
    """A schema this version does not know is refused."""
    await filled(path)
    await asyncio.to_thread(edit, path, "PRAGMA user_version = 99")
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match="schema version"):
        await store.load("s")
    await store.aclose()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 40, None])
async def test_what_is_no_database_is_unavailable(path: Path, content: bytes | None) -> None:
    """A file of something else, or a directory that is not there, is an unavailable store, not a new one."""
    if content is not None:
        path.write_bytes(content)
    store = SqliteStore(path if content is not None else path / "nowhere" / "sessions.db")
    with pytest.raises(StoreUnavailable):
        await store.load("s")
    with pytest.raises(StoreUnavailable):
        await put(store, *grown(Session("s"), 1))
    await store.aclose()
    assert content is None or path.read_bytes() == content


async def test_a_writer_that_holds_the_file_too_long_makes_it_unavailable(path: Path) -> None:
    """Another process's write is waited for, but not for ever."""
    session = await filled(path)
    holder = await asyncio.to_thread(sqlite3.connect, path, check_same_thread=False)
    await asyncio.to_thread(holder.execute, "BEGIN IMMEDIATE")
    store = SqliteStore(path, busy_timeout=0.05)
    assert await store.load("s") == session  # readers do not wait for writers
    after = remember(session, Event("prompt", 9, "x"), {}, Retention())
    with pytest.raises(StoreUnavailable, match="locked"):
        await put(store, after, after.events[-1:])
    await asyncio.to_thread(holder.rollback)
    await asyncio.to_thread(holder.close)
    await put(store, after, after.events[-1:])
    await store.aclose()


async def test_what_json_cannot_say_fails_alone(path: Path) -> None:
    """A session that cannot be stored fails by itself; one committed in the same moment is stored."""
    store = SqliteStore(path)
    bad = Session("bad", 1, state={"x": object()})
    good, appended = grown(Session("good"), 1)
    results = await asyncio.gather(
        store.commit(bad, 0, ()), put(store, good, appended), return_exceptions=True
    )
    assert isinstance(results[0], StoreUnavailable)
    assert results[1] is None
    assert await store.load("bad") is None
    assert await store.load("good") == good
    await store.aclose()


async def test_a_commit_writes_as_much_however_long_the_history(path: Path) -> None:
    """One row for the session, one for each appended event, and one deleted for each dropped."""
    store = SqliteStore(path, synchronous="NORMAL")
    keep = Retention(events=50)
    session, changes = Session("s"), []
    watcher = await asyncio.to_thread(sqlite3.connect, path, check_same_thread=False)
    for number in range(200):
        event = Event("prompt", number, f"event {number}")
        after = remember(session, event, {"n": number}, keep)
        await put(store, after, (event,))
        session = after
        if number in (10, 40, 60, 199):
            (rows,) = await asyncio.to_thread(
                lambda: watcher.execute("SELECT count(*) FROM events").fetchone()
            )
            changes.append(rows)
    await asyncio.to_thread(watcher.close)
    assert changes == [11, 41, 50, 50]
    await store.aclose()


async def test_the_file_is_the_owners_alone(path: Path) -> None:
    """It holds what users said: nobody else may read it."""
    await filled(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_it_may_be_closed_before_it_was_used(path: Path) -> None:
    """A store that was never asked anything closes quietly, and made no file."""
    await SqliteStore(path).aclose()
    assert not path.exists()


WRITER = """
import asyncio, sys
from bartizan.guard import Guard, SqliteStore, ToolCall, ToolResult
from bartizan.guard.testing import StaticProgram

async def main():
    guard = Guard(
        StaticProgram(allow=["read"], budgets={"read": 25}),
        store=SqliteStore(sys.argv[1], synchronous="NORMAL", busy_timeout=120), deadline=120,
    )
    async def tool(call):
        return ToolResult("done")
    calls = [ToolCall.of(f"{sys.argv[2]}-{n}", "read", {}) for n in range(15)]
    outcomes = await asyncio.gather(*(guard.enforce(call, tool, session="s") for call in calls))
    print(sum(outcome.decision.allowed for outcome in outcomes))
    await guard.aclose()

asyncio.run(main())
"""


def test_processes_share_a_budget(path: Path) -> None:
    """Three processes with fifteen calls each spend a budget of twenty-five exactly."""
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(3)
    ]
    spent = [process.communicate()[0] for process in processes]
    assert sum(map(int, spent)) == 25
    assert os.path.exists(path)
