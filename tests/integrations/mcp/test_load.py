"""Connecting to servers, and what a policy makes of tools that it does not declare itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import types
from mcp.shared.exceptions import MCPError

from bartizan.guard import ToolCall
from bartizan.integrations.mcp import HttpListener, connect, guard_for
from bartizan.integrations.mcp.load import declarations
from bartizan.policies import PolicyError

CLAIMS = types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
LOOK = types.Tool(
    name="look",
    input_schema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    annotations=CLAIMS,
)
POLICY = """
version: 1
name: readers
rules:
  - {id: readers, allow: ["@read"]}
"""


async def outcome(path: Path, args: Any, **options: Any) -> str:
    guard = guard_for(path, [LOOK], **options)
    granted = await guard.authorise(ToolCall.of("c", "look", args), session="s")
    await guard.aclose()
    return granted.decision.outcome.name


async def test_a_servers_claims_permit_nothing_unless_they_are_trusted(tmp_path: Path) -> None:
    """``readOnlyHint`` makes a reader of a tool if it is trusted to; its arguments are checked either way."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    assert await outcome(path, {"n": 1}) == "DENY"
    assert await outcome(path, {"n": 1}, trust_annotations=True) == "ALLOW"
    assert await outcome(path, {"n": "1"}, trust_annotations=True) == "DENY"


async def test_the_policys_own_declaration_wins(tmp_path: Path) -> None:
    """What the policy says of a tool holds, whatever the server says of it."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY + "tools:\n  look: {args: {n: str}, effect: read}\n")
    assert await outcome(path, {"n": "1"}) == "ALLOW"
    assert await outcome(path, {"n": 1}) == "DENY"


async def test_sessions_outlive_the_proxy_in_a_file(tmp_path: Path) -> None:
    """With a store what was counted before counts in the next proxy on the same session."""
    path = tmp_path / "policy.yaml"
    count = '  - {id: once, deny: [look], when: \'session.count("look", within="1h") >= 1\'}\n'
    path.write_text(POLICY + count + "tools:\n  look: {args: {n: int}, effect: read}\n")
    found = []
    for _ in range(2):
        guard = guard_for(path, store=tmp_path / "sessions.db", audit=tmp_path / "audit")
        granted = await guard.authorise(ToolCall.of("c", "look", {"n": 1}), session="s")
        found.append(granted.decision.outcome.name)
        await guard.aclose()
    assert found == ["ALLOW", "DENY"]


async def test_a_decision_that_takes_too_long_is_none(tmp_path: Path) -> None:
    """``deadline`` bounds it: what cannot be recorded in time is not let go."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    for number, (deadline, expected) in enumerate([(60.0, "ALLOW"), (1e-9, "DENY")]):
        log = tmp_path / str(number)
        assert await outcome(path, {"n": 1}, trust_annotations=True, audit=log, deadline=deadline) == expected


def test_a_policy_that_is_none_is_refused(tmp_path: Path) -> None:
    """A policy with a mistake starts nothing."""
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nname: x\nrules: [{id: a, allow: [look], when: nonsense(}]\n")
    with pytest.raises(PolicyError):
        guard_for(path, [LOOK])


def test_odd_schemas_are_opaque_not_wrong() -> None:
    """What a server says of its arguments may be anything: what cannot be understood is any value."""
    odd: list[dict[str, Any]] = [
        {},
        {"type": "string"},
        {"$ref": "#/nowhere"},
        {"type": "object", "properties": {"": {}}},
    ]
    tools = [types.Tool(name=f"t{n}", input_schema=schema) for n, schema in enumerate(odd)]
    assert [decl.name for decl in declarations(tools)] == ["t0", "t1", "t2", "t3"]


@pytest.mark.parametrize("within", [0.3])
async def test_a_server_that_says_nothing_is_not_waited_for(within: float) -> None:
    """A command that never answers ends with an error, and its process with it."""
    with pytest.raises(TimeoutError):
        async with connect([sys.executable, "-c", "import sys; sys.stdin.read()"], within=within):
            raise AssertionError("connected to nothing")


async def test_a_server_that_ends_at_once_is_an_error() -> None:
    """A command that ends without a word is no server."""
    with pytest.raises((MCPError, BaseExceptionGroup)):
        async with connect([sys.executable, "-c", ""]):
            raise AssertionError("connected to nothing")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8765", "127.0.0.1", 8765),
        ("127.0.0.2:1", "127.0.0.2", 1),
        ("[::1]:2", "::1", 2),
        ("localhost:3", "localhost", 3),
    ],
)
def test_where_it_listens(text: str, host: str, port: int) -> None:
    """Addresses of this machine, with a port."""
    assert HttpListener.of(text) == HttpListener(host, port)


@pytest.mark.parametrize(
    "text", ["", "x", "0.0.0.0:1", "10.0.0.1:1", "example.com:1", "[::]:1", "127.0.0.1:99999", "1:2:3"]
)
def test_where_it_does_not_listen(text: str) -> None:
    """Anything that another machine could reach, or that is no address."""
    with pytest.raises(ValueError, match="expected"):
        HttpListener.of(text)
