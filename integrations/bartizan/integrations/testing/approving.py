"""Questions to a person, and what becomes of the answers."""

from __future__ import annotations

from bartizan.guard import Guard, MemoryAuditLog
from bartizan.guard.testing import StaticProgram

from .harness import PAID, PAY, PROGRAM, READ, Answers, Harness, Proposed, Setup, World, logged


async def an_escalated_call_waits_and_runs_when_approved(harness: Harness) -> None:
    """Before the answer nothing ran; after it the call ran, once."""
    world, audit = World(), MemoryAuditLog()
    conversation = harness.start(Setup(Guard(PROGRAM, audit=audit), world.tools, [[PAY]]))
    asked = await conversation.say("Go.")
    assert asked.error is None
    assert (asked.waiting, world.ran) == (1, [])
    came = await conversation.answer(Answers("approve"))
    assert came.error is None
    assert (came.waiting, world.ran) == (0, [PAID])
    assert "paid 5 to bob" in came.read["call-p"]
    assert [record["answer"] for record in logged(audit, "resolution")] == ["approve"]


async def a_rejected_call_does_not_run(harness: Harness) -> None:
    """Nothing runs, the model is told that a person said no, and so is the log."""
    world, audit = World(), MemoryAuditLog()
    conversation = harness.start(Setup(Guard(PROGRAM, audit=audit), world.tools, [[PAY]]))
    await conversation.say("Go.")
    came = await conversation.answer(Answers("reject"))
    assert came.error is None
    assert (came.waiting, world.ran) == (0, [])
    assert "rejected" in came.read["call-p"]
    assert [record["answer"] for record in logged(audit, "resolution")] == ["reject"]


async def an_edited_call_is_what_runs(harness: Harness) -> None:
    """The call runs as a person edited it, and the agent is told."""
    if not harness.edits:
        return
    world, audit = World(), MemoryAuditLog()
    conversation = harness.start(Setup(Guard(PROGRAM, audit=audit), world.tools, [[PAY]]))
    await conversation.say("Go.")
    came = await conversation.answer(Answers("edit", {"amount": 1, "to": "bob"}))
    assert came.error is None
    assert world.ran == [("pay", {"amount": 1, "to": "bob"})]
    assert "a person edited this call" in came.read["call-p"]


async def an_edit_is_decided_again(harness: Harness) -> None:
    """An edit to what a rule denies does not run: a person cannot do what the policy forbids."""
    if not harness.edits:
        return
    world = World()
    program = StaticProgram(escalate=["pay"], limits={"amount": 100})
    conversation = harness.start(Setup(Guard(program), world.tools, [[PAY]]))
    await conversation.say("Go.")
    came = await conversation.answer(Answers("edit", {"amount": 5000, "to": "bob"}))
    assert world.ran == []
    assert "denied" in came.read["call-p"]


async def an_approval_only_the_framework_knows_of_lets_nothing_go(harness: Harness) -> None:
    """Whoever can talk to the framework cannot approve: the guard's own approval decides."""
    if not harness.has_own_approvals:
        return
    world = World()
    conversation = harness.start(Setup(Guard(PROGRAM), world.tools, [[PAY]]))
    await conversation.say("Go.")
    await conversation.wave_through()
    assert world.ran == []


async def an_answer_reaches_the_call_it_was_given_for(harness: Harness) -> None:
    """Of two calls that wait together, the approved one runs and the rejected one does not, in either order."""
    other = Proposed("pay", {"amount": 7, "to": "eve"}, "call-q")
    for approved, rejected in ((PAY, other), (other, PAY)):
        world = World()
        conversation = harness.start(Setup(Guard(PROGRAM), world.tools, [[PAY, other]]))
        asked = await conversation.say("Go.")
        assert (asked.waiting, world.ran) == (2, [])
        came = await conversation.answer(Answers("approve", but={rejected.id: "reject"}))
        assert came.error is None
        assert world.ran == [("pay", approved.args)]
        assert "paid" in came.read[approved.id]
        assert "rejected" in came.read[rejected.id]


async def a_state_resumed_twice_runs_nothing_twice(harness: Harness) -> None:
    """Another process that goes on from the same saved state gets the recorded result."""
    if not harness.resumes:
        return
    world = World()
    conversation = harness.start(Setup(Guard(PROGRAM), world.tools, [[READ, PAY]]))
    await conversation.say("Go.")
    first = await conversation.answer(Answers("approve"))
    again = await conversation.resume_again()
    assert (world.times("read"), world.times("pay")) == (1, 1)
    assert again.error is None
    assert again.read == first.read


async def siblings_of_a_waiting_call_run_once(harness: Harness) -> None:
    """Of two calls proposed together, the allowed one runs once, whenever the other one is approved."""
    world = World()
    conversation = harness.start(Setup(Guard(PROGRAM), world.tools, [[READ, PAY]]))
    asked = await conversation.say("Go.")
    assert (asked.waiting, world.times("pay")) == (1, 0)
    came = await conversation.answer(Answers("approve"))
    assert came.error is None
    assert (world.times("read"), world.times("pay")) == (1, 1)
    assert "text of a" in came.read["call-r"]
    assert "paid 5 to bob" in came.read["call-p"]
