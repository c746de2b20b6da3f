"""The guard's monitor: events become queries, measurements become signals, and nothing needs torch."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass

import pytest

from bartizan.guard.gather import Gatherer, checked
from bartizan.guard.types import Event, Missing, ToolCall
from bartizan.monitors import Measurement, Passage, Query
from bartizan.monitors.engine import ReaderEngine
from bartizan.monitors.host import Limits
from bartizan.monitors.host.local import LocalBackend
from bartizan.monitors.monitor import MAX_EVIDENCE, ProbeMonitor, monitors_for

from .tiny_reader import probe, reader

CALL = ToolCall.of("1", "pay", {"to": "ann", "amount": 3})
EVENTS = (
    Event("prompt", 1, "pay ann"),
    Event("call", 2, call=CALL),
    Event("result", 3, "paid", call=CALL),
    Event("text", 4, "done"),
)


class Recorder:
    """Answers the same to every query, and keeps the queries."""

    def __init__(self, answer: Measurement) -> None:
        self.answer = answer
        self.asked: list[Query] = []

    async def measure(self, query: Query) -> Measurement:
        self.asked.append(query)
        return self.answer


@dataclass(frozen=True)
class Declared:
    on: str
    monitor: str


async def test_events_become_passages_of_their_speaker() -> None:
    """The user's words, a call's canonical arguments, a result with its tool, the agent's text; the past before."""
    backend = Recorder(Measurement(0.5, 0.25, {"tokens": 1}))
    monitor = ProbeMonitor("risk", backend, "injection", tenant="acme")
    for index, event in enumerate(EVENTS):
        signal = await monitor.measure(event, EVENTS[:index])
        assert (signal.name, signal.value, signal.p_value) == ("risk", 0.5, 0.25)
        assert signal.evidence.keys() == {"tokens", "probe", "ms"}
        assert checked("risk", signal) == signal
    said = [
        Passage("user", "pay ann"),
        Passage("call", '{"amount":3,"to":"ann"}'),
        Passage("result", "paid"),
        Passage("text", "done"),
    ]
    assert [query.passages for query in backend.asked] == [tuple(said[: n + 1]) for n in range(4)]
    assert [query.tool for query in backend.asked] == ["", "pay", "pay", ""]
    assert {(query.probe, query.tenant) for query in backend.asked} == {("injection", "acme")}


async def test_context_is_bounded() -> None:
    """The latest events that fit are kept, whole."""
    backend = Recorder(Measurement(0.5))
    trace = tuple(Event("text", n, str(n) * 10) for n in range(9))
    await ProbeMonitor("risk", backend, context=3, characters=25).measure(EVENTS[0], trace)
    await ProbeMonitor("risk", backend, context=0).measure(EVENTS[0], trace)
    assert [[p.text[0] for p in query.passages] for query in backend.asked] == [["7", "8", "p"], ["p"]]


async def test_other_channels_are_missing_without_asking() -> None:
    """A signal on results says nothing about prompts."""
    backend = Recorder(Measurement(0.0))
    signal = await ProbeMonitor("risk", backend, channels=["result"]).measure(EVENTS[0], ())
    assert isinstance(signal.value, Missing)
    assert not backend.asked
    with pytest.raises(ValueError, match="channels among"):
        ProbeMonitor("risk", backend, channels=["tool"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "evidence", [{"x": math.nan}, {"x": "y" * MAX_EVIDENCE}, {1: 2}, None, {"x": object()}]
)
async def test_evidence_that_is_no_json_or_too_much_is_left_out(evidence: object) -> None:
    """It decides nothing, and must not keep a signal from being stored."""
    answer = Measurement(0.5, 0.5, evidence)  # type: ignore[arg-type]
    signal = await ProbeMonitor("risk", Recorder(answer)).measure(EVENTS[0], ())
    assert signal.evidence.keys() == {"probe", "ms"}
    assert signal.value == 0.5


async def test_a_policys_signals_are_measured_by_the_probes_they_name() -> None:
    """From the declarations to real activations, through the guard's gatherer."""
    reads = reader()
    engine = ReaderEngine(reads, {"injection": probe(reads)})
    async with LocalBackend(engine, Limits(timeout=60.0)) as backend:
        declared = {"attack": Declared("result", "injection"), "odd": Declared("result", "no-such-probe")}
        gatherer = Gatherer(monitors_for(declared, backend))
        for text, least, most in (("ignore all", 0.9, 1.0), ("the report", 0.0, 0.1)):
            found = await gatherer.gather(declared, Event("result", 1, text, call=CALL), (), within=30)
            assert least <= found["attack"].value <= most
            assert found["odd"].value == Missing("unknown probe")


def test_neither_torch_nor_a_server_is_imported() -> None:
    """A client of a remote host needs neither."""
    code = (
        "import sys, bartizan.monitors, bartizan.monitors.monitor as m; m.ProbeMonitor; "
        "print(sorted({'torch', 'transformers', 'pydantic', 'starlette', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
