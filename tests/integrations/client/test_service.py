"""The client against the real service in another process: what a guard in this process would do."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from tests.integrations.client.conftest import AGENT, ANN, KEY, PATIENT, served, urls
from tests.integrations.client.servers import answer, saying, serving
from tests.integrations.sidecar.serving import Running
from tests.waiting import until

from bartizan.guard import (
    ApprovalError,
    ApprovalNotFound,
    ApprovalResolved,
    MalformedCall,
    Outcome,
    Principal,
    StoreUnavailable,
    ToolCall,
    ToolResult,
)
from bartizan.guard.audit import verify
from bartizan.guard.reasons import WITHHELD
from bartizan.integrations.client import Refused, RemoteGuard, SyncRemoteGuard


async def said(call: ToolCall) -> ToolResult:
    return ToolResult(f"{call.tool} {dict(call.args)} hunter2", {"password": "hunter2"})


def rules(found: Any) -> list[str]:
    return [reason.rule for reason in found.decision.reasons]


def remote(url: str, **options: Any) -> RemoteGuard:
    options = {"token": AGENT, "approver_token": ANN, "verdict_keys": KEY, "deadline": PATIENT, **options}
    return RemoteGuard(url, **options)


async def test_a_call_is_decided_there_and_executed_here(url: str, session: str) -> None:
    """What is allowed runs with a checked verdict; its result is shown as the service redacted it."""
    async with remote(url) as guard:
        found = await guard.enforce(ToolCall.of("1", "read", {"path": "a"}), said, session=session)
        denied = await guard.enforce(ToolCall.of("2", "wipe", {}), said, session=session)
    assert found.decision.outcome is Outcome.ALLOW and found.verdict and found.record
    assert found.result is not None and "hunter2" not in repr(found.result)
    assert found.result.text == "read {'path': 'a'} [redacted:secret]"
    assert denied.decision.outcome is Outcome.DENY and denied.result is None
    assert "has not been executed" in guard.denial_message(denied)


async def test_a_corrected_call_runs_as_corrected(url: str, session: str) -> None:
    """The service's solver corrects, and the tool gets the corrected arguments."""
    ran: list[Any] = []

    async def pay(call: ToolCall) -> ToolResult:
        ran.append(dict(call.args))
        return ToolResult("paid")

    async with remote(url) as guard:
        found = await guard.enforce(ToolCall.of("1", "pay", {"amount": 500}), pay, session=session)
        message = guard.correction_message(found)
    assert found.decision.outcome is Outcome.CORRECT, found
    assert ran == [{"amount": 100}]
    assert '"value":100' in message and "At most 100 at once." in message


async def test_budgets_are_counted_there(url: str, session: str) -> None:
    """Calls side by side over many connections cannot spend a budget twice."""
    async with remote(url) as guard:
        calls = [ToolCall.of(str(number), "pay", {"amount": 1}) for number in range(12)]
        found = await asyncio.gather(*(guard.enforce(call, said, session=session) for call in calls))
    assert sum(one.decision.allowed for one in found) == 3
    assert {rule for one in found if not one.decision.allowed for rule in rules(one)} == {"often"}


async def test_an_approval_is_asked_answered_and_used_once(url: str, session: str) -> None:
    """The agent's token asks, the approver's answers; the call then runs once, and an edit runs as edited."""
    call, ran = ToolCall.of("1", "send", {"to": "bob"}), list[Any]()

    async def send(call: ToolCall) -> ToolResult:
        ran.append(dict(call.args))
        return ToolResult("sent")

    async with remote(url) as guard:
        asked = await guard.enforce(call, send, session=session)
        again = await guard.enforce(call, send, session=session)
        assert asked.decision.outcome is again.decision.outcome is Outcome.ESCALATE
        assert asked.approval is not None and again.approval == asked.approval and again.record is None
        assert [one.id for one in await guard.approvals(session)] == [asked.approval.id]
        with pytest.raises(ApprovalNotFound):
            await guard.resolve("0" * 64, "approve", session=session)
        with pytest.raises(MalformedCall):
            await guard.resolve(asked.approval.id, "edit", session=session)
        args = {"to": "carol"}
        answered = await guard.resolve(asked.approval.id, "edit", session=session, args=args)
        assert (answered.state, answered.by, dict(answered.call.args)) == ("approved", "ann", args)
        with pytest.raises(ApprovalResolved):
            await guard.resolve(asked.approval.id, "approve", session=session)
        done = await guard.enforce(call, send, session=session)
        once_more = await guard.enforce(call, send, session=session)
    assert done.decision.allowed and dict(done.call.args) == args and ran == [args]
    assert once_more.decision.outcome is Outcome.ESCALATE


