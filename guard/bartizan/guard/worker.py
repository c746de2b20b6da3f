"""One thread that does the blocking work of a store or a log, a batch at a time.

Whatever has gathered while the thread was busy is handled in one go, so that concurrent writers share one
fsync. Waiting for an answer can be cancelled; the work itself, once submitted, cannot.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from .errors import BartizanError

Job = TypeVar("Job")
Answer = TypeVar("Answer")

MAX_BATCH = 256


class Closed(BartizanError):
    """The worker takes no more work."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Job, Answer]):
    job: Job
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Answer]


class Worker(Generic[Job, Answer]):
    """Hands batches of jobs to ``handle`` in a thread of its own, which starts with the first job.

    ``handle`` answers with one answer, or one exception, for each job of its batch, in order. ``close`` is called
    in the thread when it ends. Any number of event loops may submit, of the process whose thread it is.

    A batch is what has gathered, and with ``window`` (seconds) also what comes that long after its first job.
    ``idle`` is called in the thread once no job has come for ``idle_after`` seconds.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[list[Job]], list[Answer | Exception]],
        close: Callable[[], None],
        *,
        window: float = 0.0,
        idle: Callable[[], None] | None = None,
        idle_after: float = 2.0,
    ) -> None:
        self._name = name
        self._handle = handle
        self._close = close
        self._window = window
        self._idle = idle
        self._idle_after = idle_after
        self._queue: SimpleQueue[_Waiting[Job, Answer] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many jobs have been submitted and not begun."""
        return self._queue.qsize()

    async def submit(self, job: Job) -> Answer:
        """The answer to one job; raises what ``handle`` answered with, or :class:`Closed`."""
        if self._closed:
            raise Closed(f"{self._name} is closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
            self._process = os.getpid()
        elif self._process != os.getpid():  # a fork has the files open, and no thread
            raise Closed(f"{self._name} was opened before this process was forked; open it after")
        loop = asyncio.get_running_loop()
        waiting: _Waiting[Job, Answer] = _Waiting(job, loop, loop.create_future())
        self._queue.put(waiting)
        return await waiting.future

    async def aclose(self) -> None:
        """Finish what was submitted, then end the thread."""
        if self._closed:
            return
        self._closed = True
        if self._thread is None:
            await asyncio.to_thread(self._close)
        else:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while True:
            batch, last = self._batch()
            if batch:
                self._deliver(batch, self._answers(batch))
            if last:
                self._close()
                return

    def _batch(self) -> tuple[list[_Waiting[Job, Answer]], bool]:
        """Wait for a job and take those that gathered behind it; true if there will be no more."""
        batch: list[_Waiting[Job, Answer]] = []
        item = self._first()
        until = time.monotonic() + self._window if self._window else 0.0
        while item is not None:
            batch.append(item)
            if len(batch) == MAX_BATCH:
                return batch, False
            left = until - time.monotonic() if self._window else 0.0
            try:
                item = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _first(self) -> _Waiting[Job, Answer] | None:
        """The next job, however long it takes to come; in a pause, what is to be done in pauses."""
        if self._idle is not None:
            try:
                return self._queue.get(timeout=self._idle_after)
            except Empty:
                self._idle()
        return self._queue.get()

    def _answers(self, batch: list[_Waiting[Job, Answer]]) -> list[Answer | Exception]:
        try:
            return self._handle([waiting.job for waiting in batch])
        except Exception as error:  # noqa: BLE001 (a bug in handle: nobody may wait for ever)
            return [RuntimeError(f"{self._name} failed: {error!r}") for _ in batch]

    def _deliver(self, batch: list[_Waiting[Job, Answer]], answers: list[Answer | Exception]) -> None:
        """Wake each event loop once, however many of its tasks were waiting."""
        by_loop = defaultdict(list)
        for waiting, answer in zip(batch, answers, strict=True):
            by_loop[waiting.loop].append((waiting.future, answer))
        for loop, settled in by_loop.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: list[tuple[asyncio.Future[Answer], Answer | Exception]]) -> None:
    for future, answer in settled:
        if future.done():
            continue  # whoever waited was cancelled
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
