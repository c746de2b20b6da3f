"""Replays a trace in the real program: every call is decided, every event advances the registers that run."""

from __future__ import annotations

from typing import Any

from bartizan.guard import Event, Missing, Outcome, Principal, Request, Session, Signal, ToolCall
from bartizan.policies import Program
from bartizan.policies.analysis.encode.symbols import Fields
from bartizan.policies.analysis.sequences.trace import Trace, TracedEvent
from bartizan.policies.analysis.witness.decode import Decoder
from bartizan.policies.history import begin, record, record_result, result
from bartizan.policies.language.environment import RESULT_TEXT
from bartizan.policies.language.types import Bool


def replayed(program: Program, trace: Trace) -> tuple[Outcome, Request, Session]:
    """What the program makes of the last call. Fails if it does not let one of those before it go."""
    session, decoder = begin(program), Decoder(trace.encoder, trace.model)
    calls: dict[int, ToolCall] = {}
    for index, event in enumerate(trace.events):
        signals = _signals(decoder, event)
        match event.happening.kind:
            case "call":
                calls[index] = _call(program, decoder, event, f"c{index}")
                principal = decoder.principal(event.moment)
                who = Principal(principal["id"], frozenset(principal["roles"]))
                request = Request(calls[index], event.time, who, signals, event.approved)
                outcome = program.decide(request, session).outcome
                if event is trace.call:
                    return outcome, request, session
                assert outcome is Outcome.ALLOW, f"call {index + 1} is not let go"
                session = record(
                    program, session, Event("call", event.time, call=calls[index], signals=signals)
                )
            case "result":
                assert event.answers is not None
                record_of = event.moment.inputs["event"]
                assert isinstance(record_of, Fields)
                text = decoder.value(record_of.fields["text"][1], RESULT_TEXT)
                failed = decoder.value(record_of.fields["is_error"][1], Bool())
                call = calls[event.answers]
                seen = result(call, event.time, text=text, is_error=failed, signals=signals)
                session = record_result(program, session, seen)
            case kind:
                record_of = event.moment.inputs["event"]
                assert isinstance(record_of, Fields)
                text = decoder.value(record_of.fields["text"][1], RESULT_TEXT)
                session = record(program, session, Event(kind, event.time, text, signals=signals))
    raise AssertionError("a trace ends with a call")


def _call(program: Program, decoder: Decoder, event: TracedEvent, id: str) -> ToolCall:
    tool = event.happening.tool
    assert tool is not None
    args: dict[str, Any] = decoder.value(event.moment.inputs["args"], program.tools[tool].args)
    return ToolCall.of(id, tool, args)


def _signals(decoder: Decoder, event: TracedEvent) -> dict[str, Signal]:
    found = {}
    for name, reading in decoder.signals(event.moment).items():
        parts = reading if isinstance(reading, dict) else {"value": reading, "p_value": "missing"}
        value, p_value = (
            Missing("not measured") if part == "missing" else float(part)
            for part in (parts["value"], parts["p_value"])
        )
        found[name] = Signal(name, value, p_value)
    return found
