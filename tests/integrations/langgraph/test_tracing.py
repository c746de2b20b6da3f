"""Decisions belong to the trace of the run that asked for them."""

from __future__ import annotations

from opentelemetry.trace import NonRecordingSpan, SpanContext, get_current_span, use_span

from bartizan.guard import DecisionRecord, Telemetry
from bartizan.integrations.langgraph.testing import calling


class _Notes(Telemetry):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[DecisionRecord] = []

    def decision(self, record: DecisionRecord) -> None:
        self.told.append(record)
        super().decision(record)


def test_a_decision_is_a_child_of_the_callers_span(world, make_guard, run) -> None:
    """Although it is made on another thread and loop, a decision has the caller's current span as its parent."""
    notes = _Notes()
    agent = make_guard(kernel={"telemetry": notes}).wrap(world.agent(calling(("read", {"path": "a"}))))
    with use_span(NonRecordingSpan(SpanContext(trace_id=7, span_id=9, is_remote=False))):
        run(agent, "Go.")
    [record] = notes.told
    parent = get_current_span(record.parent).get_span_context()
    assert (parent.trace_id, parent.span_id) == (7, 9)
