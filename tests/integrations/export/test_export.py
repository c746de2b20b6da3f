"""The log in other systems' shapes: each is checked against what that system says of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bartizan.guard import (
    FileAuditLog,
    Guard,
    Principal,
    ToolCall,
    ToolResult,
)
from bartizan.guard.audit import Found, Wanted, search
from bartizan.guard.canonical import canonical_json, digest_of
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.export import FORMATS, agt_lines, csv_lines, json_lines, opa_lines
from bartizan.integrations.export.agt import MAX_EVIDENCE, TooMuchEvidence

TEXT = {"type": "string"}
IDENTITY = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}

# The evidence object of AGT-EVIDENCE-1.0, section 2, and the schema of the verdict's member.
EVIDENCE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["artefact", "verification_pointers"],
    "properties": {
        "artefact": IDENTITY,
        "verification_pointers": {
            "type": "object",
            "additionalProperties": {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*:"},
        },
    },
}
# The envelope ``agt.policy_evaluation.v1``: these members and no others.
EVALUATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema", "verdict"],
    "properties": {
        "schema": {"const": "agt.policy_evaluation.v1"},
        "verdict": {"enum": ["allow", "warn", "deny", "escalate", "transform"]},
        "reason_code": {"type": "string", "not": {"pattern": "^(runtime_error|host_error):"}},
        "message": TEXT,
        "intervention_point": TEXT,
        "transform": {
            "type": "object",
            "additionalProperties": False,
            "required": ["path", "value"],
            "properties": {"path": {"type": "string", "pattern": r"^\$target(\.|\[|$)"}, "value": True},
        },
        "evidence": EVIDENCE,
        "result_labels": {"type": "array", "items": TEXT},
        "input_identity": IDENTITY,
        "enforced_identity": IDENTITY,
        "approval": {"type": "object"},
    },
    "if": {"properties": {"verdict": {"const": "transform"}}},
    "else": {"not": {"required": ["transform"]}},
}
# The members of an audit record: AGT-EVIDENCE-1.0, section 4, and both identities of D1.4.
AUDIT_RECORD = {
    "type": "object",
    "required": [
        "evidence_artefact", "verification_pointers", "action_identity", "input_identity", "enforced_identity",
        "intervention_point", "policy_id", "mode", "verdict", "reason", "dispatcher",
    ],
    "properties": {
        "evidence_artefact": IDENTITY,
        "verification_pointers": EVIDENCE["properties"]["verification_pointers"],  # type: ignore[index]
        "action_identity": IDENTITY,
        "input_identity": IDENTITY,
        "enforced_identity": IDENTITY,
        "policy_id": TEXT,
        "mode": {"enum": ["enforce", "evaluate_only"]},
        "verdict": EVALUATION["properties"]["verdict"],  # type: ignore[index]
        "reason": EVALUATION["properties"]["reason_code"],  # type: ignore[index]
        "dispatcher": TEXT,
        "evaluation": EVALUATION,
    },
}  # fmt: skip


@pytest.fixture(params=[False, True], ids=["digests", "captured"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, bool]:
    """The log of a guard that allowed, denied, asked and was answered."""

    async def run() -> None:
        audit = await asyncio.to_thread(FileAuditLog, tmp_path / "log")
        program = StaticProgram(allow=["read"], escalate=["pay"])
        guard = Guard(program, audit=audit, capture_content=request.param)

        async def tool(call: ToolCall) -> ToolResult:
            return ToolResult("done")

        for n, name in enumerate(("read", "pay", "drop", "=cmd()")):
            call = ToolCall.of(f"c{n}", name, {"amount": n, "to": "@SUM(1+1)"})
            asked = await guard.enforce(call, tool, session="-1+1", principal=Principal("ann"))
            if asked.approval is not None:
                await guard.resolve(asked.approval.id, "approve", session="-1+1", by=Principal("bob"))
        await guard.review(ToolCall.of("r", "drop", {}), session="-1+1")
        await guard.aclose()

    asyncio.run(run())
    return tmp_path / "log", request.param


def records(directory: Path, **conditions: Any) -> list[Found]:
    return list(search(directory, Wanted(**conditions)))


def test_json_lines_are_the_records(log: tuple[Path, bool]) -> None:
    """Every record as it is, with the hash under which it stands in the log."""
    found = records(log[0])
    lines = [json.loads(line) for line in json_lines(found)]
    assert len(lines) == len(found) > 8
    for one, line in zip(found, lines, strict=True):
        assert line == {"log": ".", "hash": one.entry.hash, "record": dict(one.entry.record)}
        assert digest_of(canonical_json(line["record"])) == line["hash"]


def test_csv_is_a_table_that_computes_nothing(log: tuple[Path, bool]) -> None:
    """One row a record under one heading; names that an agent chose are no formulas in a spreadsheet."""
    heading, *rows = csv.reader(io.StringIO("\n".join(csv_lines(records(log[0])))))
    table = [dict(zip(heading, row, strict=True)) for row in rows]
    assert len(table) == len(records(log[0]))
    assert not any(cell[:1] in tuple("=+-@") for row in rows for cell in row if cell)
    denied = [row for row in table if row["outcome"] == "DENY" and row["kind"] == "decision"]
    assert {row["tool"] for row in denied} == {"drop", "'=cmd()"}
    assert {row["session"] for row in denied} == {"'-1+1"}
    assert [row["answer"] for row in table if row["kind"] == "resolution"] == ["approve"]
    assert all(row["time"].endswith("Z") for row in table)


def test_opa_events_have_the_members_of_its_log(log: tuple[Path, bool]) -> None:
    """An event for each decision and review, with the members of OPA's decision logs; what is left out is named."""
    directory, captured = log
    events = [json.loads(line) for line in opa_lines(records(directory))]
    assert len(events) == 5
    for event in events:
        assert event.keys() - {"erased"} == {
            "labels", "decision_id", "path", "bundles", "input", "result", "requested_by", "timestamp", "metrics",
        }  # fmt: skip
        assert ("args" in event["input"]) == captured
        assert event.get("erased") == (None if captured else ["/input/args"])
        assert event["metrics"].keys() >= {"timer_decide_ns"}
    assert [event["result"]["allow"] for event in events] == [True, False, False, False, False]
    assert [event["input"]["review"] for event in events] == [False] * 4 + [True]


