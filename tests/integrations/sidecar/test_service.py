"""A service as its clients meet it: a process, sockets, HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import PATIENCE, block_until

from bartizan.guard import ToolCall, Verdicts
from bartizan.guard.audit import verify

from .serving import SECRETS, Running, proposed, written


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("service")
    limits = {"body": 10_000, "read": PATIENCE, "batch": 3}
    config = written(directory, listen=["127.0.0.1:0", f"unix:{directory}/s.sock"], limits=limits)
    with Running(config) as running:
        yield running
    assert "Traceback" not in running.log


def test_a_call_is_decided_and_comes_with_a_verdict_that_its_executor_can_check(service: Running) -> None:
    """The verdict is over exactly the call of the answer, in its session."""
    status, answer = service.ask("/v1/calls", proposed("1", "look", what="a"))
    assert (status, answer["outcome"], answer["allowed"]) == (200, "allow", True)
    made = ToolCall.of("1", "look", {"what": "a"})
    assert answer["digest"] == made.digest
    Verdicts(SECRETS["KEY"].encode()).check(answer["verdict"], made, session="s", policy=answer["policy"])


def test_both_sockets_are_one_service(service: Running) -> None:
    """What was counted over TCP is counted over the Unix socket."""
    path = service.addresses[1].removeprefix("unix:")
    for number in range(10):
        _, answer = service.ask("/v1/calls", proposed(str(number), "pay", session="both", to="a", amount=100))
        assert answer["outcome"] == "allow"
    status, answer = service.ask(
        "/v1/calls", proposed("x", "pay", session="both", to="a", amount=1), unix=path
    )
    assert (status, answer["outcome"], answer["reasons"][0]["rule"]) == (200, "deny", "daily")
    assert "At most 1000." in answer["message"]
    assert "verdict" not in answer


def test_an_approval_is_asked_by_the_agent_answered_by_a_person_and_used_once(service: Running) -> None:
    """The agent's token cannot answer; the approved call runs once; a second answer is a conflict."""
    asked = proposed("big", "pay", session="approve", to="a", amount=500)
    _, answer = service.ask("/v1/calls", asked)
    assert answer["outcome"] == "escalate"
    where = f"/v1/approvals/approve/{answer['approval']['id']}"
    assert service.ask(where, {"answer": "approve"})[0] == 403
    _, listed = service.ask("/v1/approvals", token="ann-token")
    assert [each["session"] for each in listed["approvals"]] == ["approve"]
    assert service.ask(where, {"answer": "approve"}, token="ann-token")[0] == 200
    assert service.ask(where, {"answer": "approve"}, token="ann-token")[0] == 409
    assert service.ask("/v1/calls", asked)[1]["outcome"] == "allow"
    assert service.ask("/v1/calls", asked)[1]["outcome"] == "escalate"
    assert service.ask("/v1/approvals?session=approve", token="ann-token")[0] == 200


def test_a_batch_is_decided_one_after_the_other(service: Running) -> None:
    """The third payment meets the budget that the first two used; a batch that is too long is refused."""
    calls = [proposed(str(n), "pay", session="batch", to="a", amount=100) for n in range(3)]
    for _ in range(3):
        assert service.ask("/v1/batch", {"calls": calls})[0] == 200
    _, answer = service.ask("/v1/batch", {"calls": calls})
    assert [each["outcome"] for each in answer["answers"]] == ["allow", "deny", "deny"]
    assert service.ask("/v1/batch", {"calls": calls * 2})[0] == 422


def test_a_batch_with_something_that_is_no_call_lets_none_of_it_go(service: Running) -> None:
    """Whoever is refused takes everything for denied: nothing of it is counted against a budget."""
    good = proposed("1", "look", session="half", what="a")
    for bad in ({"session": "half"}, {**good, "principal": {"id": "root"}}):
        assert service.ask("/v1/batch", {"calls": [good, bad]})[0] in (403, 422)
    assert service.ask("/v1/sessions/half", token="ann-token")[0] == 404


def test_a_result_is_reported_and_an_event_observed(service: Running) -> None:
    """What the model may see comes back; both are in the session."""
    _, answer = service.ask("/v1/calls", proposed("r", "look", session="told", what="a"))
    told = {"session": "told", "call": answer["call"], "record": answer["record"], "text": "it is blue"}
    assert service.ask("/v1/calls/r/result", told)[1] == {
        "text": "it is blue",
        "value": None,
        "is_error": False,
    }
    raised = {"session": "told", "call": answer["call"], "raised": "KeyError", "text": "'a'"}
    assert service.ask("/v1/calls/r/result", raised) == (200, {})
    assert service.ask("/v1/events", {"session": "told", "kind": "prompt", "text": "hello"}) == (200, {})
    _, session = service.ask("/v1/sessions/told", token="ann-token")
    assert [event["kind"] for event in session["events"]] == ["call", "result", "result", "prompt"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"session": "s", "session": "t"}', {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"[" * 5000, {}, 400),
        (b'{"session": NaN}', {}, 400),
        (b"[]", {}, 422),
        (b'{"session": "s"}', {}, 422),
        (b'{"session": "", "call": {"id": "1", "tool": "look", "args": {}}}', {}, 422),
        (b'{"session": "s", "call": {"id": "1", "tool": "look", "args": []}}', {}, 422),
        (b'{"session": "s", "call": {"id": "1", "tool": "look", "args": {}, "x": 1}}', {}, 422),
        (b'{"session": "s", "more": 1, "call": {"id": "1", "tool": "look", "args": {}}}', {}, 422),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-encoding": "gzip"}, 415),
        (b" " * 10_001, {}, 413),
    ],
)
def test_what_is_no_request_is_refused_with_what_was_expected(
    service: Running, body: bytes, headers: dict[str, str], status: int
) -> None:
    """A problem document with the status, a title and what to do; the service goes on."""
    found, problem = service.ask("/v1/calls", body, headers=headers)
    assert found == status == problem["status"]
    assert problem["detail"] and problem["title"]


