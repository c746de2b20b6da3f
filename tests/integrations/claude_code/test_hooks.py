"""What the hooks leave in the guard, and that nothing gets past them when something fails."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard import Guard, InMemoryStore, MemoryAuditLog, Principal, ToolResult
from bartizan.guard.testing import DISK_FULL, UNAVAILABLE, FailingAuditLog, FailingStore, StaticProgram
from bartizan.integrations.claude_code import OnAllow, answer
from bartizan.integrations.claude_code.output import redacted, to_result, withheld

PROGRAM = StaticProgram(
    allow=["Bash"], escalate=["Write"], deny=["Edit"], budgets={"Bash": 3}, secrets=["hunter2"]
)


def event(name: str, tool: str = "Bash", args: Any = None, **more: Any) -> dict[str, Any]:
    posted = {
        "hook_event_name": name,
        "session_id": "1",
        "tool_name": tool,
        "tool_input": args or {"command": "ls"},
    }
    return {**posted, "tool_use_id": "toolu_1", **more}


def decision(found: dict[str, Any]) -> str | None:
    return found.get("hookSpecificOutput", {}).get("permissionDecision")


async def test_a_session_is_told_what_happened() -> None:
    """Prompt, call and result of one Claude Code session are one session of the guard, in order, with who asked."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, audit=audit)
    ada = Principal("ada")
    await answer(
        guard, {"hook_event_name": "UserPromptSubmit", "session_id": "1", "prompt": "Look."}, principal=ada
    )
    assert await answer(guard, event("PreToolUse"), principal=ada) == {}
    assert await answer(guard, event("PostToolUse", tool_response={"stdout": "a"}), principal=ada) == {}
    events = (await guard.session("claude-code:1")).events
    assert [(each.kind, each.text) for each in events] == [("prompt", "Look."), ("call", ""), ("result", "a")]
    assert [e.record["principal"]["id"] for e in audit.entries if e.record["kind"] == "decision"] == ["ada"]


async def test_a_budget_holds_for_calls_at_once() -> None:
    """Of twelve calls made at once under a budget of three, three may run."""
    guard = Guard(PROGRAM)
    found = await asyncio.gather(
        *(answer(guard, event("PreToolUse", args={"command": str(n)})) for n in range(12))
    )
    assert [decision(one) for one in found].count(None) == 3
    assert [decision(one) for one in found].count("deny") == 9


async def test_an_approval_on_the_page_lets_the_same_call_go_once() -> None:
    """The question is told to whoever answers; approved there, the call made again under another id runs, once."""
    told: list[tuple[str, str]] = []
    guard = Guard(PROGRAM)
    asked = await answer(guard, event("PreToolUse", "Write"), opened=lambda s, a: told.append((s, a.tool)))
    assert decision(asked) == "ask" and told == [("claude-code:1", "Write")]
    (approval,) = await guard.approvals("claude-code:1")
    await guard.resolve(approval.id, "approve", session="claude-code:1", by=Principal("boss"))
    again = event("PreToolUse", "Write", tool_use_id="toolu_2")
    assert await answer(guard, again) == {}
    assert decision(await answer(guard, again)) == "ask"


async def test_an_edit_on_the_page_is_what_runs() -> None:
    """A person's edit reaches Claude Code as another input, which its user sees."""
    guard = Guard(PROGRAM)
    await answer(guard, event("PreToolUse", "Write"))
    (approval,) = await guard.approvals("claude-code:1")
    edited = {"command": "pwd"}
    await guard.resolve(approval.id, "edit", session="claude-code:1", by=Principal("boss"), args=edited)
    found = await answer(guard, event("PreToolUse", "Write"))
    assert decision(found) == "ask"
    assert found["hookSpecificOutput"]["updatedInput"] == edited


async def test_what_the_user_let_go_is_recorded_all_the_same() -> None:
    """A call that the user approved in Claude Code's dialog leaves its question and its result in the log."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, audit=audit)
    await answer(guard, event("PreToolUse", "Write"))
    found = await answer(guard, event("PostToolUse", "Write", tool_response="hunter2"))
    assert found["hookSpecificOutput"]["updatedToolOutput"] == "[redacted]"
    assert [entry.record["kind"] for entry in audit.entries] == ["decision", "approval", "result"]


@pytest.mark.parametrize(
    "guard",
    [
        Guard(PROGRAM, store=FailingStore(InMemoryStore(), [UNAVAILABLE] * 50)),
        Guard(PROGRAM, audit=FailingAuditLog(MemoryAuditLog(), [DISK_FULL] * 50)),
    ],
    ids=["store", "log"],
)
@pytest.mark.parametrize("on_allow", OnAllow)
async def test_what_cannot_be_recorded_does_not_happen(guard: Guard, on_allow: OnAllow) -> None:
    """Without store or log calls are denied, prompts not taken, results withheld and the turn ended."""
    assert decision(await answer(guard, event("PreToolUse"), on_allow=on_allow)) == "deny"
    prompt = {"hook_event_name": "UserPromptSubmit", "session_id": "1", "prompt": "Look."}
    assert (await answer(guard, prompt))["decision"] == "block"
    after = await answer(guard, event("PostToolUse", tool_response={"stdout": "secret", "isImage": False}))
    assert after["continue"] is False
    assert "secret" not in json.dumps(after)
    assert after["hookSpecificOutput"]["updatedToolOutput"]["isImage"] is False


@pytest.mark.parametrize("name", ["PreToolUse", "PostToolUse", "PostToolUseFailure", "UserPromptSubmit"])
async def test_a_bug_in_the_guard_lets_nothing_go(name: str) -> None:
    """Whatever the guard raises, nothing goes on, and its text stays inside."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("inner secret")

    gate: Any = Broken()
    found = await answer(gate, event(name, prompt="x"))
    assert decision(found) == "deny" or found["continue"] is False
    assert "inner secret" not in json.dumps(found)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value)


@given(json_values)
def test_redacted_output_keeps_its_shape_and_no_text(response: Any) -> None:
    """Whatever a tool answers: what is withheld has its fields and types, and none of its texts but tags."""
    given_ = to_result(response)
    found = withheld(response, "gone")
    assert shape(found) == shape(response)
    assert set(to_result(found).text.split("\n")) <= {"gone", ""}
    assert redacted(given_, given_) == response
    across = redacted(given_, ToolResult("gone", response))
    assert given_.text == "gone" or set(to_result(across).text.split("\n")) <= {"gone", ""}
