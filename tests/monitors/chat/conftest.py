"""A tiny chat model, trained here in seconds to write tool calls, and real servers for it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from tests.monitors.device import DEVICE
from tests.waiting import PATIENCE, block_until

from bartizan.monitors.chat.serve import chat_app, load
from bartizan.monitors.probes.probe import Probe
from bartizan.monitors.probes.storage import save_probe

from . import tiny


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model with its tokenizer, saved as Hugging Face does, and its probe."""
    folder = tmp_path_factory.mktemp("models") / "tiny-agent"
    tiny.train(folder)
    save_probe(folder.parent / "bribery", tiny.probe(folder))
    return folder


@pytest.fixture
def loaded(model_folder: Path) -> tuple[Any, Any]:
    return load(model_folder, device=DEVICE)


@pytest.fixture
def probe(model_folder: Path) -> Probe:
    return tiny.probe(model_folder)


@dataclass(frozen=True)
class Served:
    """A host that runs in a thread; ``app`` is reached for its state only where a test says so."""

    url: str
    server: uvicorn.Server

    @property
    def openai(self) -> str:
        return f"{self.url}/v1"

    def post(self, body: Any, **options: Any) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            return client.post(f"{self.openai}/chat/completions", json=body, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            return client.get(f"{self.url}{path}", **options)


Serve = Callable[..., Served]


@pytest.fixture
def serve(loaded: tuple[Any, Any], probe: Probe) -> Iterator[Serve]:
    """Starts a host on a free port of its own; options are those of ``chat_app``."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> Served:
            model, tokenizer = options.pop("loaded", loaded)
            options.setdefault("probes", [probe])
            app = chat_app(model, tokenizer, name="tiny-agent", **options)
            return stack.enter_context(running(app))

        yield start


@contextlib.contextmanager
def running(app: Any) -> Iterator[Served]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    block_until(lambda: server.started or not thread.is_alive())
    assert server.started, "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{port}", server)
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(PATIENCE)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What a host logs is kept for the test that looks at it."""
    caplog.set_level(logging.INFO, logger="bartizan")


def request(*messages: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A request with the tools of the tiny model's world."""
    return {
        "model": "tiny-agent",
        "messages": list(messages),
        "tools": tiny.TOOLS,
        "temperature": 0,
        **options,
    }
