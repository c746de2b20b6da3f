"""Reading a model's stream: as fast as the consumer, no longer than its time, and closed in any case.

A task reads ahead into a bounded queue, so that a slow consumer slows the model, and a call is decided while more
arrives. Nothing here is awaited for ever: what ignores its cancellation is let be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, TypeVar

from .events import StreamEvent, TextDelta, ToolArgs

T = TypeVar("T")

GRACE = 1.0
"""Seconds that something cancelled may take to stop before it is let be."""

_OVER = object()


class OutOfTime(Exception):
    """A deadline has passed."""


class Upstream:
    """One stream that is being read. ``size`` is how many events are read ahead."""

    def __init__(self, events: AsyncIterator[StreamEvent], size: int) -> None:
        self._events = events
        self._queue: asyncio.Queue[StreamEvent | object] = asyncio.Queue(size)
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(self._stopped)
        self._closed = False

    def _stopped(self, reader: asyncio.Task[None]) -> None:
        """A stream that cancels its reader is over: whoever waits for it must know."""
        if reader.cancelled() and self._queue.empty():
            self._queue.put_nowait(_OVER)

    async def _read(self) -> None:
        try:
            async for event in self._events:
                await self._queue.put(event)
            await self._queue.put(_OVER)
        except Exception as error:  # noqa: BLE001 (the stream's own; it is told where it is waited for)
            await self._queue.put(error)

    async def next(self, within: float | None) -> StreamEvent | None:
        """The next event; None after the last. Raises what the stream raised, and :class:`OutOfTime`."""
        if self._queue.empty() and self._reader.done():
            return None  # it was cancelled by someone else
        try:
            got = self._queue.get_nowait() if not self._queue.empty() else await self._get(within)
        except TimeoutError as error:
            raise OutOfTime("the model said nothing for too long") from error
        if isinstance(got, Exception):
            raise got
        return None if got is _OVER else got  # type: ignore[return-value]  # what is no event is refused later

    async def _get(self, within: float | None) -> StreamEvent | object:
        async with asyncio.timeout(within):
            return await self._queue.get()

    async def close(self) -> int:
        """Stop reading and close the stream; how many characters had arrived and were not looked at."""
        if self._closed:
            return 0
        self._closed = True
        self._reader.cancel()
        await settle([self._reader])
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await settle([asyncio.ensure_future(_quietly(close()))])
        unread = 0
        while not self._queue.empty():
            unread += size_of(self._queue.get_nowait())
        return unread


def size_of(event: object) -> int:
    text = event.text if isinstance(event, TextDelta | ToolArgs) else ""
    return len(text) if isinstance(text, str) else 0


async def _quietly(awaitable: Awaitable[Any]) -> None:
    try:
        await awaitable
    except Exception:  # noqa: BLE001 (a stream that cannot be closed is as good as closed: it is not read)
        return


async def settle(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Wait for tasks that were told to stop, but not for ever; what they raise is of no interest.

    A cancellation of the waiter is put off until then, and not lost.
    """
    cancelled: asyncio.CancelledError | None = None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + GRACE
    while (waiting := {task for task in tasks if not task.done()}) and (left := deadline - loop.time()) > 0:
        try:
            await asyncio.wait(waiting, timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
    for task in tasks:
        task.cancel()
        task.add_done_callback(_forget)
    if cancelled is not None:
        raise cancelled


def _forget(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


async def _answer(question: Callable[[], Awaitable[T]]) -> T:
    return await question()


class Tasks:
    """Questions that are being asked. Each has its time; all are cancelled in the end."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[Any]] = set()

    async def ask(self, question: Callable[[], Awaitable[T]], within: float) -> T:
        """Its answer. Raises what it raises, and :class:`OutOfTime`.

        If the waiter is cancelled the question goes on: what is upstream has to be closed before it is cancelled.
        """
        task = asyncio.create_task(_answer(question))
        self._open.add(task)
        await asyncio.wait({task}, timeout=max(0.0, within))
        if not task.done():
            task.cancel()
            task.add_done_callback(self._drop)
            raise OutOfTime("no answer in time")
        self._open.discard(task)
        if task.cancelled():
            raise OutOfTime("the question was cancelled")
        return task.result()

    def _drop(self, task: asyncio.Task[Any]) -> None:
        self._open.discard(task)
        _forget(task)

    async def cancel(self) -> None:
        """Cancel what is open, and wait a little for it to stop."""
        for task in self._open:
            task.cancel()
        await settle(tuple(self._open))
        self._open.clear()
