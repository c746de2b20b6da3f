"""Metrics for Prometheus: read back by its own parser, the same as its own exporter's, added up over workers."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bartizan.guard import Guard, Principal, Telemetry, ToolCall, ToolResult, semconv
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.telemetry import Counted, Metrics

Sample = tuple[str, tuple[tuple[str, str], ...]]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No OTEL_ variable of the machine's decides what these tests do."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    made = Metrics()
    yield made
    made.shutdown()


def samples(text: str) -> dict[Sample, float]:
    """The samples of an exposition, as Prometheus's own parser reads them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def fill(meter: Meter) -> None:
    """One of every instrument, with names, labels and values that need care."""
    meter.create_counter("a.count", "{thing}", 'Things, "quoted"\nin two lines \\ and more').add(
        3, {"b.c": 'x"y\\z\n'}
    )
    meter.create_counter("a.bytes", "By").add(7)
    meter.create_up_down_counter("a.level", "1").add(-2, {"b": True})
    histogram = meter.create_histogram("a.took", "s", explicit_bucket_boundaries_advisory=[0.001, 0.5, 2])
    for value in (0.0001, 0.3, 0.4, 9.0):
        histogram.record(value, {"tool": "pay"})
    meter.create_observable_gauge("a.now", [lambda options: [Observation(0.25, {"x": 1})]])


def test_the_text_is_what_the_exporter_would_write(metrics: Metrics) -> None:
    """Beside OpenTelemetry's own exporter, on the same measurements: the same names, labels and values."""
    collected = CollectorRegistry()
    options = {"disable_target_info": True, "scope_info_enabled": False, "registry": collected}
    reader = PrometheusMetricReader(**options)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    fill(provider.get_meter("test"))
    fill(metrics.meter("test"))
    ours = {
        key: value for key, value in samples(metrics.render()).items() if not key[0].startswith("bartizan_")
    }
    assert ours == samples(generate_latest(collected).decode())
    assert len(ours) > 9
    provider.shutdown()


async def test_a_guard_is_measured(metrics: Metrics) -> None:
    """What a guard counts appears under the names that dashboards and alerts use."""
    telemetry = Telemetry(meter=metrics.meter(semconv.SCOPE), attributes={semconv.TENANT: "acme"})
    guard = Guard(StaticProgram(allow=["read"], escalate=["pay"]), telemetry=telemetry)

    async def tool(call: ToolCall) -> ToolResult:
        return ToolResult("done")

    for name in ("read", "pay", "drop"):
        asked = await guard.enforce(ToolCall.of(name, name, {}), tool, session="secret-session")
        if asked.approval is not None:
            await guard.resolve(asked.approval.id, "reject", session="secret-session", by=Principal("ann"))
    await guard.aclose()
    text = metrics.render()
    found = samples(text)
    tenant = ("bartizan_tenant", "acme")
    allowed = (
        "bartizan_decisions_total",
        (("bartizan_outcome", "allow"), ("bartizan_rule", "allowed"), tenant),
    )
    assert found[allowed] == 1
    counted = [
        value for (name, _), value in found.items() if name == "bartizan_decision_duration_seconds_count"
    ]
    assert sum(counted) == 3
    assert (
        found["bartizan_approval_age_seconds_count", (("bartizan_approval_state", "rejected"), tenant)] == 1
    )
    assert "secret-session" not in text
    assert "ann" not in {word for _, labels in found for _, word in labels}


WORKER = """
import os, signal, sys
from bartizan.integrations.telemetry import Metrics

directory, number, count, how = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
metrics = Metrics(worker=number, directory=directory, interval=3600)
metrics.meter("test").create_counter("calls").add(count, {"tool": "pay"})
metrics.meter("test").create_histogram("took", "s", explicit_bucket_boundaries_advisory=[1]).record(count)
metrics.meter("test").create_up_down_counter("waiting").add(count)
metrics.render()
print("ready", flush=True)
sys.stdin.read()
if how == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
metrics.shutdown()
"""


def worker(directory: Path, number: int, count: int, how: str = "close") -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(directory), str(number), str(count), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def end(process: subprocess.Popen[str]) -> int:
    process.communicate()
    return process.returncode


def test_any_worker_answers_for_all(tmp_path: Path) -> None:
    """Counters and buckets are added up over workers, also those that ended or were killed; levels over the living."""
    calls = ("calls_total", (("tool", "pay"),))
    first, second = worker(tmp_path, 1, 10), worker(tmp_path, 2, 100, "kill")
    metrics = Metrics(worker=0, directory=tmp_path, interval=3600)
    metrics.meter("test").create_counter("calls").add(1, {"tool": "pay"})

    def seen() -> dict[Sample, float]:
        return samples(metrics.render())

    found = seen()
    assert found[calls] == 111
    assert found["took_seconds_sum", ()] == 110
    assert found["took_seconds_bucket", (("le", "+Inf"),)] == 2
    assert found["waiting", ()] == 110
    assert found["bartizan_workers", ()] == 3
    assert end(second) == -signal.SIGKILL
    assert end(first) == 0
    found = seen()
    assert found[calls] == 111
    assert ("waiting", ()) not in found
    assert found["bartizan_workers", ()] == 1

    again = worker(tmp_path, 2, 1000)  # takes over from the one that was killed
    found = seen()
    assert found[calls] == 1111
    assert found["waiting", ()] == 1000
    assert len(list(tmp_path.glob("*.json"))) == 3
    assert end(again) == 0
    thrice = worker(tmp_path, 2, 10_000)
    assert seen()[calls] == 11_111
    assert end(thrice) == 0
    metrics.shutdown()


def test_a_snapshot_that_is_none_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever else lies in the directory, the answer is about what can be read."""
    (tmp_path / "1-1-x.metrics.json").write_text("garbage")
    (tmp_path / "2-1-x.metrics.json").write_text('{"worker": 2, "families": {"a": 1}}')
    metrics = Metrics(directory=tmp_path, interval=3600)
    metrics.meter("test").create_counter("calls").add(1)
    with caplog.at_level(logging.WARNING):
        assert samples(metrics.render())["calls_total", ()] == 1
    assert "is no snapshot" in caplog.text
    metrics.shutdown()


def test_a_directory_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    """Snapshots that cannot be written are a line in the log: closing still closes."""
    metrics = Metrics(directory=tmp_path / "metrics", interval=3600)
    for path in (tmp_path / "metrics").iterdir():
        path.unlink()
    (tmp_path / "metrics").rmdir()
    metrics.shutdown()


async def test_requests_are_counted_by_route(metrics: Metrics) -> None:
    """Routes that are known are told apart, paths that a client makes up are not; a disconnect has no status."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/v1/gone":
            return
        await send({"type": "http.response.start", "status": 200 if "known" in scope["path"] else 404})

    counted = Counted(app, ["/v1/known", "/v1/known/more"], metrics.meter("bartizan.sidecar"))

    async def nothing(*_: Any) -> Any:
        return {}

    for path in ("/v1/known", "/v1/known/12", "/v1/known/more/1", "/v1/unheard/of", "/v1/gone"):
        await counted({"type": "http", "path": path}, nothing, nothing)
    found = samples(metrics.render())
    assert {
        tuple(word for _, word in labels): value
        for (name, labels), value in found.items()
        if name == "bartizan_sidecar_requests_total"
    } == {("200", "/v1/known"): 2, ("200", "/v1/known/more"): 1, ("404", "(other)"): 1, ("0", "(other)"): 1}
    assert found["bartizan_sidecar_requests_in_flight", ()] == 0
