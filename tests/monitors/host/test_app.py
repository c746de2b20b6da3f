"""The socket of a host, its log and its end; what its routes do is in :mod:`.conformance`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.waiting import until

from bartizan.monitors.host import Limits
from bartizan.monitors.host.catalogue import ProbeInfo
from bartizan.monitors.host.client import RemoteBackend
from bartizan.monitors.host.serve import Hosted, hosting
from bartizan.monitors.host.wire import write_queries
from bartizan.monitors.listening import CannotServe, bind, is_loopback

from .conformance import JSON_TYPE, browser, post
from .engines import FaultyEngine, HashedEngine, query
from .gated import ACME, PROBES, TOKENS
from .test_batcher import reason, value


class NamedEngine(FaultyEngine):
    """Has a probe for everybody, one of acme's, and one of globex's that is not armed."""

    def probes(self) -> tuple[ProbeInfo, ...]:
        return PROBES


@pytest.fixture
async def hosted() -> AsyncIterator[Hosted]:
    engine = NamedEngine()
    async with hosting(engine, limits=Limits(timeout=30.0), tokens=TOKENS) as host:
        yield host
        engine.go.set()


async def test_the_log_repeats_no_text_of_a_bad_request(
    hosted: Hosted, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    body = json.loads(write_queries([query("secret")]))
    body["queries"][0]["passages"][0]["channel"] = "secret"
    async with browser(hosted.address, ACME) as client:
        bad = await client.post("/v1/measurements", content=json.dumps(body), headers=JSON_TYPE)
        assert bad.status_code == 400
        assert (await client.get("/secret")).status_code == 404
    assert not [
        one for one in caplog.records if one.name.startswith("bartizan") and "secret" in one.getMessage()
    ]


async def test_an_engine_whose_catalogue_fails_does_not_tell_why(caplog: pytest.LogCaptureFixture) -> None:
    """A bug is a 500 with fixed words; its message is neither shown nor logged."""

    class Broken(HashedEngine):
        def probes(self) -> tuple[ProbeInfo, ...]:
            raise RuntimeError("secret")

    async with hosting(Broken()) as host, browser(host.address) as client:
        response = await client.get("/v1/probes")
        assert response.status_code == 500 and "secret" not in response.text
        async with RemoteBackend(host.address, timeout=30.0) as backend:
            assert reason(await backend.measure(query("w"))) == "host error"
    assert "RuntimeError" in caplog.text and "secret" not in caplog.text


async def test_an_answer_is_not_held_back_by_the_network() -> None:
    """Connections over TCP have Nagle's algorithm off: with it each answer would wait for an acknowledgement."""
    bound = bind("127.0.0.1", 0, None, authenticated=False)
    bound.socket.listen()
    with socket.create_connection(bound.socket.getsockname()), bound.socket.accept()[0] as accepted:
        assert accepted.proto == socket.IPPROTO_TCP  # what asyncio looks at
        _, writer = await asyncio.open_connection(sock=accepted)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        await writer.wait_closed()
    bound.release()


async def test_a_unix_socket_is_its_user_s_only(tmp_path: Path) -> None:
    """Nobody else may connect; it is removed at the end; a stale one is replaced, a live one and a file are not."""
    path = str(tmp_path / "monitors.sock")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    async with (
        hosting(HashedEngine(), uds=path, limits=Limits(timeout=30.0)) as host,
        RemoteBackend(path, timeout=30.0) as backend,
    ):
        assert host.address == f"unix:{path}"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        value(await backend.measure(query("w")))
        with pytest.raises(CannotServe, match="found a host that listens"):
            async with hosting(HashedEngine(), uds=path):
                pass
        value(await backend.measure(query("w")))
    assert not os.path.exists(path)
    Path(path).write_text("precious")
    with pytest.raises(CannotServe, match="another file"):
        async with hosting(HashedEngine(), uds=path):
            pass
    assert Path(path).read_text() == "precious"
    with pytest.raises(CannotServe, match="too long"):
        async with hosting(HashedEngine(), uds=str(tmp_path / ("s" * 200))):
            pass
    with pytest.raises(CannotServe, match="socket can be made"):
        async with hosting(HashedEngine(), uds=str(tmp_path / "absent" / "s")):
            pass


async def test_an_address_that_others_reach_needs_tokens() -> None:
    """Without them the host refuses to listen there, with them it does."""
    for address in ("0.0.0.0", "::", "", "example.com"):
        with pytest.raises(CannotServe, match="expected tokens"):
            async with hosting(HashedEngine(), host=address):
                pass
    async with hosting(NamedEngine(), host="0.0.0.0", tokens=TOKENS) as host:
        port = host.address.rpartition(":")[2]
        async with browser(f"http://127.0.0.1:{port}", ACME) as client:
            assert (await post(client, query("w"))).status_code == 200


async def test_an_address_that_is_taken_is_an_error() -> None:
    """It names the address and what to do; nothing of the socket library comes through."""
    async with hosting(HashedEngine()) as host:
        with pytest.raises(CannotServe, match="free and ours"):
            async with hosting(HashedEngine(), port=int(host.address.rpartition(":")[2])):
                pass
    with pytest.raises(CannotServe):
        async with hosting(HashedEngine(), port=99_999):
            pass


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_addresses_are_known(address: str) -> None:
    """These only this machine can reach."""
    assert is_loopback(address)


async def test_stopping_answers_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queued queries get their answer and the one under way its measurement before the host has gone."""
    monkeypatch.setattr("bartizan.monitors.host.serve.GRACE", 60.0)
    engine = FaultyEngine()
    stopping = hosting(engine, limits=Limits(timeout=30.0))
    host = await stopping.__aenter__()
    async with browser(host.address) as client:
        busy = asyncio.create_task(post(client, query("stop")))
        await asyncio.to_thread(engine.waiting.wait)
        queued = asyncio.create_task(post(client, query("w")))
        await until(lambda: host.batcher.stats().queue_depth == 1)
        stopped = asyncio.create_task(stopping.__aexit__(None, None, None))
        assert (await queued).json()["measurements"][0]["value"] == {"missing": "shutting down"}
        assert not busy.done() and not stopped.done()
        engine.go.set()
        assert isinstance((await busy).json()["measurements"][0]["value"], float)
        await stopped
        with pytest.raises(httpx.ConnectError):
            await client.get("/healthz")
