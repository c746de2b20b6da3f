"""What the guard's spans say: the records they are made of, and their attributes.

Texts and arguments are left out unless they are to be captured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from opentelemetry import context
from opentelemetry.util.types import AttributeValue

from . import semconv
from .canonical import canonical_json
from .correction import Attempt, Correction
from .decision import Decision, Inspection
from .types import Event, Missing, Principal, Signal, ToolCall


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """All that a span says about one decision. Times are nanoseconds; ``parent`` is the caller's context."""

    call: ToolCall
    decision: Decision
    session: str
    principal: Principal
    policy_name: str
    policy_hash: str
    policy_certificate: str
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
    policy_certificate: str
    started: int
    stages: Mapping[str, int]
    signals: Mapping[str, Signal]
    parent: context.Context = field(default_factory=context.get_current)


def described(record: DecisionRecord | EventRecord, capture: bool) -> tuple[str, dict[str, AttributeValue]]:
    """The name and the attributes of the span of a record."""
    if isinstance(record, DecisionRecord):
        name = semconv.SPAN_REVIEW if record.reviewed else semconv.SPAN_DECIDE
        attributes = _decided(record, capture)
    else:
        name, attributes = semconv.SPAN_MEASURE, _measured(record)
    return name, attributes | _common(record, capture)


def _common(record: DecisionRecord | EventRecord, capture: bool) -> dict[str, AttributeValue]:
    """What every span of ours says: whose session, under which policy, how long, and what was measured."""
    attributes: dict[str, AttributeValue] = {
        semconv.OPENINFERENCE_SPAN_KIND: semconv.GUARDRAIL,
        semconv.SESSION_ID: record.session[: semconv.MAX_SESSION_ID],
        semconv.GEN_AI_CONVERSATION_ID: record.session,
        semconv.POLICY_NAME: record.policy_name,
        semconv.POLICY_HASH: record.policy_hash,
        semconv.POLICY_CERTIFICATE: record.policy_certificate,
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
        semconv.OUTPUT_VALUE: decision.outcome.name.lower(),
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
        arguments = record.call.canonical.decode()
        attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = attributes[semconv.INPUT_VALUE] = arguments
        attributes[semconv.INPUT_MIME_TYPE] = "application/json"
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
