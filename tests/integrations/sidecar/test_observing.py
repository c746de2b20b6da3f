"""What operators see of a service: its metrics, about all its workers, and its audit log, signed and pruned."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families
from tests.integrations.redis.server import Server
from tests.waiting import PATIENCE, block_until, until

from bartizan.guard import FileAuditLog, Telemetry, now_us, semconv, verify
from bartizan.integrations.sidecar import Service, parse_config
from bartizan.integrations.sidecar.observing import Observer
from bartizan.integrations.sidecar.tenants import open_tenant
from bartizan.integrations.signing import generate

from .in_process import POLICY, configured, document, running
from .serving import Running, proposed, written

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No OTEL_ variable of the machine's decides what these tests do."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def parsed(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    return sum(
        value
        for (found, has), value in samples.items()
        if found == name and labels.items() <= dict(has).items()
    )


async def test_a_service_is_measured_by_tenant(tmp_path: Path) -> None:
    """Decisions, open approvals, requests and policies appear with their tenant; sessions and principals do not."""
    config = configured(tmp_path)
    async with running(config) as service:
        for name, tool, args in (
            ("agent", "read", {}),
            ("agent", "pay", {"to": "a", "amount": 500}),
            ("agent", "write", {"path": "a", "text": "b"}),
            ("other", "read", {}),
            ("other", "made-up-by-the-agent", {}),
        ):
            body = {"session": "secret-session", "call": {"id": tool, "tool": tool, "args": args}}
            assert (await service.as_(name).post("/v1/calls", body)).status_code == 200
        assert (await service.as_("agent").get("/made/up/path")).status_code == 404
        observer = service.service.observer
        watching = asyncio.create_task(observer.watch(service.service.tenants))

        async def fetched() -> str:
            answer = await service.as_("").get("/metrics")
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            return answer.text

        async def counted() -> bool:
            texts.append(await fetched())
            found = parsed(texts[-1])
            return bool(
                total(found, "bartizan_approvals_open")
                and total(found, "bartizan_decision_duration_seconds_count") == 5
                and all(total(found, "bartizan_decisions_total", **labels) == 1 for labels in decided)
            )

        texts: list[str] = []
        decided = [
            {"bartizan_tenant": "default", "bartizan_outcome": "allow"},
            {"bartizan_tenant": "default", "bartizan_outcome": "escalate"},
            {"bartizan_tenant": "other", "bartizan_rule": "unknown-tool"},
        ]
        await until(counted)
        watching.cancel()
    found = parsed(texts[-1])
    assert total(found, "bartizan_approvals_open", bartizan_tenant="default") == 1
    assert total(found, "bartizan_approvals_oldest_seconds", bartizan_tenant="default") > 0
    assert total(found, "bartizan_corrections_total", bartizan_tenant="default") >= 1
    assert total(found, "bartizan_policy_info", bartizan_tenant="other", bartizan_policy_name="desk") == 1
    assert total(found, "bartizan_sidecar_requests_total", http_route="/v1/calls") == 5
    assert total(found, "bartizan_sidecar_requests_total", http_route="(other)") == 1
    assert total(found, "bartizan_audit_queue") == 0
    for word in ("secret-session", "made-up-by-the-agent", "agent-1", "/made/up/path"):
        assert word not in texts[-1]


async def test_metrics_can_need_a_token(tmp_path: Path) -> None:
    """With ``metrics: token`` whoever may read decisions may read metrics, and nobody else."""
    async with running(configured(tmp_path, metrics="token")) as service:
        assert (await service.as_("").get("/metrics")).status_code == 401
        assert (await service.as_("agent").get("/metrics")).status_code == 403
        assert (await service.as_("boss").get("/metrics")).status_code == 200


async def test_without_the_extra_there_are_no_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where OpenTelemetry's SDK is missing the service decides as ever, and ``/metrics`` says what to install."""
    monkeypatch.setitem(sys.modules, "bartizan.integrations.telemetry", None)
    async with running(configured(tmp_path)) as service:
        body = {"session": "s", "call": {"id": "1", "tool": "read", "args": {}}}
        assert (await service.as_("agent").post("/v1/calls", body)).json()["allowed"]
        answer = await service.as_("").get("/metrics")
        assert answer.status_code == 503
        assert "bartizan[otel]" in answer.json()["detail"]
    assert "there are no metrics" in caplog.text


