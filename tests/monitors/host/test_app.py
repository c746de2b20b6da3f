"""The routes of a host, over a real socket, with a real engine behind them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bartizan.monitors.host import Limits, WireLimits
from bartizan.monitors.host.catalogue import ProbeInfo
from bartizan.monitors.host.client import RemoteBackend
from bartizan.monitors.host.serve import Hosted, hosting
from bartizan.monitors.host.tenants import Tokens
from bartizan.monitors.host.wire import write_queries
from bartizan.monitors.listening import CannotServe, bind, is_loopback

from .engines import FaultyEngine, HashedEngine, query
from .test_batcher import reason, settled, value

ACME, GLOBEX, OPERATOR = "acme-token-0123456789", "globex-token-0123456789", "operator-token-0123456789"
TOKENS = Tokens.parse(f"acme {ACME}\nglobex {GLOBEX}\n* {OPERATOR}\n")
JSON_TYPE = {"Content-Type": "application/json"}


class NamedEngine(FaultyEngine):
    """Has a probe for everybody, one of acme's, and one of globex's that is not armed."""

    PROBES = (
        ProbeInfo("injection", fingerprint="f-shared"),
        ProbeInfo("drift", "acme", "f-acme"),
        ProbeInfo("drift", "globex", "f-globex", armed=False, why="100 of 299 benign episodes"),
    )

    def probes(self) -> tuple[ProbeInfo, ...]:
        return self.PROBES


@pytest.fixture
async def hosted() -> AsyncIterator[Hosted]:
    engine = NamedEngine()
    async with hosting(engine, limits=Limits(timeout=30.0), tokens=TOKENS) as host:
        yield host
        engine.go.set()


@asynccontextmanager
async def browser(address: str, token: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    uds = address.removeprefix("unix:") if address.startswith("unix:") else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.AsyncHTTPTransport(uds=uds)
    base = "http://monitors" if uds else address
    async with httpx.AsyncClient(base_url=base, transport=transport, headers=headers, timeout=30.0) as client:
        yield client


async def post(client: httpx.AsyncClient, *queries: Any, **extra: Any) -> httpx.Response:
    return await client.post("/v1/measurements", content=write_queries(queries), headers=JSON_TYPE, **extra)


async def test_many_queries_in_one_request(hosted: Hosted) -> None:
    """Each gets its own answer, in order, with the latency of its stages and its probe's fingerprint."""
    asked = [query(f"text {n}", tool="read") for n in range(10)]
    expected = HashedEngine().measure(asked)
    async with browser(hosted.address, ACME) as client:
        response = await post(client, *asked)
    assert response.status_code == 200
    answers = response.json()["measurements"]
    for one, answer in zip(expected, answers, strict=True):
        assert answer["value"] == pytest.approx(one.value, abs=1e-6)
        assert answer["fingerprint"] == "f-shared"
        assert answer["evidence"]["tenant"] == "acme"
        assert set(answer["evidence"]["host"]) == {"queued_ms", "computed_ms", "batch"}


async def test_a_tenant_sees_only_its_own_probes(hosted: Hosted) -> None:
    """Everybody's and one's own are listed, with why one is not armed; another's are neither seen nor asked."""
    seen = {}
    for token in (ACME, GLOBEX, OPERATOR):
        async with browser(hosted.address, token) as client:
            seen[token] = (await client.get("/v1/probes")).json()["probes"]
    assert [(one["name"], one["fingerprint"]) for one in seen[ACME]] == [
        ("injection", "f-shared"),
        ("drift", "f-acme"),
    ]
    assert [one["why"] for one in seen[GLOBEX]] == ["", "100 of 299 benign episodes"]
    assert len(seen[OPERATOR]) == 3
    async with browser(hosted.address, ACME) as client:
        own, unknown = (await post(client, query("w", probe="drift"), query("w", probe="x"))).json()[
            "measurements"
        ]
        assert own["fingerprint"] == "f-acme"
        assert unknown["value"] == {"missing": "unknown probe"}
        other = await post(client, query("w", probe="drift", tenant="globex"))
        assert (other.status_code, other.json()["error"]["place"]) == (403, "$.queries[0].tenant")
    async with browser(hosted.address, OPERATOR) as client:
        (answer,) = (await post(client, query("w", probe="drift", tenant="globex"))).json()["measurements"]
        assert answer["fingerprint"] == "f-globex" and answer["evidence"]["tenant"] == "globex"


