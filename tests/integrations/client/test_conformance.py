"""LangGraph with the guard behind the real service and its client does what every door must do."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.integrations.adapters.langgraph_harness import LangGraphConversation, LangGraphHarness, ainvoke
from tests.integrations.sidecar.serving import SECRETS

from bartizan.guard import ANONYMOUS, Guard, Principal
from bartizan.integrations.client import RemoteGuard
from bartizan.integrations.sidecar import Service, create_app, parse_config
from bartizan.integrations.testing.adapter_conformance import CHECKS, Check
from bartizan.integrations.testing.harness import Script, Tool

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
        while not server.started:
            assert thread.is_alive()
        return f"unix://{socket}"

    def close(self) -> None:
        for server, thread in self._running:
            server.should_exit = True
            thread.join(10)


class RemoteHarness(LangGraphHarness):
    def __init__(self, served: Served) -> None:
        super().__init__(ainvoke)
        self._served = served

    def start(
        self,
        guard: Guard,
        tools: Sequence[Tool],
        script: Script,
        *,
        session: Callable[[], str] = lambda: "s",
        principal: Callable[[], Principal] = lambda: ANONYMOUS,
    ) -> LangGraphConversation:
        remote: Any = RemoteGuard(
            self._served.url(guard),
            token=SECRETS["AGENT"],
            approver_token=SECRETS["ANN"],
            deadline=10.0,
        )
        return super().start(remote, tools, script, session=session, principal=principal)


@contextmanager
def serving() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="bz") as directory:
        served = Served(Path(directory))
        try:
            yield served
        finally:
            served.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_langgraph_through_the_service(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent of ``create_agent`` passes every check."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    with serving() as served:
        await check(RemoteHarness(served))
