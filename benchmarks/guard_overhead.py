"""What a guarded call costs over an unguarded one, by store and log.

    python benchmarks/guard_overhead.py [--calls 2000] [--directory DIR]

Every variant enforces the same calls of a tool that does nothing, one after the other and (``x50``) fifty at a
time in fifty sessions. ``ratio`` compares with the first guarded row of the same run. The files are made in
``--directory`` (default: the current one), since a temporary directory is often memory: what a sync costs
is a property of the disk. ``history`` rows show that the cost does not grow with a session's length.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bartizan.guard import (
    AuditLog,
    FileAuditLog,
    Guard,
    InMemoryStore,
    MemoryAuditLog,
    SessionStore,
    SqliteStore,
    ToolCall,
    ToolResult,
)
from bartizan.guard.testing import StaticProgram

PROGRAM = StaticProgram(allow=["read"])
ARGS = {"path": "/srv/data/report.txt", "encoding": "utf-8", "limit": 200}


@dataclass
class Row:
    name: str
    microseconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.microseconds)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.microseconds, n=100)[98]


async def tool(call: ToolCall) -> ToolResult:
    return ToolResult("done")


async def unguarded(calls: int) -> Row:
    row = Row("no guard: canonical call and tool", [])
    for number in range(calls):
        start = time.perf_counter_ns()
        await tool(ToolCall.of(str(number), "read", ARGS))
        row.microseconds.append((time.perf_counter_ns() - start) / 1e3)
    return row


async def one_by_one(
    name: str, store: SessionStore, audit: AuditLog, calls: int, *, tool_name: str = "read"
) -> Row:
    guard, row = Guard(PROGRAM, store=store, audit=audit, deadline=30), Row(name, [])
    for number in range(calls):
        start = time.perf_counter_ns()
        await guard.enforce(ToolCall.of(str(number), tool_name, ARGS), tool, session="s")
        row.microseconds.append((time.perf_counter_ns() - start) / 1e3)
    await guard.aclose()
    return row


async def fifty_at_once(name: str, store: SessionStore, audit: AuditLog, calls: int) -> Row:
    guard, row = Guard(PROGRAM, store=store, audit=audit, deadline=30), Row(f"{name}, x50", [])
    for batch in range(max(5, calls // 50)):
        start = time.perf_counter_ns()
        await asyncio.gather(
            *(
                guard.enforce(ToolCall.of(str(batch), "read", ARGS), tool, session=f"s{session}")
                for session in range(50)
            )
        )
        row.microseconds.append((time.perf_counter_ns() - start) / 1e3 / 50)
    await guard.aclose()
    return row


async def long_history(calls: int) -> list[Row]:
    guard, rows = Guard(PROGRAM, deadline=30), []
    done = 0
    for length in (0, 1_000, 10_000):
        while done < length:
            await guard.enforce(ToolCall.of(str(done), "read", ARGS), tool, session="s")
            done += 1
        row = Row(f"memory, after {length:,} calls", [])
        for _ in range(min(calls, 500)):
            start = time.perf_counter_ns()
            await guard.enforce(ToolCall.of(str(done), "read", ARGS), tool, session="s")
            row.microseconds.append((time.perf_counter_ns() - start) / 1e3)
            done += 1
        rows.append(row)
    await guard.aclose()
    return rows


def variants(root: Path) -> dict[str, Callable[[str], tuple[SessionStore, AuditLog]]]:
    def log(name: str) -> FileAuditLog:
        return FileAuditLog(root / f"audit {name}")

    return {
        "memory store, memory log": lambda _: (InMemoryStore(), MemoryAuditLog()),
        "SQLite NORMAL, memory log": lambda name: (
            SqliteStore(root / f"{name}.db", synchronous="NORMAL"),
            MemoryAuditLog(),
        ),
        "memory store, file log": lambda name: (InMemoryStore(), log(name)),
        "SQLite NORMAL, file log": lambda name: (
            SqliteStore(root / f"{name}.db", synchronous="NORMAL"),
            log(name),
        ),
        "SQLite FULL, file log": lambda name: (SqliteStore(root / f"{name}.db"), log(name)),
    }


async def run(calls: int, root: Path) -> list[Row]:
    rows = [await unguarded(calls)]
    for name, build in variants(root).items():
        on_disk = not name.endswith("memory log") or "SQLite" in name
        count = min(calls, 400) if on_disk else calls
        store, audit = build(f"{name} one")
        rows.append(await one_by_one(name, store, audit, count))
        store, audit = build(f"{name} many")
        rows.append(await fifty_at_once(name, store, audit, count))
    denied = await one_by_one("memory, denied", InMemoryStore(), MemoryAuditLog(), calls, tool_name="drop")
    return [*rows, denied, *await long_history(calls)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--directory", type=Path, default=Path())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        rows = asyncio.run(run(options.calls, Path(directory)))
    base = rows[1].median
    print(f"{'per call':<42}{'p50 us':>10}{'p99 us':>12}{'ratio':>9}")
    for row in rows:
        print(f"{row.name:<42}{row.median:>10.0f}{row.p99:>12.0f}{row.median / base:>9.2f}")


if __name__ == "__main__":
    main()
