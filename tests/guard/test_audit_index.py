"""The index answers what the logs answer, follows them, and is never believed."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import PATIENCE

from bartizan.guard import AuditIndex, AuditTampered, FileAuditLog
from bartizan.guard.audit import Wanted, logs, search
from bartizan.guard.audit import index as index_module
from bartizan.guard.audit.segments import Line

KINDS, TOOLS, OUTCOMES = ("decision", "result", "approval"), ("pay", "read"), ("ALLOW", "DENY", "ESCALATE")


def record(n: int, chance: random.Random) -> dict[str, Any]:
    reason = {"rule": f"rule-{n % 3}", "effect": "deny", "text": "Ask the Treasurer"}
    return {
        "kind": chance.choice(KINDS),
        "session": f"s{n % 4}",
        "tool": chance.choice(TOOLS),
        "outcome": chance.choice(OUTCOMES),
        "time": 1000 + n,
        "reasons": [reason] if n % 5 else [],
        "shadow": [] if n % 5 else [reason],
        "args": {"recipient": f"Straße {n}"},
        "principal": {"id": "ann" if n % 2 else "bob"},
    }


async def write(directory: Path, numbers: range, seed: int = 1) -> None:
    chance = random.Random(seed)
    log = await asyncio.to_thread(FileAuditLog, directory, segment_bytes=3000)
    for n in numbers:
        await log.append(record(n, chance))
    await log.aclose()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two logs of several segments each, whose records alternate in time."""
    asyncio.run(write(tmp_path / "a" / "worker-0", range(0, 60, 2)))
    asyncio.run(write(tmp_path / "a" / "worker-1", range(1, 60, 2), seed=2))
    return tmp_path


def found(root: Path, wanted: Wanted) -> list[tuple[str, int]]:
    return [(one.log, one.entry.seq) for one in search(root, wanted)]


def indexed(index: AuditIndex, wanted: Wanted) -> list[tuple[str, int]]:
    return [(one.log, one.entry.seq) for one in index.search(wanted)]


def test_the_index_answers_what_the_logs_answer(root: Path) -> None:
    """For every combination of conditions the same entries, in the same order, by their time."""
    assert [log.name for log in logs(root)] == ["worker-0", "worker-1"]
    choices: dict[str, tuple[Any, ...]] = {
        "kind": (None, "decision"),
        "session": (None, "s1"),
        "tool": (None, "pay", "nothing"),
        "outcome": (None, "DENY"),
        "rule": (None, "rule-2"),
        "text": (None, "TREASURER", "strasse 7", "ann"),
        "since": (None, 1020),
        "until": (None, 1040),
    }
    with AuditIndex(root) as index:
        index.refresh()
        some = 0
        for values in itertools.product(*choices.values()):
            wanted = Wanted(**dict(zip(choices, values, strict=True)))
            expected = found(root, wanted)
            assert indexed(index, wanted) == expected, wanted
            some += bool(expected)
        assert some > 50
        assert {log for log, _ in found(root, Wanted())} == {"a/worker-0", "a/worker-1"}
        everything = [one.entry.record["time"] for one in index.search(Wanted(text="treasurer"))]
        assert everything == list(range(1000, 1060))


def test_the_index_reads_what_is_new(root: Path) -> None:
    """Brought up to date, it reads what was appended and nothing again; what was pruned it forgets."""

    async def prune() -> None:
        log = await asyncio.to_thread(FileAuditLog, root / "a" / "worker-0", segment_bytes=3000)
        await log.prune(keep=1)
        await log.aclose()

    with AuditIndex(root) as index:
        assert index.refresh() > 60
        assert index.refresh() == 0
        asyncio.run(write(root / "a" / "worker-0", range(60, 61)))
        assert index.refresh() == 1
        before = len(indexed(index, Wanted()))
        asyncio.run(prune())
        asyncio.run(write(root / "b", range(60, 65)))
        index.refresh()
        assert len(indexed(index, Wanted())) < before
        assert indexed(index, Wanted()) == found(root, Wanted())


def test_an_index_is_made_anew_at_any_time(root: Path) -> None:
    """Deleted, overwritten with garbage, or of another version, it is made again and answers the same."""
    expected = found(root, Wanted(tool="pay"))
    path = root / "index.sqlite"
    with AuditIndex(root) as index:
        index.refresh()
    assert path.stat().st_mode & 0o077 == 0
    for damage in ("delete", "garbage", "version"):
        if damage == "delete":
            path.unlink()
        elif damage == "garbage":
            path.write_bytes(b"no database" * 1000)
        else:
            database = sqlite3.connect(path)
            database.execute("PRAGMA user_version = 99")
            database.commit()
            database.close()
        with AuditIndex(root) as index:
            assert index.refresh() > 60
            assert indexed(index, Wanted(tool="pay")) == expected
            assert index.rebuild() > 60
            assert indexed(index, Wanted(tool="pay")) == expected


