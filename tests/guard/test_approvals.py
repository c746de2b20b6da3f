"""One question, one answer, one execution: approvals and everything they refuse."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard import (
    Approval,
    ApprovalError,
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalResolved,
    ApprovalSuperseded,
    FileAuditLog,
    Guard,
    InMemoryStore,
    MalformedCall,
    MemoryAuditLog,
    Outcome,
    Principal,
    SqliteStore,
    ToolCall,
    ToolResult,
    VersionConflict,
)
from bartizan.guard.approvals import MAX_APPROVALS
from bartizan.guard.testing import FailingStore, StaticProgram

ANN = Principal("ann", frozenset({"approver"}))
PROGRAM = StaticProgram(escalate=["pay"], deny=["drop"], budgets={"pay": 2})
PAY = ToolCall.of("c1", "pay", {"amount": 3})


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def audit() -> MemoryAuditLog:
    return MemoryAuditLog()


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def guard(store: InMemoryStore, audit: MemoryAuditLog, clock: Clock) -> Guard:
    return Guard(PROGRAM, store=store, audit=audit, approval_ttl=60, clock=clock)


async def ask(guard: Guard, tool: Any, call: ToolCall = PAY) -> Approval:
    outcome = await guard.enforce(call, tool, session="s")
    assert outcome.decision.outcome is Outcome.ESCALATE
    assert outcome.result is None
    assert outcome.approval is not None
    return outcome.approval


def kinds(audit: MemoryAuditLog) -> list[str]:
    return [entry.record["kind"] for entry in audit.entries]


async def test_an_escalated_call_waits_and_is_bound(guard: Guard, tool: Any, audit: MemoryAuditLog) -> None:
    """The approval names call, digest, policy, expiry and reasons; nothing runs, nothing counts."""
    approval = await ask(guard, tool)
    assert (approval.call_id, approval.tool, approval.digest) == ("c1", "pay", PAY.digest)
    assert approval.policy == PROGRAM.hash
    assert approval.expires - approval.created == 60_000_000
    assert approval.state == "pending"
    assert approval.call == PAY
    assert approval.reasons == (("ask", ""),)
    assert tool.ran == []
    assert kinds(audit) == ["decision", "approval"]
    assert await guard.approvals("s") == (approval,)


async def test_asking_again_asks_nobody_again(guard: Guard, tool: Any, audit: MemoryAuditLog) -> None:
    """A second proposal of the pending call gets the same approval, and records nothing."""
    approval = await ask(guard, tool)
    assert await ask(guard, tool) == approval
    assert kinds(audit) == ["decision", "approval"]


async def test_concurrent_proposals_share_one_approval(
    guard: Guard, tool: Any, audit: MemoryAuditLog
) -> None:
    """Ten simultaneous proposals of one call make one approval."""
    approvals = await asyncio.gather(*(ask(guard, tool) for _ in range(10)))
    assert len({approval.id for approval in approvals}) == 1
    assert kinds(audit).count("approval") == 1


async def test_an_approved_call_runs_once(guard: Guard, tool: Any, audit: MemoryAuditLog) -> None:
    """After approval the same call runs once, counts, and is asked about again the next time."""
    approval = await ask(guard, tool)
    answered = await guard.resolve(approval.id, "approve", session="s", by=ANN)
    assert (answered.state, answered.by) == ("approved", "ann")
    outcome = await guard.enforce(PAY, tool, session="s")
    assert outcome.result == ToolResult("done")
    assert outcome.approval is not None
    assert outcome.approval.id == approval.id
    assert tool.ran == [PAY]
    assert kinds(audit) == ["decision", "approval", "resolution", "decision", "result"]
    assert audit.entries[3].record["approved"] is True
    assert audit.entries[3].record["approval"] == approval.id
    assert (await guard.approvals("s"))[0].state == "used"

    again = await ask(guard, tool)
    assert again.id != approval.id
    assert len(tool.ran) == 1


async def test_a_rejected_call_stays_rejected(guard: Guard, tool: Any) -> None:
    """The same call is denied from then on; another call with the same arguments may be asked about."""
    approval = await ask(guard, tool)
    await guard.resolve(approval.id, "reject", session="s", by=ANN)
    for _ in range(2):
        outcome = await guard.enforce(PAY, tool, session="s")
        assert outcome.decision.outcome is Outcome.DENY
        assert [reason.rule for reason in outcome.decision.reasons] == ["rejected"]
        assert "rejected" in guard.denial_message(outcome)
    await ask(guard, tool, ToolCall.of("c2", "pay", {"amount": 3}))
    assert tool.ran == []


async def test_an_edited_call_is_what_runs(guard: Guard, tool: Any, audit: MemoryAuditLog) -> None:
    """After an edit the original proposal executes the edited call, and says so."""
    approval = await ask(guard, tool)
    edited = ToolCall.of("c1", "pay", {"amount": 1})
    answered = await guard.resolve(approval.id, "edit", session="s", by=ANN, args={"amount": 1})
    assert answered.edited
    assert answered.call == edited
    outcome = await guard.enforce(PAY, tool, session="s")
    assert outcome.call == edited
    assert tool.ran == [edited]
    resolution = audit.entries[2].record
    assert (resolution["proposed_digest"], resolution["call_digest"]) == (PAY.digest, edited.digest)
    assert audit.entries[3].record["call_digest"] == edited.digest


async def test_a_rule_still_denies_what_a_person_edited(tool: Any) -> None:
    """An edited call is decided from scratch: deny rules win over the person's answer."""

    class Capped(StaticProgram):
        def decide(self, request: Any, session: Any) -> Any:
            if request.call.args["amount"] > 10:
                return self._answer(Outcome.DENY, "cap")
            return super().decide(request, session)

    guard = Guard(Capped(escalate=["pay"]))
    approval = await ask(guard, tool)
    await guard.resolve(approval.id, "edit", session="s", by=ANN, args={"amount": 11})
    outcome = await guard.enforce(PAY, tool, session="s")
    assert [reason.rule for reason in outcome.decision.reasons] == ["cap"]
    assert outcome.call.args == {"amount": 11}
    assert tool.ran == []


