"""Sending by OTLP is switched on by OpenTelemetry's own variables, and never keeps a guard from starting."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bartizan.guard import Guard, Telemetry, ToolCall, ToolResult, semconv
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.telemetry import Metrics, tracer_provider

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No OTEL_ variable of the machine's decides what these tests do."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def test_nothing_is_sent_unless_it_is_asked_for() -> None:
    """Without an endpoint there are no traces."""
    assert tracer_provider() is None


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},  # not installed
    ],
)
def test_what_cannot_be_sent_is_said_and_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variables: dict[str, str]
) -> None:
    """Switched off, or asked for in a way that we do not have, nothing is sent; in the second case the log says so."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.ERROR):
        assert tracer_provider() is None
    meant = "none" in variables.values() or "true" in variables.values()
    assert ("are not sent" in caplog.text) != meant


class Collector(ThreadingHTTPServer):
    """Takes what is sent."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.bodies.setdefault(self.path, []).append(body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def test_traces_and_metrics_reach_a_collector(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    """With the exporter's package and an endpoint, a decision's span and its counters arrive."""
    pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http", reason="the OTLP exporter is a package of its own"
    )
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{collector.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "120")
    traces, metrics = tracer_provider(worker=3), Metrics(worker=3)
    assert traces is not None
    telemetry = Telemetry(traces.get_tracer(semconv.SCOPE), metrics.meter(semconv.SCOPE))
    guard = Guard(StaticProgram(allow=["read"]), telemetry=telemetry)

    async def tool(call: ToolCall) -> ToolResult:
        return ToolResult("done")

    await guard.enforce(ToolCall.of("1", "read", {}), tool, session="s")
    await guard.aclose()
    traces.shutdown()
    metrics.shutdown()
    (sent,) = ExportTraceServiceRequest.FromString(collector.bodies["/v1/traces"][0]).resource_spans
    about = {one.key: one.value.string_value for one in sent.resource.attributes}
    assert about["service.name"] == "bartizan"
    assert about["service.instance.id"].endswith("-3")
    (span,) = sent.scope_spans[0].spans
    assert span.name == "guard.decide"
    assert "GUARDRAIL" in {one.value.string_value for one in span.attributes}
    (measured,) = ExportMetricsServiceRequest.FromString(collector.bodies["/v1/metrics"][-1]).resource_metrics
    assert "bartizan.decisions" in {one.name for one in measured.scope_metrics[0].metrics}
