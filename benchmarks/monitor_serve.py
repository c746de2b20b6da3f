"""What Ray Serve adds to a monitor host: the same engine, in one process and behind Serve, in one run.

    python benchmarks/monitor_serve.py [--questions 200] [--callers 32] [--rounds 3]

The engine is trivial, so that what is measured is the way to it. Both hosts run at once and are asked in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import socket
import statistics
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version

from bartizan.integrations.ray import connected
from bartizan.integrations.ray.monitors import monitor_host
from bartizan.integrations.ray.serving import deployed
from bartizan.monitors.host import Limits
from bartizan.monitors.host.client import RemoteBackend
from bartizan.monitors.host.serve import hosting
from bartizan.monitors.types import Measurement, Passage, Query


class Echo:
    """Measures the length of a text."""

    def tokens(self, query: Query) -> int:
        return 1 + len(query.passages[-1].text) // 4

    def measure(self, queries: Sequence[Query]) -> list[Measurement]:
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return [
            Measurement(min(1.0, len(query.passages[-1].text) / 1e3), evidence={"mib": size})
            for query in queries
        ]


QUERY = Query("length", (Passage("user", "do it"), Passage("result", "words " * 40)))


async def in_turn(backend: RemoteBackend, questions: int) -> list[float]:
    """Milliseconds of each of so many questions, one after the other."""
    taken = []
    for _ in range(questions):
        began = time.perf_counter()
        assert isinstance((await backend.measure(QUERY)).value, float)
        taken.append((time.perf_counter() - began) * 1e3)
    return taken


async def at_once(backend: RemoteBackend, questions: int, callers: int) -> float:
    """Questions a second of so many callers."""

    async def ask() -> None:
        for _ in range(max(1, questions // callers)):
            assert isinstance((await backend.measure(QUERY)).value, float)

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(callers)))
    return callers * max(1, questions // callers) / (time.perf_counter() - began)


async def measured(address: str, questions: int, callers: int, rounds: int) -> None:
    async with hosting(Echo(), limits=Limits(timeout=30.0)) as hosted:
        hosts = {"one process": hosted.address, "Ray Serve": address}
        taken: dict[str, list[float]] = {name: [] for name in hosts}
        rates: dict[str, list[float]] = {name: [] for name in hosts}
        for number in range(rounds + 1):
            for name, where in hosts.items():
                async with RemoteBackend(where, timeout=30.0) as backend:
                    found = await in_turn(backend, questions)
                    rate = await at_once(backend, questions, callers)
                    size = (await backend.measure(QUERY)).evidence["mib"]
                if number:  # the first round warms up
                    taken[name] += found
                    rates[name].append(rate)
                elif name == "Ray Serve":
                    print(f"a replica without a model: {size} MiB at most")
        print(f"\n{'':14}{'p50 ms':>10}{'p99 ms':>10}{f'{callers} callers/s':>16}")
        for name in hosts:
            p50, p99 = statistics.median(taken[name]), statistics.quantiles(taken[name], n=100)[98]
            print(f"{name:14}{p50:10.2f}{p99:10.2f}{statistics.median(rates[name]):16.0f}")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--questions", type=int, default=200)
    options.add_argument("--callers", type=int, default=32)
    options.add_argument("--rounds", type=int, default=3)
    told = options.parse_args()
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    print(
        f"{os.cpu_count()} processors, Python {platform.python_version()}, ray {version('ray')}, commit {commit}; "
        f"load average before: {os.getloadavg()[0]:.1f}"
    )
    began = time.perf_counter()
    with connected(cpus=2), socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
        free.close()
        started = time.perf_counter()
        with deployed({"/": monitor_host(Echo, limits=Limits(timeout=30.0))}, port=port) as address:
            ready = time.perf_counter()
            print(f"Ray started in {started - began:.1f} s, Serve with a replica in {ready - started:.1f} s")
            asyncio.run(measured(address, told.questions, told.callers, told.rounds))
    print(f"\nload average after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