async def test_a_decision_is_a_span_of_its_callers_trace(tmp_path: Path) -> None:
    """The span of a decision has the request's ``traceparent`` as its parent, and says whose guard it was."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    class Traced(Observer):
        def telemetry(self, tenant: str) -> Telemetry:
            return Telemetry(provider.get_tracer("test"), attributes={semconv.TENANT: tenant})

    config, observer = configured(tmp_path), Traced()
    tenants = {
        name: open_tenant(name, settings, None, 0, observer.telemetry(name))
        for name, settings in config.tenants.items()
    }
    async with running(config, Service(config, tenants, 0, observer)) as service:
        body = {"session": "s", "call": {"id": "1", "tool": "read", "args": {}}}
        parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
        await service.as_("agent").post("/v1/calls", body, traceparent=parent)
    (span,) = exporter.get_finished_spans()
    assert span.name == "guard.decide"
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == ("ab" * 16, "cd" * 8)
    attributes = dict(span.attributes or {})
    assert attributes["openinference.span.kind"] == "GUARDRAIL"
    assert attributes["session.id"] == "s"
    assert attributes["bartizan.tenant"] == "default"
    provider.shutdown()


def test_whichever_worker_answers_answers_for_all(tmp_path: Path, server: Server) -> None:
    """Two workers share the requests; every answer counts them all, also after one was killed and came back."""
    tenant = {"policy": "policy.yaml", "audit": "audit", "store": server.patient}
    with Running(written(tmp_path, workers=2, tenants={"default": tenant})) as service:

        def counted() -> float:
            host, port = service.address
            with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=PATIENCE) as answer:
                return total(
                    parsed(answer.read().decode()), "bartizan_decisions_total", bartizan_outcome="allow"
                )

        for number in range(20):
            assert service.ask("/v1/calls", proposed(str(number), "look", what="it"))[0] == 200
        block_until(lambda: counted() == 20)  # so both have written down what they counted
        assert [counted() for _ in range(10)] == [20.0] * 10
        os.kill(service.workers()[0], signal.SIGKILL)
        seen: list[float] = []

        def asked() -> bool:
            with suppress(OSError):  # the connection was in the killed one's queue
                service.ask("/v1/calls", proposed(f"{len(seen)} more", "look", what="it"))
                seen.append(counted())
            return len(seen) == 20

        block_until(asked)
        block_until(lambda: counted() >= 20 + len(seen))
        assert seen == sorted(seen)
        assert min(seen) >= 20


async def test_a_tenants_log_is_signed_and_pruned(tmp_path: Path) -> None:
    """With a key the log is signed, with a retention its old segments go, and both are seen from outside."""
    signer = generate(tmp_path / "key.pem")
    directory = tmp_path / "audit" / "worker-0"
    log = await asyncio.to_thread(FileAuditLog, directory, segment_bytes=2000, signer=signer)
    for n in range(20):
        await log.append({"kind": "test", "n": n, "time": now_us()})
    await log.aclose()
    tenant = {
        "audit": "audit",
        "audit_signing_key": "key.pem",
        "audit_durability": "group",
        "audit_retention": 1e-9,
    }
    (tmp_path / "policy.yaml").write_text(POLICY)
    body = document(tmp_path / "policy.yaml")
    body["tenants"]["default"] = {**body["tenants"]["default"], **tenant}
    async with running(parse_config(body, tmp_path)) as service:
        pruning = asyncio.create_task(service.service.tenants["default"].prune())
        await until(lambda: len(list(directory.glob("*.jsonl"))) == 1)
        body = {"session": "s", "call": {"id": "1", "tool": "read", "args": {}}}
        assert (await service.as_("agent").post("/v1/calls", body)).json()["allowed"]
        pruning.cancel()
    checked = verify(directory, public_keys=[signer])
    assert checked.ok, checked.problems
    assert checked.signed is not None
    assert checked.pruned is not None
    assert checked.pruned.why.startswith("kept for")
