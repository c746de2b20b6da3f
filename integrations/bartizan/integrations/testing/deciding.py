"""What runs, and what the model reads of it."""

from __future__ import annotations

from functools import partial

from bartizan.guard import (
    Decision,
    Guard,
    MemoryAuditLog,
    Outcome,
    Principal,
    Proposal,
    Reason,
    Refused,
    Request,
    Session,
    ToolCall,
)
from bartizan.guard.testing import StaticProgram

from .harness import PAY, PROGRAM, READ, Harness, Proposed, Setup, World, logged


async def an_allowed_call_runs_once_and_is_read(harness: Harness) -> None:
    """What is allowed runs as it was proposed, is recorded before and after, and the model reads its result."""
    world, audit = World(), MemoryAuditLog()
    came = await harness.start(Setup(Guard(PROGRAM, audit=audit), world.tools, [[READ]])).say("Go.")
    assert came.error is None
    assert world.ran == [("read", {"path": "a"})]
    assert "text of a" in came.read["call-r"]
    assert [
        entry.record["kind"] for entry in audit.entries if entry.record["kind"] in ("decision", "result")
    ] == [
        "decision",
        "result",
    ]


async def a_denied_call_does_not_run(harness: Harness) -> None:
    """Nothing runs, the model is told, and the denial is recorded once."""
    world, audit = World(), MemoryAuditLog()
    guard = Guard(StaticProgram(allow=["read"]), audit=audit)
    came = await harness.start(Setup(guard, world.tools, [[PAY]])).say("Go.")
    assert came.error is None
    assert world.ran == []
    assert "denied and has not been executed" in came.read["call-p"]
    assert [record["outcome"] for record in logged(audit, "decision")] == ["DENY"]


async def a_corrected_call_is_what_runs(harness: Harness) -> None:
    """The corrected arguments run and no others, and the agent is told what was changed."""
    world, audit = World(), MemoryAuditLog()
    program = StaticProgram(allow=["pay"], limits={"amount": 100})
    guard = Guard(program, audit=audit, proposers=[_Clamp()])
    script = [[Proposed("pay", {"amount": 5000, "to": "bob"}, "call-p")]]
    came = await harness.start(Setup(guard, world.tools, script)).say("Go.")
    assert came.error is None
    assert world.ran == [("pay", {"amount": 100, "to": "bob"})]
    assert "executed with these changes" in came.read["call-p"]
    assert "/amount" in came.read["call-p"]
    assert "paid 100 to bob" in came.read["call-p"]
    ran = ToolCall.of("call-p", "pay", {"amount": 100, "to": "bob"})
    assert [record["call_digest"] for record in logged(audit, "decision")] == [ran.digest]


async def parallel_calls_get_an_answer_each(harness: Harness) -> None:
    """Of calls proposed together each is decided by itself, and its result reaches it."""
    world = World()
    program = StaticProgram(allow=["read", "note"])
    together = [
        READ,
        PAY,
        Proposed("note", {"text": "x"}, "call-n"),
        Proposed("read", {"path": "b"}, "call-b"),
    ]
    came = await harness.start(Setup(Guard(program), world.tools, [together])).say("Go.")
    assert came.error is None
    assert sorted(name for name, _ in world.ran) == ["note", "read", "read"]
    assert "text of a" in came.read["call-r"]
    assert "denied" in came.read["call-p"]
    assert "noted" in came.read["call-n"]
    assert "text of b" in came.read["call-b"]


async def parallel_calls_cannot_overdraw_a_budget(harness: Harness) -> None:
    """Of six calls proposed together under a budget of three, three run."""
    world = World()
    together = [Proposed("read", {"path": str(number)}, f"call-{number}") for number in range(6)]
    came = await harness.start(Setup(Guard(PROGRAM), world.tools, [together])).say("Go.")
    assert world.times("read") == 3
    assert sum("denied" in text for text in came.read.values()) == 3


async def a_result_passes_the_guard_once(harness: Harness) -> None:
    """What is redacted the model does not read, and one result is recorded for one call."""
    world, audit = World(), MemoryAuditLog()
    script = [[Proposed("read", {"path": "the hunter2 file"}, "call-r")]]
    came = await harness.start(Setup(Guard(PROGRAM, audit=audit), world.tools, script)).say("Go.")
    assert world.times("read") == 1
    assert "text of the [redacted] file" in came.read["call-r"]
    assert "hunter2" not in came.read["call-r"]
    assert len(logged(audit, "result")) == 1


async def the_program_is_told_who_asks(harness: Harness) -> None:
    """The principal and the session are the application's."""
    world, audit = World(), MemoryAuditLog()
    guard = Guard(_OnlyAlice(), audit=audit)
    for name in ("mallory", "alice"):
        as_named = partial(Principal, name)
        conversation = harness.start(
            Setup(guard, world.tools, [[READ]], session=lambda: "t", principal=as_named)
        )
        await conversation.say("Go.")
        assert world.times("read") == (name == "alice")
    found = [(record["session"], record["principal"]["id"]) for record in logged(audit, "decision")]
    assert found == [("t", "mallory"), ("t", "alice")]


class _Clamp:
    """Proposes at most a hundred."""

    name = "clamp"

    async def propose(self, refused: Refused) -> list[Proposal]:
        return [Proposal({**refused.request.call.args, "amount": 100}, self.name)]


class _OnlyAlice(StaticProgram):
    def decide(self, request: Request, session: Session) -> Decision:
        outcome = Outcome.ALLOW if request.principal.id == "alice" else Outcome.DENY
        return Decision(outcome, (Reason("who", outcome.name.lower()),), self.hash)
