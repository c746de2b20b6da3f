"""A service that is not there, not in time, or not honest: a denial, and never an exception."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integrations.ahead import put_forward
from tests.integrations.client.honest import PROGRAM, honest
from tests.integrations.client.servers import Asked, Behaviour, Writer, answer, saying, serving
from tests.waiting import until

from bartizan.guard import Enforcement, Guard, Outcome, StoreUnavailable, ToolCall, ToolResult, Verdicts
from bartizan.guard.correction import Proposer
from bartizan.guard.gate import Proposal
from bartizan.guard.reasons import TEXTS, WITHHELD
from bartizan.integrations.client import RemoteGuard

CALL = ToolCall.of("c", "pay", {"amount": 5})
BIG = answer(b"[" + b" " * 10_000 + b"]")
PATIENT, HASTY = 120.0, 0.3
"""Seconds: where an answer is expected, and where none comes."""

PROBLEM = {"title": "t", "detail": "d"}


class Tool:
    """Counts how often it ran, and with what."""

    def __init__(self) -> None:
        self.ran: list[ToolCall] = []

    async def __call__(self, call: ToolCall) -> ToolResult:
        self.ran.append(call)
        return ToolResult("paid, says hunter2")


async def enforced(url: str, call: ToolCall = CALL, **options: Any) -> tuple[Enforcement, Tool]:
    tool = Tool()
    options.setdefault("deadline", PATIENT)
    async with RemoteGuard(url, max_answer=5000, **options) as guard:
        found = await guard.enforce(call, tool, session="s")
        if not found.decision.allowed:
            message = guard.denial_message(found)
            assert TEXTS[found.decision.reasons[0].rule] in message
    return found, tool


def assert_denied(found: Enforcement, tool: Tool, reason: str) -> None:
    assert [one.rule for one in found.decision.reasons] == [reason]
    assert found.decision.outcome is Outcome.DENY and found.decision.reasons[0].value == "E"
    assert found.call == CALL and found.result is None and tool.ran == []


ANSWERS: dict[str, tuple[Behaviour, str]] = {
    "closes without an answer": (saying(close=True), "guard-unreachable"),
    "resets": (saying(b"HTTP/1.1 200 OK\r\n", reset=True), "guard-unreachable"),
    "says nothing": (saying(pause=5), "guard-unreachable"),
    "says half of it and closes": (saying(answer({"a": 1})[:-3], close=True), "guard-unreachable"),
    "says half of it and waits": (saying(answer({"a": 1})[:-3]), "guard-unreachable"),
    "says it a byte a moment": (
        saying(*(bytes([byte]) for byte in answer({"a": 1})), pause=0.1),
        "guard-unreachable",
    ),
    "is full": (saying(answer(PROBLEM, 503, "retry-after: 1")), "guard-unreachable"),
    "fails": (saying(answer(PROBLEM, 500)), "guard-unreachable"),
    "fails behind a proxy": (
        saying(b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 1\r\n\r\nx"),
        "guard-unreachable",
    ),
    "does not know the token": (saying(answer(PROBLEM, 401)), "guard-refused"),
    "forbids": (saying(answer(PROBLEM, 403)), "guard-refused"),
    "does not understand": (saying(answer(PROBLEM, 422)), "guard-refused"),
    "refuses without words": (
        saying(b"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n"),
        "guard-refused",
    ),
    "sends elsewhere": (saying(answer({}, 307, "location: http://example.org/")), "guard-answer"),
    "has no content": (saying(b"HTTP/1.1 204 No Content\r\n\r\n"), "guard-answer"),
    "speaks no HTTP": (saying(b"hello\r\n\r\n"), "guard-answer"),
    "speaks chunked garbage": (
        saying(answer(b"{}\r\n").replace(b"content-length: 4", b"transfer-encoding: chunked")),
        "guard-answer",
    ),
    "says too much": (saying(BIG), "guard-answer"),
    "says more than one answer": (saying(answer({}) + answer({})), "guard-answer"),
    "says a page": (saying(answer(b"<html>").replace(b"application/json", b"text/html")), "guard-answer"),
    "says no JSON": (saying(answer(b"{")), "guard-answer"),
    "says a key twice": (saying(answer(b'{"allowed":false,"allowed":true}')), "guard-answer"),
    "says NaN": (saying(answer(b'{"allowed":NaN}')), "guard-answer"),
    "says bad UTF-8": (saying(answer(b'{"a":"\xff"}')), "guard-answer"),
    "says deep JSON": (saying(answer(b"[" * 2000 + b"]" * 2000)), "guard-answer"),
    "says a list": (saying(answer([])), "guard-answer"),
    "says allowed and nothing else": (saying(answer({"allowed": True})), "guard-answer"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_service_that_does_not_answer_as_it_should_denies(name: str) -> None:
    """Whatever a server does instead of answering: the tool does not run, and the reason is a reserved one."""
    behaviour, reason = ANSWERS[name]
    async with serving(behaviour) as service:
        deadline = HASTY if reason == "guard-unreachable" else PATIENT
        assert_denied(*await enforced(service.url, deadline=deadline), reason)


async def test_nobody_listening_denies(tmp_path: Path) -> None:
    """A socket that is not there, one that nobody listens on, a port that nobody listens on."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "left"))
    left.close()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        urls = [
            f"unix://{tmp_path}/none",
            f"unix://{tmp_path}/left",
            f"http://127.0.0.1:{held.getsockname()[1]}",
        ]
        for url in urls:
            assert_denied(*await enforced(url), "guard-unreachable")


