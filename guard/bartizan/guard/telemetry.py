"""Spans and metrics: told of every decision and of every measured event, and with no say in any.

The OpenTelemetry *API* only: without an SDK it does nothing, and whose SDK it is, is the application's
choice. A decision costs the caller one entry in a bounded queue; a thread builds the span afterwards, with the
times and the parent of the moment it was made, so that an exporter that blocks keeps nobody waiting. Nothing
here raises; what does not fit into the queue is counted. Texts and arguments are left out unless
``capture_content`` is set.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from queue import Empty, SimpleQueue

from opentelemetry import context, metrics, trace
from opentelemetry.util.types import AttributeValue

from . import semconv
from .canonical import canonical_json
from .correction import Attempt, Correction
from .decision import Decision, Inspection
from .errors import AuditError, StoreError
from .types import Event, Missing, Principal, Signal, ToolCall

IDLE = 1.0
"""Seconds after which a thread with nothing to build ends; the next decision starts another."""

_LOG = logging.getLogger("bartizan.guard")


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """All that a span says about one decision. Times are nanoseconds; ``parent`` is the caller's context."""

    call: ToolCall
    decision: Decision
    session: str
    principal: Principal
    policy_name: str
    policy_hash: str
    started: int
    stages: Mapping[str, int]
    signals: Mapping[str, Signal] = field(default_factory=dict)
    approval: str | None = None
    record: str | None = None
    correction: Correction | None = None
    attempts: tuple[Attempt, ...] = ()
    reviewed: bool = False
    parent: context.Context = field(default_factory=context.get_current)


@dataclass(frozen=True, slots=True)
class EventRecord:
    """All that a span says about something besides a call that was measured; see :class:`DecisionRecord`."""

    event: Event
    inspection: Inspection | None
    session: str
    policy_name: str
    policy_hash: str
    started: int
    stages: Mapping[str, int]
    signals: Mapping[str, Signal]
    parent: context.Context = field(default_factory=context.get_current)


