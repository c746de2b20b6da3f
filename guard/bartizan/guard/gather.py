"""Signals: every monitor is asked at once, and none can raise, overrun or lie about its range.

Whatever goes wrong with a measurement becomes ``Signal(value=Missing(reason))``. What a missing signal
means is the policy's business; it can never mean "safe" by accident, because it is not a number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from .abandoned import Abandoned
from .canonical import scalar_text
from .evidence import evidence_of
from .types import Event, Missing, Signal, Trace


class Monitor(Protocol):
    """What measures. It sees the event and the history before it; it changes nothing."""

    async def measure(self, event: Event, trace: Trace) -> Signal: ...


class Gatherer:
    """Asks monitors, by signal name, for what a policy wants to know about an event."""

    def __init__(self, monitors: Mapping[str, Monitor]) -> None:
        self._monitors = dict(monitors)
        self._running: set[asyncio.Task[Signal]] = set()
        self._abandoned = Abandoned()

    async def gather(
        self, names: Iterable[str], event: Event, trace: Trace, *, within: float
    ) -> dict[str, Signal]:
        """One signal per name, after at most ``within`` seconds. Raises nothing but ``CancelledError``.

        A monitor that does not answer is cancelled and *not* waited for: one that ignores its cancellation
        goes on in the background and its answer is thrown away. (A monitor that blocks the event loop stops
        everything in it, the deadline included: run such work in a thread.)
        """
        signals: dict[str, Signal] = {}
        tasks: dict[str, asyncio.Task[Signal]] = {}
        for name in dict.fromkeys(names):
            monitor = self._monitors.get(name)
            if monitor is None:
                signals[name] = missing(name, "no monitor")
            elif self._abandoned.stuck(name):
                signals[name] = missing(name, "stuck")
            else:
                tasks[name] = self._start(name, monitor, event, trace)
        if not tasks:
            return signals
        try:
            await asyncio.wait(tasks.values(), timeout=within)
        finally:
            for name, task in tasks.items():
                if not task.done():
                    self._abandoned.leave(name, task)
        for name, task in tasks.items():
            if not task.done():
                signals[name] = missing(name, "timeout")
            elif task.cancelled():
                signals[name] = missing(name, "cancelled")
            else:
                signals[name] = task.result()
        return signals

    def _start(self, name: str, monitor: Monitor, event: Event, trace: Trace) -> asyncio.Task[Signal]:
        task = asyncio.create_task(_measure(name, monitor, event, trace), name=f"monitor {name}")
        self._running.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._running.discard)
        return task


async def _measure(name: str, monitor: Monitor, event: Event, trace: Trace) -> Signal:
    try:
        return checked(name, await monitor.measure(event, trace))
    except Exception as error:  # noqa: BLE001 (whatever it raises, the signal is missing)
        return missing(name, f"raised {type(error).__name__}")


def missing(name: str, reason: str) -> Signal:
    return Signal(name, Missing(reason), Missing(reason))


def checked(name: str, answer: Any) -> Signal:
    """The answer if it is a proper signal of that name, a missing signal that says why if it is not."""
    if not isinstance(answer, Signal):
        return missing(name, f"expected a Signal, found {type(answer).__name__}")
    if answer.name != name:
        return missing(name, f"expected signal {name!r}, found {str(answer.name)[:80]!r}")
    value = _unit(answer.value)
    if isinstance(value, Missing):
        return missing(name, value.reason)
    return replace(answer, value=value, p_value=_unit(answer.p_value), evidence=evidence_of(answer.evidence))


def _unit(value: object) -> float | Missing:
    if isinstance(value, Missing):
        return Missing(scalar_text(str(value.reason))[:200])
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Missing(f"expected a number, found {type(value).__name__}")
    if not 0 <= value <= 1:  # NaN fails this too
        return Missing(f"expected a number from 0 to 1, found {value!r:.40}")
    return float(value)
