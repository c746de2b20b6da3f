"""Files that are deleted, full, forbidden or shared with a fork: the guard notices, and lets nothing go."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard import FileAuditLog, Guard, SqliteStore, ToolCall, Wanted, query, verify
from bartizan.guard.testing import StaticProgram

PROGRAM = StaticProgram(allow=["read"])


def call(number: int) -> ToolCall:
    return ToolCall.of(str(number), "read", {"n": number})


async def opened(root: Path) -> Guard:
    log = await asyncio.to_thread(FileAuditLog, root / "audit")
    return Guard(PROGRAM, store=SqliteStore(root / "sessions.db"), audit=log)


def lose(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


LOSSES: dict[str, tuple[Callable[[Path], None], str]] = {
    "segment": (lose("audit/000001.jsonl"), "audit-unavailable"),
    "head": (lose("audit/HEAD"), "audit-unavailable"),
    "lock": (lose("audit/LOCK"), "audit-unavailable"),
    "whole log": (lambda root: shutil.rmtree(root / "audit"), "audit-unavailable"),
    "database": (lose("sessions.db"), "store-unavailable"),
    "its journal": (lose("sessions.db-wal"), "store-unavailable"),
    "its index": (lose("sessions.db-shm"), "store-unavailable"),
    "database, by another in its place": (
        lambda root: shutil.copy(root / "sessions.db", root / "copy").replace(root / "sessions.db"),
        "store-unavailable",
    ),
}


@pytest.mark.parametrize(("lost", "reason"), LOSSES.values(), ids=LOSSES)
async def test_a_file_that_is_lost_while_open_is_missed(
    tmp_path: Path, tool: Any, lost: Callable[[Path], None], reason: str
) -> None:
    """A deleted file would still take writes, which nobody could ever read: calls are denied instead."""
    guard = await opened(tmp_path)
    assert (await guard.enforce(call(1), tool, session="s")).decision.allowed
    await asyncio.to_thread(lost, tmp_path)
    for number in (2, 3):
        outcome = await guard.enforce(call(number), tool, session="s")
        assert [why.rule for why in outcome.decision.reasons] == [reason]
    assert tool.ran == [call(1)]
    await guard.aclose()


async def test_a_writer_whose_lock_was_deleted_leaves_the_log_to_the_next(tmp_path: Path, tool: Any) -> None:
    """With its lock gone another may open the log; the first writes nothing more into it."""
    guard = await opened(tmp_path)
    await guard.enforce(call(1), tool, session="s")
    await asyncio.to_thread((tmp_path / "audit" / "LOCK").unlink)
    other = Guard(PROGRAM, audit=await asyncio.to_thread(FileAuditLog, tmp_path / "audit"))
    await other.enforce(call(2), tool, session="t")
    await guard.enforce(call(3), tool, session="s")
    await other.enforce(call(4), tool, session="t")
    await guard.aclose()
    await other.aclose()
    assert tool.ran == [call(1), call(2), call(4)]
    assert verify(tmp_path / "audit").ok


async def test_a_log_moved_while_open_is_still_written(tmp_path: Path, tool: Any) -> None:
    """A directory that was only renamed loses nothing: the log goes on under its new name."""
    guard = await opened(tmp_path)
    await guard.enforce(call(1), tool, session="s")
    await asyncio.to_thread((tmp_path / "audit").rename, tmp_path / "moved")
    assert (await guard.enforce(call(2), tool, session="s")).decision.allowed
    await guard.aclose()
    assert verify(tmp_path / "moved").ok
    assert len(list(query(tmp_path / "moved", Wanted(kind="decision")))) == 2


PRELUDE = """
import asyncio, os, resource, sys
from functools import partial
from pathlib import Path
from bartizan.guard import AuditError, FileAuditLog, SqliteStore, StoreError, ToolCall, ToolResult
from bartizan.guard import Guard as Hasty
from bartizan.guard.testing import StaticProgram

Guard = partial(Hasty, deadline=120)
root = Path(sys.argv[1])

async def tool(call):
    print(f"ran {call.digest}\\n", end="", flush=True)
    return ToolResult("done" * 100)

def call(n):
    return ToolCall.of(str(n), "read", {"n": n})
