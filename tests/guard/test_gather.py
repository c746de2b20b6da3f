"""Monitors can fail in every way; a measurement cannot."""

from __future__ import annotations

import asyncio
import gc
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.waiting import PATIENCE, until

from bartizan.guard import Event, Missing, Signal, Trace
from bartizan.guard.abandoned import MAX_ABANDONED
from bartizan.guard.gather import Gatherer, checked
from bartizan.guard.testing import FaultyMonitor, GarbageMonitor, HangingMonitor

EVENT = Event("prompt", 1, "hello")


class Steady:
    """Answers after a while."""

    def __init__(self, value: float) -> None:
        self._value = value

    async def measure(self, event: Event, trace: Trace) -> Signal:
        await asyncio.sleep(0)
        return Signal("x", self._value, 0.5, {"layer": 1})


async def one(monitor: Any, within: float = PATIENCE) -> Signal:
    return (await Gatherer({"x": monitor}).gather(["x"], EVENT, (), within=within))["x"]


def measuring() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("monitor")]


async def test_a_measurement_passes_unchanged() -> None:
    """A proper answer is the signal."""
    assert await one(Steady(0.25)) == Signal("x", 0.25, 0.5, {"layer": 1})


@pytest.mark.parametrize(
    "error",
    [RuntimeError("boom"), TimeoutError(), asyncio.CancelledError(), StopAsyncIteration(), MemoryError()],
    ids=repr,
)
async def test_a_monitor_that_raises_yields_missing(error: BaseException) -> None:
    """Whatever a monitor raises, the signal is missing, and its text is kept out of the reason."""
    signal = await one(FaultyMonitor(lambda: error))
    assert isinstance(signal.value, Missing)
    assert isinstance(signal.p_value, Missing)
    assert "boom" not in signal.value.reason


GARBAGE: dict[str, Any] = {
    "nothing": None,
    "a number": 0.1,
    "another name": Signal("y", 0.1),
    "NaN": Signal("x", math.nan),
    "infinity": Signal("x", math.inf),
    "below": Signal("x", -0.001),
    "above": Signal("x", 1.001),
    "huge": Signal("x", 10**400),
    "a bool": Signal("x", True),
    "a text": Signal("x", "0.1"),  # type: ignore[arg-type]
    "no value": Signal("x", None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_yields_missing(answer: Any) -> None:
    """An answer that is no measurement of that signal is missing, never a number."""
    assert isinstance((await one(GarbageMonitor(answer))).value, Missing)


@given(st.floats() | st.integers() | st.booleans() | st.text() | st.none(), st.floats() | st.none())
def test_a_value_is_a_number_from_0_to_1_or_missing(value: Any, p_value: Any) -> None:
    """Whatever is answered, what comes out is a float in range or ``Missing``."""
    signal = checked("x", Signal("x", value, p_value))
    for number in (signal.value, signal.p_value):
        assert isinstance(number, Missing) or (type(number) is float and 0.0 <= number <= 1.0)


@pytest.mark.parametrize("evidence", [{"x": object()}, {1: 2}, None, "text", {"x": "\ud800"}])
def test_evidence_that_cannot_be_stored_is_left_out(evidence: Any) -> None:
    """Evidence decides nothing, so it does not cost the measurement."""
    assert checked("x", Signal("x", 0.5, 0.5, evidence)) == Signal("x", 0.5, 0.5, {})


async def test_a_reason_is_bounded_text() -> None:
    """A monitor's own reason for missing is kept, shortened, and made sayable."""
    signal = await one(GarbageMonitor(Signal("x", Missing("\ud800" + "z" * 5000))))
    assert isinstance(signal.value, Missing)
    assert len(signal.value.reason) == 200
    signal.value.reason.encode()


async def test_monitors_run_side_by_side() -> None:
    """Ten that answer only when all of them have been asked do answer, beside others that fail."""
    everybody = asyncio.Barrier(10)

    class Meets:
        def __init__(self, name: str) -> None:
            self._name = name

        async def measure(self, event: Event, trace: Trace) -> Signal:
            await everybody.wait()
            return Signal(self._name, 0.1)

    names = [f"s{n}" for n in range(10)]
    monitors: dict[str, Any] = {f"x{n}": GarbageMonitor(None) for n in range(5)}
    monitors |= {name: Meets(name) for name in names}
    signals = await Gatherer(monitors).gather(list(monitors), EVENT, (), within=PATIENCE)
    assert signals.keys() == monitors.keys()
    assert [signals[name].value for name in names] == [0.1] * 10


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_monitor_that_hangs_is_left_behind(stubborn: bool) -> None:
    """A monitor that does not answer costs the time allowed and no more, even if it ignores its cancellation."""
    monitor = HangingMonitor(stubborn=stubborn)
    async with asyncio.timeout(PATIENCE):
        signal = await one(monitor, within=0.05)
    assert signal.value == Missing("timeout")
    monitor.release()
    await until(lambda: not measuring())


async def test_a_stuck_monitor_is_not_asked_for_ever() -> None:
    """Measurements that ignore their cancellation do not pile up without end, and count down when they end."""
    monitor = HangingMonitor(stubborn=True)
    gatherer = Gatherer({"x": monitor})
    for _ in range(MAX_ABANDONED):
        await gatherer.gather(["x"], EVENT, (), within=0.001)
    before = len(asyncio.all_tasks())
    signals = await gatherer.gather(["x"], EVENT, (), within=0.001)
    assert signals["x"].value == Missing("stuck")
    assert len(asyncio.all_tasks()) == before
    monitor.release()

    async def answers() -> bool:
        return (await gatherer.gather(["x"], EVENT, (), within=PATIENCE))["x"].value != Missing("stuck")

    await until(answers)


async def test_a_signal_without_a_monitor_is_missing() -> None:
    """A policy may ask for what nobody measures; the answer is not a number."""
    signals = await Gatherer({}).gather(["x"], EVENT, (), within=1)
    assert signals["x"].value == Missing("no monitor")


async def test_cancelling_the_guard_cancels_the_monitors() -> None:
    """Cancellation passes through, and takes the measurements with it."""
    monitor = HangingMonitor()
    task = asyncio.create_task(Gatherer({"x": monitor}).gather(["x"], EVENT, (), within=60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not measuring())


async def test_nothing_is_left_to_complain_about() -> None:
    """A monitor that raises after it was left behind leaves no unretrieved exception."""

    class Late:
        async def measure(self, event: Event, trace: Trace) -> Signal:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise RuntimeError("late") from None
            raise AssertionError

    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    assert (await one(Late(), within=0.01)).value == Missing("timeout")
    await until(lambda: not measuring())
    gc.collect()
    assert complaints == []
