"""Sessions in one SQLite file: durable, for one machine, shared by any number of its processes.

WAL journal. ``synchronous="FULL"`` (the default) syncs every commit: what was committed survives a power
failure. ``"NORMAL"`` is some hundred times faster and survives the death of the process, but a power
failure may take the latest commits back, and with them what they had counted against a budget.
"""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .codec import decode_event, decode_session, encode_event, encode_session, extent
from .errors import MalformedJSON, StoreUnavailable, VersionConflict
from .types import Event, Session
from .worker import Closed, Worker

SCHEMA_VERSION = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    session TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (session, number)
) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
"""
_CACHED_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class _Load:
    session_id: str


@dataclass(frozen=True, slots=True)
class _Commit:
    session: Session
    expected: int
    appended: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class _Cached:
    """A session this process has read or written, with the very bytes it was stored as."""

    session: Session
    body: bytes


class SqliteStore:
    """A ``SessionStore`` in a file. Nothing blocks the event loop: one thread owns the connection.

    A commit writes the session's row, the appended events and nothing else. A load reads the session's row and
    those events that this process has not seen. Commits that gather while the thread is busy share one
    transaction, and so one fsync. ``busy_timeout`` (seconds) is how long another process's write is waited for.
    If the file is deleted or replaced while it is open, the store is unavailable until it is opened again.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        busy_timeout: float = 1.0,
    ) -> None:
        self._path = Path(path)
        if synchronous not in ("FULL", "NORMAL"):
            raise ValueError(f"expected synchronous 'FULL' or 'NORMAL', found {synchronous!r}")
        self._synchronous = synchronous
        self._busy_timeout = busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._opened: list[tuple[int, int]] = []
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._cached_bytes = 0
        self._worker: Worker[_Load | _Commit, Session | None] = Worker(
            f"sessions in {self._path.name}", self._handle, self._disconnect
        )

    async def load(self, session_id: str) -> Session | None:
        return await self._submit(_Load(session_id))

    async def commit(self, session: Session, expected: int, appended: tuple[Event, ...]) -> None:
        await self._submit(_Commit(session, expected, appended))

    async def aclose(self) -> None:
        await self._worker.aclose()

    async def _submit(self, job: _Load | _Commit) -> Session | None:
        try:
            return await self._worker.submit(job)
        except Closed as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error

    # Everything below runs in the worker's thread.

    def _handle(self, jobs: list[_Load | _Commit]) -> list[Session | Exception | None]:
        answers: dict[int, Session | Exception | None] = {}
        loads = [(at, job) for at, job in enumerate(jobs) if isinstance(job, _Load)]
        commits = [(at, job) for at, job in enumerate(jobs) if isinstance(job, _Commit)]
        for at, load in loads:
            try:
                answers[at] = self._load(self._connected(), load.session_id)
            except (sqlite3.Error, OSError, MalformedJSON, UnicodeEncodeError) as error:
                answers[at] = self._unavailable(f"session {load.session_id!r} cannot be loaded", error)
        answers.update(self._commit_all(commits))
        return [answers[at] for at in range(len(jobs))]

    def _load(self, connection: sqlite3.Connection, session_id: str) -> Session | None:
        with _Transaction(connection, "DEFERRED"):  # the row and its events from one snapshot
            row = connection.execute(
                "SELECT version, body FROM sessions WHERE id = ?", (session_id,)
            ).fetchone()
            if row is None:
                return None
            version, body = row
            cached = self._cache.get(session_id)
            if cached is not None and cached.session.version == version and cached.body == body:
                self._cache.move_to_end(session_id)
                return cached.session
            known, start = self._known(cached, version, extent(body))
            rows = connection.execute(
                "SELECT number, body FROM events WHERE session = ? AND number >= ? ORDER BY number",
                (session_id, start),
            ).fetchall()
        if [number for number, _ in rows] != list(range(start, start + len(rows))):
            raise MalformedJSON("its events are not numbered without gaps")
        events = (*known, *(decode_event(event) for _, event in rows))
        session = decode_session(session_id, version, body, events)
        self._remember(session, body)
        return session

    def _known(self, cached: _Cached | None, version: int, held: range) -> tuple[tuple[Event, ...], int]:
        """The events that need not be read again, and the number of the first that must."""
        if cached is None or cached.session.version >= version:
            return (), held.start
        before = cached.session
        end = before.dropped + len(before.events)
        if end <= held.start:
            return (), held.start
        return before.events[held.start - before.dropped :], end

    def _commit_all(self, commits: list[tuple[int, _Commit]]) -> dict[int, Exception | None]:
        """All in one transaction: each is checked by itself, and a failing disk fails them together."""
        answers: dict[int, Exception | None] = {}
        written: list[tuple[Session, bytes]] = []
        try:
            encoded = []
            for at, commit in commits:
                try:
                    commit.session.id.encode()
                    body = encode_session(commit.session)
                    encoded.append((at, commit, body, [encode_event(event) for event in commit.appended]))
                except (MalformedJSON, UnicodeEncodeError) as error:
                    answers[at] = self._unavailable("the session cannot be stored", error)
            if encoded:
                connection = self._connected()
                with _Transaction(connection, "IMMEDIATE"):
                    for at, commit, body, events in encoded:
                        try:
                            self._write(connection, commit, body, events)
                            written.append((commit.session, body))
                            answers[at] = None
                        except VersionConflict as conflict:
                            answers[at] = conflict
        except (sqlite3.Error, OSError) as error:
            return {at: self._unavailable("the session cannot be committed", error) for at, _ in commits}
        for session, body in written:
            self._remember(session, body)
        return answers

    def _write(
        self, connection: sqlite3.Connection, commit: _Commit, body: bytes, events: list[bytes]
    ) -> None:
        session = commit.session
        row = connection.execute("SELECT version FROM sessions WHERE id = ?", (session.id,)).fetchone()
        found = row[0] if row is not None else 0
        if found != commit.expected:
            raise VersionConflict(session.id, commit.expected, found)
        connection.execute(
            "INSERT INTO sessions VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
            (session.id, session.version, body),
        )
        first = session.dropped + len(session.events) - len(events)
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?)",
            [
                (session.id, number, event)
                for number, event in enumerate(events, first)
                if number >= session.dropped
            ],
        )
        connection.execute(
            "DELETE FROM events WHERE session = ? AND number < ?", (session.id, session.dropped)
        )

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))  # it holds what users said
            connection = sqlite3.connect(self._path, timeout=self._busy_timeout, isolation_level=None)
            try:
                (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                if journal != "wal":
                    raise sqlite3.OperationalError(f"expected journal mode wal, found {journal}")
                connection.execute(f"PRAGMA synchronous = {self._synchronous}")
                (found,) = connection.execute("PRAGMA user_version").fetchone()
                if found not in (0, SCHEMA_VERSION):
                    raise sqlite3.OperationalError(f"expected schema version {SCHEMA_VERSION}, found {found}")
                if found == 0:
                    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            except BaseException:
                connection.close()
                raise
            self._opened = self._files()
            self._connection = connection
        elif self._files() != self._opened:
            raise OSError("the file, or its -wal or -shm beside it, was replaced while it was open")
        return self._connection

    def _files(self) -> list[tuple[int, int]]:
        """Which files these are. A deleted one would still take commits, which nobody else ever sees."""
        found = [os.stat(f"{self._path}{suffix}") for suffix in ("", "-wal", "-shm")]
        return [(file.st_dev, file.st_ino) for file in found]

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._cache.clear()

    def _remember(self, session: Session, body: bytes) -> None:
        before = self._cache.pop(session.id, None)
        self._cached_bytes += _footprint(session) - (_footprint(before.session) if before else 0)
        self._cache[session.id] = _Cached(session, body)
        while self._cached_bytes > _CACHED_BYTES and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= _footprint(oldest.session)

    def _unavailable(self, what: str, error: Exception) -> StoreUnavailable:
        unavailable = StoreUnavailable(f"{self._path}: {what}: {error}")
        unavailable.__cause__ = error
        return unavailable


def _footprint(session: Session) -> int:
    return session.size + 500 * (1 + len(session.events))


class _Transaction:
    """``BEGIN``, then ``COMMIT`` or, whatever was raised, ``ROLLBACK``."""

    def __init__(self, connection: sqlite3.Connection, mode: Literal["DEFERRED", "IMMEDIATE"]) -> None:
        self._connection = connection
        self._mode = mode

    def __enter__(self) -> None:
        self._connection.execute(f"BEGIN {self._mode}")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
