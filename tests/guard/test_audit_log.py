"""The log on disk: durable, ordered, continued after crashes, closed to a second writer."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard import (
    AuditError,
    AuditLocked,
    AuditTampered,
    FileAuditLog,
    MemoryAuditLog,
    Receipt,
    Wanted,
    now_us,
    query,
    verify,
)
from bartizan.guard.audit import recent, segments
from bartizan.guard.audit import writer as writer_module
from bartizan.guard.audit.chain import seal, unseal

KEY = b"k" * 32


async def fill(directory: Path, count: int, **options: object) -> list[Receipt]:
    log = FileAuditLog(directory, **options)  # type: ignore[arg-type]
    try:
        return await asyncio.gather(*(log.append({"kind": "test", "n": number}) for number in range(count)))
    finally:
        await log.aclose()


def numbers(directory: Path) -> list[int]:
    return [entry.record["n"] for entry in query(directory, Wanted(kind="test"))]


async def test_records_are_written_in_the_order_they_were_given(tmp_path: Path) -> None:
    """Concurrent appends keep their order, and each receipt names the record's place in the chain."""
    receipts = await fill(tmp_path, 300)
    assert numbers(tmp_path) == list(range(300))
    placed = {
        entry.record["n"]: Receipt(entry.seq, entry.hash) for entry in query(tmp_path, Wanted(kind="test"))
    }
    assert [placed[number] for number in range(300)] == receipts
    checked = verify(tmp_path)
    assert checked.ok
    assert checked.records == 301  # the header of the segment is one


