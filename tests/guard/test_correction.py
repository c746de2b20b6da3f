"""A denied call may be corrected: by whoever knows how, to what the program permits and allows, and to nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.waiting import PATIENCE, until

from bartizan.guard import (
    AuditLog,
    Guard,
    InMemoryStore,
    MemoryAuditLog,
    Outcome,
    Principal,
    Proposal,
    Refused,
    Signal,
    Telemetry,
    ToolCall,
    ToolResult,
)
from bartizan.guard.abandoned import MAX_ABANDONED
from bartizan.guard.correction import MAX_PROPOSALS
from bartizan.guard.testing import DISK_FULL, FailingAuditLog, GarbageMonitor, StaticProgram

PROGRAM = StaticProgram(allow=["pay"], escalate=["ask"], limits={"amount": 100}, budgets={"pay": 2})
TOO_MUCH = ToolCall.of("c1", "pay", {"amount": 500, "to": "bob"})


class Clamp:
    """Proposes the largest amount there may be."""

    name = "clamp"

    def __init__(self, **changes: Any) -> None:
        self.changes = changes or {"amount": 100}
        self.asked: list[Refused] = []

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        self.asked.append(refused)
        return [Proposal({**refused.request.call.arguments(), **self.changes}, self.name, {"cost": 1})]


class Answers(Clamp):
    """Answers with whatever it was given, after ``wait`` if that is not None; ``raises`` it if it is an exception."""

    name = "odd"

    def __init__(self, answer: Any, wait: asyncio.Event | None = None, stubborn: bool = False) -> None:
        super().__init__()
        self.answer, self.wait, self.stubborn = answer, wait, stubborn

    async def propose(self, refused: Refused) -> Any:
        self.asked.append(refused)
        while self.wait is not None and not self.wait.is_set():
            try:
                await self.wait.wait()
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def record(audit: MemoryAuditLog, number: int = 0) -> Any:
    return audit.entries[number].record


async def test_a_corrected_call_runs_with_exactly_the_corrected_arguments(tool: Any) -> None:
    """What runs, what is recorded and what is counted is the corrected call; the agent is told what was changed."""
    audit, store = MemoryAuditLog(), InMemoryStore()
    guard = Guard(PROGRAM, audit=audit, store=store, proposers=[Clamp()])
    outcome = await guard.enforce(TOO_MUCH, tool, session="s")
    corrected = ToolCall.of("c1", "pay", {"amount": 100, "to": "bob"})
    assert (outcome.decision.outcome, outcome.call, tool.ran) == (Outcome.CORRECT, corrected, [corrected])
    assert outcome.result == ToolResult("done")
    assert outcome.correction is not None
    assert (outcome.correction.proposed, outcome.correction.origin) == (TOO_MUCH, "clamp")
    session = await guard.session("s")
    assert session.events[0].call == corrected
    assert session.state["calls"] == {"pay": 1}
    message = guard.correction_message(outcome)
    assert '[{"op":"replace","path":"/amount","value":100}]' in message
    assert "Rule limit" in message
    assert guard.denial_message(outcome) == ""


async def test_the_record_of_a_correction_says_who_changed_what(tool: Any) -> None:
    """Both digests, proposer, pointers and evidence; the new values only where content is captured."""
    for capture in (False, True):
        audit = MemoryAuditLog()
        guard = Guard(PROGRAM, audit=audit, proposers=[Clamp()], capture_content=capture)
        outcome = await guard.enforce(TOO_MUCH, tool, session="s")
        found = record(audit)
        step = {"op": "replace", "path": "/amount"} | ({"value": 100} if capture else {})
        assert found["outcome"] == "CORRECT"
        assert found["call_digest"] == outcome.call.digest
        assert found["correction"].pop("tried")[0].keys() == {"by", "came_of", "us"}
        assert found["correction"] == {
            "by": "clamp",
            "proposed_digest": TOO_MUCH.digest,
            "patch": [step],
            "evidence": {"cost": 1},
        }
        assert [reason["rule"] for reason in found["reasons"]] == ["limit"]


@pytest.mark.parametrize("name", ["read-only", "ask", "pay"])
async def test_only_denials_are_corrected(tool: Any, name: str) -> None:
    """What is allowed is left alone, and what a person is to be asked about is asked: no proposer hears of it."""
    clamp = Clamp()
    guard = Guard(replace(PROGRAM, allow=["pay", "read-only"]), proposers=[clamp])
    outcome = await guard.enforce(ToolCall.of("1", name, {"amount": 7}), tool, session="s")
    assert outcome.decision.outcome is (Outcome.ESCALATE if name == "ask" else Outcome.ALLOW)
    assert clamp.asked == []


HOSTILE: dict[str, Any] = {
    "a locked argument": [Proposal({"amount": 100, "to": "eve"}, "odd")],
    "a locked argument removed": [Proposal({"amount": 100}, "odd")],
    "an argument added": [Proposal({"amount": 100, "to": "bob", "cc": "eve"}, "odd")],
    "still too much": [Proposal({"amount": 101, "to": "bob"}, "odd")],
    "the call itself": [Proposal({"amount": 500, "to": "bob"}, "odd")],
    "no arguments": [Proposal([("amount", 1)], "odd")],  # type: ignore[arg-type]
    "no JSON": [Proposal({"amount": float("nan"), "to": "bob"}, "odd")],
    "no proposals": [{"amount": 100, "to": "bob"}],
    "no list": 7,
    "a text": "amount=100",
    "an exception": RuntimeError("password is hunter2"),
    "its own cancellation": asyncio.CancelledError(),
    "nothing": None,
    "good after too many": [
        *(Proposal({"amount": 101 + n, "to": "bob"}, "odd") for n in range(MAX_PROPOSALS)),
        Proposal({"amount": 1, "to": "bob"}, "odd"),
    ],
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_proposer_that_lies_or_fails_changes_nothing(tool: Any, what: str) -> None:
    """The denial is the denial it would have been without it, and the record says what became of asking."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, audit=audit, proposers=[Answers(HOSTILE[what])])
    outcome = await guard.enforce(TOO_MUCH, tool, session="s")
    without = await Guard(PROGRAM).enforce(TOO_MUCH, tool, session="s")
    assert (outcome.decision, outcome.call, outcome.result) == (without.decision, without.call, None)
    assert tool.ran == []
    (tried,) = record(audit)["correction"]["tried"]
    assert tried["came_of"] in {"refused", "none", "failed"}
    assert "hunter2" not in guard.denial_message(outcome) + repr(record(audit))