def test_agt_records_fit_their_specification(log: tuple[Path, bool]) -> None:
    """Every decision is an audit record with evidence that leads back to its entry in the log."""
    directory, _ = log
    pointers = {"issuer_pubkey": "https://example.org/audit-key.pem"}
    lines = [json.loads(line) for line in agt_lines(records(directory), pointers)]
    decided = records(directory, kind="decision")
    assert [line["verdict"] for line in lines] == ["allow", "escalate", "deny", "deny"]
    for one, line in zip(decided, lines, strict=True):
        Draft202012Validator(AUDIT_RECORD).validate(line)
        assert line["evidence_artefact"] == "sha256:" + digest_of(canonical_json(dict(one.entry.record)))
        assert line["verification_pointers"].keys() == {"policy", "issuer_pubkey"}
        assert line["evaluation"]["evidence"]["artefact"] == line["evidence_artefact"]
        assert line["input_identity"] == line["enforced_identity"] == line["action_identity"]
        assert len(canonical_json(line["evaluation"]["evidence"])) <= MAX_EVIDENCE


@pytest.mark.parametrize("captured", [False, True])
def test_a_corrected_call_is_a_transform(captured: bool) -> None:
    """What was proposed and what ran are two identities; the new arguments are there only where they were captured."""
    from bartizan.guard.audit import Entry

    record: dict[str, Any] = {
        "kind": "decision",
        "outcome": "CORRECT",
        "call_digest": "a" * 64,
        "correction": {"proposed_digest": "b" * 64, "by": "solver"},
        "policy": {"name": "p", "hash": "c" * 64},
        "reasons": [{"rule": "cap", "text": "At most 500."}],
        **({"args": {"amount": 500}} if captured else {}),
    }
    (line,) = agt_lines([Found(".", Entry(1, "d" * 64, record))])
    made = json.loads(line)
    Draft202012Validator(AUDIT_RECORD).validate(made)
    assert made["verdict"] == "transform"
    assert (made["input_identity"][-1], made["enforced_identity"][-1]) == ("b", "a")
    assert made["evaluation"].get("transform") == (
        {"path": "$target", "value": {"amount": 500}} if captured else None
    )


def test_evidence_has_a_limit(log: tuple[Path, bool]) -> None:
    """Pointers that do not fit into an evidence object of 4 KiB are refused, not cut."""
    with pytest.raises(TooMuchEvidence, match="4096"):
        list(agt_lines(records(log[0]), {"where": "https://example.org/" + "x" * 4096}))


def test_every_format_takes_an_empty_log() -> None:
    """Of nothing, every format makes nothing, but for a table's heading."""
    assert {name: len(list(lines([], {}))) for name, lines in FORMATS.items()} == {
        "jsonl": 0, "csv": 1, "opa": 0, "agt": 0,
    }  # fmt: skip