async def test_a_rule_still_denies_what_a_person_approved(guard: Guard, tool: Any) -> None:
    """A budget spent between question and execution denies the approved call."""
    approvals = [await ask(guard, tool, ToolCall.of(f"c{n}", "pay", {"n": n})) for n in range(3)]
    for approval in approvals:
        await guard.resolve(approval.id, "approve", session="s", by=ANN)
    outcomes = [await guard.enforce(approval.call, tool, session="s") for approval in approvals]
    assert [outcome.decision.outcome for outcome in outcomes] == [Outcome.ALLOW, Outcome.ALLOW, Outcome.DENY]
    assert len(tool.ran) == 2


@pytest.mark.parametrize("first", ["approve", "reject", "edit"])
@pytest.mark.parametrize("second", ["approve", "reject", "edit"])
async def test_a_second_answer_is_refused(guard: Guard, tool: Any, first: Any, second: Any) -> None:
    """Whatever was answered first stands."""
    approval = await ask(guard, tool)
    answered = await guard.resolve(approval.id, first, session="s", by=ANN, args={"amount": 1})
    with pytest.raises(ApprovalResolved):
        await guard.resolve(approval.id, second, session="s", by=Principal("bob"), args={"amount": 2})
    assert await guard.approvals("s") == (answered,)


async def test_of_many_simultaneous_answers_one_is_taken(guard: Guard, tool: Any) -> None:
    """Ten people answering at once get one decision and nine refusals."""
    approval = await ask(guard, tool)
    answers = await asyncio.gather(
        *(guard.resolve(approval.id, "approve", session="s", by=Principal(f"p{n}")) for n in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Approval) for answer in answers) == 1
    assert sum(isinstance(answer, ApprovalResolved) for answer in answers) == 9


async def test_a_used_approval_cannot_be_replayed(guard: Guard, tool: Any) -> None:
    """Once used, an approval takes no answer and lets nothing go."""
    approval = await ask(guard, tool)
    await guard.resolve(approval.id, "approve", session="s", by=ANN)
    await guard.enforce(PAY, tool, session="s")
    with pytest.raises(ApprovalResolved, match="used"):
        await guard.resolve(approval.id, "approve", session="s", by=ANN)
    assert (await guard.enforce(PAY, tool, session="s")).decision.outcome is Outcome.ESCALATE
    assert len(tool.ran) == 1


