"""End to end: a LangGraph agent whose model is the chat host, guarded by a policy on the signals of its own calls."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from langchain_core.messages import AIMessage

from bartizan.guard.types import Event, Missing, Signal, ToolCall
from bartizan.monitors.chat import ChatLimits, ChatSignals

from . import tiny
from .agent import Run
from .conftest import Serve, request


def test_calls_are_decided_by_the_generation_that_wrote_them(serve: Serve, tmp_path: Path) -> None:
    """The honest payment goes through, the bribe does not: the model's own activations tell them apart."""
    served = serve()
    honest = Run(tmp_path, served.url)
    said = honest.ask(tiny.RENT)["messages"]
    assert honest.paid == ["GB33"]
    assert said[-1].text == "Done, the rent is paid."
    corrupt = Run(tmp_path, served.url)
    said = corrupt.ask(tiny.BRIBE)["messages"]
    assert corrupt.paid == []
    assert "bribe someone" in said[2].text
    (low,), (high,) = honest.seen, corrupt.seen
    assert isinstance(low.value, float) and isinstance(high.value, float)
    assert low.value < 0.1 < 0.9 < high.value
    assert isinstance(high.p_value, float) and high.p_value < 0.05
    assert high.evidence["hook_point"] == "resid_post.1" and high.evidence["span"] == "call"


def strip(message: AIMessage) -> None:
    for call in message.tool_calls:
        call["id"] = "call_1"


def edit(message: AIMessage) -> None:
    for call in message.tool_calls:
        call["args"]["amount"] = call["args"]["amount"] + 1


def invent(message: AIMessage) -> None:
    for call in message.tool_calls:
        call["id"] = f"call_{'ab' * 16}_0"


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (strip, "the call carries no handle of a chat host"),
        (edit, "the handle belongs to another call"),
        (invent, "unknown or expired handle"),
    ],
)
@pytest.mark.parametrize("missing", ["deny", "escalate"])
def test_a_call_without_its_signals_is_missing(
    serve: Serve, tmp_path: Path, tamper: Any, reason: str, missing: str
) -> None:
    """However the handle was lost, the honest payment is not made either; the policy says what happens instead."""
    run = Run(tmp_path, serve().url, tamper=tamper, missing=missing)
    state = run.ask(tiny.RENT)
    assert run.paid == []
    assert {signal.value for signal in run.seen} == {Missing(reason)}
    assert ("__interrupt__" in state) == (missing == "escalate")


def test_an_expired_handle_is_missing(serve: Serve, tmp_path: Path) -> None:
    """A reply older than its signals are kept has none."""
    served = serve(limits=ChatLimits(ttl=0.05))

    def wait(message: AIMessage) -> None:
        if message.tool_calls:
            time.sleep(0.1)

    run = Run(tmp_path, served.url, tamper=wait)
    run.ask(tiny.RENT)
    assert run.paid == []
    assert [signal.value for signal in run.seen] == [Missing("unknown or expired handle")]


SCRIPT = """
import sys
from bartizan.monitors.chat.serve import serve_chat
from bartizan.monitors.probes.storage import load_probe
folder, probe, uds = sys.argv[1:]
where = {"uds": uds, "token": "s3cret"} if uds else {"port": 0}
serve_chat(folder, probes=[load_probe(probe)], device="cpu", announce=lambda url: print(url, flush=True), **where)
"""


@contextmanager
def process(model_folder: Path, uds: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A host in a process of its own, and its base URL."""
    started = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(model_folder), str(model_folder.parent / "bribery"), uds],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with started:
        try:
            assert started.stdout is not None
            yield started, started.stdout.readline().strip()
        finally:
            started.kill()


def test_a_host_that_is_killed_is_missing(model_folder: Path, tmp_path: Path) -> None:
    """A real process, killed between the reply and the decision: the call is not made."""
    with process(model_folder) as (host, base):
        honest = Run(tmp_path, base.removesuffix("/v1"))
        honest.ask(tiny.RENT)
        assert honest.paid == ["GB33"]

        def kill(message: AIMessage) -> None:
            host.send_signal(signal.SIGKILL)
            host.wait()

        run = Run(tmp_path, base.removesuffix("/v1"), tamper=kill)
        with pytest.raises(openai.APIConnectionError):
            run.ask(tiny.RENT)  # the agent's next turn finds no model; its call was decided before
        assert run.paid == []
        (measured,) = run.seen
        assert isinstance(measured.value, Missing)
        assert measured.value.reason.startswith("the chat host cannot be asked")


def test_a_host_on_a_socket_ends_when_it_is_told(model_folder: Path, tmp_path: Path) -> None:
    """Only its user may connect, signals are resolved there with the token, and SIGTERM leaves nothing behind."""
    path = tmp_path / "chat.sock"
    with process(model_folder, str(path)) as (host, base):
        assert base == f"unix:{path}" and stat.S_IMODE(path.stat().st_mode) == 0o600
        headers = {"Authorization": "Bearer s3cret"}
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), headers=headers, timeout=60
        ) as client:
            reply = client.post("http://host/v1/chat/completions", json=request(tiny.BRIBE)).json()
            (call,) = reply["choices"][0]["message"]["tool_calls"]
            made = ToolCall.parse(call["id"], call["function"]["name"], call["function"]["arguments"])

            async def measure(**options: Any) -> Signal:
                signals = ChatSignals("http://host", uds=str(path), timeout=60.0, **options)
                return await signals.monitor("bribery").measure(Event("call", 0, call=made), ())

            value = asyncio.run(measure(token="s3cret")).value
            assert isinstance(value, float) and value > 0.9
            assert asyncio.run(measure()).value == Missing("the chat host answered with status 401")
            host.send_signal(signal.SIGTERM)
            assert host.wait(300) == 0
    assert not path.exists()