async def test_an_agent_alone_approves_nothing(url: str, session: str) -> None:
    """Without an approver's token nothing is resolved, and the agent's own is refused as one."""
    call = ToolCall.of("1", "send", {"to": "bob"})
    async with remote(url, approver_token=None) as guard:
        asked = await guard.enforce(call, said, session=session)
        assert asked.approval is not None
        with pytest.raises(Refused, match="approver_token"):
            await guard.resolve(asked.approval.id, "approve", session=session)
    async with remote(url, approver_token=AGENT) as guard:
        with pytest.raises(Refused, match="403"):
            await guard.resolve(asked.approval.id, "approve", session=session)


async def test_a_key_lets_a_call_go_once_and_gives_its_result_again(url: str, session: str) -> None:
    """Under an idempotency key the second proposal has the recorded result, and nothing runs."""
    call, ran = ToolCall.of("1", "read", {"path": "a"}), list[ToolCall]()

    async def read(call: ToolCall) -> ToolResult:
        ran.append(call)
        return ToolResult("text")

    async with remote(url) as guard:
        found = [await guard.enforce(call, read, session=session, once="k") for _ in range(2)]
    assert len(ran) == 1 and [one.result for one in found] == [ToolResult("text")] * 2
    assert found[1].record is None and rules(found[1]) == ["already-executed"]


async def test_a_tool_that_raises_or_pauses_is_reported_so(url: str, session: str) -> None:
    """An exception leaves as it is and its key is spent; a pause may be resumed under its key."""

    class Pause(Exception):
        pass

    async def fails(call: ToolCall) -> ToolResult:
        raise KeyError("gone")

    async def pauses(call: ToolCall) -> ToolResult:
        raise Pause

    failing, pausing = ToolCall.of("1", "read", {"path": "a"}), ToolCall.of("2", "pause", {})
    async with remote(url) as guard:
        with pytest.raises(KeyError):
            await guard.enforce(failing, fails, session=session, once="f")
        again = await guard.enforce(failing, said, session=session, once="f")
        with pytest.raises(Pause):
            await guard.enforce(pausing, pauses, session=session, once="p", suspends=(Pause,))
        resumed = await guard.enforce(pausing, said, session=session, once="p")
    assert rules(again) == ["already-executed"] and not again.decision.allowed
    assert rules(resumed) == ["resumed"] and resumed.result is not None


async def test_a_call_cancelled_while_it_runs_is_reported_so(url: str, session: str) -> None:
    """The cancellation leaves at once, and the service learns of it before the client is closed."""

    began = asyncio.Event()

    async def hangs(call: ToolCall) -> ToolResult:
        began.set()
        await asyncio.sleep(60)
        raise AssertionError

    call = ToolCall.of("1", "read", {"path": "a"})
    async with remote(url) as guard:
        running = asyncio.create_task(guard.enforce(call, hangs, session=session, once="k"))
        await began.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    async with remote(url) as guard:
        again = await guard.enforce(call, said, session=session, once="k")
    assert rules(again) == ["already-executed"] and not again.decision.allowed


async def test_events_are_taken_note_of(url: str, session: str) -> None:
    """Prompts and texts are recorded; of a result the answer says what may be shown."""
    call = ToolCall.of("1", "read", {"path": "a"})
    async with remote(url) as guard:
        assert await guard.observe("prompt", "Read it.", session=session) is None
        shown = await guard.observe("result", "it is hunter2", session=session, call=call, value=["x"])
        with pytest.raises(StoreUnavailable):
            async with remote(url, token="wrong") as stranger:
                await stranger.observe("prompt", "Read it.", session=session)
    assert (
        shown is not None and shown.text == "it is [redacted:secret]" and shown.labels.default == "untrusted"
    )


async def test_what_was_told_before_is_not_taken_note_of_again(
    url: str, session: str, service: Running
) -> None:
    """A door that starts anew reports what was said from the beginning; nothing is counted twice, nor left out."""
    for _ in range(2):
        async with remote(url) as guard:
            for text, occurrence in (("Go on.", 1), ("Go on.", 2), ("Stop.", 1)):
                await guard.remind("prompt", text, session=session, occurrence=occurrence)
    assert held(service, session) == ["Go on.", "Go on.", "Stop."]
    async with remote(url) as guard:
        await guard.remind("prompt", "Go on.", session=session, occurrence=3)
        with pytest.raises(StoreUnavailable):
            await guard.remind("prompt", "Go on.", session=session, occurrence=0)
    assert held(service, session) == ["Go on.", "Go on.", "Stop.", "Go on."]


