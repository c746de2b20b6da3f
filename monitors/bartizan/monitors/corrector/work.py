"""A thread that answers many callers: what has gathered while it was busy is one batch.

Jobs wait at most ``wait`` seconds for company. A caller that is cancelled, or late, sets its job's ``stop``; work that
sees it set gives up that job. Whatever the work raises is an answer to the jobs in it, and the thread goes on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .errors import CorrectorError, Unanswered

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class Job(Generic[Question, Answer]):
    """One question. ``stop`` is set when nobody waits any more; ``until`` is its deadline on the monotonic clock."""

    question: Question
    until: float
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Answer]
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        return self.stop.is_set() or time.monotonic() >= self.until

    def answer(self, answer: Answer | CorrectorError) -> None:
        """Hand it to whoever waits; from any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            self.loop.call_soon_threadsafe(_settle, self.future, answer)


class Worker(Generic[Question, Answer]):
    """``work`` gets the jobs that are running and those that came, and returns those still running.

    It is called again as long as any is left; between calls new ones join, up to ``most`` at once.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Job[Question, Answer]]], Sequence[Job[Question, Answer]]],
        *,
        name: str,
        most: int = 32,
        wait: float = 0.002,
        queue: int = 1024,
    ) -> None:
        if not (most >= 1 and queue >= 1 and 0 <= wait <= 1):
            raise ValueError(f"expected most >= 1, queue >= 1, wait in [0, 1], found {most}, {queue}, {wait}")
        self._work, self._name, self._most, self._wait, self._room = work, name, most, wait, queue
        self._waiting: deque[Job[Question, Answer]] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def ask(self, question: Question, *, within: float) -> Answer:
        """The answer to a question, at most ``within`` seconds from now. Raises :class:`CorrectorError`."""
        loop = asyncio.get_running_loop()
        job: Job[Question, Answer] = Job(question, time.monotonic() + within, loop, loop.create_future())
        self._admit(job)
        try:
            async with asyncio.timeout(max(0.0, within)):
                return await job.future
        except TimeoutError:
            raise Unanswered("too late") from None
        finally:
            job.stop.set()

    def close(self, timeout: float | None = 5.0) -> None:
        """No more questions; what waits is answered with an error. Waits for the thread."""
        with self._wake:
            self._closed = True
            self._refuse(list(self._waiting), "closed")
            self._waiting.clear()
            self._wake.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _admit(self, job: Job[Question, Answer]) -> None:
        with self._wake:
            if self._closed:
                raise Unanswered("closed")
            if len(self._waiting) >= self._room:
                raise Unanswered("overloaded")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._waiting.append(job)
            self._wake.notify_all()

    # --- in the thread

    def _run(self) -> None:
        running: Sequence[Job[Question, Answer]] = ()
        while (running := self._gather(running)) or not self._closed:
            try:
                running = self._work(running)
            except Exception as error:  # noqa: BLE001 (whatever the model raises, its jobs have no answer)
                if len(running) == 1:
                    self._refuse(running, f"failed ({type(error).__name__})")
                else:  # one of them may have spoiled it for all: each alone, once
                    for job in running:
                        self._alone(job)
                running = ()

    def _alone(self, job: Job[Question, Answer]) -> None:
        running: Sequence[Job[Question, Answer]] = [job]
        try:
            while running := self._wanted(running):
                running = self._work(running)
        except Exception as error:  # noqa: BLE001 (as above)
            self._refuse([job], f"failed ({type(error).__name__})")

    def _gather(self, running: Sequence[Job[Question, Answer]]) -> Sequence[Job[Question, Answer]]:
        """The jobs to work on: those running that are still wanted, and new ones. Waits if there is nothing to do."""
        kept = self._wanted(running)
        with self._wake:
            if not kept:
                while not self._waiting and not self._closed:
                    self._wake.wait()
                until = time.monotonic() + self._wait
                while not self._closed and len(self._waiting) < self._most:
                    left = until - time.monotonic()
                    if left <= 0:
                        break
                    self._wake.wait(left)
            if self._closed:
                self._refuse(kept, "closed")
                return ()
            while self._waiting and len(kept) < self._most:
                kept += self._wanted([self._waiting.popleft()])
        return kept

    def _wanted(self, jobs: Sequence[Job[Question, Answer]]) -> list[Job[Question, Answer]]:
        self._refuse([job for job in jobs if job.over], "too late")
        return [job for job in jobs if not job.over]

    def _refuse(self, jobs: Sequence[Job[Question, Answer]], reason: str) -> None:
        for job in jobs:
            job.answer(Unanswered(reason))


def _settle(future: asyncio.Future[Answer], answer: Answer | CorrectorError) -> None:
    if future.done():
        return
    if isinstance(answer, CorrectorError):
        future.set_exception(answer)
    else:
        future.set_result(answer)
