"""A private event loop for the guard, and the way from the caller's thread or loop to it and back.

The kernel is asynchronous and belongs to one event loop (its locks and background writes do), but a graph runs
anywhere: ``invoke`` in any thread, ``ainvoke`` in one loop today and in another tomorrow. So the kernel lives on
a loop of its own, on a thread of its own, and both kinds of caller come to it. Tools never run there: when a
call is let go, the work on the private loop hands it back, and the tool runs where the caller is (its thread,
its task, its context variables, its cancellation).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

A = TypeVar("A")  # what is handed back to the caller: a call to execute
B = TypeVar("B")  # what the caller answers: its result
T = TypeVar("T")  # what the work returns

Work = Callable[[Callable[[A], Awaitable[B]]], Coroutine[Any, Any, T]]


class Errand(Generic[A, B]):
    """Something to be done where the caller is. Made on the private loop, answered from elsewhere."""

    def __init__(self, argument: A) -> None:
        self.argument = argument
        self.answer: asyncio.Future[B] = asyncio.get_running_loop().create_future()

    def settle(self, result: B) -> None:
        """Answer, from any thread."""
        with suppress(RuntimeError):  # the private loop is closed: nobody waits any more
            self.answer.get_loop().call_soon_threadsafe(self._settle, result)

    def _settle(self, result: B) -> None:
        if not self.answer.done():  # the work may have been cancelled meanwhile
            self.answer.set_result(result)


class Portal:
    """Starts its thread with the first work, ends it with :meth:`close`."""

    def __init__(self, name: str = "bartizan-guard") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the private loop, in a copy of the caller's context."""
        try:
            loop = self._running()
        except RuntimeError:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, loop)

    def run(self, work: Work[A, B, T], errand: Callable[[A], B]) -> T:
        """Do ``work`` and block until it is done; what it hands back is done by ``errand``, in this thread."""
        inbox: queue.SimpleQueue[Errand[A, B] | None] = queue.SimpleQueue()
        done = self.submit(work(_sender(inbox.put)))
        done.add_done_callback(lambda _: inbox.put(None))
        try:
            while (item := inbox.get()) is not None:
                item.settle(errand(item.argument))
            return done.result()
        except BaseException:
            done.cancel()  # of no effect where the work itself raised
            raise

    async def arun(self, work: Work[A, B, T], errand: Callable[[A], Awaitable[B]]) -> T:
        """As :meth:`run`, without blocking: ``errand`` is awaited in the caller's own task."""
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Errand[A, B] | None] = asyncio.Queue()

        def put(item: Errand[A, B] | None) -> None:
            with suppress(RuntimeError):  # the caller's loop is closed: nobody waits any more
                loop.call_soon_threadsafe(inbox.put_nowait, item)

        done = self.submit(work(_sender(put)))
        done.add_done_callback(lambda _: put(None))
        try:
            while (item := await inbox.get()) is not None:
                item.settle(await errand(item.argument))
            return done.result()
        except BaseException:
            done.cancel()
            raise

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``last`` on the private loop, then end it. Closing twice is allowed."""
        closing = self._closing(last)
        if closing is not None:
            try:
                closing.result()
            finally:
                self._end()

    async def aclose(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """As :meth:`close`, without blocking while ``last`` runs."""
        closing = self._closing(last)
        if closing is not None:
            try:
                await asyncio.wrap_future(closing)
            finally:
                self._end()

    def _closing(self, last: Callable[[], Coroutine[Any, Any, None]]) -> Future[None] | None:
        with self._lock:
            if self._closed:
                return None
        loop = self._running()
        with self._lock:
            self._closed = True
        return asyncio.run_coroutine_threadsafe(last(), loop)

    def _end(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise RuntimeError("this guard is closed: build a new one")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name=self._name, daemon=True
                )
                self._thread.start()
            return self._loop


def _sender(put: Callable[[Errand[A, B]], None]) -> Callable[[A], Awaitable[B]]:
    async def send(argument: A) -> B:
        errand: Errand[A, B] = Errand(argument)
        put(errand)
        return await errand.answer

    return send


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