def held(service: Running, session: str) -> list[str]:
    """The texts of a session's prompts."""
    status, body = service.ask(f"/v1/sessions/{quote(session, safe='')}", token=ANN)
    assert status == 200
    return [event["documents"][0]["text"] for event in body["events"] if event["kind"] == "prompt"]


async def test_a_review_lets_nothing_go(url: str, session: str) -> None:
    """A reviewed call counts nowhere; a correction is said as for a call that runs."""
    async with remote(url) as guard:
        seen = [
            await guard.review(ToolCall.of(str(number), "pay", {"amount": amount}), session=session)
            for number, amount in enumerate((1, 1, 1, 1, 500))
        ]
        asked = await guard.review(ToolCall.of("a", "send", {"to": "bob"}), session=session)
    assert [one.decision.outcome.name for one in seen] == [*["ALLOW"] * 4, "CORRECT"]
    assert asked.decision.outcome is Outcome.ESCALATE and asked.approval is None


async def test_other_credentials_and_principals_are_refused(url: str, session: str) -> None:
    """An unknown token, none, an approver's, and a principal for whom the token may not ask."""
    call = ToolCall.of("1", "read", {"path": "a"})
    for token in ("wrong", None, ANN):
        async with remote(url, token=token) as guard:
            assert rules(await guard.enforce(call, said, session=session)) == ["guard-refused"]
    async with remote(url, token=lambda: AGENT) as guard:
        assert (await guard.enforce(call, said, session=session)).decision.allowed
        found = await guard.enforce(call, said, session=session, principal=Principal("root"))
    assert rules(found) == ["guard-refused"]


async def test_what_the_service_will_not_read_is_a_denial_or_withheld(url: str) -> None:
    """An argument or a result above the service's bound, a session without a name."""

    async def much(call: ToolCall) -> ToolResult:
        return ToolResult("x" * 2_000_000)

    async with remote(url) as guard:
        call = ToolCall.of("1", "read", {"path": "a" * 2_000_000})
        assert rules(await guard.enforce(call, said, session="s"))[0] in (
            "guard-refused",
            "guard-unreachable",
        )
        call = ToolCall.of("1", "read", {"path": "a"})
        assert rules(await guard.enforce(call, said, session="")) == ["guard-refused"]
        found = await guard.enforce(call, much, session="much")
    assert found.decision.allowed and found.result == ToolResult(WITHHELD, None, True)


async def test_ids_and_values_of_any_kind_arrive_as_they_are(url: str, session: str) -> None:
    """Ids with slashes, none, and beyond ASCII; arguments of the full depth; values that JSON cannot say."""
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]

    async def odd(call: ToolCall) -> ToolResult:
        return ToolResult("a\ud800b", {"value": deep})

    async def impossible(call: ToolCall) -> ToolResult:
        return ToolResult("text", {"value": float("nan")})

    async with remote(url) as guard:
        for id in ("a/b", "", "ü %2F?#", "../result"):
            found = await guard.enforce(ToolCall.of(id, "read", {"path": "\n\"'"}), odd, session=session)
            assert found.result == ToolResult("a\ufffdb", {"value": deep}), id
        found = await guard.enforce(ToolCall.of("n", "read", {"path": ""}), impossible, session=session)
        assert found.result == ToolResult("text", None)
        assert rules(
            await guard.enforce(ToolCall.of("d", "read", {"path": deep}), said, session=session)
        ) == ["schema"]


def test_the_synchronous_twin_does_the_same(url: str, session: str) -> None:
    """Tools run in the caller's thread, and what they raise leaves as it was raised."""
    import threading

    where: list[int] = []

    def read(call: ToolCall) -> ToolResult:
        where.append(threading.get_ident())
        return ToolResult("it is hunter2")

    def stops(call: ToolCall) -> ToolResult:
        raise StopIteration("no more")

    options: dict[str, Any] = {
        "token": AGENT,
        "approver_token": ANN,
        "verdict_keys": KEY,
        "deadline": PATIENT,
    }
    with SyncRemoteGuard(url, **options) as guard:
        call = ToolCall.of("1", "read", {"path": "a"})
        found = guard.enforce(call, read, session=session)
        assert found.result == ToolResult("it is [redacted:secret]") and where == [threading.get_ident()]
        with pytest.raises(StopIteration, match="no more"):
            guard.enforce(call, stops, session=session)
        assert guard.observe("prompt", "Send it.", session=session) is None
        letter = ToolCall.of("2", "send", {"to": "bob"})
        asked = guard.enforce(letter, read, session=session)
        assert asked.approval is not None and "waits for a person" in guard.denial_message(asked)
        guard.resolve(asked.approval.id, "reject", session=session)
        assert [one.state for one in guard.approvals(session)] == ["rejected"]
        assert rules(guard.enforce(letter, read, session=session)) == ["rejected"]
        assert guard.review(ToolCall.of("3", "wipe", {}), session=session).decision.outcome is Outcome.DENY
        granted = guard.authorise(ToolCall.of("4", "read", {"path": "b"}), session=session)
        shown = guard.report(granted.call, ToolResult("hunter2"), session=session, record=granted.record)
        assert shown == ToolResult("[redacted:secret]")
    assert len(where) == 1