@pytest.mark.parametrize("token", [None, "", "wrong", "ann-token"])
def test_who_may_not_decide_learns_nothing(service: Running, token: str | None) -> None:
    """Without a token 401; a person's token does not decide calls."""
    status, problem = service.ask("/v1/calls", proposed("1", "look", what="a"), token=token)
    assert status == (403 if token == "ann-token" else 401)
    assert "outcome" not in problem


def test_a_principal_is_who_the_token_belongs_to(service: Running) -> None:
    """A token without acts_for cannot ask in another's name."""
    status, _ = service.ask("/v1/calls", {**proposed("1", "look", what="a"), "principal": {"id": "root"}})
    assert status == 403


def test_a_proxys_header_on_a_line_that_was_cut_is_nothing(tmp_path: Path) -> None:
    """A proxy is trusted on the Unix socket; who resets a TCP connection before it is taken up has no address, and is
    not taken for it."""
    workload = {"id": "desk", "name": "desk", "scopes": ["decide"]}
    listen = ["127.0.0.1:0", f"unix:{tmp_path}/s.sock"]
    proxy = {"header": "x-who", "addresses": ["unix"], "workloads": [workload]}
    with Running(written(tmp_path, listen=listen, proxy=proxy)) as running:
        for session in ("stolen", "vouched"):
            body = json.dumps(proposed("1", "look", session=session, what="a")).encode()
            head = b"POST /v1/calls HTTP/1.1\r\nhost: x\r\nx-who: desk\r\ncontent-type: application/json\r\n"
            request = head + b"content-length: %d\r\n\r\n" % len(body) + body
            running.process.send_signal(signal.SIGSTOP)
            try:
                if session == "vouched":
                    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    line.connect(f"{tmp_path}/s.sock")
                else:
                    line = socket.create_connection(running.address, timeout=PATIENCE)
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                line.sendall(request)
                line.close()
            finally:
                running.process.send_signal(signal.SIGCONT)
        block_until(lambda: running.ask("/v1/sessions/vouched", token="ann-token")[0] == 200)
        assert running.ask("/v1/sessions/stolen", token="ann-token")[0] == 404


