"""The guard's metrics: what is counted and timed, and by which attributes.

Attributes have few values, all from the policy and the guard: rules, outcomes, reasons, the tools that a policy decides
about. An agent's own words (sessions, principals, tools that no policy knows) are never among them.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import metrics
from opentelemetry.util.types import AttributeValue

from . import reasons, semconv
from .decision import Outcome
from .spans import DecisionRecord, EventRecord
from .types import Missing

MAX_TOOLS = 256
"""Tools that are told apart; what comes after counts as another."""

OTHER = "(other)"
"""The tool of calls of tools that the policy does not know."""

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Boundaries of the buckets of decisions and their stages."""

WAITING = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
"""Boundaries of the buckets of approvals, in seconds: people take longer."""

_UNASKED = frozenset(reasons.TEXTS) | {"unknown-tool"}
"""Reasons of decisions that say nothing about whether the policy knows the tool."""

_Attributes = dict[str, AttributeValue]


class Instruments:
    """``common`` are attributes of everything that is measured: the tenant, where there are several."""

    def __init__(self, meter: metrics.Meter, common: Mapping[str, str]) -> None:
        self._common = dict(common)
        self._tools: set[str] = set()
        self._tally: dict[tuple[str, str], int] = {}
        self._calls_tally: dict[tuple[str, str], int] = {}
        self._latency = _histogram(
            meter,
            semconv.METRIC_DECISION_DURATION,
            "Time from a proposed call to its recorded decision",
            SECONDS,
        )
        self._stages = _histogram(
            meter, semconv.METRIC_STAGE_DURATION, "The same, by what it was spent on", SECONDS
        )
        self._ages = _histogram(
            meter, semconv.METRIC_APPROVAL_AGE, "How long an approval waited for its answer", WAITING
        )
        self._calls = meter.create_counter(
            semconv.METRIC_CALLS, "{call}", "Decided calls by outcome and tool: each once"
        )
        self._outcomes = meter.create_counter(
            semconv.METRIC_DECISIONS, "{decision}", "Decisions by outcome and rule: once for each rule"
        )
        self._shadows = meter.create_counter(
            semconv.METRIC_SHADOWS, "{decision}", "Decisions that a rule in shadow mode would have changed"
        )
        self._corrections = meter.create_counter(
            semconv.METRIC_CORRECTIONS, "{attempt}", "Attempts to correct a denied call, by what came of them"
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
            "Failures of the guard's own parts; each one denied or withheld something",
        )
        self._drops = meter.create_counter(
            semconv.METRIC_DROPPED,
            "{record}",
            "Decisions and events whose span was never built: the queue was full",
        )

    def decided(self, record: DecisionRecord, *, timed: bool = True) -> None:
        """Count a decision, with the next :meth:`settle`, and time it."""
        outcome = record.decision.outcome.name.lower()
        tool = self._tool(record)
        if timed:
            self._latency.record(
                sum(record.stages.values()) / 1e9,
                self._of({semconv.OUTCOME: outcome, semconv.GEN_AI_TOOL_NAME: tool}),
            )
            for stage, nanoseconds in record.stages.items():
                self._stages.record(nanoseconds / 1e9, self._of({semconv.STAGE: stage}))
        called = (outcome, tool)
        self._calls_tally[called] = self._calls_tally.get(called, 0) + 1
        for reason in record.decision.reasons:
            key = (outcome, reason.rule)
            self._tally[key] = self._tally.get(key, 0) + 1
        for reason in record.decision.shadow:
            self._shadows.add(1, self._of({semconv.RULE: reason.rule, semconv.EFFECT: reason.effect}))
        for attempt in record.attempts:
            found = {semconv.CORRECTED_BY: attempt.name, semconv.CAME_OF: attempt.came_of}
            self._corrections.add(1, self._of(found))

    def settle(self) -> None:
        """Tell the meter what was counted since the last time: one addition for many decisions."""
        calls, self._calls_tally = self._calls_tally, {}
        for (outcome, tool), count in calls.items():
            self._calls.add(count, self._of({semconv.OUTCOME: outcome, semconv.GEN_AI_TOOL_NAME: tool}))
        tally, self._tally = self._tally, {}
        for (outcome, rule), count in tally.items():
            self._outcomes.add(count, self._of({semconv.OUTCOME: outcome, semconv.RULE: rule}))

    def missing(self, record: DecisionRecord | EventRecord) -> None:
        for signal in record.signals.values():
            if isinstance(signal.value, Missing):
                self._missing.add(1, self._of({semconv.SIGNAL: signal.name}))

    def approval(self, state: str, age: float | None) -> None:
        found = self._of({semconv.APPROVAL_STATE: state})
        self._approvals.add(1, found)
        if age is not None:
            self._ages.record(age, found)

    def failure(self, part: str) -> None:
        self._failures.add(1, self._of({semconv.REASON: part}))

    def dropped(self) -> None:
        self._drops.add(1, self._of({}))

    def _of(self, attributes: Mapping[str, AttributeValue]) -> _Attributes:
        return {**self._common, **attributes}

    def _tool(self, record: DecisionRecord) -> str:
        """The tool's name if the program decided about it, and so knows it: the agent chooses the others."""
        decision, tool = record.decision, record.call.tool
        asked = decision.outcome is not Outcome.DENY or not any(
            one.rule in _UNASKED for one in decision.reasons
        )
        if asked and len(self._tools) < MAX_TOOLS:
            self._tools.add(tool)
        return tool if tool in self._tools else OTHER


def _histogram(
    meter: metrics.Meter, name: str, description: str, boundaries: tuple[float, ...]
) -> metrics.Histogram:
    """A histogram in seconds; an SDK's usual buckets are for milliseconds."""
    try:
        return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=boundaries)
    except TypeError:  # an API from before 1.30 takes no advice
        return meter.create_histogram(name, "s", description)