async def test_concurrent_appends_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred appends at once need far fewer syncs than two hundred."""
    syncs = 0
    real = segments.sync

    def counted(file: int) -> None:
        nonlocal syncs
        syncs += 1
        real(file)

    monkeypatch.setattr(writer_module, "sync", counted)
    await fill(tmp_path, 200)
    assert syncs <= 20


@pytest.mark.parametrize("key", [None, KEY])
async def test_a_log_goes_on_where_it_ended(tmp_path: Path, key: bytes | None) -> None:
    """Closed and opened again, a log continues its chain, across segments, and verifies as one."""
    for _ in range(4):
        await fill(tmp_path, 10, segment_bytes=1500, key=key)
    assert numbers(tmp_path) == list(range(10)) * 4
    checked = verify(tmp_path, key=key)
    assert checked.ok
    assert checked.segments > 3


async def test_one_process_writes_a_log(tmp_path: Path) -> None:
    """A second writer is refused, by an error that names the first, and the log is not touched."""
    log = FileAuditLog(tmp_path)
    with pytest.raises(AuditLocked, match=r"process \d+ is writing"):
        FileAuditLog(tmp_path)
    code = (
        "import sys; from bartizan.guard import FileAuditLog, AuditLocked\n"
        "try: FileAuditLog(sys.argv[1])\n"
        "except AuditLocked: sys.exit(7)"
    )
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(tmp_path))
    assert await other.wait() == 7
    await log.append({"kind": "test", "n": 1})
    await log.aclose()
    assert verify(tmp_path).ok
    await FileAuditLog(tmp_path).aclose()


async def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    """Appending to a closed log raises ``AuditError``."""
    log = FileAuditLog(tmp_path)
    await log.aclose()
    with pytest.raises(AuditError, match="closed"):
        await log.append({"kind": "test"})


async def test_a_record_json_cannot_say_is_refused_alone(tmp_path: Path) -> None:
    """A record that cannot be written fails by itself; those beside it are written, and the chain holds."""
    log = FileAuditLog(tmp_path)
    results = await asyncio.gather(
        log.append({"kind": "test", "n": 1}),
        log.append({"kind": "test", "n": float("nan")}),
        log.append({"kind": "test", "n": 2}),
        return_exceptions=True,
    )
    await log.aclose()
    assert [type(result) for result in results] == [Receipt, AuditError, Receipt]
    assert numbers(tmp_path) == [1, 2]
    assert verify(tmp_path).ok


async def test_a_cancelled_append_disturbs_nobody(tmp_path: Path) -> None:
    """Whoever stops waiting for a record leaves the others' records and the chain as they are."""
    log = FileAuditLog(tmp_path)
    tasks = [asyncio.create_task(log.append({"kind": "test", "n": number})) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await log.aclose()
    assert all(isinstance(result, Receipt) for result in results[1::2])
    assert set(numbers(tmp_path)) >= set(range(1, 20, 2))
    assert verify(tmp_path).ok


DISK_FULL = """
import asyncio, resource, signal, sys
from bartizan.guard import AuditError, FileAuditLog

async def main():
    log = FileAuditLog(sys.argv[1])
    await log.append({"kind": "test", "n": 0})
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
    many = [log.append({"kind": "test", "n": n, "pad": "x" * 100}) for n in range(1, 40)]
    results = await asyncio.gather(*many, return_exceptions=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    late = await asyncio.gather(log.append({"kind": "test", "n": 99}), return_exceptions=True)
    await log.aclose()
    for result in (*results, *late):
        print(type(result).__name__)

asyncio.run(main())
"""


def test_a_full_disk_fails_whoever_waits_and_all_after(tmp_path: Path) -> None:
    """A failed write fails all that waited for it and all later ones, until the log is opened again and repaired."""
    done = subprocess.run(
        [sys.executable, "-c", DISK_FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    outcomes = done.stdout.split()
    assert outcomes[-1] == "AuditError"
    assert "AuditError" in outcomes[:-1]
    assert verify(tmp_path).repairable

    asyncio.run(fill(tmp_path, 1))
    assert verify(tmp_path).ok
    written = numbers(tmp_path)
    acknowledged = [n for n, outcome in enumerate(outcomes[:-1], 1) if outcome == "Receipt"]
    assert set(acknowledged) <= set(written)
    assert 99 not in written


async def test_a_torn_line_is_reported_and_its_repair_recorded(tmp_path: Path) -> None:
    """A line cut short by a crash is reported; opening the log cuts it off and writes down that it did."""
    await fill(tmp_path, 3)
    with (tmp_path / "000001.jsonl").open("ab") as file:
        file.write(b'{"hash":"012')
    checked = verify(tmp_path)
    assert [problem.kind for problem in checked.problems] == ["torn tail"]
    assert checked.repairable
    await fill(tmp_path, 1)
    assert verify(tmp_path).ok
    (recovered,) = query(tmp_path, Wanted(kind="recovered"))
    assert recovered.record["torn_bytes"] == 12
    assert numbers(tmp_path) == [0, 1, 2, 0]


async def test_entries_beyond_the_head_are_reported_and_adopted(tmp_path: Path) -> None:
    """Entries that were synced but never acknowledged verify as such, and are adopted when the log is opened."""
    await fill(tmp_path, 3)
    end = verify(tmp_path).last
    line, _ = seal({"kind": "test", "n": 3}, end.seq + 1, end.hash)
    with (tmp_path / "000001.jsonl").open("ab") as file:
        file.write(line + b"\n")
    assert [problem.kind for problem in verify(tmp_path).problems] == ["unanchored"]
    await fill(tmp_path, 1)
    assert verify(tmp_path).ok
    (recovered,) = query(tmp_path, Wanted(kind="recovered"))
    assert recovered.record["adopted"] == 1


@pytest.mark.parametrize("left", [b"", b'{"hash":"', None], ids=["empty", "torn", "whole"])
async def test_a_crash_while_a_segment_begins_is_survived(tmp_path: Path, left: bytes | None) -> None:
    """Whatever a crash leaves of a segment's first line, the log opens again and verifies."""
    await fill(tmp_path, 5, segment_bytes=900)
    count = len(list(tmp_path.glob("*.jsonl")))
    end = verify(tmp_path).last
    header = {"kind": "segment", "segment": count + 1, "time": 0}
    line, _ = seal(header, end.seq + 1, end.hash)
    (tmp_path / f"{count + 1:06d}.jsonl").write_bytes(line + b"\n" if left is None else left)
    checked = verify(tmp_path)
    assert checked.repairable
    assert not checked.ok
    await fill(tmp_path, 5, segment_bytes=900)
    assert verify(tmp_path).ok
    assert numbers(tmp_path) == [0, 1, 2, 3, 4] * 2


@pytest.mark.parametrize("segment", [None, b"", b"half a line"])
def test_a_crash_while_the_log_begins_is_survived(tmp_path: Path, segment: bytes | None) -> None:
    """A log that died before its first entry was acknowledged is begun again."""
    (tmp_path / "HEAD").touch()
    if segment is not None:
        (tmp_path / "000001.jsonl").write_bytes(segment)
    asyncio.run(fill(tmp_path, 2))
    assert verify(tmp_path).ok


async def test_a_log_that_does_not_verify_is_not_continued(tmp_path: Path) -> None:
    """Opening refuses a log whose end was cut, edited or whose head is gone."""
    await fill(tmp_path, 5)
    path, head = tmp_path / "000001.jsonl", tmp_path / "HEAD"
    lines, anchor = path.read_bytes().splitlines(keepends=True), head.read_bytes()
    path.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(AuditTampered, match="truncated"):
        FileAuditLog(tmp_path)
    path.write_bytes(b"".join(lines).replace(b'"n":3', b'"n":8'))
    with pytest.raises(AuditTampered, match="edited"):
        FileAuditLog(tmp_path)
    path.write_bytes(b"".join(lines))
    head.unlink()
    with pytest.raises(AuditTampered, match="no head"):
        FileAuditLog(tmp_path)
    head.write_bytes(anchor)
    path.unlink()
    with pytest.raises(AuditTampered, match="no segment"):
        FileAuditLog(tmp_path)


async def test_a_keyed_log_is_written_with_its_key_only(tmp_path: Path) -> None:
    """Without its key, or with another one, a log can be read but not continued."""
    await fill(tmp_path, 2, key=KEY)
    with pytest.raises(AuditError, match="with a key"):
        FileAuditLog(tmp_path)
    with pytest.raises(AuditTampered, match="not written with this key"):
        FileAuditLog(tmp_path, key=b"another")
    assert verify(tmp_path).ok
    assert verify(tmp_path, key=KEY).ok


async def test_queries_select_by_every_field(tmp_path: Path) -> None:
    """A query yields exactly the records that meet all its conditions, over all segments."""
    log = FileAuditLog(tmp_path, segment_bytes=600)
    for n in range(12):
        reason = {"rule": f"rule-{n % 3}", "effect": "deny"}
        await log.append(
            {
                "kind": "decision" if n % 2 else "result",
                "session": f"s{n % 4}",
                "tool": "pay" if n < 6 else "read",
                "outcome": "DENY" if n % 3 else "ALLOW",
                "time": n,
                "reasons": [reason] if n != 5 else [],
                "shadow": [reason] if n == 5 else [],
                "n": n,
            }
        )
    await log.aclose()

    def found(**conditions: Any) -> list[int]:
        return [entry.record["n"] for entry in query(tmp_path, Wanted(**conditions)) if "n" in entry.record]

    assert found() == list(range(12))
    assert found(kind="result") == [0, 2, 4, 6, 8, 10]
    assert found(session="s1") == [1, 5, 9]
    assert found(tool="pay", outcome="ALLOW") == [0, 3]
    assert found(rule="rule-2") == [2, 5, 8, 11]
    assert found(since=3, until=6) == [3, 4, 5]


async def test_a_query_of_a_damaged_log_says_where(tmp_path: Path) -> None:
    """A line that is no entry stops a query with its place, instead of being skipped."""
    await fill(tmp_path, 3)
    path = tmp_path / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"record":', b'"recor":', 1))
    with pytest.raises(AuditTampered, match=r"000001\.jsonl:1"):
        list(query(tmp_path))


async def test_the_log_in_memory_is_the_same_chain() -> None:
    """The log in memory seals its records like the one on disk, and keeps the latest."""
    log = MemoryAuditLog(limit=3)
    receipts = [await log.append({"kind": "test", "n": n}) for n in range(5)]
    assert [entry.record["n"] for entry in log.entries] == [2, 3, 4]
    assert [Receipt(entry.seq, entry.hash) for entry in log.entries] == receipts[2:]
    with pytest.raises(AuditError):
        await log.append({"kind": object()})


def test_a_line_is_canonical_and_self_describing() -> None:
    """An entry is one canonical line: its hash covers its record, its MAC covers its hash."""
    line, receipt = seal({"b": 1, "a": "é"}, 7, "0" * 64, KEY)
    value = json.loads(line)
    assert list(value) == ["hash", "mac", "record"]
    assert value["record"] == {"a": "é", "b": 1, "prev": "0" * 64, "seq": 7}
    entry = unseal(line, KEY)
    assert (entry.seq, entry.hash) == (receipt.seq, receipt.hash)


def test_the_recent_past_is_read_without_the_rest(tmp_path: Path) -> None:
    """What happened since a time is found in the newest segments: all of it, and not the whole log."""

    async def write() -> tuple[int, int]:
        log = await asyncio.to_thread(FileAuditLog, tmp_path, segment_bytes=900)
        for n in range(20):
            await log.append({"kind": "test", "n": n})
        middle = now_us()
        for n in range(20, 40):
            await log.append({"kind": "test", "n": n})
        await log.aclose()
        return middle, now_us()

    middle, end = asyncio.run(write())

    def found(since: int) -> list[int]:
        return [entry.record["n"] for entry in recent(tmp_path, since) if "n" in entry.record]

    assert found(0) == list(range(40))
    assert found(middle)[-20:] == list(range(20, 40))
    assert len(found(middle)) < 30
    assert found(end)[-1:] == [39]
    assert len(found(end)) < 8
    (tmp_path / "000001.jsonl").write_text("garbage\n")
    assert found(middle)[-20:] == list(range(20, 40))