"""

FULL = """
async def main():
    limit, segment = int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # Python ignores the signal: the write fails
    store = SqliteStore(root / "sessions.db") if segment < limit else None
    log = FileAuditLog(root / "audit", segment_bytes=segment)
    guard = Guard(StaticProgram(allow=["read"]), store=store, audit=log)
    for n in range(200):
        outcome = await guard.enforce(call(n), tool, session="s")
        if not outcome.decision.allowed:
            print(f"denied {outcome.decision.reasons[0].rule}\\n", end="", flush=True)
            break
    await guard.aclose()

asyncio.run(main())
"""


def python(program: str, *arguments: str) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + program, *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("limit", "segment", "reason"),
    [("20000", "1000000", "audit-unavailable"), ("150000", "20000", "store-unavailable")],
    ids=["of the log", "of the store"],
)
async def test_a_full_disk_denies_until_there_is_room(
    tmp_path: Path, tool: Any, limit: str, segment: str, reason: str
) -> None:
    """When a file cannot grow calls are denied, none ran unrecorded; with room again all goes on."""
    *ran, last = await asyncio.to_thread(python, FULL, str(tmp_path), limit, segment)
    assert last == ["denied", reason]
    assert len(ran) > 3
    checked = verify(tmp_path / "audit")
    assert checked.ok or checked.repairable
    allowed = query(tmp_path / "audit", Wanted(kind="decision", outcome="ALLOW"))
    assert {digest for _, digest in ran} <= {entry.record["call_digest"] for entry in allowed}

    guard = await opened(tmp_path)
    assert (await guard.enforce(call(1000), tool, session="s")).decision.allowed
    counted = (await guard.session("s")).state["calls"]["read"]
    assert counted > len(ran) or reason == "audit-unavailable"  # there the sessions were in memory
    await guard.aclose()
    assert verify(tmp_path / "audit").ok


FORBIDDEN = """
async def main():
    if os.getuid() == 0:
        os.setuid(65534)
    try:
        FileAuditLog(root / "audit")
    except PermissionError:
        print("no log")
    guard = Guard(StaticProgram(allow=["read"]), store=SqliteStore(root / "sessions.db"))
    outcome = await guard.enforce(call(1), tool, session="s")
    print(outcome.decision.reasons[0].rule)

asyncio.run(main())
"""


def test_a_directory_that_may_not_be_written_lets_nothing_go() -> None:
    """A log that cannot be opened says so at once; a store that cannot, denies."""
    with tempfile.TemporaryDirectory() as name:  # not pytest's, which is closed to whom the program becomes
        root = Path(name)
        root.chmod(0o555)
        assert python(FORBIDDEN, name) == [["no", "log"], ["store-unavailable"]]
        assert list(root.iterdir()) == []


FORKED = """
async def use(guard, n):
    outcome = await guard.enforce(call(n), tool, session="s")
    print(f"{outcome.decision.reasons[0].rule}\\n", end="", flush=True)

log = FileAuditLog(root / "audit")
if sys.argv[2] == "used":
    guard = Guard(StaticProgram(allow=["read"]), store=SqliteStore(root / "sessions.db"), audit=log)
    asyncio.run(use(guard, 1))
elif sys.argv[2] == "log":
    guard = Guard(StaticProgram(allow=["read"]), audit=log)
else:
    store = SqliteStore(root / "sessions.db")
    guard = Guard(StaticProgram(allow=["read"]), store=store)
    asyncio.run(use(guard, 1))
child = os.fork()
asyncio.run(use(guard, 2))
if child:
    os.waitpid(child, 0)
    asyncio.run(use(guard, 3))
else:
    os._exit(0)
"""


@pytest.mark.parametrize(
    ("shared", "refusal", "allowed"),
    [("used", "store-unavailable", 3), ("log", "audit-unavailable", 2), ("store", "store-unavailable", 3)],
)
def test_a_fork_does_not_use_its_parents_files(
    tmp_path: Path, shared: str, refusal: str, allowed: int
) -> None:
    """Two processes on one connection, or going on from one entry, would corrupt both: the fork is refused."""
    said = [words[0] for words in python(FORKED, str(tmp_path), shared)]
    assert said.count(refusal) == 1
    assert said.count("allowed") == said.count("ran") == allowed
    assert verify(tmp_path / "audit").ok
