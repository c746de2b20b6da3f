"""The endpoint of a real service, and the command that carries events to it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integrations.sidecar.serving import BARTIZAN, Running, written

EXAMPLE = Path(__file__).parents[3] / "examples" / "claude_code"
HOOK = [*BARTIZAN, "hook", "claude-code"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("service")
    (directory / "agent.token").write_text("agent-token\n")
    (directory / "ann.token").write_text("ann-token\n")
    listen = ["127.0.0.1:0", f"unix:{directory}/socket"]
    with Running(written(directory, (EXAMPLE / "policy.yaml").read_text(), listen=listen)) as running:
        yield running


@pytest.fixture
def there(service: Running) -> Path:
    """The directory of the service's files."""
    return service._config.parent


def posted(command: str, session: str = "1", **more: Any) -> dict[str, Any]:
    event = {"hook_event_name": "PreToolUse", "session_id": session, "tool_name": "Bash"}
    return {**event, "tool_input": {"command": command}, "tool_use_id": "toolu_1", **more}


def decision(found: Any) -> str | None:
    specific = found.get("hookSpecificOutput") or {}
    return specific.get("permissionDecision")


def test_an_event_is_answered(service: Running) -> None:
    """Allowed, granted, denied and asked, by the policy of the token's tenant."""
    path = "/hooks/claude-code"
    assert service.ask(path, posted("ls")) == (200, {})
    assert decision(service.ask(f"{path}?allow=grant", posted("ls"))[1]) == "allow"
    assert decision(service.ask(path, posted("sudo ls"))[1]) == "deny"
    assert decision(service.ask(path, posted("curl x"))[1]) == "ask"


def test_a_question_is_on_the_page(service: Running) -> None:
    """What Claude Code's user is asked, whoever may approve can answer, and the same call then runs."""
    assert decision(service.ask("/hooks/claude-code", posted("make x", "2"))[1]) == "ask"
    _, open_ones = service.ask("/v1/approvals?session=claude-code:2", token="ann-token")
    (found,) = open_ones["approvals"]
    where = f"/v1/approvals/claude-code:2/{found['approval']['id']}"
    assert service.ask(where, {"answer": "approve"}, token="agent-token")[0] == 403
    assert service.ask(where, {"answer": "approve"}, token="ann-token")[0] == 200
    assert service.ask("/hooks/claude-code", posted("make x", "2", tool_use_id="toolu_2")) == (200, {})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'{"hook_event_name": "PreToolUse"}', b'{"a":1,"a":2}', b"\xff", b"[" * 100_000,
        b'{"hook_event_name":"PreToolUse","session_id":"1","tool_name":"Bash","tool_input":{"command":NaN}}',
        json.dumps(posted("x" * (2 << 20))).encode(),
    ],
    ids=["empty", "cut", "null", "list", "nobody", "twice", "utf8", "deep", "nan", "long"],
)  # fmt: skip
def test_what_cannot_be_read_ends_the_turn(service: Running, body: bytes) -> None:
    """It is refused with 200 and words that Claude Code understands, since any other status would let the tool run."""
    status, found = service.ask("/hooks/claude-code", body)
    assert (status, found["continue"], found["decision"]) == (200, False, "block")


@pytest.mark.parametrize("path", ["/hooks/claude-code?allow=everything", "/hooks/claude-code?allow="])
def test_settings_that_say_something_else_end_the_turn(service: Running, path: str) -> None:
    """A word for what an allowed call means that we do not know is no permission."""
    assert service.ask(path, posted("ls"))[1]["continue"] is False


def test_who_may_not_ask_is_refused(service: Running) -> None:
    """An approver's token ends the turn; no token is 401, which ``onFailure`` and the command turn into a refusal."""
    assert service.ask("/hooks/claude-code", posted("ls"), token="ann-token")[1]["continue"] is False
    assert service.ask("/hooks/claude-code", posted("ls"), token=None)[0] == 401