async def test_without_a_token_that_is_known_nothing_is_told(hosted: Hosted) -> None:
    """Measurements, probes and metrics need a token; whether the host lives does not."""
    for token in (None, "wrong-token-0123456789"):
        async with browser(hosted.address, token) as client:
            assert (await post(client, query("w"))).status_code == 401
            assert (await client.get("/v1/probes")).status_code == 401
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/healthz")).text == "ok"
            assert (await client.get("/readyz")).text == "ok"


async def test_a_bad_request_is_refused_with_its_place(
    hosted: Hosted, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has its status, and neither the answer nor the log repeats its text."""
    caplog.set_level(logging.DEBUG)
    body = json.loads(write_queries([query("secret")]))
    body["queries"][0]["passages"][0]["channel"] = "secret"
    async with browser(hosted.address, ACME) as client:
        bad = await client.post("/v1/measurements", content=json.dumps(body), headers=JSON_TYPE)
        assert bad.status_code == 400
        assert bad.json()["error"]["place"] == "$.queries[0].passages[0].channel"
        form = await client.post("/v1/measurements", content=write_queries([query("secret")]))
        assert form.status_code == 415
        assert (await client.get("/v1/measurements")).status_code == 405
        assert (await client.get("/secret")).status_code == 404
        assert "secret" not in bad.text + form.text
    assert not [
        one for one in caplog.records if one.name.startswith("bartizan") and "secret" in one.getMessage()
    ]


async def test_a_body_that_is_too_large_or_too_slow_is_refused() -> None:
    """By its stated length, by what arrives, and by the time that it takes."""
    wire = WireLimits(max_body_bytes=2_000, max_body_wait=0.05)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.5)
        yield b"}"

    async with hosting(HashedEngine(), wire=wire) as host, browser(host.address) as client:
        assert (await post(client, query("w" * 3_000))).status_code == 413
        assert (await client.post("/v1/measurements", content=chunks(), headers=JSON_TYPE)).status_code == 413
        assert (await client.post("/v1/measurements", content=slow(), headers=JSON_TYPE)).status_code == 408
        assert (await post(client, query("w"))).status_code == 200


async def test_more_requests_than_it_takes_are_turned_away_at_once() -> None:
    """The host says 503 and when to come back; the client calls that overloaded."""
    engine = FaultyEngine()
    async with (
        hosting(engine, limits=Limits(timeout=30.0), wire=WireLimits(max_requests=1)) as host,
        browser(host.address) as client,
        RemoteBackend(host.address, timeout=30.0) as backend,
    ):
        busy = asyncio.create_task(post(client, query("stop")))
        await asyncio.to_thread(engine.waiting.wait)
        response = await post(client, query("w"))
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert reason(await backend.measure(query("w"))) == "overloaded"
        engine.go.set()
        assert (await busy).status_code == 200
        value(await backend.measure(query("w")))


async def test_who_hangs_up_frees_its_place() -> None:
    """A client that gives up while its query waits leaves the queue, and the engine never sees it."""
    engine = FaultyEngine()
    async with hosting(engine, limits=Limits(timeout=30.0)) as host, browser(host.address) as client:
        busy = asyncio.create_task(post(client, query("stop")))
        await asyncio.to_thread(engine.waiting.wait)
        gone = asyncio.create_task(post(client, query("gone")))
        await settled(lambda: host.batcher.stats().queue_depth == 1)
        gone.cancel()
        await settled(lambda: host.batcher.stats().queue_depth == 0)
        engine.go.set()
        assert (await busy).status_code == 200
    assert "gone" not in engine.counted


async def test_the_metrics_are_prometheus_text(hosted: Hosted) -> None:
    """Every line is a comment or a sample, histograms are cumulative, and no tenant or probe is named."""
    async with browser(hosted.address, ACME) as client:
        await post(client, query("a b"), query("c"), query("nan"))
        response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {}
    for line in response.text.splitlines():
        if not line.startswith("# "):
            name, _, number = line.rpartition(" ")
            samples[name] = float(number)
    assert samples['bartizan_monitor_answers_total{outcome="measured"}'] == 2
    assert samples['bartizan_monitor_answers_total{outcome="not a measurement"}'] == 1
    assert samples["bartizan_monitor_queue_depth"] == 0 and samples["bartizan_monitor_up"] == 1
    for name in ("batch_queries", "queued_seconds", "computed_seconds"):
        counts = [n for label, n in samples.items() if label.startswith(f"bartizan_monitor_{name}_bucket")]
        assert counts == sorted(counts) and counts[-1] == samples[f"bartizan_monitor_{name}_count"] > 0
    assert "acme" not in response.text and "injection" not in response.text


async def test_a_stuck_engine_is_not_healthy() -> None:
    """Both health pages say so, and callers are answered at once; when it comes back all is well."""
    engine = FaultyEngine()
    limits = Limits(timeout=0.05, stuck_after=0.05)
    async with hosting(engine, limits=limits) as host, browser(host.address) as client:
        await post(client, query("stop"))
        await settled(lambda: not host.batcher.health().live)
        for page in ("/healthz", "/readyz"):
            response = await client.get(page)
            assert (response.status_code, response.text) == (503, "engine stuck")
        (answer,) = (await post(client, query("w"))).json()["measurements"]
        assert answer["value"] == {"missing": "engine stuck"}
        engine.go.set()
        await settled(lambda: host.batcher.health().ready)
        assert (await client.get("/readyz")).status_code == 200


async def test_an_engine_whose_catalogue_fails_does_not_tell_why(caplog: pytest.LogCaptureFixture) -> None:
    """A bug is a 500 with fixed words; its message is neither shown nor logged."""

    class Broken(HashedEngine):
        def probes(self) -> tuple[ProbeInfo, ...]:
            raise RuntimeError("secret")

    async with hosting(Broken()) as host, browser(host.address) as client:
        response = await client.get("/v1/probes")
        assert response.status_code == 500 and "secret" not in response.text
        async with RemoteBackend(host.address) as backend:
            assert reason(await backend.measure(query("w"))) == "host error"
    assert "RuntimeError" in caplog.text and "secret" not in caplog.text


async def test_a_page_whose_name_was_rebound_is_refused() -> None:
    """Without tokens a TCP host answers only to its own names."""
    async with hosting(HashedEngine()) as host, browser(host.address) as client:
        port = host.address.rpartition(":")[2]
        for name in ("evil.example", f"evil.example:{port}", ""):
            assert (await client.get("/v1/probes", headers={"Host": name})).status_code in (400, 421)
        for name in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST"):
            assert (await client.get("/v1/probes", headers={"Host": name})).status_code == 200


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
    async with hosting(HashedEngine(), uds=path) as host, RemoteBackend(path, timeout=30.0) as backend:
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


async def test_stopping_answers_whoever_waits() -> None:
    """Queued queries get their answer and the one under way its measurement before the host has gone."""
    engine = FaultyEngine()
    stopping = hosting(engine, limits=Limits(timeout=30.0))
    host = await stopping.__aenter__()
    async with browser(host.address) as client:
        busy = asyncio.create_task(post(client, query("stop")))
        await asyncio.to_thread(engine.waiting.wait)
        queued = asyncio.create_task(post(client, query("w")))
        await settled(lambda: host.batcher.stats().queue_depth == 1)
        stopped = asyncio.create_task(stopping.__aexit__(None, None, None))
        assert (await queued).json()["measurements"][0]["value"] == {"missing": "shutting down"}
        assert not busy.done() and not stopped.done()
        engine.go.set()
        assert isinstance((await busy).json()["measurements"][0]["value"], float)
        await stopped
        with pytest.raises(httpx.ConnectError):
            await client.get("/healthz")
