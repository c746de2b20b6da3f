"""Rows that arrive mixed and leave grouped, on disk instead of in memory.

Logs and span exports interleave the sessions of a busy service. A spool takes their rows as they come and
hands them back session by session, each ordered by time, in SQLite's private temporary file (deleted when it
is closed).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import TracebackType

from bartizan.guard.canonical import JSON, canonical_json, parse_json


class Spool:
    """Use as a context manager: :meth:`add` everything first, then iterate :meth:`groups` once."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("BEGIN")
        self._db.execute(
            "CREATE TABLE item (number INTEGER PRIMARY KEY, session TEXT, time INTEGER, body BLOB)"
        )

    def add(self, session: str, time: int, body: JSON) -> None:
        """One row of a session, at ``time`` (any unit, the same for all rows)."""
        self._db.execute(
            "INSERT INTO item (session, time, body) VALUES (?, ?, ?)", (session, time, canonical_json(body))
        )

    def groups(self) -> Iterator[tuple[str, list[JSON]]]:
        """Every session with its rows by time (then by arrival), sessions in the order of first arrival."""
        self._db.execute("CREATE INDEX by_session ON item (session, time, number)")
        sessions = self._db.execute("SELECT session FROM item GROUP BY session ORDER BY MIN(number)")
        for (session,) in sessions:
            rows = self._db.execute(
                "SELECT body FROM item WHERE session = ? ORDER BY time, number", (session,)
            )
            yield session, [parse_json(body) for (body,) in rows]

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
