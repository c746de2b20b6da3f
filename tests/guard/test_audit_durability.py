"""What a log has after a crash, at each level of durability."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from tests.waiting import until

from bartizan.guard import AuditError, Durability, FileAuditLog, Wanted, query, verify
from bartizan.guard.audit import segments
from bartizan.guard.audit import writer as writer_module
from bartizan.guard.audit.segments import Head

LEVELS: tuple[Durability, ...] = ("fsync", "group", "os")

WRITER = """
import asyncio, sys
from bartizan.guard import FileAuditLog

async def main():
    log = FileAuditLog(sys.argv[1], durability=sys.argv[2], segment_bytes=4_000)
    for n in range(10**6):
        await asyncio.gather(*(log.append({"kind": "test", "n": 4 * n + part}) for part in range(4)))
        print(4 * n + 3, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("durability", LEVELS)
def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path, durability: Durability) -> None:
    """Killed with SIGKILL in the middle, every acknowledged record is there, at every level, and the log goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "log"), durability], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(40)]
        process.kill()
        lines += process.stdout
    acknowledged = [int(line) for line in lines if line.endswith("\n")]
    assert len(acknowledged) >= 40

    found = [entry.record["n"] for entry in query(tmp_path / "log", Wanted(kind="test"))]
    assert found == list(range(len(found)))
    assert len(found) > acknowledged[-1]
    checked = verify(tmp_path / "log")
    assert checked.ok or checked.repairable, checked.problems
    asyncio.run(FileAuditLog(tmp_path / "log", durability=durability).aclose())
    assert verify(tmp_path / "log").ok


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets an item for every sync."""
    made: list[int] = []
    real = segments.sync

    def counted(file: int) -> None:
        made.append(file)
        real(file)

    monkeypatch.setattr(writer_module, "sync", counted)
    return made


async def test_a_window_lets_records_share_a_sync(tmp_path: Path, syncs: list[int]) -> None:
    """Records that trickle in share a sync under ``group``, where under ``fsync`` most would have their own."""

    async def trickle(directory: Path, durability: Durability) -> int:
        log = await asyncio.to_thread(FileAuditLog, directory, durability=durability, window=3600.0)
        syncs.clear()
        waiting = []
        for n in range(20):
            waiting.append(asyncio.create_task(log.append({"kind": "test", "n": n})))
            await asyncio.sleep(0.001)
        assert durability == "fsync" or not any(task.done() for task in waiting)
        await log.aclose()  # no more will come: the window ends
        await asyncio.gather(*waiting)
        return len(syncs)

    assert await trickle(tmp_path / "group", "group") == 1
    assert await trickle(tmp_path / "fsync", "fsync") >= 1
    assert verify(tmp_path / "group").ok


async def test_under_os_the_head_names_what_is_on_the_disk(
    tmp_path: Path, syncs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An acknowledged record is not synced yet, and the head, which a power cut may not overtake, does not name it."""
    monkeypatch.setattr(writer_module, "SYNC_SECONDS", 3600.0)
    log = await asyncio.to_thread(FileAuditLog, tmp_path, durability="os")
    monkeypatch.setattr(log._worker, "_idle_after", 3600.0)
    at_first = Head.parse((tmp_path / "HEAD").read_bytes(), None).receipt
    syncs.clear()
    receipt = await log.append({"kind": "test"})
    assert log.head == receipt
    assert not syncs
    assert Head.parse((tmp_path / "HEAD").read_bytes(), None).receipt == at_first
    assert [problem.kind for problem in verify(tmp_path).problems] == ["unanchored"]
    await log.aclose()
    assert syncs
    assert Head.parse((tmp_path / "HEAD").read_bytes(), None).receipt == receipt
    assert verify(tmp_path).ok


async def test_under_os_old_records_are_synced_by_new_ones_and_in_pauses(
    tmp_path: Path, syncs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No record stays unsynced for long: the next one a second later has it synced, or a pause does."""
    monkeypatch.setattr(writer_module, "SYNC_SECONDS", 3600.0)
    log = await asyncio.to_thread(FileAuditLog, tmp_path, durability="os")
    monkeypatch.setattr(log._worker, "_idle_after", 3600.0)
    await log.append({"kind": "test"})
    monkeypatch.setattr(writer_module, "SYNC_SECONDS", 0.0)
    syncs.clear()
    await log.append({"kind": "test"})
    assert len(syncs) == 1
    monkeypatch.setattr(writer_module, "SYNC_SECONDS", 3600.0)
    monkeypatch.setattr(log._worker, "_idle_after", 0.1)
    last = await log.append({"kind": "test"})
    await until(lambda: Head.parse((tmp_path / "HEAD").read_bytes(), None).receipt == last)
    assert len(syncs) == 2
    await log.aclose()


async def test_a_level_is_one_of_three(tmp_path: Path) -> None:
    """Another word is refused before anything is written."""
    with pytest.raises(ValueError, match="'fsync', 'group' or 'os'"):
        FileAuditLog(tmp_path / "log", durability="soon")  # type: ignore[arg-type]
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("kind", ["segment", "recovered", "checkpoint", "pruned"])
async def test_the_logs_own_records_are_written_by_the_log(tmp_path: Path, kind: str) -> None:
    """Nobody appends a record that says something about the log itself."""
    log = await asyncio.to_thread(FileAuditLog, tmp_path)
    with pytest.raises(AuditError, match="the log's own"):
        await log.append({"kind": kind})
    await log.aclose()
    assert verify(tmp_path).ok