@pytest.mark.parametrize("answer", HOSTILE)
async def test_the_next_proposer_is_asked(tool: Any, answer: str) -> None:
    """One that cannot help does not keep another from helping."""
    guard = Guard(PROGRAM, proposers=[Answers(HOSTILE[answer]), Clamp()])
    outcome = await guard.enforce(TOO_MUCH, tool, session="s")
    assert outcome.decision.outcome is Outcome.CORRECT
    assert outcome.correction is not None
    assert outcome.correction.origin == "clamp"


class Sly(dict[str, Any]):
    """Arguments that are good at the first look and others at the next."""

    looks = 0

    def _now(self) -> dict[str, Any]:
        self.looks += 1
        return {"amount": 100, "to": "bob" if self.looks < 2 else "eve"}

    def __iter__(self) -> Iterator[str]:
        return iter(("amount", "to"))

    def keys(self) -> Any:
        return ("amount", "to")

    def __getitem__(self, key: str) -> Any:
        return self._now()[key]


async def test_a_proposal_is_looked_at_once(tool: Any) -> None:
    """Arguments that change between two looks are what they were at the first, or nothing."""
    guard = Guard(PROGRAM, proposers=[Answers([Proposal(Sly(amount=1, to="x"), "odd")])])
    outcome = await guard.enforce(TOO_MUCH, tool, session="s")
    assert outcome.call.args["to"] == "bob"
    assert all(call.args == {"amount": 100, "to": "bob"} for call in tool.ran)


