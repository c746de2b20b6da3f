"""What agents and tools wrote is printed, and a terminal obeys none of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.text import Text

from bartizan.guard import Guard, InMemoryStore, ToolCall
from bartizan.guard.audit import FileAuditLog
from bartizan.integrations.terminal import InertConsole
from bartizan.policies import compile_policy

from .command import here

HOSTILE = "x\x1b[2J\x1b]0;owned\x07\u202e\x9b31m"
POLICY = """version: 1
name: p
tools: {pay: {args: {to: str}}}
rules:
  - {id: asks, escalate: [pay], reason: "why\\e[2J\\u202e"}
"""


def test_the_console_shows_control_characters_by_number_and_keeps_its_own_styles() -> None:
    """Whatever is printed, in markup, tables or texts; only the console's own colours are sequences."""
    written = io.StringIO()
    console = InertConsole(
        file=written, force_terminal=True, color_system="standard", width=200, highlight=False
    )
    console.print(f"[red]{HOSTILE}[/]")
    console.print(Text(HOSTILE))
    shown = written.getvalue()
    assert shown.startswith("\x1b[31m") and shown.count("\x1b") == 2
    assert shown.count("\\u001b[2J") == 2
    assert not set("\x07\u202e\x9b") & set(shown)


def test_explain_shows_what_a_tool_returned_and_a_reason_says_as_text(tmp_path: Path) -> None:
    """The excerpt of a result, and a reason, change nothing in the terminal of whoever asks why."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    case = {
        "history": [
            {"call": {"tool": "pay", "args": {"to": "a"}}},
            {"result": {"tool": "pay", "text": f"GB33AAAA {HOSTILE}"}},
        ],
        "call": {"tool": "pay", "args": {"to": "GB33AAAA \u202e"}},
    }
    (tmp_path / "case.json").write_text(json.dumps(case))
    done = here("explain", tmp_path / "policy.yaml", tmp_path / "case.json")
    assert "why\\u001b[2J\\u202e" in done.stdout and "\u202e" not in done.stdout


async def test_a_query_of_the_log_shows_each_record_on_one_line(tmp_path: Path) -> None:
    """A tool's or session's name that an agent chose cannot feign a record, or hide one."""
    guard = Guard(compile_policy(POLICY), store=InMemoryStore(), audit=FileAuditLog(tmp_path))
    name = f"pay\n     7 {HOSTILE} decision    ALLOW"
    await guard.authorise(ToolCall.of("1", name, {}), session="s")
    await guard.aclose()
    done = here("audit", "query", tmp_path, "--kind", "decision")
    assert len(done.stdout.splitlines()) == 1
    assert "pay\\u000a     7 x\\u001b[2J" in done.stdout
    listed = here("audit", "query", tmp_path, "--kind", "decision", "--json")
    assert json.loads(listed.stdout)["tool"] == name
    assert not {"\u202e", "\x9b"} & set(listed.stdout)