async def hook(event: bytes, *options: str, command: Sequence[str] = HOOK) -> tuple[int | None, bytes, bytes]:
    running = await asyncio.create_subprocess_exec(*command, *options, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    out, err = await asyncio.wait_for(running.communicate(event), 300)
    return running.returncode, out, err


async def test_the_command_carries_the_answer(service: Running, there: Path) -> None:
    """Over the socket, with the token of a file: exit code 0 and what the service answered."""
    options = ["--sidecar", f"unix://{there}/socket", "--token-file", str(there / "agent.token")]
    code, out, err = await hook(json.dumps(posted("sudo ls")).encode(), *options)
    assert (code, err) == (0, b"")
    assert decision(json.loads(out)) == "deny"
    code, out, err = await hook(json.dumps(posted("ls")).encode(), "--grant", *options)
    assert (code, decision(json.loads(out))) == (0, "allow")


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """The address of a service that answers every request with these bytes, or never."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        if answer is not None:
            writer.write(answer)
        else:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


ANOTHER = b'{"hookSpecificOutput":{"hookEventName":"PostToolUse","permissionDecision":"allow"}}'


@pytest.mark.parametrize(
    "answer",
    [
        None, b"", b"hello\r\n\r\n", http(b"[]"), http(b"{"),
        http(b"{}", "503 Busy"), http(b"{}", "302 Found"), http(ANOTHER),
    ],
    ids=["hangs", "hangs up", "no HTTP", "a list", "no JSON", "busy", "moved", "another event"],
)  # fmt: skip
async def test_the_command_never_fails_open(answer: bytes | None) -> None:
    """Whatever the other end does: exit code 2, nothing on standard output, a sentence on standard error."""
    async with answering(answer) as url:
        bare = f"from bartizan.integrations.claude_code.command import run; run({url!r}, None, within=0.5)"
        code, out, err = await hook(json.dumps(posted("ls")).encode(), command=[sys.executable, "-c", bare])
    assert (code, out) == (2, b"")
    assert b"nothing is done" in err


async def test_the_command_never_fails_open_by_itself(service: Running, there: Path) -> None:
    """No service, no token, another's token, no event, bad usage: 2 as well, all of them."""
    socket, event = f"unix://{there}/socket", json.dumps(posted("ls")).encode()
    found = await asyncio.gather(
        hook(event, "--sidecar", "unix:///nowhere"),
        hook(event, "--sidecar", "ftp://x"),
        hook(event, "--sidecar", socket),
        hook(event, "--sidecar", socket, "--token-file", "/nowhere"),
        hook(event),
        hook(b"", "--sidecar", socket, "--token-file", str(there / "agent.token")),
    )
    assert [code for code, _, _ in found[:5]] == [2] * 5
    assert all(out == b"" and err for _, out, err in found[:5])
    code, out, _ = found[5]
    assert code == 2 or json.loads(out)["continue"] is False


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's words")
async def test_the_settings_command_blocks_without_the_program() -> None:
    """In the example's settings a missing program is exit code 2 as well, not the shell's 127."""
    settings = json.loads((EXAMPLE / "settings.command.json").read_text())
    commands = {
        entry["command"]
        for groups in settings["hooks"].values()
        for group in groups
        for entry in group["hooks"]
    }
    (command,) = commands
    running = await asyncio.create_subprocess_shell(
        command, stdin=PIPE, stderr=PIPE, env={"PATH": "/nowhere"}
    )
    await running.communicate(b"{}")
    assert running.returncode == 2


def test_the_settings_cover_every_event_and_block_on_failure() -> None:
    """Both examples hook the events that matter for every tool, and a failing check blocks."""
    events = {"UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure"}
    for name in ("settings.json", "settings.command.json"):
        hooks = json.loads((EXAMPLE / name).read_text())["hooks"]
        assert set(hooks) == events
        assert not any("matcher" in group for groups in hooks.values() for group in groups)
    http_hooks = json.loads((EXAMPLE / "settings.json").read_text())["hooks"]
    for event in events - {"PostToolUseFailure"}:
        assert http_hooks[event][0]["hooks"][0]["onFailure"] == "block"