async def test_a_slow_proposer_costs_its_time_and_no_more(tool: Any) -> None:
    """It is left behind when its time is over; whoever ignores that is not asked for ever."""
    gate = asyncio.Event()
    slow, audit = Answers([], gate, stubborn=True), MemoryAuditLog()
    guard = Guard(PROGRAM, audit=audit, proposers=[slow], correct_within=0.01)

    async def asking_comes_to(what: str) -> bool:
        outcome = await guard.enforce(TOO_MUCH, tool, session="s")
        assert [reason.rule for reason in outcome.decision.reasons] == ["limit"]
        came_of = record(audit, -1)["correction"]["tried"][0]["came_of"]
        assert came_of in ("late", what)
        return bool(came_of == what)

    await until(lambda: asking_comes_to("stuck"))
    assert len(slow.asked) == MAX_ABANDONED
    gate.set()
    await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name() == "proposer odd"])
    await until(lambda: asking_comes_to("none"))


async def test_correcting_never_makes_a_denial_late(tool: Any) -> None:
    """With a deadline shorter than a proposer's time the call is still denied for what it was denied for."""
    deadline, rules = 0.1, ["deadline"]
    while rules == ["deadline"] and deadline < PATIENCE:  # half of it has to be enough for all the rest
        deadline *= 2
        guard = Guard(
            PROGRAM, proposers=[Answers([], asyncio.Event())], deadline=deadline, correct_within=2 * PATIENCE
        )
        outcome = await guard.enforce(TOO_MUCH, tool, session="s")
        rules = [reason.rule for reason in outcome.decision.reasons]
    assert rules == ["limit"]


async def test_the_corrected_call_is_measured_itself(tool: Any) -> None:
    """Signals of the call as proposed say nothing of the corrected one: it is measured, and decided on that."""

    class Suspicious(GarbageMonitor):
        async def measure(self, event: Any, trace: Any) -> Signal:
            return Signal("risk", 0.9 if event.call.args["amount"] == 100 else 0.1)

    program = replace(PROGRAM, signals_on={"call": ["risk"]})
    guard = Guard(program, proposers=[Clamp(), Clamp(amount=99)], monitors={"risk": Suspicious(None)})
    outcome = await guard.enforce(TOO_MUCH, tool, session="s")
    assert outcome.call.args["amount"] == 99


async def test_a_correction_spends_the_budget_like_any_call(tool: Any) -> None:
    """Calls at once: corrected or not, no more are let go than there may be."""
    guard = Guard(PROGRAM, proposers=[Clamp()])
    calls = [ToolCall.of(str(n), "pay", {"amount": 500, "to": "bob"}) for n in range(6)]
    outcomes = await asyncio.gather(*(guard.enforce(call, tool, session="s") for call in calls))
    assert sorted(outcome.decision.outcome.name for outcome in outcomes) == ["CORRECT"] * 2 + ["DENY"] * 4
    assert len(tool.ran) == 2


async def test_a_correction_that_cannot_be_recorded_does_not_run(tool: Any) -> None:
    """No record, no call."""
    log: AuditLog = FailingAuditLog(MemoryAuditLog(), [DISK_FULL] * 4)
    guard = Guard(PROGRAM, audit=log, proposers=[Clamp()])
    outcome = await guard.enforce(TOO_MUCH, tool, session="s")
    assert [reason.rule for reason in outcome.decision.reasons] == ["audit-unavailable"]
    assert tool.ran == []


async def test_what_was_corrected_once_is_not_executed_twice(tool: Any) -> None:
    """Under its key the same proposal gets the recorded result of the corrected call."""
    guard = Guard(PROGRAM, proposers=[Clamp()])
    first = await guard.enforce(TOO_MUCH, tool, session="s", once="k")
    again = await guard.enforce(TOO_MUCH, tool, session="s", once="k")
    assert (again.result, again.call) == (first.result, first.call)
    assert len(tool.ran) == 1


async def test_what_a_person_rejected_is_not_corrected(tool: Any) -> None:
    """A person's no is not worked around."""
    clamp = Clamp()
    guard = Guard(PROGRAM, proposers=[clamp])
    call = ToolCall.of("1", "ask", {"amount": 7})
    asked = await guard.enforce(call, tool, session="s")
    assert asked.approval is not None
    await guard.resolve(asked.approval.id, "reject", session="s", by=Principal("ann"))
    outcome = await guard.enforce(call, tool, session="s")
    assert [reason.rule for reason in outcome.decision.reasons] == ["rejected"]
    assert clamp.asked == []


class Knows(Clamp):
    """May not change anything, but knows what would do."""

    name = "knows"

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__()
        self.args = args

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        return []

    async def advise(self, refused: Refused) -> Proposal | None:
        return Proposal(self.args, self.name)


