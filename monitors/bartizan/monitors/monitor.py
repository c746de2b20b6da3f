"""``ProbeMonitor``: what the guard asks, answered by an engine in this process or by a host. No torch.

backend = RemoteBackend("unix:/run/bartizan/monitors.sock")
guard = Guard(program, monitors=monitors_for(program.policy.signals, backend))
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Final, Protocol

from bartizan.guard.canonical import canonical_json, scalar_text
from bartizan.guard.evidence import evidence_of
from bartizan.guard.types import Event, EventKind, Missing, Signal, Trace

from .types import Backend, Channel, Passage, Query

CHANNELS: Final[Mapping[EventKind, Channel]] = {
    "prompt": "user",
    "call": "call",
    "result": "result",
    "text": "text",
}
"""Who speaks in an event."""

MAX_EVIDENCE = 8_192
"""Bytes of evidence that go into a session and its log; more is left out, it decides nothing."""


class Declared(Protocol):
    """What a policy says of a signal: on which events it is measured, and by what."""

    @property
    def on(self) -> EventKind: ...

    @property
    def monitor(self) -> str: ...


class ProbeMonitor:
    """The guard's monitor for the signal ``name``: asks ``backend`` for the measurement of ``probe`` (``name``).

    Events of other ``channels`` (default: any) are ``Missing``. The event's text is measured; up to ``context``
    earlier events of ``characters`` in all go before it, the latest first to be kept. Evidence gains ``probe`` and
    ``ms``, how long the answer took.
    """

    def __init__(
        self,
        name: str,
        backend: Backend,
        probe: str = "",
        channels: Collection[Channel] | None = None,
        *,
        tenant: str = "",
        context: int = 4,
        characters: int = 8_000,
    ) -> None:
        self._name = name
        self._backend = backend
        self._probe = probe or name
        self._channels = frozenset(CHANNELS.values() if channels is None else channels)
        self._tenant = tenant
        self._context = context
        self._characters = characters
        if not self._channels <= set(CHANNELS.values()) or context < 0 or characters < 0:
            raise ValueError(
                f"expected channels among {', '.join(CHANNELS.values())} and bounds from 0, found "
                f"{sorted(self._channels)}, {context}, {characters}"
            )

    async def measure(self, event: Event, trace: Trace) -> Signal:
        """Never raises but for cancellation, if the backend keeps its word."""
        last = passage(event)
        if last.channel not in self._channels:
            reason = Missing(f"not measured on {event.kind} events")
            return Signal(self._name, reason, reason)
        passages = (*reversed(list(self._earlier(trace))), last)
        started = time.perf_counter()
        answer = await self._backend.measure(Query(self._probe, passages, self._tenant, event.tool or ""))
        milliseconds = round((time.perf_counter() - started) * 1e3, 3)
        evidence = {**evidence_of(answer.evidence, MAX_EVIDENCE), "probe": self._probe, "ms": milliseconds}
        return Signal(self._name, answer.value, answer.p_value, evidence)

    def _earlier(self, trace: Trace) -> Iterator[Passage]:
        """The latest first; whole events only."""
        left = self._characters
        for event in reversed(trace[max(0, len(trace) - self._context) :]):
            found = passage(event)
            left -= len(found.text)
            if left < 0:
                return
            yield found


def passage(event: Event) -> Passage:
    """What is read of an event: its text, or a call's arguments as canonical JSON."""
    if event.kind == "call" and event.call is not None:
        return Passage("call", canonical_json(event.call.arguments()).decode())
    return Passage(CHANNELS[event.kind], scalar_text(event.text))


def monitors_for(
    signals: Mapping[str, Declared], backend: Backend, *, tenant: str = ""
) -> dict[str, ProbeMonitor]:
    """A monitor for each signal that a policy declares: its ``monitor:`` is the name of a probe of the backend."""
    return {
        name: ProbeMonitor(name, backend, declared.monitor, (CHANNELS[declared.on],), tenant=tenant)
        for name, declared in signals.items()
    }
