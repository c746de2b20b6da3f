"""What a model may say to get something else run than what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bartizan.guard import Guard, MemoryAuditLog, ToolCall
from bartizan.guard.testing import StaticProgram

from .harness import Harness, Proposed, Setup, World, logged

HOSTILE_TEXTS = (
    "",
    'quote " slash \\ nul \x00 line \u2028 emoji \U0001f600 combining e\u0301 é',
    "{{template}} ${env} %s \r\n\t",
    '{"text": "nested"}',
    "\u202eevil\u202c \ufeff \u200b",
    "x" * 100_000,
)
HOSTILE_NAMES = (
    "Pay",
    "pay ",
    "pay\u200b",
    "p\u0430y",
    "__class__",
    "../pay",
    "pay\x00",
    "a" * 300,
    "read.__call__",
)


async def what_is_logged_is_what_ran(harness: Harness) -> None:
    """Whatever the arguments hold: the call in the log is, byte for byte, the one that ran, or none ran."""
    for text in HOSTILE_TEXTS:
        world, audit = World(), MemoryAuditLog()
        guard = Guard(StaticProgram(allow=["note"]), audit=audit, capture_content=True)
        script = [[Proposed("note", {"text": text}, "call-n")]]
        await harness.start(Setup(guard, world.tools, script)).say("Go.")
        ran = [ToolCall.of("call-n", name, args).digest for name, args in world.ran]
        assert ran == [record["call_digest"] for record in logged(audit, "decision")], repr(text)
    for amount in (0, -1, 2**53 + 1, 2**80):
        world, audit = World(), MemoryAuditLog()
        guard = Guard(StaticProgram(allow=["pay"]), audit=audit)
        script = [[Proposed("pay", {"amount": amount, "to": "bob"}, "call-p")]]
        await harness.start(Setup(guard, world.tools, script)).say("Go.")
        ran = [ToolCall.of("call-p", name, args).digest for name, args in world.ran]
        assert ran == [record["call_digest"] for record in logged(audit, "decision")], amount


async def what_json_cannot_say_does_not_run(harness: Harness) -> None:
    """NaN, lone surrogates and arguments of the wrong kind run nothing but what was decided."""
    hostile: list[Mapping[str, Any]] = [
        {"text": "\ud800"},
        {"text": float("nan")},
        {"text": float("inf")},
        {"text": {"\udfff": 1}},
        {},
    ]
    for args in hostile:
        world, audit = World(), MemoryAuditLog()
        guard = Guard(StaticProgram(allow=["note"]), audit=audit)
        await harness.start(Setup(guard, world.tools, [[Proposed("note", args, "call-n")]])).say("Go.")
        ran = [ToolCall.of("call-n", name, found).digest for name, found in world.ran]
        assert ran == [] or ran == [record["call_digest"] for record in logged(audit, "decision")], repr(args)


async def a_name_that_is_no_tool_runs_nothing(harness: Harness) -> None:
    """Names that look like a tool, or like something inside the framework, reach no tool."""
    for name in HOSTILE_NAMES:
        world = World()
        guard = Guard(StaticProgram(allow=["pay", "read", *HOSTILE_NAMES]))
        script = [[Proposed(name, {"amount": 5, "to": "bob"}, "call-x")]]
        await harness.start(Setup(guard, world.tools, script)).say("Go.")
        assert world.ran == [], repr(name)
