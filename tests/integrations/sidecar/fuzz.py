"""Hostile requests against a running service, and what became of each.

    python -m tests.integrations.sidecar.fuzz [--requests 6000] [--enormous 24] [--seed 1]

Nothing may be answered with a 5xx but a declared 503, nothing may hang, nothing hidden in a request may be answered as
another, and the service's memory may not grow by 200 MiB. The log is searched for tracebacks.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .hostile import Case, cases
from .serving import Running, written

PATIENCE = 120.0
"""Seconds after which a request hangs; the slow ones are ended by the service within its own limits, 10 s."""

QUIET = 1.0
"""Seconds without another byte after which a kept connection has said what it has to say."""


@dataclass(slots=True)
class Report:
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest: float = 0.0


async def run(address: tuple[str, int], chosen: Sequence[Case], at_once: int = 24) -> Report:
    report, waiting = Report(), list(reversed(chosen))

    async def worker() -> None:
        while waiting:
            await _one(address, waiting.pop(), report)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return report


async def _one(address: tuple[str, int], case: Case, report: Report) -> None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            said = await _exchange(address, case)
    except TimeoutError:
        report.wrong.append(f"{case.name}: hangs")
        return
    report.longest = max(report.longest, time.monotonic() - began)
    found = _answers(said)
    report.statuses[case.name, " ".join(sorted(set(found))) or "closed"] += 1
    bad = [status for status in found if status.startswith("5") and status != "503"]
    if bad:
        report.wrong.append(f"{case.name}: {bad[0]}: {said[:300]!r}")
    if len(found) > case.answers:
        report.wrong.append(f"{case.name}: {len(found)} answers, at most {case.answers}: {said[:600]!r}")
    if case.ok and (set(found) != {"200"} or len(found) != case.answers):
        report.wrong.append(f"{case.name}: {found}, expected {case.answers} times 200")


async def _exchange(address: tuple[str, int], case: Case) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    sending = asyncio.ensure_future(case.send(writer))
    said = b""
    try:
        while True:
            expects = case.slow or case.ok or not sending.done()
            wait = PATIENCE if expects else QUIET
            try:
                async with asyncio.timeout(wait):
                    piece = await reader.read(65536)
            except TimeoutError:
                if expects:
                    raise
                break
            except OSError:
                break
            if not piece:
                break
            said += piece
            if case.ok and len(_answers(said)) >= case.answers and said.endswith(b"}"):
                break
    finally:
        sending.cancel()
        with suppress(OSError, asyncio.CancelledError):
            await sending
        writer.transport.abort()
    return said


def _answers(said: bytes) -> list[str]:
    """The statuses of the answers in what was said: each begins where the one before it ends."""
    found = []
    while said.startswith(b"HTTP/1.1 "):
        head, _, rest = said.partition(b"\r\n\r\n")
        status = head[9:12].decode("latin-1")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if status != "100":
            found.append(status)
        if status == "101":
            break
        if not lengths:
            said = (
                rest
                if status in ("100", "204")
                else rest[rest.find(b"HTTP/1.1 ") :]
                if b"HTTP/1.1 " in rest
                else b""
            )
            continue
        said = rest[int(lengths[0]) :]
    return found


def memory(pid: int) -> int:
    """Bytes that a process has in memory."""
    fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--enormous", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        config = written(Path(directory), limits={"read": 3.0})
        with Running(config) as service:
            pid = service.process.pid
            await run(service.address, cases(arguments.seed + 1, 200, 2))
            before, began = memory(pid), time.monotonic()
            report = await run(service.address, cases(arguments.seed, arguments.requests, arguments.enormous))
            took, after = time.monotonic() - began, memory(pid)
        log = service.log
    names = sorted({name for name, _ in report.statuses})
    for name in names:
        each = {status: count for (case, status), count in sorted(report.statuses.items()) if case == name}
        print(
            f"{name:16}{sum(each.values()):6}  "
            + ", ".join(f"{status}: {count}" for status, count in each.items())
        )
    print(f"\n{arguments.requests} requests in {took:.0f} s, the longest {report.longest:.1f} s")
    print(f"memory {before / 2**20:.0f} MiB before, {after / 2**20:.0f} MiB after")
    print(f"{log.count('Traceback')} tracebacks in the log")
    for wrong in report.wrong[:50]:
        print("WRONG", wrong)
    print(f"{len(report.wrong)} wrong")
    return 1 if report.wrong or "Traceback" in log or after - before > 200 * 2**20 else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