async def test_an_approved_call_raced_by_many_runs_once(guard: Guard, tool: Any) -> None:
    """Ten simultaneous enforcements of one approved call execute it once."""
    approval = await ask(guard, tool)
    await guard.resolve(approval.id, "approve", session="s", by=ANN)
    outcomes = await asyncio.gather(*(guard.enforce(PAY, tool, session="s") for _ in range(10)))
    assert sum(outcome.decision.allowed for outcome in outcomes) == 1
    assert tool.ran == [PAY]


async def test_an_expired_question_takes_no_answer(guard: Guard, tool: Any, clock: Clock) -> None:
    """After its time an approval is refused, and the call is asked about anew."""
    approval = await ask(guard, tool)
    clock.now += 60_000_000
    with pytest.raises(ApprovalExpired):
        await guard.resolve(approval.id, "approve", session="s", by=ANN)
    assert (await guard.approvals("s"))[0].state == "expired"
    assert (await ask(guard, tool)).id != approval.id


async def test_an_expired_answer_lets_nothing_go(guard: Guard, tool: Any, clock: Clock) -> None:
    """An approval that was given and not used in time does not count; the call is asked about anew."""
    approval = await ask(guard, tool)
    await guard.resolve(approval.id, "approve", session="s", by=ANN)
    clock.now += 60_000_000
    assert (await ask(guard, tool)).id != approval.id
    assert tool.ran == []


async def test_a_clock_set_back_extends_nothing(guard: Guard, tool: Any, clock: Clock) -> None:
    """Expiry is measured on the session's own clock, which never runs backwards."""
    approval = await ask(guard, tool)
    clock.now += 70_000_000
    await guard.observe("prompt", "later", session="s")
    clock.now -= 70_000_000
    with pytest.raises(ApprovalExpired):
        await guard.resolve(approval.id, "approve", session="s", by=ANN)


async def test_a_changed_policy_voids_questions_and_answers(guard: Guard, tool: Any) -> None:
    """Under another policy an open question takes no answer, and a given answer lets nothing go."""
    open_question = await ask(guard, tool)
    answered = await ask(guard, tool, ToolCall.of("c2", "pay", {}))
    await guard.resolve(answered.id, "approve", session="s", by=ANN)
    guard.program = StaticProgram(escalate=["pay"], name="newer")
    with pytest.raises(ApprovalSuperseded):
        await guard.resolve(open_question.id, "approve", session="s", by=ANN)
    assert (await ask(guard, tool, answered.call)).id != answered.id
    assert tool.ran == []


@pytest.mark.parametrize(
    "other",
    [
        ToolCall.of("c1", "pay", {"amount": 3.0}),
        ToolCall.of("c1", "pay", {"amount": 3, "to": "x"}),
        ToolCall.of("c2", "pay", {"amount": 3}),
    ],
)
async def test_an_approval_is_for_exactly_one_call(guard: Guard, tool: Any, other: ToolCall) -> None:
    """Another argument, type of number or call id is another call: it is asked about by itself."""
    approval = await ask(guard, tool)
    await guard.resolve(approval.id, "approve", session="s", by=ANN)
    assert (await ask(guard, tool, other)).id != approval.id
    assert tool.ran == []


async def test_an_approval_is_for_exactly_one_session(guard: Guard, tool: Any) -> None:
    """The same call in another session is another question, and its id means nothing here."""
    approval = await ask(guard, tool)
    with pytest.raises(ApprovalNotFound):
        await guard.resolve(approval.id, "approve", session="other", by=ANN)
    await guard.resolve(approval.id, "approve", session="s", by=ANN)
    outcome = await guard.enforce(PAY, tool, session="other")
    assert outcome.decision.outcome is Outcome.ESCALATE