async def test_the_trace_goes_with_the_request() -> None:
    """The service's spans can be children of the caller's: W3C's header is sent, and no baggage."""
    tracer = TracerProvider().get_tracer("test")
    async with serving(saying(answer({}))) as fake, RemoteGuard(fake.url, deadline=PATIENT) as guard:
        with tracer.start_as_current_span("execute_tool") as span:
            await guard.authorise(ToolCall.of("1", "read", {}), session="s")
        await guard.authorise(ToolCall.of("1", "read", {}), session="s")
    expected = trace.format_trace_id(span.get_span_context().trace_id)
    assert fake.asked[0].headers["traceparent"].split("-")[1] == expected
    assert "traceparent" not in fake.asked[1].headers and "baggage" not in fake.asked[0].headers


async def test_a_service_that_stops_and_goes_on(tmp_path: Path) -> None:
    """A frozen service is a denial within the deadline; when it goes on, so does the client."""
    with served(tmp_path) as running:
        async with remote(urls(running)["unix"], deadline=1.0) as guard:
            call = ToolCall.of("1", "read", {"path": "a"})

            async def allowed() -> bool:
                return (await guard.enforce(call, said, session="s")).decision.allowed

            await until(allowed)
            os.kill(running.process.pid, signal.SIGSTOP)
            try:
                asked = guard.enforce(call, said, session="s"), guard.review(call, session="s")
                frozen = await asyncio.gather(*asked)
            finally:
                os.kill(running.process.pid, signal.SIGCONT)
            assert [rules(one) for one in frozen] == [["guard-unreachable"]] * 2
            await until(allowed)


async def test_a_service_killed_in_the_middle_of_a_call(tmp_path: Path) -> None:
    """Killed while a tool runs: its result is withheld, later calls are denied; a new service knows that it ran."""
    running, ran = served(tmp_path), list[str]()
    with running:

        async def dies(call: ToolCall) -> ToolResult:
            ran.append(call.id)
            running.process.kill()
            running.process.wait()
            return ToolResult("hunter2")

        async with remote(urls(running)["unix"]) as guard:
            found = await guard.enforce(ToolCall.of("1", "read", {"path": "a"}), dies, session="s", once="k")
            assert found.result == ToolResult(WITHHELD, None, True)
            later = await guard.enforce(ToolCall.of("2", "read", {"path": "a"}), said, session="s")
            assert rules(later) == ["guard-unreachable"]
            with pytest.raises(StoreUnavailable):
                await guard.observe("prompt", "Go on.", session="s")
    with served(tmp_path) as again:
        async with remote(urls(again)["unix"]) as guard:
            replayed = await guard.enforce(
                ToolCall.of("1", "read", {"path": "a"}), said, session="s", once="k"
            )
            assert rules(replayed) == ["already-executed"] and not replayed.decision.allowed
            assert (
                await guard.enforce(ToolCall.of("3", "read", {"path": "a"}), said, session="s")
            ).decision.allowed
    report = verify(tmp_path / "audit" / "worker-0")
    assert report.ok, report
    assert ran == ["1"]


async def test_the_policy_in_force_can_be_asked_for(url: str) -> None:
    """Its name and hash are those under which calls are decided; an agent's token alone may not read it."""
    async with remote(url) as guard:
        policy = await guard.policy()
        found = await guard.review(ToolCall.of("1", "read", {"path": "a"}), session="policy")
    assert (policy["name"], policy["hash"]) == ("remote", found.decision.policy)
    async with remote(url, approver_token=None) as guard:
        with pytest.raises(Refused, match="403"):
            await guard.policy()


async def test_no_approval_error_is_lost(url: str, session: str) -> None:
    """Whatever is wrong with an answer, it is one of the kernel's exceptions or the client's."""
    async with remote(url) as guard:
        for answer_, args in (("maybe", None), ("approve", {"to": "x"})):
            with pytest.raises((ApprovalError, MalformedCall)):
                await guard.resolve("0" * 64, answer_, session=session, args=args)  # type: ignore[arg-type]
