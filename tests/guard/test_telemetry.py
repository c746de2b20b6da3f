"""Spans and metrics: the right names and types, in the background, with no say in anything."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.waiting import PATIENCE

from bartizan.guard import (
    Decision,
    Guard,
    InMemoryStore,
    Outcome,
    Principal,
    Reason,
    Request,
    Session,
    Signal,
    StoreUnavailable,
    Telemetry,
    ToolCall,
    ToolResult,
    semconv,
)
from bartizan.guard.testing import FailingStore, GarbageMonitor, StaticProgram

PROGRAM = StaticProgram(allow=["read"], escalate=["pay"], signals_on={"call": ["risk", "gone"]})


class Shadowed(StaticProgram):
    """A program with a rule in shadow mode."""

    def decide(self, request: Request, session: Session) -> Decision:
        return Decision(Outcome.ALLOW, (Reason("reads", "allow"),), self.hash, (Reason("trial", "deny"),))


class Declared(StaticProgram):
    """A program that knows the tools it allows, and says of others that it does not."""

    def decide(self, request: Request, session: Session) -> Decision:
        if request.call.tool == "read":
            return super().decide(request, session)
        return Decision(Outcome.DENY, (Reason("unknown-tool", "deny"),), self.hash)


class Collected:
    """What an SDK would have exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])

    def telemetry(self, **options: Any) -> Telemetry:
        return Telemetry(self.provider.get_tracer("test"), self.meters.get_meter("test"), **options)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def points(self) -> dict[str, list[Any]]:
        data = self._reader.get_metrics_data()
        found: dict[str, list[Any]] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found[metric.name] = list(metric.data.data_points)
        return found

    def counts(self, name: str) -> dict[tuple[tuple[str, Any], ...], int]:
        return {tuple(sorted(point.attributes.items())): point.value for point in self.points().get(name, [])}


class HangingExporter(SpanExporter):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.answer = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.answer.wait(PATIENCE)
        return SpanExportResult.SUCCESS


class RaisingExporter(SpanExporter):
    """Raises."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise OSError("collector down")


@pytest.fixture
def collected() -> Iterator[Collected]:
    collected = Collected()
    yield collected
    collected.provider.shutdown()
    collected.meters.shutdown()


async def spans_of(guard: Guard, collected: Collected, *calls: ToolCall) -> tuple[ReadableSpan, ...]:
    for call in calls:
        await guard.enforce(call, _tool, session="s", principal=Principal("ann"))
    await guard.aclose()
    return collected.spans


async def test_a_span_says_what_was_decided(collected: Collected) -> None:
    """Every attribute under its name from the one constants file, with its type."""
    guard = Guard(
        PROGRAM, telemetry=collected.telemetry(), monitors={"risk": GarbageMonitor(Signal("risk", 0.25))}
    )
    began = time.perf_counter()
    (span,) = await spans_of(guard, collected, ToolCall.of("c1", "read", {"path": "secret.txt"}))
    took = time.perf_counter() - began
    assert span.name == "guard.decide"
    attributes = dict(span.attributes or {})
    stages = {name: attributes.pop(name) for name in list(attributes) if name.startswith("bartizan.stage.")}
    assert stages.keys() == {f"bartizan.stage.{stage}" for stage in ("load", "signals", "decide", "record")}
    assert all(type(seconds) is float and 0 <= seconds <= took for seconds in stages.values())
    record = attributes.pop("bartizan.record.id")
    assert isinstance(record, str)
    assert len(record) == 16
    approval = attributes.pop("bartizan.approval.id")
    assert isinstance(approval, str)
    assert attributes == {
        "openinference.span.kind": "GUARDRAIL",
        "gen_ai.tool.name": "read",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.conversation.id": "s",
        "session.id": "s",
        "output.value": "escalate",
        "bartizan.outcome": "escalate",
        "bartizan.rules": ("signal-missing",),
        "bartizan.shadow_rules": (),
        "bartizan.policy.name": "static",
        "bartizan.policy.hash": PROGRAM.hash,
        "bartizan.policy.certificate": "none",
        "bartizan.call.digest": ToolCall.of("c1", "read", {"path": "secret.txt"}).digest,
        "bartizan.principal.id": "ann",
        "bartizan.signal.risk": 0.25,
        "bartizan.signal.gone.missing": "no monitor",
        "bartizan.missing_signals": ("gone",),
    }
    assert type(attributes["bartizan.signal.risk"]) is float


async def test_content_is_traced_only_on_request(collected: Collected) -> None:
    """Arguments and reasons' texts are left out unless asked for."""
    call = ToolCall.of("c1", "read", {"path": "secret.txt"})
    for capture in (False, True):
        guard = Guard(PROGRAM, telemetry=collected.telemetry(capture_content=capture))
        span = (await spans_of(guard, collected, call))[-1]
        assert ("secret.txt" in str(dict(span.attributes or {}))) is capture
        assert (semconv.GEN_AI_TOOL_CALL_ARGUMENTS in (span.attributes or {})) is capture


