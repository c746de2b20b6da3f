"""Spans and metrics: told of every decision and of every measured event, and with no say in any.

The OpenTelemetry *API* only: without an SDK it does nothing, and whose SDK it is, is the application's
choice. A decision costs the caller one entry in a bounded queue; a thread builds the span afterwards, with the
times and the parent of the moment it was made, so that an exporter that blocks keeps nobody waiting. Nothing
here raises; what does not fit into the queue is counted. Texts and arguments are left out unless
``capture_content`` is set. What spans say is in :mod:`.spans`, what is counted in :mod:`.instruments`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import MappingProxyType

from opentelemetry import metrics, trace

from . import semconv
from .errors import AuditError, StoreError
from .instruments import Instruments
from .spans import DecisionRecord, EventRecord, described

__all__ = ["DecisionRecord", "EventRecord", "Telemetry"]

IDLE = 1.0
"""Seconds after which a thread with nothing to build ends; the next decision starts another."""

REST = 0.02
"""Seconds for which the thread lets decisions gather: to be woken by each of them would cost the decisions time."""

BUSY, TIMED = 32, 16
"""While more decisions wait than ``BUSY``, only one in ``TIMED`` is timed; all are counted."""

_LOG = logging.getLogger("bartizan.guard")


class Telemetry:
    """Builds the guard's spans and metrics in a thread of its own.

    ``attributes`` are put on all of them: the tenant, where one process guards for several.
    """

    def __init__(
        self,
        tracer: trace.Tracer | None = None,
        meter: metrics.Meter | None = None,
        *,
        capacity: int = 2048,
        capture_content: bool = False,
        attributes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._own_tracer = tracer is not None
        self._tracer = tracer or trace.get_tracer(semconv.SCOPE)
        meter = meter or metrics.get_meter(semconv.SCOPE)
        self._capacity = capacity
        self._capture = capture_content
        self._attributes = dict(attributes)
        self._queue: SimpleQueue[DecisionRecord | EventRecord | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._turn = threading.Lock()  # to start and end the thread
        self.dropped = 0
        self._number = 0
        self._instruments = Instruments(meter, attributes)

    @property
    def waiting(self) -> int:
        """How many records wait for their spans to be built."""
        return self._queue.qsize()

    def decision(self, record: DecisionRecord) -> None:
        """Take note of a decision. Never raises, never waits."""
        self._take(record)

    def measured(self, record: EventRecord) -> None:
        """Take note of what was measured on an event that is no call. Never raises, never waits."""
        self._take(record)

    def _take(self, record: DecisionRecord | EventRecord) -> None:
        if self._queue.qsize() >= self._capacity:
            self.dropped += 1
            with suppress(Exception):
                self._instruments.dropped()
            return
        self._queue.put(record)
        self._start()

    def approval(self, state: str, age: float | None = None) -> None:
        """Count an approval asked for (``pending``) or answered, so many seconds after it was asked for."""
        with suppress(Exception):
            self._instruments.approval(state, age)

    def failure(self, part: str, error: BaseException | None = None) -> None:
        """Count a failure of the guard's own parts, by reserved reason, and log it for the operator.

        A store or a log that is down or slow says so in a line (a call may meet it thousands of times); a bug, with
        its trace.
        """
        if isinstance(error, StoreError | AuditError | TimeoutError):
            _LOG.error("guard failure: %s: %s", part, str(error) or "there was no time left")
        else:
            _LOG.error("guard failure: %s", part, exc_info=error)
        with suppress(Exception):
            self._instruments.failure(part)

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
                self._counted()
                item.set()
            else:
                self._emit(item)
                if self._queue.empty():
                    self._counted()
                    time.sleep(REST)
                elif self._number % 256 == 0:
                    self._counted()

    def _emit(self, record: DecisionRecord | EventRecord) -> None:
        try:
            if self._traced():
                self._span(record)
            if isinstance(record, DecisionRecord) and not record.reviewed:
                self._number += 1
                timed = self._queue.qsize() <= BUSY or self._number % TIMED == 0
                self._instruments.decided(record, timed=timed)
            self._instruments.missing(record)
        except Exception:  # noqa: BLE001 (an exporter's failure must not reach anybody's tool call)
            self.dropped += 1
            _LOG.debug("a decision or an event could not be traced", exc_info=True)

    def _counted(self) -> None:
        with suppress(Exception):
            self._instruments.settle()

    def _traced(self) -> bool:
        """Whether anybody could see a span: without an SDK there is none to build."""
        return self._own_tracer or not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)

    def _span(self, record: DecisionRecord | EventRecord) -> None:
        name, attributes = described(record, self._capture)
        span = self._tracer.start_span(
            name,
            context=record.parent,
            attributes={**self._attributes, **attributes},
            start_time=record.started,
        )
        span.end(end_time=record.started + sum(record.stages.values()))
