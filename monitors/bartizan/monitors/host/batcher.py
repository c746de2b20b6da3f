"""Many callers, one engine: queries are gathered into batches and computed in the engine's own thread.

The thread takes what has gathered while it was busy, so batches grow with the load by themselves. Whatever goes wrong
is an answer: a query that waits too long, is too much, or makes the engine raise is ``Missing``, and so is every
query of an engine that hangs. Callers of any number of event loops may wait; a caller that is cancelled frees its
place.

All state is behind one lock, held for microseconds and never while the engine works.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from traceback import extract_tb
from types import TracebackType

from bartizan.guard.types import Missing
from bartizan.monitors.types import Engine, Measurement, Query

from . import reasons
from .checks import checked
from .limits import Limits
from .queue import Entry, FairQueue
from .stats import Recorder, Stats

logger = logging.getLogger(__name__)

SIZED_AT_ONCE = 32
"""How many queries have their tokens counted before the thread looks again for a full batch."""

FAILING = 16
"""An engine that raised on so many batches in a row, with no success between them, is reported as failing."""

CHARACTERS_A_TOKEN = 4
"""Until a query's tokens are counted they are estimated, to bound the queue."""


@dataclass(frozen=True, slots=True)
class Health:
    """``live``: the engine's thread runs and comes back. ``ready``: it also answers. ``word`` says what is wrong."""

    live: bool
    ready: bool
    word: str = "ok"


