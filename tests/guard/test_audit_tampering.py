"""Whatever is done to a log behind its back, ``verify`` sees it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import FileAuditLog, Receipt, verify
from bartizan.guard.audit.chain import GENESIS, seal, unseal
from bartizan.guard.audit.segments import Head

KEY = b"secret" * 6


def segment_bytes(key: bytes | None) -> int:
    """Where segments end, so that eighteen records make three of them."""
    return 2000 if key else 1500


@pytest.fixture(scope="module", params=[None, KEY], ids=["plain", "keyed"])
def log(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, bytes | None]:
    """A closed log of three segments."""
    directory = tmp_path_factory.mktemp("log")

    async def write() -> None:
        log = FileAuditLog(directory, segment_bytes=segment_bytes(request.param), key=request.param)
        for n in range(18):
            await log.append({"kind": "decision", "n": n, "text": "é"})
        await log.aclose()

    asyncio.run(write())
    assert len(list(directory.glob("*.jsonl"))) == 3
    assert verify(directory, key=request.param).ok
    return directory, request.param


@pytest.fixture
def copy(log: tuple[Path, bytes | None], tmp_path: Path) -> tuple[Path, bytes | None]:
    directory, key = log
    target = tmp_path / "copy"
    shutil.copytree(directory, target)
    return target, key


def kinds(directory: Path, key: bytes | None) -> set[str]:
    return {problem.kind for problem in verify(directory, key=key).problems}


def test_every_single_byte_counts(copy: tuple[Path, bytes | None]) -> None:
    """One changed bit in any byte of the last segment or the head is found."""
    directory, key = copy
    missed = []
    for path in (directory / "000003.jsonl", directory / "HEAD"):
        original = path.read_bytes()
        for at in range(len(original)):
            flipped = bytearray(original)
            flipped[at] ^= 1 << (at % 8)
            path.write_bytes(flipped)
            if verify(directory, key=key).ok:
                missed.append((path.name, at))
        path.write_bytes(original)
    assert missed == []


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_found(log: tuple[Path, bytes | None], data: st.DataObject) -> None:
    """Any byte of any file, changed to any other value, is found."""
    directory, key = log
    path = data.draw(st.sampled_from([*sorted(directory.glob("*.jsonl")), directory / "HEAD"]))
    original = path.read_bytes()
    at = data.draw(st.integers(0, len(original) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != original[at]))
    try:
        path.write_bytes(original[:at] + bytes([value]) + original[at + 1 :])
        assert not verify(directory, key=key).ok
    finally:
        path.write_bytes(original)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def delete(lines: list[bytes]) -> list[bytes]:
    return lines[:2] + lines[3:]


def reorder(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def duplicate(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[2], *lines[3:]]


def behead(lines: list[bytes]) -> list[bytes]:
    return lines[1:]


@pytest.mark.parametrize("change", [delete, reorder, duplicate, behead])
@pytest.mark.parametrize("segment", [1, 2, 3])
def test_a_changed_order_is_found(
    copy: tuple[Path, bytes | None], change: Callable[[list[bytes]], list[bytes]], segment: int
) -> None:
    """A record deleted, moved, repeated, or a missing header is found, in every segment."""
    directory, key = copy
    path = directory / f"00000{segment}.jsonl"
    path.write_bytes(b"".join(change(lines_of(path))))
    assert kinds(directory, key) & {"order", "segment"}


@pytest.mark.parametrize("left", range(4))
def test_a_cut_tail_is_found(copy: tuple[Path, bytes | None], left: int) -> None:
    """A log cut at the end of a record, of a segment, or within a record, is found to be cut."""
    directory, key = copy
    last = directory / "000003.jsonl"
    lines = lines_of(last)
    if left == 0:
        last.unlink()
    elif left == 3:
        last.write_bytes(last.read_bytes()[:-20])
    else:
        last.write_bytes(b"".join(lines[:left]))
    checked = verify(directory, key=key)
    assert "truncated" in {problem.kind for problem in checked.problems}
    assert not checked.repairable


@pytest.mark.parametrize("segment", [1, 2, 3])
def test_a_missing_segment_is_found(copy: tuple[Path, bytes | None], segment: int) -> None:
    """Whichever segment is gone, it is missed."""
    directory, key = copy
    (directory / f"00000{segment}.jsonl").unlink()
    assert kinds(directory, key) & {"segment", "truncated"}


def test_swapped_segments_are_found(copy: tuple[Path, bytes | None]) -> None:
    """Two segments that exchanged their names are found."""
    directory, key = copy
    one, two = directory / "000001.jsonl", directory / "000002.jsonl"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert kinds(directory, key) >= {"segment", "order"}


def test_a_segment_of_another_log_is_found(copy: tuple[Path, bytes | None], tmp_path: Path) -> None:
    """A segment from a log written just like this one, with the same key, is found."""
    directory, key = copy

    async def write() -> None:
        log = FileAuditLog(tmp_path / "other", segment_bytes=segment_bytes(key), key=key)
        for n in range(18):
            await log.append({"kind": "decision", "n": n, "text": "e"})
        await log.aclose()

    asyncio.run(write())
    shutil.copy(tmp_path / "other" / "000002.jsonl", directory / "000002.jsonl")
    assert "order" in kinds(directory, key)


@pytest.mark.parametrize("garbage", [b"\n", b"{}\n", b"garbage\n", b"\x00" * 4096, b"garbage"])
def test_garbage_at_the_end_is_found(copy: tuple[Path, bytes | None], garbage: bytes) -> None:
    """Whatever follows the last record is found."""
    directory, key = copy
    with (directory / "000003.jsonl").open("ab") as file:
        file.write(garbage)
    assert not verify(directory, key=key).ok


def test_a_missing_log_is_no_good_log(tmp_path: Path) -> None:
    """An empty directory does not verify."""
    assert not verify(tmp_path).ok


def rewrite(directory: Path, key: bytes | None) -> None:
    """What someone without the key does best: edit a record, and every hash and the head after it."""
    last = Receipt(0, GENESIS)
    for segment in (1, 2, 3):
        path = directory / f"00000{segment}.jsonl"
        lines = []
        for line in lines_of(path):
            record = dict(unseal(line[:-1]).record)
            if record.get("n") == 5:
                record["n"] = 500
            sealed, last = seal(record, last.seq + 1, last.hash, key)
            lines.append(sealed + b"\n")
        path.write_bytes(b"".join(lines))
    (directory / "HEAD").write_bytes(Head(last, 3).render(key))


def test_a_whole_rewriting_needs_the_key(copy: tuple[Path, bytes | None]) -> None:
    """A rewritten chain passes without a key, is found with the key, and is found by a head kept elsewhere."""
    directory, key = copy
    kept = verify(directory, key=key).last
    rewrite(directory, b"guessed" if key else None)
    assert verify(directory).ok
    assert "head" in {problem.kind for problem in verify(directory, expected_head=kept).problems}
    if key is not None:
        assert "edited" in kinds(directory, key)


def test_an_older_copy_is_found_by_a_head_kept_elsewhere(
    copy: tuple[Path, bytes | None], tmp_path: Path
) -> None:
    """An older log put back with its own head verifies by itself, but not against the head that was noted."""
    directory, key = copy
    old = tmp_path / "old"
    shutil.copytree(directory, old)

    async def go_on() -> Receipt:
        log = FileAuditLog(directory, key=key)
        await log.append({"kind": "decision", "n": 18})
        head = log.head
        await log.aclose()
        return head

    noted = asyncio.run(go_on())
    assert verify(directory, key=key, expected_head=noted).ok
    assert verify(old, key=key).ok
    checked = verify(old, key=key, expected_head=noted)
    assert [problem.kind for problem in checked.problems] == ["truncated"]
