"""A real service in a process of its own, over TCP and a Unix socket, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
from tests.integrations.sidecar.serving import SECRETS, Running, written

POLICY = """
version: 1
name: remote
tools:
  read: {args: {path: str}, effect: read}
  pay: {args: {amount: int}, effect: destructive}
  send: {args: {to: str}, effect: write}
  pause: {args: {}, effect: read}
  wipe: {args: {}, effect: destructive}
rules:
  - {id: ordinary, allow: [read, pay, pause]}
  - {id: letters, allow: [send]}
  - {id: ask, escalate: [send], reason: A person reads letters first.}
  - {id: elsewhere, deny: [send], when: 'args.to == "mallory"', reason: Not to Mallory.}
  - {id: much, deny: [pay], when: args.amount > 100, reason: At most 100 at once.}
  - {id: often, deny: [pay], when: 'session.count("pay") >= 3', reason: Three payments.}
  - {id: secret, redact: [read, pay], when: 'result.text.contains("hunter2")'}
repair:
  pay: {amount: clamp}
"""
KEY = SECRETS["KEY"].encode()
PATIENT = 120.0
"""Seconds for an answer that comes: the machine may be busy."""

AGENT, ANN = "agent-token", "ann-token"


class Killable(Running):
    """May have been killed in the meantime."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            super().__exit__(kind, error, trace)
        self._log.close()


def served(directory: Path, **changes: object) -> Running:
    """``bartizan serve`` on TCP and on ``directory/s``, with a log, and sessions that outlive it."""
    tenant = {
        "policy": "policy.yaml",
        "audit": "audit",
        "store": "sessions.db",
    }
    listen = ["127.0.0.1:0", f"unix:{directory}/s"]
    return Killable(
        written(directory, POLICY, **{"listen": listen, "tenants": {"default": tenant}, **changes})
    )


def urls(running: Running) -> dict[str, str]:
    return {"tcp": running.addresses[0], "unix": running.addresses[1].replace("unix:", "unix://", 1)}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(tmp_path_factory.mktemp("s")) as running:
        yield running
    assert "Traceback" not in running.log


@pytest.fixture(params=["tcp", "unix"])
def url(request: pytest.FixtureRequest, service: Running) -> str:
    """Where the service is, either way."""
    return urls(service)[request.param]


@pytest.fixture
def session(request: pytest.FixtureRequest) -> str:
    """A session of this test alone: ids are the test's names, with all that is in them."""
    return f"{request.node.name}/ü?#"
