"""What the audit log costs: by durability, with and without a signature, and what it takes to verify and to search it.

    python benchmarks/audit_log.py [--records 5000] [--directory DIR]

Records are decisions as a guard writes them (about 900 bytes). ``one`` appends them one after the other, ``x50`` fifty
at a time; ``ratio`` compares with the first row of the same column and run. The files are made in ``--directory``
(default: the current one), since a temporary directory is often memory: what a sync costs is a property of the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bartizan.guard import AuditIndex, AuditLog, FileAuditLog, MemoryAuditLog, now_us, verify
from bartizan.guard.audit import Wanted, search
from bartizan.guard.canonical import digest_of
from bartizan.integrations.signing import Ed25519Signer, generate


def record(n: int) -> dict[str, Any]:
    return {
        "id": f"{n:016x}",
        "kind": "decision",
        "session": f"session-{n % 200}",
        "time": now_us(),
        "call_id": f"call-{n}",
        "tool": ("pay", "search", "send_email")[n % 3],
        "call_digest": digest_of(b"%d" % n),
        "version": n,
        "outcome": "ALLOW" if n % 10 else "DENY",
        "reasons": [{"rule": f"rule-{n % 7}", "effect": "allow", "value": "T", "text": "", "atoms": []}],
        "shadow": [],
        "policy": {"name": "desk", "hash": digest_of(b"policy")},
        "principal": {"id": "agent-1", "roles": []},
        "signals": {},
        "approval": None,
        "approved": False,
        "once": None,
        "latency_us": {"load": 90, "decide": 40, "record": 400},
    }


async def appended(log: AuditLog, count: int, at_once: int) -> tuple[float, float]:
    """Records a second, and the median microseconds of one append."""
    took: list[float] = []
    number = iter(range(count))

    async def writer() -> None:
        for n in number:
            start = time.perf_counter()
            await log.append(record(n))
            took.append((time.perf_counter() - start) * 1e6)

    start = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(at_once)))
    elapsed = time.perf_counter() - start
    await log.aclose()
    return count / elapsed, statistics.median(took)


def opened(root: Path, **options: Any) -> AuditLog:
    shutil.rmtree(root, ignore_errors=True)
    return FileAuditLog(root, **options)


def measure(directory: Path, records: int, signer: Ed25519Signer) -> None:
    kinds: dict[str, Callable[[], AuditLog]] = {
        "memory": MemoryAuditLog,
        "fsync": lambda: opened(directory / "log"),
        "fsync, keyed": lambda: opened(directory / "log", key=b"k" * 32),
        "fsync, signed": lambda: opened(directory / "log", signer=signer),
        "group": lambda: opened(directory / "log", durability="group"),
        "os": lambda: opened(directory / "log", durability="os"),
        "os, signed": lambda: opened(directory / "log", durability="os", signer=signer),
    }
    print(f"{'log':<15} {'one: /s':>9} {'us':>7} {'ratio':>6}   {'x50: /s':>9} {'us':>7} {'ratio':>6}")
    first: dict[int, float] = {}
    for name, make in kinds.items():
        cells = []
        for at_once in (1, 50):
            rate, median = asyncio.run(appended(make(), records // (5 if at_once == 1 else 1), at_once))
            ratio = rate / first.setdefault(at_once, rate)
            cells.append(f"{rate:>9,.0f} {median:>7,.0f} {ratio:>6.3f}")
        print(f"{name:<15} {'   '.join(cells)}")


def read(directory: Path, records: int, signer: Ed25519Signer) -> None:
    log, many = directory / "log", 4 * records
    asyncio.run(appended(opened(log, durability="os", signer=signer, segment_bytes=1 << 20), many, 50))
    size = sum(path.stat().st_size for path in log.glob("*.jsonl"))
    print(f"\na log of {many:,} records, {size / 1e6:.1f} MB")

    def timed(name: str, work: Callable[[], Any]) -> None:
        start = time.perf_counter()
        found = work()
        print(f"{name:<34} {time.perf_counter() - start:>8.3f} s   {found}")

    timed("verify", lambda: "intact" if verify(log).ok else "not intact")
    timed(
        "verify, signatures too", lambda: "intact" if verify(log, public_keys=[signer]).ok else "not intact"
    )
    wanted = Wanted(session="session-10", outcome="DENY")
    timed("query, without index", lambda: f"{sum(1 for _ in search(log, wanted))} found")
    with AuditIndex(log) as index:
        timed("index, made", lambda: f"{index.refresh():,} read")
        timed("index, brought up to date", lambda: f"{index.refresh():,} read")
        timed("query, with index", lambda: f"{sum(1 for _ in index.search(wanted))} found")
        timed(
            "query for a text, with index",
            lambda: f"{sum(1 for _ in index.search(Wanted(text='rule-3')))} found",
        )
    print(f"the index has {(log / 'index.sqlite').stat().st_size / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--directory", type=Path, default=Path())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        signer = generate(directory / "key.pem")
        measure(directory, options.records, signer)
        read(directory, options.records, signer)


if __name__ == "__main__":
    main()
