"""The command line, as people and CI meet it: what it prints, and its exit codes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bartizan.guard import FileAuditLog, Guard, ToolCall, ToolResult
from bartizan.integrations.cli import app
from bartizan.policies import compile_policy, load_policy

POLICY = """
version: 1
name: sample
tools: {pay: {args: {to: str, cost: dec(2)}}}
rules:
  - {id: payee, allow: [pay], when: from_user(args.to)}
  - {id: cap, deny: [pay], when: args.cost > 100.00, reason: Too much.}
tests:
  - {prompt: pay ann 5, call: {tool: pay, args: {to: ann, cost: 5}}, expect: allow}
  - {prompt: pay ann 500, call: {tool: pay, args: {to: ann, cost: 500}}, expect: deny, because: [cap]}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def run(*args: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_check_good_and_bad(policy: Path) -> None:
    """A good policy exits 0 with its hash; a bad one exits 1 with file, line, column and a suggestion."""
    code, text = run("check", policy)
    assert (code, "ok" in text, load_policy(policy).hash[:12] in text) == (0, True, True)
    policy.write_text(POLICY.replace("args.cost >", "args.cots >"))
    code, text = run("check", policy)
    assert code == 1
    assert "policy.yaml:7:34: error[unknown-field]" in text
    assert "did you mean `cost`?" in text


def test_check_as_json(policy: Path) -> None:
    """Machines get the places as numbers."""
    policy.write_text(POLICY.replace("allow: [pay]", "allow: [pya]"))
    code, text = run("check", "--json", policy)
    problem = json.loads(text)[0]["problems"][0]
    assert (code, problem["line"], problem["code"]) == (1, 6, "unknown-tool")


def test_check_what_cannot_be_read(tmp_path: Path) -> None:
    """A missing file is a clear line and exit code 2, not a traceback."""
    code, text = run("check", tmp_path / "nothing.yaml")
    assert code == 2
    assert "cannot read" in text
    assert "Traceback" not in text


def test_test_counts_and_fails(policy: Path) -> None:
    """``bartizan test`` names each test and exits 1 when one fails."""
    code, text = run("test", policy)
    assert (code, "2 passed, 0 failed" in text) == (0, True)
    policy.write_text(POLICY.replace("expect: allow", "expect: deny"))
    code, text = run("test", policy)
    assert (code, "1 passed, 1 failed" in text) == (1, True)


def test_test_with_tools_of_another_file(tmp_path: Path) -> None:
    """The baseline takes its tools from elsewhere."""
    tools = tmp_path / "tools.yaml"
    tools.write_text("tools:\n  wipe: {args: {}, effect: destructive}\n")
    assert run("check", "baseline", "--tools", tools)[0] == 0


def test_explain_shows_rules_origins_and_changes(policy: Path, tmp_path: Path) -> None:
    """For a call in a session: the outcome, every rule's value, where arguments came from, what would change it."""
    case = tmp_path / "case.yaml"
    case.write_text('prompt: pay bob\ncall: {tool: pay, args: {to: "eve", cost: 5}}\n')
    code, text = run("explain", policy, case)
    assert code == 1
    assert "DENY" in text
    assert "nowhere: the model made it" in text
    assert "would allow it if these were true: from_user(args.to)" in text
    code, text = run("explain", policy, "--test", "1", "--json")
    found = json.loads(text)
    assert (code, found["outcome"]) == (0, "ALLOW")
    assert found["arguments"][1]["origins"][0]["kind"] == "prompt"


@pytest.mark.parametrize(
    "case",
    ["", "call: 5", "call: {tool: pay}\nexpct: 1", "result: {tool: pay}\nexpect: {}", "prompt: only"],
)
def test_explain_refuses_bad_cases(policy: Path, tmp_path: Path, case: str) -> None:
    """A malformed case is a located message and exit code 2."""
    path = tmp_path / "case.yaml"
    path.write_text(case)
    code, text = run("explain", policy, path)
    assert code == 2
    assert "Traceback" not in text


def test_schema_is_json(tmp_path: Path) -> None:
    """``bartizan schema`` prints, or writes, the document's JSON Schema."""
    code, text = run("schema")
    assert (code, json.loads(text)["$schema"]) == (0, "https://json-schema.org/draft/2020-12/schema")
    assert run("schema", "--out", tmp_path / "schema.json")[0] == 0
    assert json.loads((tmp_path / "schema.json").read_text()) == json.loads(text)


MCP = {
    "tools": [
        {
            "name": "read_file",
            "inputSchema": {
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
            },
            "annotations": {"readOnlyHint": True, "openWorldHint": False},
        },
        {"name": "send", "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    ]
}
OPENAI = [{"type": "function", "function": {"name": "send", "parameters": MCP["tools"][1]["inputSchema"]}}]


@pytest.mark.parametrize("document", [MCP, MCP["tools"], OPENAI])
def test_tools_import_gives_a_block_that_loads(tmp_path: Path, document: object) -> None:
    """The printed block, under a policy's head, is a valid policy."""
    path = tmp_path / "tools.json"
    path.write_text(json.dumps(document))
    code, text = run("tools", "import", path)
    assert code == 0
    assert "send" in compile_policy("version: 1\nname: x\n" + text).tools


@pytest.mark.parametrize("text", ["{", "5", '{"tools": 5}', "[1]", '[{"x": 1}]', '{"a": 1, "a": 2}'])
def test_tools_import_refuses_what_is_no_tool_list(tmp_path: Path, text: str) -> None:
    """Anything else is a clear line and exit code 2."""
    path = tmp_path / "tools.json"
    path.write_text(text)
    code, output = run("tools", "import", path)
    assert code == 2
    assert "tools.json" in output


@pytest.fixture
def log(policy: Path, tmp_path: Path) -> Path:
    """An audit log with one allowed and one denied call."""

    async def session() -> None:
        audit = FileAuditLog(tmp_path / "audit")
        guard = Guard(load_policy(policy), audit=audit)
        await guard.observe("prompt", "pay ann 5, then 500", session="s")

        async def execute(call: ToolCall) -> ToolResult:
            return ToolResult("paid")

        for index, cost in enumerate((5, 500)):
            await guard.enforce(
                ToolCall.of(str(index), "pay", {"to": "ann", "cost": cost}), execute, session="s"
            )
        await guard.aclose()

    asyncio.run(session())
    return tmp_path / "audit"


def test_audit_verify(log: Path) -> None:
    """An intact log exits 0 and prints its head; an edited one exits 1 and names the place."""
    code, text = run("audit", "verify", log)
    assert (code, "intact" in text) == (0, True)
    head = text.split("head ")[1].strip()
    assert run("audit", "verify", log, "--head", head)[0] == 0
    segment = next(log.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"cap", b"cup", 1))
    code, text = run("audit", "verify", log)
    assert (code, "000001.jsonl" in text) == (1, True)


def test_audit_query(log: Path) -> None:
    """Records can be found by outcome, rule, tool and time; as JSON lines for machines."""
    code, text = run("audit", "query", log, "--outcome", "deny", "--json")
    records = [json.loads(line) for line in text.splitlines()]
    assert code == 0
    assert [r["reasons"][0]["rule"] for r in records if r["kind"] == "decision"] == ["cap"]
    assert "cap" in run("audit", "query", log, "--rule", "cap", "--since", "1h")[1]
    assert run("audit", "query", log, "--until", "1h")[1].strip() == ""
    assert run("audit", "query", log, "--since", "yesterday")[0] == 2