class Batcher:
    """Asks ``engine`` for measurements, many queries at a time, in a thread that starts with the first query."""

    def __init__(
        self,
        engine: Engine,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._clock = clock
        self._queue = FairQueue(limits)
        self._recorder = Recorder()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._stopped = False  # the engine's thread has died
        self._closing = False
        self._busy_since: float | None = None
        self._gathering_since: float | None = None
        self._sized = False  # some since the last batch
        self._computing: list[Entry] = []

    @property
    def limits(self) -> Limits:
        return self._limits

    async def measure(self, query: Query, *, within: float | None = None) -> Measurement:
        """The engine's answer to one query, at most ``within`` seconds from now. Raises only ``CancelledError``."""
        if self._thread is not None and self._process != os.getpid():
            # A fork has the engine, and no thread; nor is the lock safe.
            return Measurement.missing(reasons.FORKED)
        loop = asyncio.get_running_loop()
        now = self._clock()
        wait = self._limits.timeout if within is None else min(within, self._limits.timeout)
        try:
            characters = sum(len(passage.text) for passage in query.passages)
            hash(query.tenant)
        except (AttributeError, TypeError):
            return self._refuse(reasons.NOT_A_QUERY)
        if characters > self._limits.max_characters:
            return self._refuse(reasons.TOO_LONG)
        if not wait > 0:
            return self._refuse(reasons.TIMEOUT)
        estimate = min(1 + characters // CHARACTERS_A_TOKEN, self._limits.max_query_tokens)
        entry = Entry(query, estimate, now, now + wait, loop, loop.create_future())
        refused = self._admit(entry)
        if refused is not None:
            return self._refuse(refused)
        assert entry.future is not None
        try:
            await asyncio.wait({entry.future}, timeout=wait)
        finally:  # also of a caller that is cancelled
            with self._wake:
                self._queue.remove(entry)
            if not entry.future.done():
                entry.future.cancel()  # nobody will read it
        if entry.future.cancelled():
            return self._refuse(reasons.TIMEOUT)
        return entry.future.result()

    def health(self) -> Health:
        with self._wake:
            return self._health()

    def stats(self) -> Stats:
        with self._wake:
            told = self._recorder
            return Stats(
                len(self._queue),
                self._queue.tokens,
                self._queue.tenants,
                len(self._computing),
                dict(told.answers),
                told.failures,
                told.failing,
                told.tokens,
                told.padded_tokens,
                told.batch.copy(),
                told.queued.copy(),
                told.computed.copy(),
            )

    def close(self) -> None:
        """Take no more; whoever waits in the queue is answered at once. What is being computed goes on."""
        with self._wake:
            self._closing = True
            self._answer([(entry, reasons.SHUTTING_DOWN) for entry in self._queue.drain()])
            self._wake.notify_all()

    async def aclose(self, grace: float = 5.0) -> None:
        """Close, and give what is being computed ``grace`` seconds to end; then it is abandoned in its thread."""
        self.close()
        thread = self._thread
        if thread is None or self._process != os.getpid():
            return
        await asyncio.to_thread(thread.join, grace)
        with self._wake:
            self._answer([(entry, reasons.SHUTTING_DOWN) for entry in self._computing])

    async def __aenter__(self) -> Batcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- on the callers' side

    def _health(self) -> Health:
        if self._stopped:
            return Health(False, False, reasons.ENGINE_STOPPED)
        if self._stuck():
            return Health(False, False, reasons.ENGINE_STUCK)
        if self._closing:
            return Health(True, False, reasons.SHUTTING_DOWN)
        if self._recorder.failing >= FAILING:
            return Health(True, False, reasons.ENGINE_FAILED)
        return Health(True, True)

    def _stuck(self) -> bool:
        return self._busy_since is not None and self._clock() - self._busy_since > self._limits.stuck_after

    def _refuse(self, reason: str) -> Measurement:
        with self._wake:
            self._recorder.answers[reason] += 1
        return Measurement.missing(reason)

    def _admit(self, entry: Entry) -> str | None:
        """Queue an entry; the reason why not, if it is refused."""
        with self._wake:
            if self._closing:
                return reasons.SHUTTING_DOWN
            if self._stopped:
                return reasons.ENGINE_STOPPED
            if self._thread is None:
                self._process = os.getpid()
                self._thread = threading.Thread(target=self._run, name="monitor engine", daemon=True)
                self._thread.start()
            if self._stuck():
                return reasons.ENGINE_STUCK
            shed = self._queue.offer(entry)
            self._answer([(other, reasons.OVERLOADED) for other in shed if other is not entry])
            if entry in shed:
                return reasons.OVERLOADED
            self._wake.notify()
            return None

    # --- in the engine's thread

    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                work()
        except BaseException as error:  # noqa: BLE001 (nobody may wait for ever for a thread that has died)
            logger.critical("the monitor engine's thread has died: %s", _named(error))
            with self._wake:
                self._stopped = True
                left = [*self._computing, *self._queue.drain()]
                self._computing, self._busy_since = [], None
                self._answer([(entry, reasons.ENGINE_STOPPED) for entry in left])

    def _next(self) -> Callable[[], None] | None:
        """Wait for something to do: count tokens, or compute a batch; ``None`` at the end."""
        with self._wake:
            self._busy_since = None
            while not self._closing:
                now = self._clock()
                full = self._queue.full()
                if self._queue.unsized and not (full and self._sized):  # between two full batches, size once
                    entries = self._queue.to_size(SIZED_AT_ONCE)
                    self._busy_since, self._sized = now, True
                    return lambda: self._size(entries)
                if not self._queue.sized:
                    self._gathering_since = None
                    self._wake.wait()
                    continue
                if self._gathering_since is None:
                    self._gathering_since = now
                patience = self._gathering_since + self._limits.max_wait - now
                if not full and patience > 0:
                    self._wake.wait(patience)
                    continue
                taken = self._queue.take(now)
                self._sized = False
                self._answer([(entry, reasons.TIMEOUT) for entry in taken.expired])
                if taken.batch:
                    self._busy_since = now
                    self._computing = taken.batch
                    return lambda: self._compute(taken.batch)
            return None

    def _size(self, entries: list[Entry]) -> None:
        for entry in entries:
            if not entry.queued:
                continue  # whoever waited has gone
            tokens, reason = self._count(entry.query)
            with self._wake:
                if reason is not None:
                    if self._queue.remove(entry):
                        self._answer([(entry, reason)])
                    continue
                self._answer([(other, reasons.OVERLOADED) for other in self._queue.size(entry, tokens)])

    def _count(self, query: Query) -> tuple[int, str | None]:
        """How many tokens a query has, or why it cannot be measured."""
        try:
            tokens = self._engine.tokens(query)
        except Exception as error:  # noqa: BLE001 (whatever the engine raises, the query is missing)
            logger.warning("the monitor engine failed to count tokens: %s", _named(error))
            return 0, reasons.ENGINE_FAILED
        if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens <= 0:
            return 0, reasons.UNREADABLE
        if tokens > self._limits.max_query_tokens:
            return 0, reasons.TOO_LONG
        return tokens, None

    def _compute(self, batch: list[Entry]) -> None:
        answers = self._ask(batch)
        if answers is not None:
            self._deliver(batch, answers)
            return
        if len(batch) == 1:
            self._blame(batch[0])
            return
        for index, entry in enumerate(batch):  # find the query that spoils it: each alone, once
            with self._wake:
                self._computing = batch[index:]
                now = self._clock()
                self._busy_since = now
                if self._closing or entry.deadline <= now:
                    self._answer([(entry, reasons.SHUTTING_DOWN if self._closing else reasons.TIMEOUT)])
                    continue
            answers = self._ask([entry])
            if answers is None:
                self._blame(entry)
            else:
                self._deliver([entry], answers)

    def _ask(self, batch: list[Entry]) -> list[Measurement] | None:
        """The engine's answers; ``None`` for an engine that raised or broke its contract."""
        started = self._clock()
        answers: list[Measurement] | None = None
        try:
            found: Sequence[object] = self._engine.measure([entry.query for entry in batch])
            if len(found) == len(batch):
                answers = [checked(answer) for answer in found]
            else:
                logger.warning("the monitor engine answered %d queries with %d", len(batch), len(found))
        except Exception as error:  # noqa: BLE001 (whatever the engine raises, its queries are missing)
            logger.warning("the monitor engine failed on a batch of %d: %s", len(batch), _named(error))
        seconds = self._clock() - started
        with self._wake:
            told = self._recorder
            told.batch.observe(len(batch))
            told.computed.observe(seconds)
            told.tokens += sum(entry.tokens for entry in batch)
            told.padded_tokens += sum(entry.size for entry in batch)
            told.failures += answers is None
            told.failing = told.failing + 1 if answers is None else 0
            for entry in batch:
                told.queued.observe(started - entry.arrived)
        if answers is None:
            return None
        spent = {"computed_ms": round(seconds * 1e3, 3), "batch": len(batch)}
        return [
            Measurement(
                answer.value,
                answer.p_value,
                {
                    **answer.evidence,
                    "host": {"queued_ms": round((started - entry.arrived) * 1e3, 3), **spent},
                },
            )
            for entry, answer in zip(batch, answers, strict=True)
        ]

    def _deliver(self, batch: list[Entry], answers: list[Measurement]) -> None:
        with self._wake:
            self._computing = []
            self._busy_since = None
            self._answer(list(zip(batch, answers, strict=True)))

    def _blame(self, entry: Entry) -> None:
        with self._wake:
            self._computing = []
            self._queue.quarantine(entry.query.tenant, self._clock() + self._limits.quarantine)
            self._answer([(entry, reasons.ENGINE_FAILED)])

    def _answer(self, answered: list[tuple[Entry, Measurement]] | list[tuple[Entry, str]]) -> None:
        """Hand answers to whoever waits, one wake-up for each event loop. The lock is held."""
        by_loop = defaultdict(list)
        for entry, answer in answered:
            if isinstance(answer, str):
                answer = Measurement.missing(answer)
            outcome = answer.value.reason if isinstance(answer.value, Missing) else "measured"
            if entry.future is None or entry.loop is None or entry.future.done():
                continue  # whoever waited has gone, and has been counted
            self._recorder.answers[outcome] += 1
            by_loop[entry.loop].append((entry.future, answer))
        for loop, settled in by_loop.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: list[tuple[asyncio.Future[Measurement], Measurement]]) -> None:
    for future, answer in settled:
        if not future.done():
            future.set_result(answer)


def _named(error: BaseException) -> str:
    """The kind of an error and where it came from; never its message, which may hold somebody's text."""
    frames = extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