def test_the_index_is_not_the_truth(root: Path) -> None:
    """An entry is read from its segment: one that was edited there is an error, and one that was invented too."""
    with AuditIndex(root) as index:
        index.refresh()
        database = sqlite3.connect(root / "index.sqlite")
        database.execute("UPDATE entries SET tool = 'pay', outcome = 'ALLOW'")
        database.commit()
        assert {one.entry.record["tool"] for one in index.search(Wanted(tool="pay"))} == {"pay"}
        database.execute("UPDATE entries SET hash = ? WHERE kind = 'decision'", ("0" * 64,))
        database.commit()
        database.close()
        with pytest.raises(AuditTampered, match="not the entry that was indexed"):
            list(index.search(Wanted(kind="decision")))
        index.rebuild()
        path = root / "a" / "worker-0" / "000001.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"bob"', b'"eve"'))
        with pytest.raises(AuditTampered, match=r"worker-0/000001\.jsonl:2"):
            list(index.search(Wanted(text="treasurer")))


def test_an_index_that_is_locked_is_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody else writes the index it is neither believed to be up to date nor made anew."""
    with AuditIndex(root) as index:
        index.refresh()
    holder = sqlite3.connect(root / "index.sqlite")
    holder.execute("BEGIN IMMEDIATE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **_: connect(path, timeout=0.05))
    asyncio.run(write(root / "b", range(60, 65)))
    with AuditIndex(root) as index, pytest.raises(OSError, match="locked"):
        index.refresh()
    holder.rollback()
    holder.close()
    with AuditIndex(root) as index:
        index.refresh()
        assert indexed(index, Wanted()) == found(root, Wanted())


def test_two_that_read_what_is_new_at_once_read_it_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who brings the index up to date while another does, waits, and adds nothing a second time."""
    with AuditIndex(root) as index:
        index.refresh()
    asyncio.run(write(root / "a" / "worker-0", range(60, 64)))
    reading, other = threading.Event(), threading.Event()
    read_lines, connect = index_module.read_lines, sqlite3.connect

    def slowly(path: Path, start: int = 0) -> Iterator[Line]:
        for line in read_lines(path, start):
            if not reading.is_set():
                reading.set()
                other.wait(0.5)  # it cannot come: the other waits
            yield line

    def first() -> int:
        with AuditIndex(root) as index:
            return index.refresh()

    def second() -> int:
        reading.wait(PATIENCE)
        with AuditIndex(root) as index:
            read = index.refresh()
        other.set()
        return read

    monkeypatch.setattr(index_module, "read_lines", slowly)
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **more: connect(path, **{**more, "timeout": PATIENCE})
    )
    with ThreadPoolExecutor() as pool:
        counts = [asked.result() for asked in [pool.submit(first), pool.submit(second)]]
    assert counts[0] >= 4 and counts[1] == 0
    with AuditIndex(root) as index:
        assert indexed(index, Wanted()) == found(root, Wanted())


def test_a_log_that_was_replaced_is_read_again(root: Path) -> None:
    """Where the segments are not those that were indexed, they are indexed again."""
    with AuditIndex(root) as index:
        index.refresh()
        for path in (root / "a" / "worker-0").iterdir():
            path.unlink()
        asyncio.run(write(root / "a" / "worker-0", range(100, 110), seed=9))
        index.refresh()
        assert indexed(index, Wanted()) == found(root, Wanted())


def test_a_line_that_is_being_written_is_left_for_later(root: Path) -> None:
    """A line without its end is not indexed, and is once it has it."""
    path = sorted((root / "a" / "worker-1").glob("*.jsonl"))[-1]
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with AuditIndex(root) as index:
        before = index.refresh()
        path.write_bytes(whole)
        assert index.refresh() == 1
        assert before > 60
        assert indexed(index, Wanted()) == found(root, Wanted())


def test_an_index_that_is_spoilt_within_is_made_anew_or_said_to_be(root: Path) -> None:
    """Pages that hold no database any more are an index to make again, not a failure of the query."""
    with AuditIndex(root) as index:
        index.refresh()
        everything = indexed(index, Wanted())
    whole = (root / "index.sqlite").read_bytes()
    (root / "index.sqlite").write_bytes(whole[:4096] + bytes([7]) * (len(whole) - 4096))
    with AuditIndex(root) as index, pytest.raises(OSError, match="remove it, and make it again"):
        indexed(index, Wanted(tool="pay"))
    with AuditIndex(root) as index:
        index.refresh()
        assert indexed(index, Wanted()) == everything
