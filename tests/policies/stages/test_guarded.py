"""Stages under a real guard: denials move the session, approvals restore it, and it outlives the process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.policies.stages import policies

from bartizan.guard import Guard, InMemoryStore, Outcome, Principal, SqliteStore, ToolCall, ToolResult
from bartizan.policies import Program

ANN = Principal("ann", frozenset({"approver"}))
HOUR = 3_600_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


async def run(call: ToolCall) -> ToolResult:
    return ToolResult("done")


def mail(id: str, to: str) -> ToolCall:
    return ToolCall.of(id, "send_mail", {"to": to})


def read(id: str) -> ToolCall:
    return ToolCall.of(id, "read_file", {"path": "/a"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def outcome(guard: Guard, call: ToolCall) -> tuple[Outcome, str]:
    found = await guard.enforce(call, run, session="s")
    return found.decision.outcome, found.decision.reasons[0].rule


async def test_from_a_denial_to_a_restored_session(clock: Clock, tmp_path: Path) -> None:
    """Denied twice, suspended for good, reviewed by a person, on probation, free: over a store that is opened anew."""
    file = tmp_path / "sessions.db"

    def guard() -> Guard:
        return Guard(Program(policies.mail()), store=SqliteStore(file), clock=clock)

    first = guard()
    assert (await outcome(first, mail("1", "eve@evil.com")))[1] == "strangers"
    assert (await outcome(first, mail("2", "ann@corp.com"))) == (Outcome.DENY, "stage.quarantined")
    assert (await outcome(first, read("3")))[0] is Outcome.ALLOW
    await first.aclose()

    second = guard()
    clock.now += 2 * HOUR
    asked = await second.enforce(mail("4", "ann@corp.com"), run, session="s")
    assert asked.decision.outcome is Outcome.ESCALATE
    assert (await outcome(second, mail("5", "eve@evil.com")))[1] == "strangers"
    clock.now += 1_000 * HOUR
    assert (await outcome(second, read("6"))) == (Outcome.DENY, "stage.suspended")
    review = ToolCall.of("7", "request_review", {"why": "typo"})
    waiting = (await second.enforce(review, run, session="s")).approval
    assert waiting is not None
    assert (await outcome(second, read("8")))[0] is Outcome.DENY
    await second.resolve(waiting.id, "approve", session="s", by=ANN)
    assert (await outcome(second, read("9")))[0] is Outcome.DENY  # not before the call itself has gone
    assert (await outcome(second, review))[0] is Outcome.ALLOW
    assert (await outcome(second, read("10")))[0] is Outcome.ALLOW
    clock.now += 25 * HOUR
    assert (await outcome(second, mail("11", "ann@corp.com")))[0] is Outcome.ALLOW
    await second.aclose()


async def test_an_approval_from_before_does_not_outlive_the_sanction(clock: Clock) -> None:
    """What a person approved while the session was free is decided again, and denied, once it is quarantined."""
    policy = policies.mail(("{id: mails, allow: [send_mail]}", "{id: mails, escalate: [send_mail]}"))
    guard = Guard(Program(policy), clock=clock)
    asked = (await guard.enforce(mail("1", "ann@corp.com"), run, session="s")).approval
    assert asked is not None
    await guard.resolve(asked.id, "approve", session="s", by=ANN)
    await guard.enforce(mail("2", "eve@evil.com"), run, session="s")
    assert (await outcome(guard, mail("1", "ann@corp.com"))) == (Outcome.DENY, "stage.quarantined")


async def test_calls_at_once_cannot_slip_past_a_denial(clock: Clock) -> None:
    """Of a denied mail and others proposed at once, those that are decided after the denial are denied."""
    store = InMemoryStore()
    guards = [Guard(Program(policies.mail()), store=store, clock=clock) for _ in range(2)]
    calls = [mail("0", "eve@evil.com"), *(mail(str(i), "ann@corp.com") for i in range(1, 10))]
    found = await asyncio.gather(*(guards[i % 2].enforce(c, run, session="s") for i, c in enumerate(calls)))
    went = sum(each.decision.allowed for each in found)
    session = await guards[0].session("s")
    assert sum(event.kind == "call" for event in session.events) == went
    assert (await outcome(guards[1], mail("late", "ann@corp.com"))) == (Outcome.DENY, "stage.quarantined")


async def test_asking_for_a_denial_again_and_again_costs_no_room(clock: Clock) -> None:
    """A session that is denied two hundred times is as small as one that was denied twice."""
    guard = Guard(Program(policies.mail()), clock=clock)
    sizes: list[Any] = []
    for index in range(200):
        await guard.enforce(mail(str(index), "eve@evil.com"), run, session="s")
        session = await guard.session("s")
        sizes.append((len(session.events), len(str(session.state))))
    assert sizes[2:] == [sizes[1]] * 198
    assert session.version == 2  # denials that change no stage commit nothing