async def test_a_span_says_what_a_signal_rests_on(collected: Collected) -> None:
    """P-value, probe, names of features and latency, in bounds; the evidence itself only on request."""
    evidence = {
        "probe": "p" * 500,
        "features": {f"feature {number}": 1.0 for number in range(50)},
        "ms": 12.5,
        "quote": "secret words",
    }
    monitors = {
        "risk": GarbageMonitor(Signal("risk", 0.25, 0.01, evidence)),
        "gone": GarbageMonitor(Signal("gone", 0.5, evidence={"features": [1, {}], "ms": "soon", "probe": 3})),
    }
    for capture in (False, True):
        guard = Guard(PROGRAM, telemetry=collected.telemetry(capture_content=capture), monitors=monitors)
        span = (await spans_of(guard, collected, ToolCall.of("c1", "read", {})))[-1]
        attributes = dict(span.attributes or {})
        assert ("secret words" in str(attributes)) is capture
        assert attributes["bartizan.signal.risk.p_value"] == 0.01
        assert attributes["bartizan.signal.risk.probe"] == "p" * semconv.MAX_TEXT
        assert attributes["bartizan.signal.risk.features"] == tuple(
            f"feature {n}" for n in range(semconv.MAX_FEATURES)
        )
        assert attributes["bartizan.signal.risk.latency"] == 0.0125
        about = {name for name in attributes if name.startswith("bartizan.signal.gone")}
        shown = {"bartizan.signal.gone", "bartizan.signal.gone.features"}
        assert about == (shown | {"bartizan.signal.gone.evidence"} if capture else shown)


async def test_a_measured_result_has_a_span_of_its_own(collected: Collected) -> None:
    """What was measured on a result, and what became of it; unmeasured events have none; missing ones are counted."""
    program = StaticProgram(allow=["read"], signals_on={"result": ["risk", "gone"], "prompt": []})
    monitors = {"risk": GarbageMonitor(Signal("risk", 0.25, 0.01, {"features": ["asks for money"], "ms": 2}))}
    guard = Guard(program, telemetry=collected.telemetry(), monitors=monitors)
    tracer = collected.provider.get_tracer("caller")
    await guard.observe("prompt", "read it", session="s")
    call = ToolCall.of("c1", "read", {"what": "secret words"})
    with tracer.start_as_current_span("execute_tool read"):
        await guard.enforce(call, _tool, session="s")
    await guard.observe("result", "secret words", session="s", call=call)
    await guard.aclose()
    spans = {span.name: [one for one in collected.spans if one.name == span.name] for span in collected.spans}
    (outer,), (first, second) = spans["execute_tool read"], spans["guard.measure"]
    assert first.parent is not None
    assert first.parent.span_id == outer.context.span_id
    assert second.parent is None
    for span in (first, second):
        attributes = dict(span.attributes or {})
        assert attributes[semconv.EVENT] == "result"
        assert attributes[semconv.GEN_AI_TOOL_NAME] == "read"
        assert attributes[semconv.GEN_AI_CONVERSATION_ID] == "s"
        assert attributes[semconv.LABEL] == "untrusted"
        assert attributes["bartizan.signal.risk"] == 0.25
        assert attributes["bartizan.signal.risk.p_value"] == 0.01
        assert attributes["bartizan.signal.risk.features"] == ("asks for money",)
        assert attributes["bartizan.signal.risk.latency"] == 0.002
        assert attributes["bartizan.signal.gone.missing"] == "no monitor"
        assert attributes[semconv.MISSING_SIGNALS] == ("gone",)
        assert {f"bartizan.stage.{stage}" for stage in ("load", "signals", "record")} <= attributes.keys()
        assert "secret words" not in str(attributes)
    assert collected.counts(semconv.METRIC_MISSING_SIGNALS) == {((semconv.SIGNAL, "gone"),): 2}


