"""Sessions a second of a replay: one process, two, and Ray with as many actors, on the same recordings in one run.

    python benchmarks/replay.py RECORDING... --policy POLICY [--against POLICY] [--jobs 2] [--where K=V] [--rounds 1]

The three make reports, which are compared: every count, group, example and change, in their order. Starting Ray is
timed by itself; starting processes is part of what they take. Each round runs all three, in turn.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bartizan.integrations.ray import connected, on_ray
from bartizan.integrations.replay.plan import Plan, Runner
from bartizan.integrations.replay.pool import in_order
from bartizan.integrations.replay.programs import programs
from bartizan.integrations.replay.report import Report


def local(jobs: int) -> Runner:
    def run(plan: Plan) -> Iterator[Report]:
        yield from in_order(plan.decide, plan.portions(), jobs)

    return run


def timed(run: Runner, plan: Plan) -> tuple[Report, float]:
    report = Report("", "", plan.history)
    began = time.perf_counter()
    for part in run(plan):
        report.merge(part)
    return report, time.perf_counter() - began


def comparable(report: Report) -> list[Any]:
    """All of a report but the times that decisions took; of what is counted, the order too."""
    findings, changes = replace(report.findings, nanoseconds=[]), report.changes
    counted = (report.tally.calls, findings.rules, findings.groups, findings.examples, changes.changed)
    fixed = (report.sessions, report.skipped, report.against, report.tally, findings, changes)
    return [*fixed, [list(each) for each in counted]]


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("recordings", type=Path, nargs="+")
    options.add_argument("--policy", type=Path, required=True)
    options.add_argument("--against", type=Path)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--where", action="append", default=[])
    told = options.parse_args()
    old = programs(told.against, {}) if told.against else None
    where = dict(pair.split("=", 1) for pair in told.where)
    plan = Plan(tuple(told.recordings), programs(told.policy, {}), old, where=where)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    print(
        f"{os.cpu_count()} processors, Python {platform.python_version()}, ray {version('ray')}, commit {commit}"
    )
    print("load average before:", *(f"{load:.1f}" for load in os.getloadavg()))
    began = time.perf_counter()
    with connected(cpus=told.jobs):
        print(f"Ray started in {time.perf_counter() - began:.1f} s")
        runners = {
            "1 process": local(1),
            f"{told.jobs} processes": local(told.jobs),
            "Ray": on_ray(told.jobs),
        }
        taken: dict[str, list[float]] = {name: [] for name in runners}
        reports: dict[str, Report] = {}
        for _ in range(told.rounds):
            for name, run in runners.items():
                reports[name], seconds = timed(run, plan)
                taken[name].append(seconds)
    first = reports["1 process"]
    equal = all(comparable(report) == comparable(first) for report in reports.values())
    print(f"{first.sessions:,} sessions, {first.tally.total:,} calls, {first.changes.total:,} changed")
    print(f"reports equal: {equal}\n")
    print(f"{'':14}{'seconds':>10}{'sessions/s':>12}{'calls/s':>10}{'ratio':>8}")
    base = statistics.median(taken["1 process"])
    for name, times in taken.items():
        seconds = statistics.median(times)
        rates = f"{first.sessions / seconds:12.0f}{first.tally.total / seconds:10.0f}"
        print(f"{name:14}{seconds:10.1f}{rates}{base / seconds:8.2f}")
    print("\nload average after:", *(f"{load:.1f}" for load in os.getloadavg()))
    if not equal:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