def test_a_sender_that_is_too_slow_is_not_waited_for(tmp_path: Path) -> None:
    """A body that does not arrive is answered with 408, and the line is cut."""
    with (
        Running(written(tmp_path, limits={"read": 0.2})) as running,
        socket.create_connection(running.address, timeout=PATIENCE) as line,
    ):
        line.sendall(
            b"POST /v1/calls HTTP/1.1\r\nhost: x\r\nauthorization: Bearer agent-token\r\n"
            b"content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        )
        answer = _all(line)
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_headers_without_end_are_refused(service: Running) -> None:
    """A head is bounded, whether it comes as many headers or as one."""
    for piece in (b"x-a: " + b"a" * 1000 + b"\r\n", b"a" * 1007):
        with socket.create_connection(service.address, timeout=PATIENCE) as line:
            line.sendall(b"POST /v1/calls HTTP/1.1\r\nhost: x\r\nx-b: ")
            try:
                for _ in range(200):
                    line.sendall(piece)
            except OSError:
                pass
            assert _all(line)[:12] in (b"HTTP/1.1 400", b"")
    assert service.ask("/healthz", token=None)[0] == 200


def test_two_requests_on_one_line_are_answered_in_order(service: Running) -> None:
    """Pipelined requests each get their own answer."""
    body = json.dumps(proposed("p", "look", what="a")).encode()
    head = (
        b"POST /v1/calls HTTP/1.1\r\nhost: x\r\nauthorization: Bearer agent-token\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
    )
    one = head % len(body) + body
    with socket.create_connection(service.address, timeout=PATIENCE) as line:
        line.sendall(
            one + one.replace(b"/v1/calls", b"/v1/nothing") + one.replace(b"host: x", b"connection: close")
        )
        answer = _all(line)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_a_client_that_goes_away_is_no_failure(service: Running) -> None:
    """Its call was decided and recorded; nobody reads the answer, and the log has no trace of a bug."""
    body = json.dumps(proposed("gone", "look", session="gone", what="a")).encode()
    head = (
        b"POST /v1/calls HTTP/1.1\r\nhost: x\r\nauthorization: Bearer agent-token\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    )
    for sent in (head + body, head + body[:10], head):
        for _ in range(5):
            with socket.create_connection(service.address, timeout=PATIENCE) as line:
                line.sendall(sent)
    block_until(lambda: service.ask("/v1/sessions/gone", token="ann-token")[0] == 200)
    assert "Traceback" not in service.log


def test_a_full_service_says_so_at_once_and_its_watchers_take_no_room(tmp_path: Path) -> None:
    """With one place: two pages that look on take none; beside a call that is still arriving there is none left."""
    limits = {"concurrent": 1, "read": PATIENCE}
    with Running(written(tmp_path, limits=limits)) as running, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(_watching(running))
        assert running.ask("/v1/calls", proposed("1", "look", what="a"))[0] == 200
        with socket.create_connection(running.address, timeout=PATIENCE) as line:
            line.sendall(
                b"POST /v1/calls HTTP/1.1\r\nhost: x\r\nauthorization: Bearer agent-token\r\n"
                b"content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
            )
            block_until(lambda: running.ask("/v1/calls", proposed("2", "look", what="a"))[0] == 503)
            assert running.ask("/healthz", token=None)[0] == 200
        block_until(lambda: running.ask("/v1/calls", proposed("3", "look", what="a"))[0] == 200)


def test_health_and_readiness_need_no_token(service: Running) -> None:
    """What asks them is a machine that has none."""
    assert service.ask("/healthz", token=None) == (200, {"status": "ok"})
    assert service.ask("/readyz", token=None)[1]["ready"] is True


def test_a_service_ends_when_it_is_told_and_its_log_verifies(tmp_path: Path) -> None:
    """What was let go before the end is in the log, which nobody holds any more."""
    with Running(written(tmp_path)) as running:
        for number in range(5):
            running.ask("/v1/calls", proposed(str(number), "look", what="a"))
        assert not verify(tmp_path / "audit" / "worker-0").problems
    assert verify(tmp_path / "audit" / "worker-0").ok


def test_a_changed_policy_comes_into_force_and_a_bad_one_does_not(tmp_path: Path) -> None:
    """Files are watched: a policy whose own test fails is refused, the one before it goes on."""

    def write(text: str) -> None:
        """At once: half of a text would be a change, too."""
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(policy)

    tenant = {"policy": "policy.yaml", "reload": {"every": 0.05}}
    config = written(tmp_path, tenants={"default": tenant})
    policy = tmp_path / "policy.yaml"
    good = policy.read_text()
    with Running(config) as running:
        first = running.ask("/v1/calls", proposed("1", "look", what="a"))[1]["policy"]
        test = "tests: [{call: {tool: look, args: {what: a}}, expect: %s}]\n"
        write(good.replace("1000", "999") + test % "deny")
        block_until(lambda: "was refused" in running.log)
        assert running.ask("/v1/calls", proposed("2", "look", what="a"))[1]["policy"] == first
        write(good.replace("1000", "1001"))
        block_until(lambda: running.ask("/v1/calls", proposed("3", "look", what="a"))[1]["policy"] != first)
        write("rules: [")
        block_until(lambda: running.log.count("was refused") == 2)
        assert running.ask("/v1/calls", proposed("4", "look", what="a"))[1]["outcome"] == "allow"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokens": []}, "expected tokens or a proxy's workloads"),
        ({"tokens": [{"name": "a", "scopes": ["decide", "approve"], "secret": {"env": "KEY"}}]}, "not both"),
        ({"tokens": [{"name": "a", "scopes": ["decide"], "secret": {"env": "NOWHERE"}}]}, "NOWHERE"),
        ({"tokens": [{"name": "a", "scopes": ["decide"], "sha256": "abc"}]}, "SHA-256"),
        (
            {"tokens": [{"name": "a", "tenant": "b", "scopes": ["decide"], "secret": {"env": "KEY"}}]},
            "tenants",
        ),
        ({"workers": 2}, "Redis"),
        ({"listen": ["8181"]}, "host:port"),
        ({"lissen": []}, "lissen"),
        ({"verdict_keys": [{"env": "ANN"}]}, "at least 32 bytes"),
        ({"tenants": {"default": {"policy": "nowhere.yaml"}}}, "nowhere.yaml"),
    ],
)
def test_a_configuration_that_cannot_be_used_says_which_field(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    """The command gives up with one clear line and no trace."""
    import subprocess

    from .serving import BARTIZAN

    config = written(tmp_path, **changes)
    done = subprocess.run(
        [*BARTIZAN, "serve", "--config", str(config)],
        capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, **SECRETS},
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def _watching(running: Running) -> socket.socket:
    line = socket.create_connection(running.address, timeout=PATIENCE)
    line.sendall(b"GET /v1/decisions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ann-token\r\n\r\n")
    assert line.recv(12) == b"HTTP/1.1 200"
    return line


def _all(line: socket.socket) -> bytes:
    found = b""
    try:
        while piece := line.recv(65536):
            found += piece
    except OSError:
        pass
    return found
