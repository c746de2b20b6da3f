"""The conformance suite with the guard behind the real service and its client."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from tests.integrations.sidecar.serving import SECRETS
from tests.waiting import PATIENCE, block_until

from bartizan.guard import Guard
from bartizan.integrations.client import RemoteGuard
from bartizan.integrations.sidecar import Service, create_app, parse_config
from bartizan.integrations.testing.adapter_conformance import Check
from bartizan.integrations.testing.harness import Conversation, Harness, Setup

CONFIG = {
    "tenants": {"default": {"policy": "baseline"}},
    "tokens": [
        {"name": "agent", "scopes": ["decide"], "secret": {"env": "AGENT"}, "acts_for": True},
        {"name": "ann", "scopes": ["approve"], "secret": {"env": "ANN"}},
    ],
}


class Served:
    """The service's application on a Unix socket, with the guards of a check behind it, each with a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def url(self, guard: Guard) -> str:
        service = Service.open(parse_config(CONFIG, self._directory))
        service.tenants["default"].guard = guard
        socket = self._directory / f"{len(self._running)}"
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(service.config, service=service), uds=str(socket), log_config=None, lifespan="on"
            )
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        self._running.append((server, thread))
        block_until(lambda: server.started or not thread.is_alive())
        assert server.started
        return f"unix://{socket}"

    def close(self) -> None:
        for server, thread in self._running:
            server.should_exit = True
            thread.join(PATIENCE)


class Remote(Harness):
    """Another harness, whose guards are behind the service."""

    def __init__(self, harness: Harness, served: Served) -> None:
        self.edits = harness.edits
        self.has_own_approvals = harness.has_own_approvals
        self.resumes = harness.resumes
        self._harness = harness
        self._served = served

    def start(self, setup: Setup) -> Conversation:
        assert isinstance(setup.guard, Guard)
        remote = RemoteGuard(
            self._served.url(setup.guard),
            token=SECRETS["AGENT"],
            approver_token=SECRETS["ANN"],
            deadline=PATIENCE,
        )
        return self._harness.start(replace(setup, guard=remote))


@contextmanager
def serving() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="bz") as directory:
        served = Served(Path(directory))
        try:
            yield served
        finally:
            served.close()


async def check_remotely(check: Check, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """One check of a harness whose guards are behind the service."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    with serving() as served:
        await check(Remote(harness, served))
