"""Whatever answers at the other end, a measurement comes back, and it is never a number that nobody measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.waiting import until

from bartizan.monitors.host import Limits
from bartizan.monitors.host.breaker import Breaker
from bartizan.monitors.host.client import RemoteBackend
from bartizan.monitors.host.connection import Address, Connections
from bartizan.monitors.host.serve import hosting
from bartizan.monitors.host.wire import read_answers, write_queries

from .conformance import JSON_TYPE
from .engines import FaultyEngine, HashedEngine, query
from .test_batcher import reason, value


@asynccontextmanager
async def answering(
    *answers: bytes, then: Callable[[], Any] | None = None, heard: list[bytes] | None = None
) -> AsyncIterator[str]:
    """A server that reads a request and writes these bytes, then hangs up (or does ``then``)."""
    left = list(answers)
    tasks = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if heard is not None:
                heard.append(body)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()
            if then is not None:
                await then()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def http(body: bytes, status: str = "200 OK", length: int | None = None, extra: str = "") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{extra}\r\n".encode() + body


GOOD = json.dumps({"measurements": [{"value": 0.5, "p_value": 0.25, "evidence": {"a": 1}}]}).encode()
HALF = GOOD[: len(GOOD) // 2]

ANSWERS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "host down"),
    "no HTTP": (b"hello there\r\n\r\n", "garbage from host"),
    "an endless head": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "garbage from host"),
    "two lengths": (http(GOOD, extra="Content-Length: 3\r\n"), "garbage from host"),
    "chunks that are none": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "garbage from host",
    ),
    "half a head": (b"HTTP/1.1 200 O", "host down"),
    "half a body": (http(HALF, length=len(GOOD)), "host down"),
    "half a JSON": (http(HALF), "garbage from host"),
    "no JSON": (http(b"<html>hello</html>"), "garbage from host"),
    "no UTF-8": (http(b"\xff\xfe"), "garbage from host"),
    "an empty body": (http(b""), "garbage from host"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "garbage from host"),
    "no answers": (http(b'{"measurements": []}'), "garbage from host"),
    "two answers": (http(GOOD.replace(b"]}", b', {"value": 0.1, "p_value": 0.1}]}')), "garbage from host"),
    "NaN": (http(GOOD.replace(b"0.5", b"NaN")), "garbage from host"),
    "1.01": (http(GOOD.replace(b"0.5", b"1.01")), "garbage from host"),
    "a text": (http(GOOD.replace(b"0.5", b'"0.5"')), "garbage from host"),
    "two values": (http(GOOD.replace(b'"value": 0.5', b'"value": 0.5, "value": 0.1')), "garbage from host"),
    "a p-value out of range": (http(GOOD.replace(b"0.25", b"-1")), "garbage from host"),
    "compressed": (http(GOOD, extra="Content-Encoding: gzip\r\n"), "garbage from host"),
    "too much": (http(GOOD + b" " * 200_000), "garbage from host"),
    "400": (http(b"{}", "400 Bad Request"), "refused by host"),
    "401": (http(b"{}", "401 Unauthorized"), "unauthorised"),
    "403": (http(b"{}", "403 Forbidden"), "unauthorised"),
    "404": (http(b"{}", "404 Not Found"), "refused by host"),
    "413": (http(b"{}", "413 Too Large"), "too long"),
    "429": (http(b"{}", "429 Too Many"), "overloaded"),
    "500": (http(b"{}", "500 Oops"), "host error"),
    "503": (http(b"{}", "503 Busy"), "overloaded"),
    "a redirect": (http(b"", "307 Over There", extra="Location: http://127.0.0.1:1/\r\n"), "redirected"),
    "200 with an error page": (http(GOOD, "302 Found"), "redirected"),
}


@pytest.mark.parametrize(("answer", "word"), ANSWERS.values(), ids=ANSWERS)
async def test_a_bad_answer_is_missing(answer: bytes, word: str) -> None:
    """Each has its fixed word."""
    async with (
        answering(answer) as address,
        RemoteBackend(address, timeout=30.0, max_answer_bytes=100_000) as backend,
    ):
        assert reason(await backend.measure(query("w"))) == word


async def test_a_good_answer_is_a_measurement() -> None:
    """The value, the p-value and the evidence come through, with the time of the round trip."""
    async with answering(http(GOOD)) as address, RemoteBackend(address, timeout=30.0) as backend:
        found = await backend.measure(query("w"))
    assert (found.value, found.p_value, found.evidence["a"]) == (0.5, 0.25, 1)
    assert found.evidence["host"]["round_trip_ms"] > 0


async def test_a_connection_that_was_lost_is_tried_once_more() -> None:
    """A host that has closed a kept connection meanwhile, or was restarted, costs no measurement."""
    async with answering(b"", http(GOOD)) as address, RemoteBackend(address, timeout=30.0) as backend:
        assert value(await backend.measure(query("w"))) == 0.5


async def test_connections_are_kept_and_never_shared() -> None:
    """Callers in turn use one connection, callers at once one each, and a cancelled one's is not used again."""
    engine = FaultyEngine()
    async with hosting(engine, limits=Limits(timeout=60.0)) as host:
        connections = Connections(Address.parse(host.address), most=4, keep=60.0)

        async def ask(text: str) -> str:
            body = write_queries([query(text)])
            response = await connections.post("/v1/measurements", JSON_TYPE, body, 100_000)
            return str(read_answers(response.body, 1)[0].measurement.evidence["words"])

        for _ in range(5):
            assert await ask("one two") == "6"
            assert len(connections._idle) == 1
        stopped = asyncio.create_task(ask("stop"))
        await asyncio.to_thread(engine.waiting.wait)
        waiting = [asyncio.create_task(ask("w " * n)) for n in range(1, 4)]
        await until(lambda: host.batcher.stats().queue_depth == 3)
        stopped.cancel()
        engine.go.set()
        assert await asyncio.gather(*waiting) == ["5", "6", "7"]
        assert len(connections._idle) == 3
        assert await asyncio.gather(*(ask("w " * n) for n in range(1, 30))) == [
            str(4 + n) for n in range(1, 30)
        ]
        assert len(connections._idle) <= 4
        await connections.aclose()