async def test_a_span_has_the_time_and_the_parent_of_its_decision(collected: Collected) -> None:
    """Built afterwards, it still lies within its caller's span, as its child."""
    guard = Guard(PROGRAM, telemetry=collected.telemetry())
    tracer = collected.provider.get_tracer("caller")
    with tracer.start_as_current_span("execute_tool read"):
        await guard.enforce(ToolCall.of("1", "read", {}), _tool, session="s")
    await asyncio.sleep(0.02)
    await guard.aclose()
    spans = {span.name: span for span in collected.spans}
    inner, outer = spans["guard.decide"], spans["execute_tool read"]
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert outer.start_time is not None
    assert outer.end_time is not None
    assert inner.start_time is not None
    assert inner.end_time is not None
    assert outer.start_time <= inner.start_time <= inner.end_time <= outer.end_time


async def test_metrics_count_decisions_rules_shadows_signals_and_approvals(collected: Collected) -> None:
    """One histogram in seconds, and counters by outcome and rule."""
    guard = Guard(
        PROGRAM, telemetry=collected.telemetry(), monitors={"risk": GarbageMonitor(Signal("risk", 0.1))}
    )
    call = ToolCall.of("1", "pay", {})
    began = time.perf_counter()
    asked = await guard.enforce(call, _tool, session="s")
    assert asked.approval is not None
    await guard.resolve(asked.approval.id, "approve", session="s", by=Principal("ann"))
    await guard.enforce(call, _tool, session="s")
    await guard.enforce(ToolCall.of("2", "drop", {}), _tool, session="s")
    guard.program = Shadowed(allow=["read"])
    await guard.enforce(ToolCall.of("3", "read", {}), _tool, session="s")
    took = time.perf_counter() - began
    await guard.aclose()

    durations = collected.points()["bartizan.decision.duration"]
    assert sum(point.count for point in durations) == 4
    assert all(0 < point.sum <= took for point in durations)
    assert collected.counts("bartizan.calls") == {
        (("bartizan.outcome", "escalate"), ("gen_ai.tool.name", "pay")): 1,
        (("bartizan.outcome", "escalate"), ("gen_ai.tool.name", "drop")): 1,
        (("bartizan.outcome", "allow"), ("gen_ai.tool.name", "pay")): 1,
        (("bartizan.outcome", "allow"), ("gen_ai.tool.name", "read")): 1,
    }
    assert collected.counts("bartizan.decisions") == {
        (("bartizan.outcome", "escalate"), ("bartizan.rule", "signal-missing")): 2,
        (("bartizan.outcome", "allow"), ("bartizan.rule", "allowed")): 1,
        (("bartizan.outcome", "allow"), ("bartizan.rule", "reads")): 1,
    }
    assert collected.counts("bartizan.shadow_decisions") == {
        (("bartizan.effect", "deny"), ("bartizan.rule", "trial")): 1
    }
    assert collected.counts("bartizan.missing_signals") == {(("bartizan.signal", "gone"),): 3}
    assert collected.counts("bartizan.approvals") == {
        (("bartizan.approval.state", "pending"),): 2,
        (("bartizan.approval.state", "approved"),): 1,
    }


async def test_failures_are_counted_by_reason(collected: Collected) -> None:
    """Each failure of the guard's own parts counts under the reason it denied with."""
    store = FailingStore(InMemoryStore(), [StoreUnavailable("down")])
    guard = Guard(StaticProgram(allow=["read"]), store=store, telemetry=collected.telemetry())
    await spans_of(guard, collected, ToolCall.of("1", "read", {}))
    assert collected.counts("bartizan.failures") == {(("bartizan.reason", "store-unavailable"),): 1}
    assert (collected.spans[0].attributes or {})["bartizan.rules"] == ("store-unavailable",)


async def test_what_cannot_be_recorded_besides_calls_is_counted_too(collected: Collected) -> None:
    """An event or an answer that the store does not take counts as a failure, though nothing was decided."""
    store = FailingStore(InMemoryStore(), [StoreUnavailable("down"), StoreUnavailable("down")])
    guard = Guard(StaticProgram(allow=["read"]), store=store, telemetry=collected.telemetry())
    with pytest.raises(StoreUnavailable):
        await guard.observe("prompt", "hello", session="s")
    with pytest.raises(StoreUnavailable):
        await guard.resolve("a1", "approve", session="s", by=Principal("ann"))
    await guard.aclose()
    assert collected.counts("bartizan.failures") == {(("bartizan.reason", "store-unavailable"),): 2}