async def test_answers_that_make_no_sense_change_nothing(
    guard: Guard, tool: Any, audit: MemoryAuditLog
) -> None:
    """An unknown id, an unknown answer and an edit without proper arguments are refused; nothing is recorded."""
    approval = await ask(guard, tool)
    before = kinds(audit)
    with pytest.raises(ApprovalNotFound):
        await guard.resolve("0" * 64, "approve", session="s", by=ANN)
    with pytest.raises(ValueError, match="expected the answer"):
        await guard.resolve(approval.id, "maybe", session="s", by=ANN)  # type: ignore[arg-type]
    with pytest.raises(MalformedCall):
        await guard.resolve(approval.id, "edit", session="s", by=ANN)
    with pytest.raises(MalformedCall):
        await guard.resolve(approval.id, "edit", session="s", by=ANN, args={"x": float("nan")})
    assert kinds(audit) == before
    assert await guard.approvals("s") == (approval,)
    assert issubclass(ApprovalNotFound, ApprovalError)


async def test_a_call_allowed_in_the_meantime_needs_no_answer(tool: Any) -> None:
    """If the rules allow the call by now, it runs, and its open question is closed."""

    class Once(StaticProgram):
        def decide(self, request: Any, session: Any) -> Any:
            if any(event.text == "go ahead" for event in session.events):
                return self._answer(Outcome.ALLOW, "told")
            return super().decide(request, session)

    guard = Guard(Once(escalate=["pay"]))
    approval = await ask(guard, tool)
    await guard.observe("prompt", "go ahead", session="s")
    outcome = await guard.enforce(PAY, tool, session="s")
    assert outcome.result == ToolResult("done")
    with pytest.raises(ApprovalExpired):
        await guard.resolve(approval.id, "approve", session="s", by=ANN)
    assert tool.ran == [PAY]


async def test_open_questions_are_bounded(guard: Guard, tool: Any) -> None:
    """When too many questions are open the next is denied; a closed one makes room."""
    approvals = [await ask(guard, tool, ToolCall.of(f"c{n}", "pay", {})) for n in range(MAX_APPROVALS)]
    late = ToolCall.of("late", "pay", {})
    outcome = await guard.enforce(late, tool, session="s")
    assert [reason.rule for reason in outcome.decision.reasons] == ["too-many-approvals"]
    assert outcome.approval is None
    await guard.resolve(approvals[5].id, "reject", session="s", by=ANN)
    await ask(guard, tool, late)
    remaining = {approval.id for approval in await guard.approvals("s")}
    assert len(remaining) == MAX_APPROVALS
    assert approvals[5].id not in remaining


async def test_an_answer_survives_a_conflict(tool: Any, audit: MemoryAuditLog) -> None:
    """A conflicting change in between repeats the answer on the newer session; the log marks the first record."""
    store = InMemoryStore()
    approval = await ask(Guard(PROGRAM, store=store), tool)
    conflict = VersionConflict("s", 1, 2)
    guard = Guard(PROGRAM, store=FailingStore(store, [None, conflict]), audit=audit)
    await guard.resolve(approval.id, "approve", session="s", by=ANN)
    first, mark, second = (entry.record for entry in audit.entries)
    assert [first["kind"], mark["kind"], second["kind"]] == ["resolution", "superseded", "resolution"]
    assert mark["superseded"] == first["id"]
    assert (await guard.approvals("s"))[0].state == "approved"


async def test_an_approval_survives_the_process(tmp_path: Path, tool: Any) -> None:
    """Asked by one process, answered by a second, executed by a third."""

    def fresh() -> Guard:
        log = FileAuditLog(tmp_path / "audit")
        return Guard(PROGRAM, store=SqliteStore(tmp_path / "sessions.db"), audit=log)

    first = await asyncio.to_thread(fresh)
    approval = await ask(first, tool)
    await first.aclose()
    second = await asyncio.to_thread(fresh)
    await second.resolve(approval.id, "edit", session="s", by=ANN, args={"amount": 2})
    await second.aclose()
    third = await asyncio.to_thread(fresh)
    outcome = await third.enforce(PAY, tool, session="s")
    await third.aclose()
    assert outcome.call.args == {"amount": 2}
    assert [call.args for call in tool.ran] == [{"amount": 2}]