async def test_bytes_that_nobody_asked_for_are_nobody_s_answer() -> None:
    """A second answer behind the first is not taken for the answer to the next question."""
    other = http(GOOD.replace(b"0.5", b"0.125"))
    async with (
        answering(http(GOOD) + other, http(GOOD)) as address,
        RemoteBackend(address, timeout=30.0) as backend,
    ):
        for _ in range(4):
            assert value(await backend.measure(query("w"))) == 0.5


async def test_a_slow_host_is_a_timeout() -> None:
    """Whether it says nothing, or dribbles."""

    async def forever() -> None:
        await asyncio.sleep(3600)

    for answer in (b"", http(HALF, length=len(GOOD))):
        async with (
            answering(answer, then=forever) as address,
            RemoteBackend(address, timeout=0.05) as backend,
        ):
            assert reason(await backend.measure(query("w"))) == "timeout"


async def test_nobody_there_is_host_down_and_then_costs_no_connection(port: int) -> None:
    """After three failures in a row nothing is tried for a while; then one attempt finds out."""
    clock = [0.0]
    breaker = Breaker(clock=lambda: clock[0])
    address = f"http://127.0.0.1:{port}"
    async with RemoteBackend(address, timeout=30.0, breaker=breaker) as backend:
        for _ in range(3):
            assert not breaker.open
            assert reason(await backend.measure(query("w"))) == "host down"
        assert breaker.open
        engine = HashedEngine()
        async with hosting(engine, port=port, limits=Limits(timeout=30.0)):
            assert reason(await backend.measure(query("w"))) == "host down"
            assert engine.batches == []
            clock[0] = 1.0
            value(await backend.measure(query("w")))
            assert not breaker.open
            answers = await asyncio.gather(*(backend.measure(query(f"w{n}")) for n in range(20)))
            assert all(value(one) for one in answers)