async def test_times_are_kept_by_stage_and_approvals_by_age(collected: Collected) -> None:
    """Where a decision's time went, and how long people took, in buckets of seconds; each with the tenant's name."""
    clock = iter(range(10**15, 10**16, 10_000_000))
    telemetry = collected.telemetry(attributes={semconv.TENANT: "acme"})
    guard = Guard(StaticProgram(escalate=["pay"]), telemetry=telemetry, clock=lambda: next(clock))
    asked = await guard.enforce(ToolCall.of("1", "pay", {}), _tool, session="s")
    assert asked.approval is not None
    await guard.resolve(asked.approval.id, "reject", session="s", by=Principal("ann"))
    await guard.aclose()
    points = collected.points()
    stages = {point.attributes[semconv.STAGE]: point for point in points["bartizan.stage.duration"]}
    assert stages.keys() >= {"load", "decide", "record"}
    assert all(point.explicit_bounds[0] < 0.001 for point in stages.values())
    (age,) = points["bartizan.approval.age"]
    assert age.attributes == {semconv.APPROVAL_STATE: "rejected", semconv.TENANT: "acme"}
    assert 10 <= age.sum <= 100
    assert max(age.explicit_bounds) >= 86400
    assert all(point.attributes[semconv.TENANT] == "acme" for found in points.values() for point in found)
    assert [(span.attributes or {})[semconv.TENANT] for span in collected.spans] == ["acme"]


async def test_an_agent_cannot_make_up_labels(collected: Collected) -> None:
    """Tools that the policy does not know are one tool in the metrics, even while the store is down."""
    store = FailingStore(InMemoryStore(), [StoreUnavailable("down")] * 3)
    guard = Guard(Declared(allow=["read"]), store=store, telemetry=collected.telemetry())
    for n in range(300):
        await guard.enforce(ToolCall.of(str(n), f"tool-{n}", {}), _tool, session=f"s{n}")
    await guard.enforce(ToolCall.of("r", "read", {}), _tool, session="s")
    await guard.aclose()
    points = collected.points()
    assert {point.attributes["gen_ai.tool.name"] for point in points["bartizan.calls"]} == {
        "(other)",
        "read",
    }
    labels = {value for found in points.values() for point in found for value in point.attributes.values()}
    assert not any(re.fullmatch(r"tool-\d+|s\d*", str(value)) for value in labels)


