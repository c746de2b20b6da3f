"""An index of logs in SQLite: made from their segments, at any time again, and never the truth.

It says where the entries stand that may match; what is answered is read from the segments, and an entry that
does not hash to what the index has, is an error. So whoever changes the index can hide an entry from a query
(``verify`` and a query without index see it), and can invent none. Bringing it up to date reads what is new.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bartizan.guard.errors import AuditTampered, MalformedJSON

from .chain import Entry, unseal
from .query import Found, entry_of, logs, merge, name_of
from .segments import read_lines, segment_indices, segment_path
from .select import FIELDS, Wanted, readable, rules, time_of

INDEX = "index.sqlite"
"""What the index of a directory is called, in it."""

_VERSION = 1
_SCHEMA = """
CREATE TABLE segments (
    id INTEGER PRIMARY KEY, log TEXT NOT NULL, segment INTEGER NOT NULL, bytes INTEGER NOT NULL, lines INTEGER NOT NULL,
    last TEXT NOT NULL, UNIQUE (log, segment)
);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, segment INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    start INTEGER NOT NULL, length INTEGER NOT NULL, line INTEGER NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL,
    time INTEGER NOT NULL, kind TEXT, session TEXT, tool TEXT, outcome TEXT, text TEXT NOT NULL
);
CREATE TABLE rules (
    rule TEXT NOT NULL, entry INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE, PRIMARY KEY (rule, entry)
) WITHOUT ROWID;
CREATE INDEX entries_by_segment ON entries (segment);
CREATE INDEX entries_by_time ON entries (time);
CREATE INDEX entries_by_session ON entries (session, time);
CREATE INDEX entries_by_tool ON entries (tool, time);
CREATE INDEX entries_by_outcome ON entries (outcome, time);
CREATE INDEX entries_by_kind ON entries (kind, time);
"""


class AuditIndex:
    """The index of all logs below ``root``, in the file ``path`` (``root/index.sqlite`` unless it is given).

    Made for one thread at a time; other processes may use the same file meanwhile. A file that is no index of this
    version is made anew.
    """

    def __init__(self, root: str | Path, path: str | Path | None = None) -> None:
        self.root = Path(root)
        self.path = Path(path) if path is not None else self.root / INDEX
        self._database = self._open()

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> AuditIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rebuild(self) -> int:
        """Make the index from nothing. Answers and raises as :meth:`refresh`."""
        self.close()
        self._remove()
        self._database = self._open()
        return self.refresh()

    def refresh(self) -> int:
        """Read what was appended since, forget what was pruned. The number of entries read.

        Raises ``AuditTampered`` for a line that is no entry, ``OSError`` if the index cannot be written.
        """
        try:
            try:
                return self._refresh_all()
            except sqlite3.OperationalError:  # in use, a full disk: it stays
                raise
            except sqlite3.DatabaseError:  # spoilt; all that it knew stands in the logs
                self.close()
                self._database = self._anew()
                return self._refresh_all()
        except sqlite3.DatabaseError as error:
            raise OSError(f"{self.path}: {error}") from error

    def _refresh_all(self) -> int:
        found = logs(self.root)
        names = {name_of(self.root, log) for log in found}
        read = 0
        with self._writing():
            for (name,) in self._all("SELECT DISTINCT log FROM segments"):
                if name not in names:
                    self._database.execute("DELETE FROM segments WHERE log = ?", (name,))
        for log in found:
            with self._writing():  # a log at a time: what is interrupted goes on from there
                read += self._refresh(log, name_of(self.root, log))
        return read

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, which no other process writes beside: two that had read the same would add the same."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield

    def _refresh(self, log: Path, name: str) -> int:
        rows = self._all("SELECT segment, id, bytes, lines, last FROM segments WHERE log = ?", (name,))
        known = {segment: (id_, size, lines, last) for segment, id_, size, lines, last in rows}
        present = segment_indices(log)
        read = 0
        for segment in known.keys() - set(present):
            self._database.execute("DELETE FROM segments WHERE id = ?", (known[segment][0],))
        for segment in present:
            path = segment_path(log, segment)
            id_, size, lines, last = known.get(segment, (None, 0, 0, ""))
            if id_ is not None and not self._agrees(id_, path, size, last):
                self._database.execute("DELETE FROM segments WHERE id = ?", (id_,))
                id_, size, lines = None, 0, 0
            if id_ is None:
                sql = "INSERT INTO segments (log, segment, bytes, lines, last) VALUES (?, ?, 0, 0, '')"
                id_ = self._database.execute(sql, (name, segment)).lastrowid
            read += self._read(id_, path, size, lines)
        return read

    def _agrees(self, segment: int, path: Path, size: int, last: str) -> bool:
        """Whether what was read of a segment ends as it did; what is before that is checked when it is answered."""
        if path.stat().st_size < size:
            return False
        sql = "SELECT start, length FROM entries WHERE segment = ? ORDER BY start DESC LIMIT 1"
        row = self._database.execute(sql, (segment,)).fetchone()
        return row is None or (row[0] + row[1] + 1 == size and _hash_at(path, *row) == last)

    def _read(self, segment: int | None, path: Path, start: int, lines: int) -> int:
        count, last = 0, ""
        for line in read_lines(path, start):
            if not line.complete:
                break  # still being written
            entry = entry_of(path, lines + 1, line.data)
            record, length = entry.record, len(line.data)
            texts = [value if isinstance(value, str) else None for value in map(record.get, FIELDS)]
            row = (
                segment,
                start,
                length,
                lines + 1,
                entry.seq,
                entry.hash,
                time_of(record),
                *texts,
                readable(record).casefold(),
            )
            id_ = self._database.execute(
                "INSERT INTO entries"
                " (segment, start, length, line, seq, hash, time, kind, session, tool, outcome, text)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            ).lastrowid
            self._database.executemany(
                "INSERT INTO rules VALUES (?, ?)", [(rule, id_) for rule in rules(record)]
            )
            start, lines, count, last = start + length + 1, lines + 1, count + 1, entry.hash
        if count:
            sql = "UPDATE segments SET bytes = ?, lines = ?, last = ? WHERE id = ?"
            self._database.execute(sql, (start, lines, last, segment))
        return count

    def search(self, wanted: Wanted) -> Iterator[Found]:
        """The entries that match, as :func:`~.query.search` has them; only what :meth:`refresh` has seen.

        They are read from the segments: raises ``AuditTampered`` if one does not hold what the index says.
        """
        names = [name for (name,) in self._rows("SELECT DISTINCT log FROM segments ORDER BY log")]
        return merge((name, self._entries(name, wanted)) for name in names)

    def _entries(self, log: str, wanted: Wanted) -> Iterator[Entry]:
        clauses, values = _where(wanted)
        sql = (
            "SELECT s.segment, e.start, e.length, e.line, e.hash FROM entries e JOIN segments s ON s.id = e.segment"
            f" WHERE {' AND '.join(['s.log = ?', *clauses])} ORDER BY e.seq"
        )
        for segment, start, length, line, hash_ in self._rows(sql, (log, *values)):
            path = segment_path(self.root / log, segment)
            try:
                with path.open("rb") as file:
                    file.seek(start)
                    entry = unseal(file.read(length))
            except FileNotFoundError:
                continue  # pruned since
            except MalformedJSON as error:
                raise AuditTampered(f"{path}:{line}: {error}; see `bartizan audit verify`") from error
            if entry.hash != hash_:
                raise AuditTampered(
                    f"{path}:{line}: not the entry that was indexed; see `bartizan audit verify`"
                )
            if wanted.matches(entry.record):
                yield entry

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> Iterator[Any]:
        try:
            yield from self._database.execute(sql, values)
        except sqlite3.DatabaseError as error:
            raise OSError(f"{self.path}: {error}: remove it, and make it again") from error

    def _all(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return self._database.execute(sql, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._opened() or self._anew()
        except sqlite3.OperationalError as error:  # in use, or not ours to write: it stays
            raise OSError(f"{self.path}: {error}") from error

    def _opened(self) -> sqlite3.Connection | None:
        """The database, if the file is one of this version or there is nothing in it yet."""
        database = sqlite3.connect(self.path, timeout=10.0, check_same_thread=False)
        try:
            database.execute("PRAGMA foreign_keys = ON")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version == 0 and not database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                database.execute("PRAGMA journal_mode = WAL")
                database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT")
                self.path.chmod(0o600)
                version = _VERSION
            if version == _VERSION:
                return database
        except sqlite3.OperationalError:
            database.close()
            raise
        except sqlite3.DatabaseError:
            pass  # no database at all
        database.close()
        return None

    def _anew(self) -> sqlite3.Connection:
        self._remove()
        database = self._opened()
        if database is None:
            raise OSError(f"cannot make an index in {self.path}")
        return database

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _where(wanted: Wanted) -> tuple[list[str], list[Any]]:
    clauses: list[str] = []
    values: list[Any] = []
    for name in FIELDS:
        if (value := getattr(wanted, name)) is not None:
            clauses.append(f"e.{name} = ?")
            values.append(value)
    if wanted.since is not None:
        clauses.append("e.time >= ?")
        values.append(wanted.since)
    if wanted.until is not None:
        clauses.append("e.time < ?")
        values.append(wanted.until)
    if wanted.rule is not None:
        clauses.append("e.id IN (SELECT entry FROM rules WHERE rule = ?)")
        values.append(wanted.rule)
    if wanted.text is not None:
        clauses.append("instr(e.text, ?)")
        values.append(wanted.text.casefold())
    return clauses, values


def _hash_at(path: Path, start: int, length: int) -> str | None:
    with path.open("rb") as file:
        file.seek(start)
        try:
            return unseal(file.read(length)).hash
        except MalformedJSON:
            return None