async def test_a_cancelled_question_is_cancelled() -> None:
    """Cancellation goes through; a host that let half the time pass counts as failing, one that did not does not."""

    async def forever() -> None:
        await asyncio.sleep(3600)

    for passed, opens in ((5.0, False), (20.0, True)):
        clock = [0.0]
        breaker = Breaker(failures=1)
        asked = asyncio.Event()

        async def never(asked: asyncio.Event = asked) -> None:
            asked.set()
            await forever()

        async with (
            answering(b"", then=never) as address,
            RemoteBackend(
                address, timeout=30.0, breaker=breaker, clock=lambda clock=clock: clock[0]
            ) as backend,
        ):
            task = asyncio.create_task(backend.measure(query("w")))
            await asked.wait()
            clock[0] = passed
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert breaker.open is opens


async def test_a_host_that_names_no_fingerprint_is_not_believed() -> None:
    """Where one is expected, an answer without is missing."""
    async with (
        hosting(HashedEngine()) as host,
        RemoteBackend(host.address, timeout=30.0, fingerprints={"injection": "f"}) as backend,
    ):
        assert reason(await backend.measure(query("w"))) == "wrong fingerprint"


async def test_many_in_one_request() -> None:
    """Answers come in order, beside what is missing; no queries make no request."""
    engine = FaultyEngine()
    async with (
        hosting(engine, limits=Limits(timeout=30.0)) as host,
        RemoteBackend(host.address, timeout=30.0) as backend,
    ):
        assert await backend.measure_all([]) == []
        asked = [query("a"), query("nan"), query("b", probe="drift")]
        answers = await backend.measure_all(asked)
        expected = HashedEngine().measure(asked)
        assert value(answers[0]) == pytest.approx(value(expected[0]), abs=1e-6)
        assert reason(answers[1]) == "not a measurement"
        assert value(answers[2]) == pytest.approx(value(expected[2]), abs=1e-6)


async def test_a_host_is_told_how_much_time_there_is() -> None:
    """A little less than the client has, so that the host's own "timeout" comes before the client gives up."""
    heard: list[bytes] = []
    async with (
        answering(http(GOOD), heard=heard) as address,
        RemoteBackend(address, timeout=20.0) as backend,
    ):
        value(await backend.measure(query("w")))
    assert json.loads(heard[0])["within_ms"] == 18_000


async def test_what_is_no_query_is_missing() -> None:
    """It never reaches the host, and does not raise."""
    backend = RemoteBackend("http://127.0.0.1:1")
    garbage: Any = object()
    assert reason(await backend.measure(garbage)) == "not a query"
    await backend.aclose()
    assert reason(await backend.measure(query("w"))) == "client closed"


def test_event_loops_in_turn_may_ask() -> None:
    """One backend serves one event loop after the other."""

    async def run() -> None:
        async with hosting(HashedEngine(), limits=Limits(timeout=30.0)) as host:
            backend = RemoteBackend(host.address, timeout=30.0)
            value(await backend.measure(query("w")))

            async def elsewhere() -> None:
                value(await backend.measure(query("w")))
                await backend.aclose()

            await asyncio.to_thread(asyncio.run, elsewhere())
            backend._closed = False
            await backend.aclose()

    asyncio.run(run())


async def test_the_environment_s_proxy_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts go to the host that was named and nowhere else."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with (
        hosting(HashedEngine(), limits=Limits(timeout=30.0)) as host,
        RemoteBackend(host.address, timeout=30.0) as backend,
    ):
        value(await backend.measure(query("w")))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "monitors",
        "ftp://h",
        "http://",
        "http://h:99999999",
        "http://user:pw@h",
        "http://h/?token=x",
        "unix:rel",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """The error says what an address looks like, and repeats no credentials."""
    with pytest.raises(ValueError, match="expected") as caught:
        RemoteBackend(address)
    assert "pw" not in str(caught.value)


def test_settings_that_make_no_sense_are_refused() -> None:
    """Each is an error; the token is not shown."""
    with pytest.raises(ValueError, match="printable") as caught:
        RemoteBackend("http://h", token="se\ncret")
    assert "cret" not in str(caught.value)
    with pytest.raises(ValueError, match="timeout"):
        RemoteBackend("http://h", timeout=0)
    assert "secret" not in repr(RemoteBackend("unix:/run/m.sock", token="secret"))