async def test_known_tools_have_a_limit_too(collected: Collected, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that knows no tools by name cannot be made to keep more than a few hundred apart."""
    monkeypatch.setattr("bartizan.guard.telemetry.TIMED", 1)
    guard = Guard(StaticProgram(), telemetry=collected.telemetry(capacity=10_000))
    for n in range(400):
        await guard.enforce(ToolCall.of(str(n), f"tool-{n}", {}), _tool, session="s")
    await guard.aclose()
    calls = collected.points()["bartizan.calls"]
    tools = {point.attributes["gen_ai.tool.name"] for point in calls}
    assert len(tools) == 257
    assert "(other)" in tools
    assert sum(point.value for point in calls) == 400  # each once, though not each was timed


async def test_attempts_to_correct_are_counted(collected: Collected) -> None:
    """Each proposer that was asked counts once, by what came of it."""

    class Nobody:
        name = "nobody"

        async def propose(self, refused: Any) -> tuple[()]:
            return ()

    guard = Guard(StaticProgram(), telemetry=collected.telemetry(), proposers=[Nobody()])
    await guard.enforce(ToolCall.of("1", "pay", {}), _tool, session="s")
    await guard.aclose()
    assert collected.counts("bartizan.corrections") == {
        (("bartizan.correction.by", "nobody"), ("bartizan.correction.came_of", "none")): 1
    }


async def test_the_queue_is_bounded_and_drops_are_counted(collected: Collected) -> None:
    """While an exporter hangs decisions go on; what does not fit is counted, the rest is traced once it answers."""
    exporter = HangingExporter()
    collected.provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = collected.telemetry(capacity=3)
    guard = Guard(StaticProgram(allow=["read"]), telemetry=telemetry)
    for number in range(20):
        outcome = await guard.enforce(ToolCall.of(str(number), "read", {}), _tool, session="s")
        assert outcome.result == ToolResult("done")
    assert telemetry.dropped in (16, 17)  # three wait, and one may be on its way out
    exporter.answer.set()
    await guard.aclose()
    assert len(collected.spans) + telemetry.dropped == 20
    assert sum(collected.counts("bartizan.telemetry.dropped").values()) == telemetry.dropped


async def test_closing_does_not_wait_for_an_exporter_for_ever(collected: Collected) -> None:
    """A guard closes within its deadline, whatever its telemetry is waiting for."""
    exporter = HangingExporter()
    collected.provider.add_span_processor(SimpleSpanProcessor(exporter))
    guard = Guard(StaticProgram(allow=["read"]), telemetry=collected.telemetry(), deadline=0.2)
    await guard.enforce(ToolCall.of("1", "read", {}), _tool, session="s")
    async with asyncio.timeout(PATIENCE / 2):  # the exporter takes twice as long
        await guard.aclose()
    exporter.answer.set()


async def test_a_broken_tracer_breaks_nothing() -> None:
    """Whatever the exporter does, calls are decided and run, and the guard closes."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("exporter down")

    class BrokenMeter:
        def create_histogram(self, *_: Any) -> Any:
            return Broken()

        create_counter = create_histogram

    telemetry = Telemetry(Broken(), BrokenMeter())  # type: ignore[arg-type]
    guard = Guard(StaticProgram(allow=["read"], escalate=["pay"]), telemetry=telemetry)
    outcome = await guard.enforce(ToolCall.of("1", "read", {}), _tool, session="s")
    assert outcome.result == ToolResult("done")
    assert (await guard.enforce(ToolCall.of("2", "pay", {}), _tool, session="s")).approval is not None
    await guard.aclose()
    assert telemetry.dropped == 2


async def test_an_exporter_that_raises_breaks_nothing(collected: Collected) -> None:
    """A collector that is down costs its own spans, nobody else's, and no decision."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(RaisingExporter()))
    provider.add_span_processor(SimpleSpanProcessor(collected.exporter))
    guard = Guard(StaticProgram(allow=["read"]), telemetry=Telemetry(provider.get_tracer("test")))
    for number in range(3):
        outcome = await guard.enforce(ToolCall.of(str(number), "read", {}), _tool, session="s")
        assert outcome.result == ToolResult("done")
    await guard.aclose()
    assert len(collected.spans) == 3
    provider.shutdown()


async def test_an_idle_thread_ends_and_the_next_decision_starts_another(
    collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guard that nobody uses, closed or not, keeps no thread."""
    monkeypatch.setattr("bartizan.guard.telemetry.IDLE", 0.01)

    async def idle() -> None:
        for thread in threading.enumerate():
            if thread.name == "bartizan telemetry":
                await asyncio.to_thread(thread.join, PATIENCE)
                assert not thread.is_alive()

    guard = Guard(StaticProgram(allow=["read"]), telemetry=collected.telemetry())
    for number in range(3):
        await guard.enforce(ToolCall.of(str(number), "read", {}), _tool, session="s")
        await idle()
        assert len(collected.spans) == number + 1


async def test_without_an_sdk_there_is_nothing_to_configure() -> None:
    """The API alone is enough to run on."""
    guard = Guard(StaticProgram(allow=["read"]))
    outcome = await guard.enforce(ToolCall.of("1", "read", {}), _tool, session="s")
    await guard.aclose()
    assert outcome.result == ToolResult("done")


def test_telemetry_outlives_an_event_loop(collected: Collected) -> None:
    """A guard used from one event loop after another traces on each."""
    guard = Guard(StaticProgram(allow=["read"]), telemetry=collected.telemetry())

    async def once(number: int) -> None:
        await guard.enforce(ToolCall.of(str(number), "read", {}), _tool, session="s")

    for number in range(3):
        asyncio.run(once(number))
    asyncio.run(guard.aclose())
    assert len(collected.spans) == 3


async def _tool(call: ToolCall) -> ToolResult:
    return ToolResult("done")


async def test_under_load_all_decisions_are_counted_and_some_are_timed(collected: Collected) -> None:
    """What waits for the thread costs it little: the counter has every decision, the histogram a sample."""
    guard = Guard(StaticProgram(), telemetry=collected.telemetry(capacity=10_000))
    for n in range(600):
        await guard.enforce(ToolCall.of(str(n), "tool", {}), _tool, session="s")
    await guard.aclose()
    points = collected.points()
    assert sum(point.value for point in points["bartizan.decisions"]) == 600
    timed = sum(point.count for point in points["bartizan.decision.duration"])
    assert 600 // 16 <= timed <= 600