class Telemetry:
    """Builds the guard's spans and metrics in a thread of its own."""

    def __init__(
        self,
        tracer: trace.Tracer | None = None,
        meter: metrics.Meter | None = None,
        *,
        capacity: int = 2048,
        capture_content: bool = False,
    ) -> None:
        self._tracer = tracer or trace.get_tracer(semconv.SCOPE)
        meter = meter or metrics.get_meter(semconv.SCOPE)
        self._capacity = capacity
        self._capture = capture_content
        self._queue: SimpleQueue[DecisionRecord | EventRecord | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._turn = threading.Lock()  # to start and end the thread
        self.dropped = 0
        self._latency = meter.create_histogram(
            semconv.METRIC_DECISION_DURATION, "s", "Time from a proposed call to its recorded decision"
        )
        self._outcomes = meter.create_counter(
            semconv.METRIC_DECISIONS, "{decision}", "Decisions by outcome and rule"
        )
        self._shadows = meter.create_counter(
            semconv.METRIC_SHADOWS, "{decision}", "Decisions that a rule in shadow mode would have changed"
        )
        self._missing = meter.create_counter(
            semconv.METRIC_MISSING_SIGNALS, "{signal}", "Signals that could not be measured"
        )
        self._approvals = meter.create_counter(
            semconv.METRIC_APPROVALS, "{approval}", "Approvals asked for and answered"
        )
        self._failures = meter.create_counter(
            semconv.METRIC_FAILURES,
            "{failure}",
            "Failures of the guard's own parts; each one denied something",
        )
        self._drops = meter.create_counter(
            semconv.METRIC_DROPPED,
            "{record}",
            "Decisions and events whose span was never built: the queue was full",
        )

    def decision(self, record: DecisionRecord) -> None:
        """Take note of a decision. Never raises, never waits."""
        self._take(record)

    def measured(self, record: EventRecord) -> None:
        """Take note of what was measured on an event that is no call. Never raises, never waits."""
        self._take(record)

    def _take(self, record: DecisionRecord | EventRecord) -> None:
        if self._queue.qsize() >= self._capacity:
            self.dropped += 1
            self._count(self._drops, {})
            return
        self._queue.put(record)
        self._start()

    def approval(self, state: str) -> None:
        """Count an approval asked for (``pending``) or answered."""
        self._count(self._approvals, {semconv.APPROVAL_STATE: state})

    def failure(self, part: str, error: BaseException | None = None) -> None:
        """Count a failure of the guard's own parts, by reserved reason, and log it for the operator.

        A store or a log that is down says so in a line (a call may meet it thousands of times); a bug, with its trace.
        """
        if isinstance(error, StoreError | AuditError):
            _LOG.error("guard failure: %s: %s", part, error)
        else:
            _LOG.error("guard failure: %s", part, exc_info=error)
        self._count(self._failures, {semconv.REASON: part})

    async def aclose(self, within: float = 5.0) -> None:
        """Wait until the spans still in the queue are built, at most so many seconds."""
        if self._queue.empty() and self._thread is None:
            return
        built = threading.Event()
        self._queue.put(built)
        self._start()
        await asyncio.to_thread(built.wait, within)

    def _start(self) -> None:
        with self._turn:
            if self._thread is None or not self._thread.is_alive():  # idle, or lost in a fork
                with suppress(RuntimeError):  # no thread to be had: the next decision tries again
                    self._thread = threading.Thread(target=self._run, name="bartizan telemetry", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=IDLE)
            except Empty:
                with self._turn:
                    if self._queue.empty():
                        self._thread = None
                        return
                continue
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._emit(item)

    def _emit(self, record: DecisionRecord | EventRecord) -> None:
        try:
            self._span(record)
            if isinstance(record, DecisionRecord) and not record.reviewed:
                self._measure(record)
            for signal in record.signals.values():
                if isinstance(signal.value, Missing):
                    self._missing.add(1, {semconv.SIGNAL: signal.name})
        except Exception:  # noqa: BLE001 (an exporter's failure must not reach anybody's tool call)
            self.dropped += 1
            _LOG.debug("a decision or an event could not be traced", exc_info=True)

    def _span(self, record: DecisionRecord | EventRecord) -> None:
        if isinstance(record, DecisionRecord):
            name = semconv.SPAN_REVIEW if record.reviewed else semconv.SPAN_DECIDE
            attributes = _decided(record, self._capture)
        else:
            name, attributes = semconv.SPAN_MEASURE, _measured(record)
        attributes |= _common(record, self._capture)
        span = self._tracer.start_span(
            name, context=record.parent, attributes=attributes, start_time=record.started
        )
        span.end(end_time=record.started + sum(record.stages.values()))

    def _measure(self, record: DecisionRecord) -> None:
        outcome = record.decision.outcome.name.lower()
        common: dict[str, AttributeValue] = {
            semconv.OUTCOME: outcome,
            semconv.GEN_AI_TOOL_NAME: record.call.tool,
        }
        self._latency.record(sum(record.stages.values()) / 1e9, common)
        for reason in record.decision.reasons:
            self._outcomes.add(1, {semconv.OUTCOME: outcome, semconv.RULE: reason.rule})
        for reason in record.decision.shadow:
            self._shadows.add(1, {semconv.RULE: reason.rule, semconv.EFFECT: reason.effect})

    def _count(self, counter: metrics.Counter, attributes: dict[str, AttributeValue]) -> None:
        with suppress(Exception):
            counter.add(1, attributes)


def _common(record: DecisionRecord | EventRecord, capture: bool) -> dict[str, AttributeValue]:
    """What every span of ours says: whose session, under which policy, how long, and what was measured."""
    attributes: dict[str, AttributeValue] = {
        semconv.OPENINFERENCE_SPAN_KIND: semconv.GUARDRAIL,
        semconv.GEN_AI_CONVERSATION_ID: record.session,
        semconv.POLICY_NAME: record.policy_name,
        semconv.POLICY_HASH: record.policy_hash,
    }
    for stage, nanoseconds in record.stages.items():
        attributes[f"{semconv.STAGE_PREFIX}.{stage}"] = nanoseconds / 1e9
    absent = []
    for name, signal in record.signals.items():
        if isinstance(signal.value, Missing):
            absent.append(name)
        else:
            attributes[f"{semconv.SIGNAL_PREFIX}.{name}"] = signal.value
    for name, signal in islice(record.signals.items(), semconv.MAX_SIGNALS):
        prefix = f"{semconv.SIGNAL_PREFIX}.{name}"
        attributes |= {f"{prefix}.{key}": found for key, found in _described(signal, capture).items()}
    attributes[semconv.MISSING_SIGNALS] = absent
    return attributes


def _decided(record: DecisionRecord, capture: bool) -> dict[str, AttributeValue]:
    """What a ``guard.decide`` span says of its decision."""
    decision = record.decision
    attributes: dict[str, AttributeValue] = {
        semconv.GEN_AI_TOOL_NAME: record.call.tool,
        semconv.GEN_AI_TOOL_CALL_ID: record.call.id,
        semconv.OUTCOME: decision.outcome.name.lower(),
        semconv.RULES: [reason.rule for reason in decision.reasons],
        semconv.SHADOW_RULES: [reason.rule for reason in decision.shadow],
        semconv.CALL_DIGEST: record.call.digest,
        semconv.PRINCIPAL: record.principal.id,
    }
    if record.approval is not None:
        attributes[semconv.APPROVAL_ID] = record.approval
    if record.record is not None:
        attributes[semconv.RECORD_ID] = record.record
    if record.attempts:
        attributes[semconv.CORRECTION_ATTEMPTS] = [f"{one.name}: {one.came_of}" for one in record.attempts]
    if record.correction is not None:
        attributes[semconv.CORRECTED_BY] = record.correction.origin
        attributes[semconv.CORRECTED_PATHS] = [step["path"] for step in record.correction.patch]
    if capture:
        attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = record.call.canonical.decode()
        attributes[semconv.REASON_TEXTS] = [reason.text for reason in decision.reasons]
    return attributes


def _measured(record: EventRecord) -> dict[str, AttributeValue]:
    """What a ``guard.measure`` span says of its event, and of what became of a result."""
    attributes: dict[str, AttributeValue] = {semconv.EVENT: record.event.kind}
    if (call := record.event.call) is not None:
        attributes |= {
            semconv.GEN_AI_TOOL_NAME: call.tool,
            semconv.GEN_AI_TOOL_CALL_ID: call.id,
            semconv.CALL_DIGEST: call.digest,
        }
    if (inspection := record.inspection) is not None:
        attributes[semconv.LABEL] = inspection.labels.default
        attributes[semconv.RULES] = [reason.rule for reason in inspection.reasons]
        attributes[semconv.SHADOW_RULES] = [reason.rule for reason in inspection.shadow]
    return attributes


def _described(signal: Signal, capture: bool) -> dict[str, AttributeValue]:
    """What a span says about a signal besides its value, in bounds: evidence comes from a model, maybe elsewhere."""
    found: dict[str, AttributeValue] = {}
    if isinstance(signal.value, Missing):
        found[semconv.SIGNAL_MISSING] = signal.value.reason[: semconv.MAX_TEXT]
    if not isinstance(signal.p_value, Missing):
        found[semconv.SIGNAL_P_VALUE] = signal.p_value
    evidence = signal.evidence
    if isinstance(probe := evidence.get("probe"), str):
        found[semconv.SIGNAL_PROBE] = probe[: semconv.MAX_TEXT]
    features = evidence.get("features")
    if isinstance(features, Mapping | list):
        names = [name[: semconv.MAX_TEXT] for name in features if isinstance(name, str)]
        found[semconv.SIGNAL_FEATURES] = names[: semconv.MAX_FEATURES]
    milliseconds = evidence.get("ms")
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool):
        found[semconv.SIGNAL_LATENCY] = milliseconds / 1e3
    if capture and evidence:
        text = canonical_json(dict(evidence)).decode()
        if len(text) <= semconv.MAX_EVIDENCE:
            found[semconv.SIGNAL_EVIDENCE] = text
    return found