async def test_a_denial_names_the_nearest_call_if_it_would_be_allowed(tool: Any) -> None:
    """Advice is decided like a call, and is advice: nothing of it runs."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, audit=audit, proposers=[Knows({"amount": 100, "to": "ann"})])
    outcome = await guard.enforce(TOO_MUCH, tool, session="s")
    assert outcome.decision.outcome is Outcome.DENY
    assert outcome.decision.nearest == ToolCall.of("c1", "pay", {"amount": 100, "to": "ann"})
    assert '"to":"ann"' in guard.denial_message(outcome)
    assert record(audit)["nearest_digest"] == outcome.decision.nearest.digest
    assert tool.ran == []
    wrong = Guard(PROGRAM, proposers=[Knows({"amount": 101, "to": "ann"})])
    outcome = await wrong.enforce(TOO_MUCH, tool, session="s")
    assert outcome.decision.nearest is None


async def test_a_review_lets_nothing_go(tool: Any) -> None:
    """It answers with what may leave, records what the agent will see changed, and counts nothing."""
    audit = MemoryAuditLog()
    guard = Guard(PROGRAM, audit=audit, proposers=[Clamp()])
    seen = await guard.review(TOO_MUCH, session="s")
    assert (seen.decision.outcome, seen.call.args["amount"]) == (Outcome.CORRECT, 100)
    fine = await guard.review(seen.call, session="s")
    assert fine.decision.outcome is Outcome.ALLOW
    asking = await guard.review(ToolCall.of("2", "ask", {}), session="s")
    assert (asking.decision.outcome, asking.approval) == (Outcome.ESCALATE, None)
    denied = await guard.review(ToolCall.of("3", "drop", {}), session="s")
    assert denied.decision.outcome is Outcome.DENY
    assert [(entry.record["kind"], entry.record["outcome"]) for entry in audit.entries] == [
        ("review", "CORRECT"),
        ("review", "DENY"),
    ]
    assert (await guard.session("s")).version == 0
    assert await guard.approvals("s") == ()


async def test_a_review_that_cannot_be_recorded_denies() -> None:
    """A correction that nobody could look up later does not leave."""
    kept = MemoryAuditLog()
    log: AuditLog = FailingAuditLog(kept, [DISK_FULL])
    guard = Guard(PROGRAM, audit=log, proposers=[Clamp()])
    seen = await guard.review(TOO_MUCH, session="s")
    assert [reason.rule for reason in seen.decision.reasons] == ["audit-unavailable"]
    await guard.aclose()
    assert "decision" not in {entry.record["kind"] for entry in kept.entries}


async def test_a_span_says_who_was_asked_and_who_corrected(tool: Any) -> None:
    """Pointers and names; never what an argument was changed to."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry(provider.get_tracer("test"))
    guard = Guard(PROGRAM, telemetry=telemetry, proposers=[Answers(RuntimeError("x")), Clamp()])
    await guard.enforce(TOO_MUCH, tool, session="s")
    await guard.review(TOO_MUCH, session="s")
    await guard.aclose()
    decided, reviewed = exporter.get_finished_spans()
    assert (decided.name, reviewed.name) == ("guard.decide", "guard.review")
    attributes = dict(decided.attributes or {})
    assert attributes["bartizan.outcome"] == "correct"
    assert attributes["bartizan.correction.by"] == "clamp"
    assert attributes["bartizan.correction.paths"] == ("/amount",)
    assert attributes["bartizan.correction.attempts"] == ("odd: failed", "clamp: accepted")
    assert "bartizan.stage.correct" in attributes


async def test_a_cancelled_caller_leaves_no_proposer_behind(tool: Any) -> None:
    """The proposer's work is cancelled with the call it was for."""
    asked, cancelled = asyncio.Event(), asyncio.Event()

    class Waits(Clamp):
        async def propose(self, refused: Refused) -> Sequence[Proposal]:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            return []

    guard = Guard(PROGRAM, proposers=[Waits()])
    task = asyncio.create_task(guard.enforce(TOO_MUCH, tool, session="s"))
    await asyncio.wait_for(asked.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(cancelled.wait(), PATIENCE)
    assert tool.ran == []
