"""Retention: old segments go, and what is left still verifies and says what went."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

import pytest

from bartizan.guard import AuditTampered, FileAuditLog, Receipt, Wanted, now_us, query, verify
from bartizan.guard.audit import pruning
from bartizan.guard.audit.chain import seal, unseal
from bartizan.guard.audit.segments import Head, segment_path

KEY = b"k" * 32


@pytest.fixture(params=[None, KEY], ids=["plain", "keyed"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    return request.param  # type: ignore[no-any-return]


async def written(directory: Path, key: bytes | None = None, count: int = 30) -> FileAuditLog:
    log = await asyncio.to_thread(FileAuditLog, directory, segment_bytes=1500, key=key)
    for n in range(count):
        await log.append({"kind": "test", "n": n})
    return log


def segment_indices(directory: Path) -> list[int]:
    return sorted(int(path.stem) for path in directory.glob("*.jsonl"))


def kinds(directory: Path, key: bytes | None = None) -> set[str]:
    return {problem.kind for problem in verify(directory, key=key).problems}


async def test_the_rest_of_a_pruned_log_verifies(tmp_path: Path, key: bytes | None) -> None:
    """What is kept verifies, the log says what went and why, and it goes on in use and after it was opened again."""
    log = await written(tmp_path, key)
    before = segment_indices(tmp_path)
    files = {index: segment_path(tmp_path, index).read_bytes() for index in before}
    gone = await log.prune(keep=2, why="90 days")
    assert [one.segment for one in gone] == before[:-2]
    assert segment_indices(tmp_path)[:2] == before[-2:]  # the record of it may have begun another
    for one in gone:
        assert one.digest == hashlib.sha256(files[one.segment]).hexdigest()
        assert unseal(files[one.segment].splitlines()[-1], key).hash == one.last.hash
    await log.append({"kind": "test", "n": 30})
    await log.aclose()
    checked = verify(tmp_path, key=key)
    assert checked.ok, checked.problems
    assert checked.pruned is not None
    assert (checked.pruned.upto, checked.pruned.why) == (gone[-1].last, "90 days")
    again = await asyncio.to_thread(FileAuditLog, tmp_path, key=key)
    await again.append({"kind": "test", "n": 31})
    await again.aclose()
    assert verify(tmp_path, key=key).ok
    left = [entry.record["n"] for entry in query(tmp_path, Wanted(kind="test"))]
    assert left == list(range(left[0], 32))


async def test_a_log_is_pruned_again_and_again(tmp_path: Path) -> None:
    """The record of an earlier pruning may itself be pruned; the latest stands for all."""
    log = await written(tmp_path)
    for _ in range(4):
        assert await log.prune(keep=1)
        for n in range(12):
            await log.append({"kind": "test", "n": n})
    assert await log.prune(keep=50) == []
    await log.aclose()
    checked = verify(tmp_path)
    assert checked.ok, checked.problems
    assert checked.pruned is not None


async def test_only_what_ended_before_a_time_goes(tmp_path: Path) -> None:
    """A segment goes if the next one began before the time, and never the one that is written."""
    log = await written(tmp_path, count=12)
    between = now_us()
    for n in range(12):
        await log.append({"kind": "test", "n": 12 + n})
    assert await log.prune(before=between - 10**12) == []
    gone = await log.prune(before=between)
    assert gone
    assert {entry.record["n"] for entry in query(tmp_path, Wanted(kind="test"))} >= set(range(12, 24))
    assert await log.prune(before=now_us() + 10**12, keep=1)
    assert len(segment_indices(tmp_path)) == 1
    await log.aclose()
    assert verify(tmp_path).ok


@pytest.mark.parametrize("choice", [{}, {"keep": 0}, {"keep": -1}])
async def test_a_choice_must_say_something(tmp_path: Path, choice: dict[str, int]) -> None:
    """Nothing is pruned without a choice, and the segment being written always stays."""
    log = await written(tmp_path, count=3)
    with pytest.raises(ValueError, match="expected"):
        await log.prune(**choice)
    await log.aclose()


async def test_what_does_not_verify_is_not_removed(tmp_path: Path, key: bytes | None) -> None:
    """A segment that was edited is evidence: pruning refuses, names the place, and removes nothing."""
    log = await written(tmp_path, key)
    path = segment_path(tmp_path, 1)
    path.write_bytes(path.read_bytes().replace(b'"n":1,', b'"n":7,'))
    before = segment_indices(tmp_path)
    with pytest.raises(AuditTampered, match=r"000001\.jsonl:3"):
        await log.prune(keep=1)
    assert segment_indices(tmp_path) == before
    assert not list(query(tmp_path, Wanted(kind="pruned")))
    await log.aclose()


async def test_a_segment_that_does_not_say_when_it_began_is_evidence_too(tmp_path: Path) -> None:
    """Where a time decides, a header that was edited is named, and nothing is removed."""
    log = await written(tmp_path)
    path = segment_path(tmp_path, 2)
    path.write_bytes(path.read_bytes().replace(b'"kind":"segment"', b'"kind":"segments"', 1))
    before = segment_indices(tmp_path)
    with pytest.raises(AuditTampered, match=r"000002\.jsonl"):
        await log.prune(before=now_us())
    assert segment_indices(tmp_path) == before
    await log.aclose()


@pytest.mark.parametrize("removed", [0, 1, 2])
async def test_a_crash_while_pruning_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    """Recorded but only partly removed, the log verifies, opens, and is pruned to the end the next time."""
    log = await written(tmp_path)
    monkeypatch.setattr("bartizan.guard.audit.file.remove", lambda directory, indices: None)
    gone = await log.prune(keep=2)
    await log.aclose()
    await asyncio.to_thread(pruning.remove, tmp_path, [one.segment for one in gone[:removed]])
    assert verify(tmp_path).ok, verify(tmp_path).problems
    monkeypatch.undo()
    again = await asyncio.to_thread(FileAuditLog, tmp_path, segment_bytes=1500)
    await again.prune(keep=2)
    await again.aclose()
    assert len(segment_indices(tmp_path)) == 2
    assert verify(tmp_path).ok


async def test_segments_that_just_went_are_missed(tmp_path: Path, key: bytes | None) -> None:
    """Without a record of it, and with a record of less, missing segments are missing."""
    log = await written(tmp_path / "log", key)
    await log.aclose()
    shutil.copytree(tmp_path / "log", tmp_path / "other")
    segment_path(tmp_path / "other", 1).unlink()
    assert kinds(tmp_path / "other", key) == {"segment"}

    log = await asyncio.to_thread(FileAuditLog, tmp_path / "log", key=key)
    await log.prune(keep=3)
    await log.aclose()
    first, second, *_ = segment_indices(tmp_path / "log")
    segment_path(tmp_path / "log", second).unlink()
    assert "segment" in kinds(tmp_path / "log", key)
    segment_path(tmp_path / "log", first).unlink()
    assert "segment" in kinds(tmp_path / "log", key)


async def test_a_forged_record_of_pruning_needs_the_key(tmp_path: Path) -> None:
    """Who removes the beginning and appends a record that says so is found, if the log has a key."""
    log = await written(tmp_path, KEY)
    await log.aclose()
    last = verify(tmp_path, key=KEY).last
    chosen = segment_indices(tmp_path)[:-1]
    segments = await asyncio.to_thread(pruning.examine, tmp_path, chosen, None)
    record = pruning.tombstone(segments, "", now_us())
    line, receipt = seal(record, last.seq + 1, last.hash, b"guessed")
    path = segment_path(tmp_path, chosen[-1] + 1)
    path.write_bytes(path.read_bytes() + line + b"\n")
    (tmp_path / "HEAD").write_bytes(Head(receipt, chosen[-1] + 1).render(b"guessed"))
    await asyncio.to_thread(pruning.remove, tmp_path, chosen)
    assert verify(tmp_path).ok
    assert kinds(tmp_path, KEY) >= {"edited", "segment"}


async def test_a_record_of_another_pruning_proves_nothing(tmp_path: Path) -> None:
    """The first segment that is left must follow exactly what the record says was the last that went."""
    log = await written(tmp_path, count=30)
    gone = await log.prune(keep=2)
    await log.aclose()
    wrong = pruning.Segment(gone[-1].segment, 1, Receipt(gone[-1].last.seq, "0" * 64), "0" * 64)
    last, index = verify(tmp_path).last, segment_indices(tmp_path)[-1]
    line, receipt = seal(pruning.tombstone([wrong], "", now_us()), last.seq + 1, last.hash)
    path = segment_path(tmp_path, index)
    path.write_bytes(path.read_bytes() + line + b"\n")
    (tmp_path / "HEAD").write_bytes(Head(receipt, index).render(None))
    assert kinds(tmp_path) == {"order"}


async def test_a_head_noted_before_the_pruning_is_said_to_be_gone(tmp_path: Path) -> None:
    """An entry that was pruned cannot be compared: only the last one that went still can."""
    log = await written(tmp_path, count=10)
    noted = log.head
    for n in range(20):
        await log.append({"kind": "test", "n": n})
    gone = await log.prune(keep=1)
    await log.aclose()
    checked = verify(tmp_path, expected_head=noted)
    assert [problem.kind for problem in checked.problems] == ["head"]
    assert "not there any more" in checked.problems[0].message
    assert verify(tmp_path, expected_head=gone[-1].last).ok


async def test_records_are_appended_while_old_ones_go(tmp_path: Path) -> None:
    """Pruning beside concurrent writers loses no record but those that it says it took."""
    log = await written(tmp_path)
    late, gone = await asyncio.gather(
        asyncio.gather(*(log.append({"kind": "late", "n": n}) for n in range(50))), log.prune(keep=2)
    )
    await log.aclose()
    assert gone
    kept = [n for n, receipt in enumerate(late) if receipt.seq > gone[-1].last.seq]
    assert [entry.record["n"] for entry in query(tmp_path, Wanted(kind="late"))] == kept
    assert verify(tmp_path).ok