async def test_a_service_that_accepts_and_never_reads_denies_in_time(tmp_path: Path) -> None:
    """The deadline also ends waiting for a connection that nobody serves, and the sending of a long call."""
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(tmp_path / "s"))
        held.listen()
        call = ToolCall.of("c", "pay", {"text": "x" * 4_000_000})
        found, tool = await enforced(f"unix://{tmp_path}/s", call, deadline=HASTY)
    assert [one.rule for one in found.decision.reasons] == ["guard-unreachable"] and tool.ran == []


async def test_one_deadline_is_for_waiting_for_a_connection_too() -> None:
    """With every connection taken by a call that waits, the next ones are denied in time like that one."""
    async with (
        serving(saying(pause=5)) as service,
        RemoteGuard(service.url, deadline=0.2, connections=1) as guard,
    ):
        asked = [guard.authorise(CALL, session="s") for _ in range(3)]
        found = await asyncio.gather(*asked)
    assert [one.decision.reasons[0].rule for one in found] == ["guard-unreachable"] * 3


async def test_what_may_have_been_counted_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection lost between request and answer is no reason to ask again, kept connection or not."""
    guard, dying = Guard(PROGRAM), False

    async def behave(asked: Asked, writer: Writer) -> None:
        if dying:
            writer.transport.abort()
            raise ConnectionError
        await honest(guard)(asked, writer)

    async with serving(behave) as service, RemoteGuard(service.url, deadline=PATIENT) as remote:
        monkeypatch.setattr(remote._client, "_idle_for", PATIENT)
        assert (await remote.authorise(CALL, session="s")).decision.allowed
        dying = True
        found = await remote.authorise(CALL, session="s")
        assert found.decision.reasons[0].rule == "guard-unreachable"
        assert (len(service.asked), service.connections) == (2, 1)
        dying = False
        assert (await remote.authorise(CALL, session="s")).decision.allowed


async def test_a_connection_closed_between_requests_is_not_used() -> None:
    """A server may close an idle connection at any time: the next request goes over another one."""
    guard = Guard(PROGRAM)

    async def behave(asked: Asked, writer: Writer) -> None:
        await honest(guard)(asked, writer)
        await writer.drain()
        writer.close()

    async with serving(behave) as service, RemoteGuard(service.url, deadline=PATIENT) as remote:
        for _ in range(2):
            assert (await remote.authorise(CALL, session="s")).decision.allowed
            await until(lambda: service.ended == service.connections)
            await asyncio.sleep(0)  # the client hears of it in the same turn of the loop
    assert service.connections == 2


async def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    """What a server says between two requests is never taken for the answer to the second."""
    guard, said = Guard(PROGRAM), asyncio.Event()

    async def behave(asked: Asked, writer: Writer) -> None:
        await honest(guard)(asked, writer)
        await writer.drain()
        await said.wait()
        said.clear()
        writer.write(answer({"allowed": True}))
        await writer.drain()

    async with serving(behave) as service, RemoteGuard(service.url, deadline=PATIENT) as remote:
        for _ in range(2):
            assert (await remote.authorise(CALL, session="s")).decision.allowed
            said.set()
            await until(lambda: service.ended == service.connections)
    assert service.connections == 2


async def test_a_cancelled_request_leaves_nothing_to_be_misread() -> None:
    """After a cancellation the connection is given up: its late answer reaches nobody."""
    guard, may = Guard(PROGRAM), asyncio.Event()

    async def behave(asked: Asked, writer: Writer) -> None:
        await may.wait()
        await honest(guard)(asked, writer)

    async with serving(behave) as service, RemoteGuard(service.url, deadline=PATIENT) as remote:
        asking = asyncio.create_task(remote.authorise(CALL, session="s"))
        await until(lambda: service.asked)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        may.set()
        other = ToolCall.of("d", "read", {"path": "p"})
        found = await remote.authorise(other, session="s")
    assert found.decision.allowed and found.call == other
    assert service.connections == 2


def set_to(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda body: {**body, **fields}


def other(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    """An answer about another call, consistent in itself."""

    def change(body: dict[str, Any]) -> Any:
        said = {**body["call"], **changes}
        call = ToolCall.of(said["id"], said["tool"], said["args"])
        return {**body, "call": said, "digest": call.digest}

    return change


LIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "about other arguments": other(args={"amount": 6}),
    "about another tool": other(tool="wipe"),
    "about another id": other(id="d"),
    "with another digest": set_to(digest="0" * 64),
    "without a digest": lambda body: {key: value for key, value in body.items() if key != "digest"},
    "a denial that is allowed": set_to(outcome="deny"),
    "an unknown outcome": set_to(outcome="perhaps"),
    "an escalation without an approval": set_to(outcome="escalate", allowed=False),
    "a correction that is not described": set_to(outcome="correct"),
    "a result of what has not run": set_to(result={"text": "done", "value": None, "is_error": False}),
    "without a record": lambda body: {key: value for key, value in body.items() if key != "record"},
    "without a policy": set_to(policy=""),
    "allowed as a number": set_to(allowed=1),
}


@pytest.mark.parametrize("name", LIES)
async def test_an_answer_that_cannot_be_about_the_call_denies(name: str) -> None:
    """The service is believed about its decision, not about what was asked."""
    async with serving(honest(Guard(PROGRAM), call=LIES[name])) as service:
        assert_denied(*await enforced(service.url), "guard-answer")


class Halves(Proposer):
    """Proposes 50 for any amount."""

    name = "halves"

    async def propose(self, refused: Any) -> list[Proposal]:
        return [Proposal({"amount": 50}, "halves")]


async def test_a_correction_is_taken_only_as_described() -> None:
    """A corrected call runs as corrected, if the answer says exactly what was changed in this very call."""
    call = ToolCall.of("c", "pay", {"amount": 500})

    def misdescribed(body: dict[str, Any]) -> Any:
        made = {**body["correction"], "patch": [{"op": "replace", "path": "/amount", "value": 51}]}
        return {**body, "correction": made}

    def of_another(body: dict[str, Any]) -> Any:
        proposed = {**body["correction"]["proposed"], "args": {"amount": 501}}
        return {**body, "correction": {**body["correction"], "proposed": proposed}}

    for change, reason in ((None, None), (misdescribed, "guard-answer"), (of_another, "guard-answer")):
        guard = Guard(PROGRAM, proposers=[Halves()])
        behaviour = honest(guard, call=change) if change else honest(guard)
        async with serving(behaviour) as service:
            found, tool = await enforced(service.url, call)
        if reason is None:
            assert found.decision.outcome is Outcome.CORRECT
            assert [ran.args for ran in tool.ran] == [{"amount": 50}]
        else:
            assert [one.rule for one in found.decision.reasons] == [reason] and tool.ran == []


KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@pytest.mark.parametrize(
    ("signing", "change"),
    [
        (None, set_to()),
        (OTHER_KEY, set_to()),
        (KEY, set_to(verdict="a.b")),
        (KEY, set_to(verdict="")),
        (KEY, set_to(policy="another")),
    ],
)
async def test_without_a_valid_verdict_nothing_runs(
    signing: bytes | None, change: Callable[[dict[str, Any]], Any]
) -> None:
    """A client that was given the key takes no word for it: no verdict, a forged one, one about another policy."""
    guard = Guard(PROGRAM, verdicts=Verdicts(signing) if signing else None)
    async with serving(honest(guard, call=change)) as service:
        assert_denied(*await enforced(service.url, verdict_keys=KEY), "guard-answer")


async def test_a_verdict_is_good_for_this_session_and_for_once() -> None:
    """A verdict of another session does not count, and a recorded answer cannot be played again."""
    guard, recorded = Guard(PROGRAM, verdicts=Verdicts(KEY)), list[dict[str, Any]]()

    def first_again(body: dict[str, Any]) -> Any:
        recorded.append(body)
        return recorded[0] if "allowed" in body else body

    tool = Tool()
    async with (
        serving(honest(guard, call=first_again)) as service,
        RemoteGuard(service.url, verdict_keys=[OTHER_KEY, KEY], deadline=PATIENT) as remote,
    ):
        found = [await remote.enforce(CALL, tool, session=name) for name in ("s", "s", "t")]
    assert [one.decision.allowed for one in found] == [True, False, False]
    assert [one.decision.reasons[0].rule for one in found[1:]] == ["guard-answer"] * 2
    assert len(tool.ran) == 1


UNREPORTED = {
    "closes": saying(close=True),
    "full": saying(answer(PROBLEM, 503)),
    "refuses": saying(answer(PROBLEM, 422)),
    "says nothing of it": saying(answer({})),
    "too late": saying(pause=5),
}


@pytest.mark.parametrize("name", UNREPORTED)
async def test_a_result_that_cannot_be_reported_is_withheld(name: str) -> None:
    """The tool ran; what it said is not shown unless the service has taken note of it."""
    guard = Guard(PROGRAM)

    async def behave(asked: Asked, writer: Writer) -> None:
        decides = asked.line.startswith("POST /v1/calls HTTP")
        if not decides and name == "too late":
            forward(PATIENT)
        await (honest(guard) if decides else UNREPORTED[name])(asked, writer)

    with put_forward() as forward:
        async with serving(behave) as service:
            found, tool = await enforced(service.url)
    assert found.decision.allowed and len(tool.ran) == 1
    assert service.asked[-1].line == "POST /v1/calls/c/result HTTP/1.1"
    assert found.result == ToolResult(WITHHELD, None, True)


async def test_an_event_that_was_not_recorded_raises() -> None:
    """``observe`` raises what the kernel raises for a store that is down, whatever went wrong."""
    for behaviour in (
        saying(close=True),
        saying(answer(PROBLEM, 422)),
        saying(answer({})),
        saying(answer([])),
    ):
        async with serving(behaviour) as service, RemoteGuard(service.url, deadline=PATIENT) as remote:
            with pytest.raises(StoreUnavailable, match="not recorded"):
                await remote.observe("result", "text", session="s")


async def test_what_is_no_call_is_a_type_error_before_anything_is_sent() -> None:
    """As the kernel: the application's mistakes are not denials."""
    async with serving(saying(close=True)) as service, RemoteGuard(service.url, deadline=PATIENT) as remote:
        with pytest.raises(TypeError):
            await remote.authorise("pay", session="s")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            await remote.authorise(CALL, session="s", once=1)  # type: ignore[arg-type]
        with pytest.raises(ValueError):
            await remote.observe("call", "text", session="s")  # type: ignore[arg-type]
    assert service.asked == []


async def test_a_token_with_a_line_break_is_not_sent() -> None:
    """What comes from outside cannot add headers: a bug there denies, too."""
    async with serving(saying(answer({}))) as service:
        assert_denied(*await enforced(service.url, token="a\r\nx-spiffe-id: b"), "internal-error")
    assert service.asked == []


def test_one_loop_after_another_is_a_denial_that_says_why(caplog: pytest.LogCaptureFixture) -> None:
    """A client that was used in a loop that is over does not wait for answers that nobody would bring."""
    remote = RemoteGuard("unix:///nowhere")
    for reason in ("guard-unreachable", "internal-error"):
        found = asyncio.run(remote.authorise(CALL, session="s"))
        assert found.decision.reasons[0].rule == reason
    assert "SyncRemoteGuard" in caplog.text
