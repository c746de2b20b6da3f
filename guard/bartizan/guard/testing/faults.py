"""Parts that fail on purpose: what a guard must survive without letting a call through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bartizan.guard.audit import AuditLog, Receipt
from bartizan.guard.canonical import JSON
from bartizan.guard.errors import AuditError, StoreUnavailable
from bartizan.guard.session import SessionStore
from bartizan.guard.types import Event, Session, Signal, Trace


class FaultyMonitor:
    """Raises."""

    def __init__(self, error: Callable[[], BaseException] = lambda: RuntimeError("broken monitor")) -> None:
        self._error = error

    async def measure(self, event: Event, trace: Trace) -> Signal:
        raise self._error()


class HangingMonitor:
    """Does not answer; with ``stubborn`` it ignores its cancellation too, until :meth:`release` is called."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self._stubborn = stubborn
        self._released = asyncio.Event()

    def release(self) -> None:
        self._released.set()

    async def measure(self, event: Event, trace: Trace) -> Signal:
        while not self._released.is_set():
            try:
                await self._released.wait()
            except asyncio.CancelledError:
                if not self._stubborn:
                    raise
        return Signal("released", 0.0)


class GarbageMonitor:
    """Answers with whatever it was given, signal or not."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def measure(self, event: Event, trace: Trace) -> Signal:
        answer: Signal = self._answer
        return answer


class FailingStore:
    """A store that fails where its schedule says so: one entry per operation, ``None`` lets it through.

    An entry is an exception to raise *instead* of the operation or, wrapped in :class:`After`, after it was done;
    :data:`HANG` never answers. When the schedule is used up everything works.
    """

    def __init__(self, store: SessionStore, schedule: Iterable[Fault] = ()) -> None:
        self._store = store
        self._schedule = iter(schedule)

    async def load(self, session_id: str) -> Session | None:
        async with _Step(self._schedule):
            return await self._store.load(session_id)

    async def commit(self, session: Session, expected: int, appended: tuple[Event, ...]) -> None:
        async with _Step(self._schedule):
            await self._store.commit(session, expected, appended)

    async def aclose(self) -> None:
        await self._store.aclose()


class FailingAuditLog:
    """An audit log that fails by a schedule, like :class:`FailingStore`."""

    def __init__(self, log: AuditLog, schedule: Iterable[Fault] = ()) -> None:
        self._log = log
        self._schedule = iter(schedule)

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        async with _Step(self._schedule):
            return await self._log.append(record)

    async def aclose(self) -> None:
        await self._log.aclose()


class After(Exception):
    """The operation is done, and then fails all the same: the caller cannot know that it was done."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Hang(Exception):
    """The operation never answers."""


HANG = Hang()
UNAVAILABLE = StoreUnavailable("the store is down")
DISK_FULL = AuditError("no space left on device")
Fault = Exception | None


class _Step:
    """One step of a schedule around one operation."""

    def __init__(self, schedule: Iterable[Fault]) -> None:
        self._fault = next(iter(schedule), None)

    async def __aenter__(self) -> None:
        if isinstance(self._fault, Hang):
            await asyncio.Event().wait()
        if self._fault is not None and not isinstance(self._fault, After):
            raise self._fault

    async def __aexit__(self, *raised: object) -> None:
        if isinstance(self._fault, After):
            raise self._fault.error
