"""Killed at any moment, a guarded process leaves nothing executed that is not on record."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bartizan.guard import FileAuditLog, Guard, SqliteStore, ToolCall, ToolResult, Wanted, query, verify
from bartizan.guard.testing import StaticProgram

BUDGET = 10_000
PROGRAM = StaticProgram(allow=["write"], budgets={"write": BUDGET})

AGENT = f"""
import asyncio, os, sys
from bartizan.guard import FileAuditLog, Guard, SqliteStore, ToolCall, ToolResult
from bartizan.guard.testing import StaticProgram

root, run = sys.argv[1:]
executed = os.open(root + "/executed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def tool(call):
    os.write(executed, call.digest.encode() + b"\\n")
    await asyncio.sleep(0)
    return ToolResult("done")

async def agent(guard, session):
    n = 0
    while True:
        call = ToolCall.of(f"{{run}}-{{n}}", "write", {{"run": run, "session": session, "n": n}})
        outcome = await guard.enforce(call, tool, session=session, once=call.id)
        n += 1
        if n <= 5:
            print(outcome.decision.outcome.name, flush=True)

async def main():
    guard = Guard(
        StaticProgram(allow=["write"], budgets={{"write": {BUDGET}}}),
        store=SqliteStore(root + "/sessions.db", synchronous="NORMAL"),
        audit=FileAuditLog(root + "/audit", segment_bytes=20_000),
        deadline=120,
    )
    await asyncio.gather(*(agent(guard, f"s{{n}}") for n in range(4)))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What four agents left behind after their process was killed five times in the middle of their work."""
    root = tmp_path_factory.mktemp("killed")
    chance = random.Random(7)
    for run in range(5):
        command = [sys.executable, "-c", AGENT, str(root), str(run)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(4 * 5)]  # each agent is at work
            time.sleep(chance.uniform(0.0, 0.3))
            process.kill()
        assert said == [b"ALLOW\n"] * len(said)
        checked = verify(root / "audit")
        assert checked.ok or checked.repairable, checked.problems
    return root


def executed(root: Path) -> Counter[str]:
    return Counter((root / "executed").read_text().split())


def test_nothing_ran_unrecorded(aftermath: Path) -> None:
    """Every execution has its ALLOW record for exactly those bytes in the log, and none ran twice."""
    ran = executed(aftermath)
    assert len(ran) >= 5 * 4 * 5
    assert set(ran.values()) == {1}
    allowed = {
        entry.record["call_digest"]
        for entry in query(aftermath / "audit", Wanted(kind="decision", outcome="ALLOW"))
    }
    assert set(ran) <= allowed


def test_nothing_ran_uncounted(aftermath: Path) -> None:
    """Every execution is counted in its session, from before it ran."""
    counted = {}

    async def count() -> None:
        store = SqliteStore(aftermath / "sessions.db")
        for name in ("s0", "s1", "s2", "s3"):
            session = await store.load(name)
            assert session is not None
            assert session.dropped + len(session.events) >= session.state["calls"]["write"]
            counted[name] = session.state["calls"]["write"]
        await store.aclose()

    asyncio.run(count())
    assert sum(counted.values()) >= len(executed(aftermath))


def test_a_call_in_flight_when_the_process_died_is_not_repeated(aftermath: Path) -> None:
    """Resumed under its key, a call gets its recorded result, or a denial where the outcome is unknown."""
    decisions = list(query(aftermath / "audit", Wanted(kind="decision", outcome="ALLOW")))
    last = {entry.record["session"]: entry.record["call_id"] for entry in decisions}
    reran = []

    async def tool(call: ToolCall) -> ToolResult:
        reran.append(call.digest)
        return ToolResult("again")

    async def resume() -> None:
        log = await asyncio.to_thread(FileAuditLog, aftermath / "audit")
        guard = Guard(PROGRAM, store=SqliteStore(aftermath / "sessions.db"), audit=log)
        for session, call_id in last.items():
            run, n = call_id.split("-")
            call = ToolCall.of(call_id, "write", {"run": run, "session": session, "n": int(n)})
            await guard.enforce(call, tool, session=session, once=call_id)
        await guard.aclose()

    before = executed(aftermath)
    asyncio.run(resume())
    assert len(last) == 4
    assert not set(reran) & set(before)
    assert verify(aftermath / "audit").ok


def test_each_repair_is_on_record(aftermath: Path) -> None:
    """What a restart had to cut off or adopt, the log says."""
    asyncio.run(FileAuditLog(aftermath / "audit").aclose())
    assert verify(aftermath / "audit").ok
    for entry in query(aftermath / "audit", Wanted(kind="recovered")):
        assert entry.record["torn_bytes"] or entry.record["adopted"] or entry.record["removed_segment"]
