"""A replay on Ray is the replay in one process: the same report, to the last example, in the same order."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests import recorded

from bartizan.integrations.ray import connected, on_ray
from bartizan.integrations.replay.formats import read
from bartizan.integrations.replay.infer import infer_tools
from bartizan.integrations.replay.plan import Plan, Portion
from bartizan.integrations.replay.pool import in_order
from bartizan.integrations.replay.programs import programs
from bartizan.integrations.replay.record import RecordError
from bartizan.integrations.replay.report import Report

ROOT = Path(__file__).resolve().parents[3]
POLICIES = ROOT / "examples" / "agentdojo" / "policies"

pytestmark = pytest.mark.usefixtures("on_this_machine")


def put_together(parts: Iterator[Report]) -> dict[str, Any]:
    """All that a report holds but the time that decisions took."""
    report = Report("new", "recording", "enforced")
    for part in parts:
        report.merge(part)
    found = {name: getattr(report, name) for name in ("sessions", "skipped", "against", "tally", "changes")}
    findings = replace(report.findings, nanoseconds=[])
    # dicts compare without their order, which is that of the first examples
    order = [
        list(each) for each in (findings.rules, findings.groups, findings.examples, report.changes.changed)
    ]
    return {**found, "findings": findings, "order": order}


def here(plan: Plan) -> Iterator[Report]:
    return in_order(plan.decide, plan.portions(), 1)


def lines(path: Path, *, count: int, tool: str = "read") -> Path:
    """Trajectories with a call each."""

    def row(n: int) -> dict[str, Any]:
        turn = {"tool": tool, "args": {"n": n}, "observation": "ok"}
        return {"id": f"{path.stem}-{n}", "user": "go", "label": 0, "turns": [turn]}

    path.write_text("".join(json.dumps(row(n)) + "\n" for n in range(count)), encoding="utf-8")
    return path


POLICY = """
version: 1
name: small
tools:
  read: {args: {n: int}, effect: read}
rules:
  - {id: few, allow: [read], when: args.n < 20}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return path


def test_recorded_runs_give_the_same_report() -> None:
    """Two policies on real runs: every count, every change and every example is that of a single process."""
    data = recorded.require("runs.jsonl.xz", "calls.jsonl.xz", "outputs.jsonl.xz")
    declared = infer_tools(islice(read([data]), 150))
    plan = Plan((data,), programs(POLICIES, {}), programs(Path("baseline"), declared), limit=150)
    mine = put_together(here(plan))
    assert put_together(on_ray(2)(plan)) == mine
    assert mine["sessions"] == 150 and mine["changes"].total > 0 and mine["findings"].examples


def test_many_recordings_keep_their_order(tmp_path: Path, policy: Path) -> None:
    """Recordings that are read side by side, and are of different lengths, come back one after the other."""
    paths = tuple(lines(tmp_path / f"part-{n}.jsonl", count=count) for n, count in enumerate((70, 1, 40, 33)))
    plan = Plan(paths, programs(policy, {}))
    mine = put_together(here(plan))
    assert put_together(on_ray(2)(plan)) == mine
    assert mine["sessions"] == 144


def test_nothing_is_collected_of_what_is_read(
    tmp_path: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray Data's own account of a run is not made, also where a cluster would report it."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    plan = Plan((lines(tmp_path / "one.jsonl", count=1),), programs(policy, {}))
    assert sum(report.sessions for report in on_ray(1)(plan)) == 1
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if "usage" in name]


def test_a_limit_ends_at_the_same_session(tmp_path: Path, policy: Path) -> None:
    """So many decided sessions, in order, in the second of two recordings."""
    plan = Plan(
        tuple(lines(tmp_path / f"{n}.jsonl", count=30) for n in range(2)), programs(policy, {}), limit=31
    )
    mine = put_together(here(plan))
    assert put_together(on_ray(1)(plan)) == mine
    assert mine["sessions"] == 31


def test_a_broken_recording_is_told_in_its_place(tmp_path: Path, policy: Path) -> None:
    """What was read before it is decided; then the error names the file and the line, as without Ray."""
    good, bad = lines(tmp_path / "good.jsonl", count=3), lines(tmp_path / "bad.jsonl", count=20)
    with bad.open("a") as file:
        file.write("{nonsense\n")
    plan = Plan((good, bad), programs(policy, {}))
    parts = on_ray(1)(plan)
    seen = [next(parts).sessions, next(parts).sessions]
    with pytest.raises(RecordError, match=r"^bad\.jsonl:21: ") as error:
        next(parts)
    assert seen == [3, 16]  # the last portion was not complete
    assert error.value.where == "bad.jsonl:21"


def test_a_bug_in_a_worker_is_an_error_of_ours(tmp_path: Path, policy: Path) -> None:
    """What fails there ends the replay with one line that says where."""

    class Broken(Plan):
        def decide(self, portion: Portion) -> Report:
            raise ZeroDivisionError("no decision")

    plan = Broken((lines(tmp_path / "a.jsonl", count=3),), programs(policy, {}))
    with pytest.raises(RecordError, match=r"^a\.jsonl:1: .* ZeroDivisionError: no decision$"):
        list(on_ray(1)(plan))


def test_a_worker_that_is_killed_changes_nothing(tmp_path: Path, policy: Path) -> None:
    """Its portion is decided again by another, and the report is whole."""

    class Mortal(Plan):
        def decide(self, portion: Portion) -> Report:
            if portion.sessions[0].id == "a-16" and not (tmp_path / "killed").exists():
                (tmp_path / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super(type(self), self).decide(portion)

    path = lines(tmp_path / "a.jsonl", count=50)
    mine = put_together(here(Plan((path,), programs(policy, {}))))
    assert put_together(on_ray(1)(Mortal((path,), programs(policy, {})))) == mine
    assert (tmp_path / "killed").exists()


def test_who_is_connected_stays_so(tmp_path: Path) -> None:
    """A second connection uses the first and leaves it."""
    import ray

    with connected("127.0.0.1:1"):
        assert ray.is_initialized()
    assert ray.is_initialized()
