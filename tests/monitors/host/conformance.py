"""What every monitor host does, over HTTP and seen from outside: in this process, or behind Ray Serve.

A host's tests derive from :class:`HostConformance` and give it three hosts of a :class:`~.gated.GatedEngine`, set up as
:data:`~.gated.SETTINGS` says.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from tests.waiting import PATIENCE, until

from bartizan.monitors import Measurement
from bartizan.monitors.host.breaker import Breaker
from bartizan.monitors.host.client import RemoteBackend
from bartizan.monitors.host.wire import write_queries

from .engines import HashedEngine, query
from .gated import ACME, GLOBEX, OPERATOR, Running

JSON_TYPE = {"Content-Type": "application/json"}


class HostConformance:
    """``roomy`` knows tokens, ``narrow`` takes little and knows none, ``impatient`` gives nobody any time."""

    async def test_many_queries_in_one_request(self, roomy: Running) -> None:
        """Each gets its own answer, in order, with the latency of its stages and its probe's fingerprint."""
        asked = [query(f"text {n}", tool="read") for n in range(10)]
        async with browser(roomy.address, ACME) as client:
            response = await post(client, *asked)
        assert response.status_code == 200
        answers = response.json()["measurements"]
        for one, answer in zip(HashedEngine().measure(asked), answers, strict=True):
            assert answer["value"] == pytest.approx(one.value, abs=1e-6)
            assert answer["fingerprint"] == "f-shared"
            assert answer["evidence"]["tenant"] == "acme"
            assert set(answer["evidence"]["host"]) == {"queued_ms", "computed_ms", "batch"}

    async def test_many_callers_at_once_are_batched(self, roomy: Running) -> None:
        """Concurrent questions of two clients get what the engine alone answers; the host computes some together."""
        asked = [query(f"w{n} v{n % 7}", tenant=("acme", "globex")[n % 2]) for n in range(60)]
        roomy.hold()
        async with (
            browser(roomy.address, ACME) as client,
            RemoteBackend(roomy.address, token=ACME, timeout=30.0) as acme,
            RemoteBackend(roomy.address, token=GLOBEX, timeout=30.0) as globex,
        ):
            try:
                busy = asyncio.create_task(acme.measure(query("stop")))
                await until(lambda: self._under_way(client, 1, "computing"))
                asking = [
                    asyncio.create_task((acme, globex)[n % 2].measure(one)) for n, one in enumerate(asked)
                ]
                await until(lambda: self._under_way(client, 60, "queue_depth"))
            finally:
                roomy.go()
            await busy
            answers = await asyncio.gather(*asking)
        for one, answer, alone in zip(asked, answers, HashedEngine().measure(asked), strict=True):
            assert answer.value == pytest.approx(alone.value, abs=1e-6)
            assert answer.evidence["tenant"] == one.tenant
        assert max(answer.evidence["host"]["batch"] for answer in answers) > 1

    async def test_a_tenant_sees_only_its_own_probes(self, roomy: Running) -> None:
        """Everybody's and one's own are listed, with why one is not armed; another's are neither seen nor asked."""
        seen = {}
        for token in (ACME, GLOBEX, OPERATOR):
            async with browser(roomy.address, token) as client:
                seen[token] = (await client.get("/v1/probes")).json()["probes"]
        assert [(one["name"], one["fingerprint"]) for one in seen[ACME]] == [
            ("injection", "f-shared"),
            ("drift", "f-acme"),
        ]
        assert [one["why"] for one in seen[GLOBEX]] == ["", "100 of 299 benign episodes"]
        assert len(seen[OPERATOR]) == 3
        async with browser(roomy.address, ACME) as client:
            found = await post(client, query("w", probe="drift"), query("w", probe="x"))
            own, unknown = found.json()["measurements"]
            assert own["fingerprint"] == "f-acme"
            assert unknown["value"] == {"missing": "unknown probe"}
            other = await post(client, query("w", probe="drift", tenant="globex"))
            assert (other.status_code, other.json()["error"]["place"]) == (403, "$.queries[0].tenant")
        async with browser(roomy.address, OPERATOR) as client:
            (answer,) = (await post(client, query("w", probe="drift", tenant="globex"))).json()[
                "measurements"
            ]
            assert answer["fingerprint"] == "f-globex" and answer["evidence"]["tenant"] == "globex"

    async def test_without_a_token_that_is_known_nothing_is_told(self, roomy: Running) -> None:
        """Measurements, probes and metrics need a token; whether the host lives does not."""
        for token in (None, "wrong-token-0123456789"):
            async with browser(roomy.address, token) as client:
                response = await post(client, query("w"))
                assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
                assert (await client.get("/v1/probes")).status_code == 401
                assert (await client.get("/metrics")).status_code == 401
                assert (await client.get("/healthz")).text == "ok"
                assert (await client.get("/readyz")).text == "ok"

    async def test_a_bad_request_is_refused_with_its_place(self, roomy: Running) -> None:
        """Each has its status, and no answer repeats its text."""
        body = json.loads(write_queries([query("secret")]))
        body["queries"][0]["passages"][0]["channel"] = "secret"
        async with browser(roomy.address, ACME) as client:
            bad = await client.post("/v1/measurements", content=json.dumps(body), headers=JSON_TYPE)
            assert bad.status_code == 400
            assert bad.json()["error"]["place"] == "$.queries[0].passages[0].channel"
            form = await client.post("/v1/measurements", content=write_queries([query("secret")]))
            assert form.status_code == 415
            assert (await client.get("/v1/measurements")).status_code == 405
            assert (await client.get("/secret")).status_code == 404
            assert "secret" not in bad.text + form.text

    async def test_the_metrics_are_prometheus_text(self, roomy: Running) -> None:
        """Every line is a comment or a sample, histograms are cumulative, and no tenant or probe is named."""
        async with browser(roomy.address, ACME) as client:
            before = samples((await client.get("/metrics")).text)
            await post(client, query("a b"), query("c"), query("nan"))
            response = await client.get("/metrics")
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        after = samples(response.text)
        for outcome, count in (("measured", 2), ("not a measurement", 1)):
            name = f'bartizan_monitor_answers_total{{outcome="{outcome}"}}'
            assert after[name] - before.get(name, 0) == count
        assert after["bartizan_monitor_queue_depth"] == 0 and after["bartizan_monitor_up"] == 1
        for name in ("batch_queries", "queued_seconds", "computed_seconds"):
            counts = [n for label, n in after.items() if label.startswith(f"bartizan_monitor_{name}_bucket")]
            assert counts == sorted(counts) and counts[-1] == after[f"bartizan_monitor_{name}_count"] > 0
        assert "acme" not in response.text and "injection" not in response.text

    async def test_another_fingerprint_is_missing(self, roomy: Running) -> None:
        """A host whose probe is not the one that was calibrated is not believed; one that is, is."""
        for expected, matches in (("f-shared", True), ("f-other", False)):
            backend = RemoteBackend(
                roomy.address, token=ACME, timeout=30.0, fingerprints={"injection": expected, "x": "y"}
            )
            async with backend:
                found = await backend.measure(query("w"))
                assert isinstance(found.value, float) if matches else reason(found) == "wrong fingerprint"

    async def test_a_wrong_token_is_missing(self, roomy: Running) -> None:
        """The host knows nobody by it; the host is not taken for down."""
        breaker = Breaker(failures=1)
        async with RemoteBackend(roomy.address, token="wrong", timeout=30.0, breaker=breaker) as backend:
            assert reason(await backend.measure(query("w"))) == "unauthorised"
        assert not breaker.open

    async def test_many_answers_come_in_order(self, narrow: Running) -> None:
        """Beside what is missing."""
        async with RemoteBackend(narrow.address, timeout=30.0) as backend:
            asked = [query("a"), query("nan"), query("b")]
            first, second, third = await backend.measure_all(asked)
        expected = HashedEngine().measure(asked)
        assert first.value == pytest.approx(expected[0].value, abs=1e-6)
        assert reason(second) == "not a measurement"
        assert third.value == pytest.approx(expected[2].value, abs=1e-6)

    async def test_a_body_that_is_too_large_is_refused(self, narrow: Running) -> None:
        """By its stated length, and by what arrives."""

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" " * 100

        async with browser(narrow.address) as client:
            assert (await post(client, query("w" * 3_000))).status_code == 413
            response = await client.post("/v1/measurements", content=chunks(), headers=JSON_TYPE)
            assert response.status_code == 413
            assert (await post(client, query("w"))).status_code == 200

    async def test_a_body_that_is_too_slow_is_refused(self, impatient: Running) -> None:
        """By the time that it takes."""
        url = httpx.URL(impatient.address)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = (
            f"POST {url.path.rstrip('/')}/v1/measurements HTTP/1.1", f"Host: {url.netloc.decode()}",
            "Content-Type: application/json", "Content-Length: 100", "", "{",
        )  # fmt: skip
        try:
            writer.write("\r\n".join(head).encode())
            async with asyncio.timeout(PATIENCE):
                assert b" 408 " in await reader.readline()
        finally:
            writer.close()
            await writer.wait_closed()

        async def goes_on() -> bool:
            async with browser(impatient.address) as client:
                return (await post(client, query("w"))).status_code == 200

        await until(goes_on)  # on a busy machine a small body may be too slow as well

    async def test_more_requests_than_it_takes_are_turned_away_at_once(self, narrow: Running) -> None:
        """The host says 503 and when to come back; the client calls that overloaded."""
        narrow.hold()
        async with browser(narrow.address) as client, RemoteBackend(narrow.address, timeout=30.0) as backend:
            busy = [asyncio.create_task(post(client, query("stop"))) for _ in range(2)]
            await until(lambda: self._under_way(client, 2))
            response = await post(client, query("w"))
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert reason(await backend.measure(query("w"))) == "overloaded"
            narrow.go()
            assert [one.status_code for one in await asyncio.gather(*busy)] == [200, 200]
            assert isinstance((await backend.measure(query("w"))).value, float)

    async def test_who_hangs_up_frees_its_place(self, narrow: Running) -> None:
        """A client that gives up while its query waits leaves the queue, and the engine never sees it."""
        narrow.hold()
        async with browser(narrow.address) as client:
            busy = asyncio.create_task(post(client, query("stop")))
            await until(lambda: self._under_way(client, 1, "computing"))
            gone = asyncio.create_task(post(client, query("gone")))
            await until(lambda: self._under_way(client, 1, "queue_depth"))
            gone.cancel()
            await until(lambda: self._under_way(client, 0, "queue_depth"))
            narrow.go()
            assert (await busy).status_code == 200
        assert narrow.seen() == ["stop"]

    async def test_a_page_whose_name_was_rebound_is_refused(self, narrow: Running) -> None:
        """Without tokens a TCP host answers only to its own names."""
        async with browser(narrow.address) as client:
            port = httpx.URL(narrow.address).port
            for name in ("evil.example", f"evil.example:{port}", ""):
                assert (await client.get("/v1/probes", headers={"Host": name})).status_code in (400, 421)
            for name in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST"):
                assert (await client.get("/v1/probes", headers={"Host": name})).status_code == 200

    async def test_an_engine_whose_catalogue_fails_does_not_tell_why(self, narrow: Running) -> None:
        """A bug is a 500 with fixed words."""
        (narrow.folder / "broken").touch()
        try:
            async with (
                browser(narrow.address) as client,
                RemoteBackend(narrow.address, timeout=30.0) as backend,
            ):
                response = await client.get("/v1/probes")
                assert response.status_code == 500 and "secret" not in response.text
                assert reason(await backend.measure(query("w"))) == "host error"
        finally:
            (narrow.folder / "broken").unlink()

    async def test_a_stuck_engine_is_not_healthy(self, impatient: Running) -> None:
        """Both health pages say so, and callers are answered at once; when it comes back all is well."""
        impatient.hold()
        breaker = Breaker(failures=1)
        async with (
            browser(impatient.address) as client,
            RemoteBackend(impatient.address, timeout=30.0, breaker=breaker) as backend,
        ):

            async def stopped() -> bool:
                assert reason(await backend.measure(query("stop"))) in ("timeout", "engine stuck")
                return "stop" in impatient.seen()

            await until(stopped)  # its time may have been up before the engine came to it
            assert not breaker.open  # a busy host that answers in time is asked again

            async def says(word: str) -> bool:
                pages = [await client.get(page) for page in ("/healthz", "/readyz")]
                return all(page.text == word for page in pages)

            await until(lambda: says("engine stuck"))
            assert (await client.get("/readyz")).status_code == 503

            async def refuses() -> bool:
                return reason(await backend.measure(query("w"))) == "engine stuck"

            await until(refuses)  # the body may have been too slow
            impatient.go()
            await until(lambda: says("ok"))

    async def _under_way(
        self, client: httpx.AsyncClient, count: int, name: str = "http_requests_under_way"
    ) -> bool:
        return samples((await client.get("/metrics")).text)[f"bartizan_monitor_{name}"] == count


@asynccontextmanager
async def browser(address: str, token: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a host over TCP or a Unix socket, with a token or none."""
    uds = address.removeprefix("unix:") if address.startswith("unix:") else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.AsyncHTTPTransport(uds=uds)
    base = "http://monitors" if uds else address
    async with httpx.AsyncClient(base_url=base, transport=transport, headers=headers, timeout=30.0) as client:
        yield client


async def post(client: httpx.AsyncClient, *queries: Any) -> httpx.Response:
    return await client.post("/v1/measurements", content=write_queries(queries), headers=JSON_TYPE)


def samples(page: str) -> dict[str, float]:
    """The samples of a page of metrics. Every line is one, or a comment."""
    pairs = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("# ")]
    return {name: float(number) for name, _, number in pairs}


def reason(measurement: Measurement) -> str:
    """Why a measurement is missing."""
    return str(getattr(measurement.value, "reason", measurement))
