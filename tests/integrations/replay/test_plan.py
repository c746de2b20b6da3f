"""A plan's portions, put together, are the report; however it is cut and wherever it runs."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bartizan.integrations.replay import RecordError, read
from bartizan.integrations.replay.infer import infer_tools
from bartizan.integrations.replay.plan import Plan
from bartizan.integrations.replay.pool import in_order
from bartizan.integrations.replay.programs import programs
from bartizan.integrations.replay.report import Report

ASKING = """
version: 1
name: asking
rules:
  - {id: all, allow: ["*"]}
  - {id: ask-before-writing, escalate: ["@write"]}
"""
OPEN = ASKING.replace("escalate", "allow")


@pytest.fixture
def plan(transcripts: Path, tmp_path: Path) -> Plan:
    for name, text in (("asking", ASKING), ("open", OPEN)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    declared = infer_tools(read([transcripts]))
    new, old = (programs(tmp_path / f"{name}.yaml", declared) for name in ("asking", "open"))
    return Plan((transcripts,) * 9, new, old)  # 27 sessions


def put_together(parts: Iterator[Report]) -> dict[str, Any]:
    report = Report("", "", "enforced")
    for part in parts:
        report.merge(part)
    findings = replace(report.findings, nanoseconds=[])
    found = {name: getattr(report, name) for name in ("sessions", "skipped", "against", "tally", "changes")}
    return {**found, "findings": findings, "order": list(findings.groups)}


@pytest.mark.parametrize("size", [1, 2, 16, 100])
def test_the_size_of_a_portion_changes_nothing(plan: Plan, size: int) -> None:
    """Every count, every example and their order are those of a single portion."""
    whole = put_together(plan.decide(portion) for portion in plan.portions(27))
    assert put_together(plan.decide(portion) for portion in plan.portions(size)) == whole
    assert whole["sessions"] == 27
    assert whole["changes"].total > 0


def test_processes_change_nothing(plan: Plan) -> None:
    """Two processes make the report of one."""
    alone = put_together(in_order(plan.decide, plan.portions(), 1))
    assert put_together(in_order(plan.decide, plan.portions(), 2)) == alone


@pytest.mark.parametrize("limit", [1, 16, 17, 26])
def test_a_limit_is_exact(plan: Plan, limit: int) -> None:
    """So many sessions are decided, and no more are read."""
    portions = list(replace(plan, limit=limit).portions())
    assert sum(len(portion.sessions) for portion in portions) == limit


def test_sessions_without_a_policy_are_counted(plan: Plan) -> None:
    """A session is left out where either policy has nothing for its suite."""
    assert sum(portion.skipped for portion in replace(plan, old={}).portions()) == 27
    assert [portion.sessions for portion in replace(plan, old={}).portions()] == [()]


def test_whoever_stops_taking_results_ends_the_work() -> None:
    """What was begun is finished or left, and no process stays behind."""
    results = in_order(abs, range(-1000, 0), 2)
    assert [next(results), next(results)] == [1000, 999]
    results.close()  # type: ignore[attr-defined]


def test_an_error_of_a_recording_travels() -> None:
    """It is the same on the other side of a process."""
    error = pickle.loads(pickle.dumps(RecordError("file:1", "expected more")))
    assert (error.where, str(error)) == ("file:1", "file:1: expected more")
