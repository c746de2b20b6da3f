from __future__ import annotations

import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bartizan.guard import Guard, Principal, ToolCall, ToolResult
from bartizan.guard.audit import FileAuditLog
from bartizan.guard.decision import Outcome
from bartizan.integrations.replay import (
    Call,
    Prompt,
    RecordError,
    Result,
    Text,
    read,
    replay_session,
    run_replay,
)

SOMEBODY = Principal("somebody")


@pytest.fixture
async def guard(tmp_path: Path, program: Any) -> AsyncIterator[Guard]:
    """A guard that writes a log with captured content."""
    guard = Guard(program, audit=FileAuditLog(tmp_path / "audit"), capture_content=True)
    yield guard
    await guard.aclose()


async def _answer(call: ToolCall) -> ToolResult:
    return ToolResult(f"done {call.tool}", {"tool": call.tool})


async def _fail(call: ToolCall) -> ToolResult:
    raise ValueError("no such file")


def _call(id: str, tool: str, **args: Any) -> ToolCall:
    return ToolCall.of(id, tool, args)


async def test_a_session_comes_back_from_its_log(guard: Guard, tmp_path: Path) -> None:
    """Prompts, calls, results, denials, failures and final texts are read back in the order they happened."""
    await guard.observe("prompt", "Pay my rent.", session="s")
    await guard.enforce(_call("1", "read", path="bill"), _answer, session="s")
    await guard.enforce(_call("2", "deny_pay", to="EVE"), _answer, session="s")
    with pytest.raises(ValueError, match="no such file"):
        await guard.enforce(_call("3", "read", path="lost"), _fail, session="s")
    await guard.observe("text", "I paid nothing.", session="s")
    await guard.aclose()

    (session,) = read([tmp_path / "audit"])
    assert session.id == "s"
    assert session.meta["suite"] == "word"
    assert [type(item) for item in session.happened] == [Prompt, Call, Result, Call, Call, Result, Text]
    assert [(c.tool, c.args, c.state) for c in session.calls] == [
        ("read", {"path": "bill"}, "executed"),
        ("deny_pay", {"to": "EVE"}, "refused"),
        ("read", {"path": "lost"}, "error"),
    ]
    first = session.happened[2]
    assert isinstance(first, Result)
    assert (first.text, first.value, first.is_error) == ("done read", {"tool": "read"}, False)
    assert session.calls[1].truth == {"decided": "DENY", "rules": ["deny-rule"]}


async def test_sessions_that_ran_side_by_side_are_taken_apart(guard: Guard, tmp_path: Path) -> None:
    """The records of two interleaved sessions become two sessions."""
    for step in range(3):
        for name in ("a", "b"):
            await guard.enforce(_call(f"{name}{step}", "read", step=step), _answer, session=name)
    await guard.aclose()
    sessions = list(read([tmp_path / "audit"]))
    assert [session.id for session in sessions] == ["a", "b"]
    assert [call.args["step"] for call in sessions[1].calls] == [0, 1, 2]


async def test_an_approved_call_is_one_call(guard: Guard, tmp_path: Path, program: Any) -> None:
    """An escalation and the decision after its approval are one executed call; an unanswered one never ran."""
    call = _call("1", "ask_pay", to="LANDLORD")
    pending = await guard.enforce(call, _answer, session="s")
    assert pending.approval is not None
    await guard.resolve(pending.approval.id, "approve", session="s", by=SOMEBODY)
    await guard.enforce(call, _answer, session="s")
    await guard.enforce(_call("2", "ask_pay", to="EVE"), _answer, session="s")
    await guard.aclose()
    (session,) = read([tmp_path / "audit"])
    assert [(c.args["to"], c.state) for c in session.calls] == [("LANDLORD", "executed"), ("EVE", "refused")]
    assert [c.outcome for c in replay_session(program, session).calls] == [Outcome.ESCALATE] * 2


async def test_a_resumed_call_is_one_call(guard: Guard, tmp_path: Path) -> None:
    """A call that paused and went on later is one executed call with one result."""
    call = _call("1", "read", path="bill")

    async def pause(call: ToolCall) -> ToolResult:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await guard.enforce(call, pause, session="s", once="key", suspends=(InterruptedError,))
    await guard.enforce(call, _answer, session="s", once="key")
    await guard.aclose()
    (session,) = read([tmp_path / "audit"])
    assert [type(item) for item in session.happened] == [Call, Result]
    assert session.calls[0].state == "executed"


async def test_replaying_a_log_under_its_own_policy_changes_nothing(
    guard: Guard, tmp_path: Path, program: Any
) -> None:
    """Decisions made live and decisions replayed from the log are the same."""
    for step, tool in enumerate(("read", "deny_x", "ask_x", "write")):
        await guard.enforce(_call(str(step), tool), _answer, session="s")
    await guard.aclose()
    (session,) = read([tmp_path / "audit"])
    replayed = replay_session(program, session)
    assert [c.outcome.name for c in replayed.calls] == [c.truth["decided"] for c in replayed.calls]


async def test_a_new_policy_is_compared_with_what_was_decided(guard: Guard, tmp_path: Path) -> None:
    """Replaying a log lists, by rule, where the policy differs from the decisions of that time."""
    for step, tool in enumerate(("read", "deny_x")):
        await guard.enforce(_call(str(step), tool), _answer, session="s")
    await guard.aclose()
    policy = tmp_path / "new.yaml"
    policy.write_text(
        "version: 1\nname: new\ntools: {deny_x: {args: {}}}\nrules: [{id: open, allow: ['*']}]\n"
    )
    code = run_replay(
        [tmp_path / "audit"], policy, json_out=tmp_path / "out.json", console=Console(file=StringIO())
    )
    assert code == 0
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["against"] == "the recorded decisions"
    assert [(c["from"], c["to"], c["before"], c["after"]) for c in written["changed"]] == [
        ("allow", "deny", "allow-rule", "unknown-tool"),
        ("deny", "allow", "deny-rule", "open"),
    ]


async def test_a_log_without_content_cannot_be_replayed(tmp_path: Path, program: Any) -> None:
    """A log that holds only digests is refused with what to do."""
    guard = Guard(program, audit=FileAuditLog(tmp_path / "audit"))
    await guard.enforce(_call("1", "read"), _answer, session="s")
    await guard.aclose()
    with pytest.raises(RecordError, match="only a log with captured content"):
        list(read([tmp_path / "audit"]))


async def test_a_mangled_log_is_located(guard: Guard, tmp_path: Path) -> None:
    """A line that is no entry is an error that names the segment and the line."""
    await guard.enforce(_call("1", "read"), _answer, session="s")
    await guard.aclose()
    path = tmp_path / "audit" / "000001.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], json.dumps([1]), *lines[2:]]) + "\n")
    with pytest.raises(RecordError, match=r"000001\.jsonl:2"):
        list(read([tmp_path / "audit"]))
