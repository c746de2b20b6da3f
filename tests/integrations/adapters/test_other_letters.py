"""What a tool's JSON says in other letters, through the door that the small adapters share and Claude Code's."""

from __future__ import annotations

from typing import Any

import pytest

from bartizan.guard import Guard, InMemoryStore, MemoryAuditLog, ToolCall, ToolResult
from bartizan.integrations.claude_code import output
from bartizan.integrations.door import Door, read_output
from bartizan.integrations.structures import REDACTED
from bartizan.policies import compile_policy

POLICY = """version: 1
name: p
tools: {look: {args: {}}}
rules:
  - {id: all, allow: [look]}
  - {id: keys, redact: [look], when: 'result.text.matches("AKIA-[0-9]+")'}
"""


@pytest.mark.parametrize(
    ("returned", "shown", "told"),
    [
        ('{"key": "\\u0041KIA-1234"}', '{"key": "[redacted:keys]"}', REDACTED),
        ({"key": '"AKIA-1234\n'}, *['{"key":"\\"[redacted:keys]\\n"}'] * 2),
        ({"body": '{"key": "\\u0041KIA-1234"}'}, REDACTED, REDACTED),
        ('{"note": "a\\nb"}', *['{"note": "a\\nb"}'] * 2),
        ("no JSON: \\u0041KIA", *["no JSON: \\u0041KIA"] * 2),
    ],
)
async def test_a_secret_in_other_letters_does_not_reach_the_model(
    returned: Any, shown: str, told: str
) -> None:
    """Neither when the tool ran, nor when the same call is asked for again and its recorded result is told."""
    guard = Guard(compile_policy(POLICY), store=InMemoryStore(), audit=MemoryAuditLog())
    door: Door[None] = Door(guard, lambda _: "s")

    async def execute(call: ToolCall) -> Any:
        return returned

    ran = await door.run(await door.ask(None, "1", "look", {}), execute, read_output)
    assert ran.for_model() == shown
    again = await door.ask(None, "1", "look", {})
    assert (again.call, again.text) == (None, told)
    await guard.aclose()


def test_claude_code_reads_no_secret_in_other_letters() -> None:
    """What a command printed as JSON is inspected as it reads; where only its escapes hold a secret, it goes."""
    response = {"stdout": '{"key": "\\u0041KIA-1234"}', "stderr": ""}
    given = output.to_result(response)
    assert "AKIA-1234" in given.text
    shown = ToolResult(given.text.replace("AKIA-1234", "[x]"), response)
    assert output.redacted(given, shown) == {"stdout": REDACTED, "stderr": ""}
    beside = {"stdout": '{"note": "a\\nb"}', "stderr": "AKIA-1234"}
    given = output.to_result(beside)
    shown = ToolResult(given.text.replace("AKIA-1234", "[x]"), {**beside, "stderr": "[x]"})
    assert output.redacted(given, shown) == {"stdout": '{"note": "a\\nb"}', "stderr": "[x]"}


def test_what_claude_code_is_told_instead_does_not_go_with_its_copies() -> None:
    """The one text that is left stands where it is shown, wherever Claude Code keeps the long output besides."""
    long = {"persistedOutputPath": "/tmp/1", "stdout": "AKIA-1234"}
    assert output.withheld(long, "nothing") == {"stdout": "nothing"}
